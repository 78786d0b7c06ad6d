/* api_fulls.c -- list and show fulls, browse their trees. */
#include <stdio.h>

#include "controller/api/api_internal.h"

enum { LIST_DEFAULT = 20, LIST_MAX = 500, LS_DEFAULT = 500, LS_MAX = 1000 };
#define CAT_MAX (128u * 1024)

struct gathering {
    struct api_call *call;
    struct api_list items;
};

static void
fill_summary(struct api_call *call, const struct catalogue_full *f, Koffer__FullSummary *out)
{
    char name[ID_TEXT_SIZE];
    koffer__full_summary__init(out);
    out->full = f->number;
    out->state = message_text(f->good ? "full" : "incomplete");
    out->started = f->started.ns;
    out->sealed = f->sealed.ns;
    out->archives = f->archives;
    out->files = f->files;
    out->bytes = f->bytes;
    out->verified = f->verified.ns;
    out->record = api_text(call, id_text(&f->record, name));
}

static enum rc
add_summary(void *ctx, const struct catalogue_full *f, struct error *e)
{
    struct gathering *g = ctx;
    Koffer__FullSummary *out = API_NEW(g->call, Koffer__FullSummary);
    TRY(api_push(g->call, &g->items, out, e));
    fill_summary(g->call, f, out);
    return RC_OK;
}

enum rc
api_full_list(struct api_call *call, struct error *e)
{
    const Koffer__ListRequest *request = (const Koffer__ListRequest *)call->request;
    struct gathering g = {.call = call};
    uint32_t limit = request->limit == 0 ? LIST_DEFAULT : request->limit;
    Koffer__FullList *reply = API_NEW(call, Koffer__FullList);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "fulls");
    TRY(catalogue_full_each(call->api->options.catalogue, request->before,
                            limit < LIST_MAX ? limit : LIST_MAX, request->all, add_summary, &g, e));
    koffer__full_list__init(reply);
    reply->n_fulls = g.items.count;
    reply->fulls = (Koffer__FullSummary **)g.items.items;
    call->reply = &reply->base;
    return RC_OK;
}

/* 0 stands for the newest good full. */
enum rc
api_resolve_full(struct api_call *call, uint64_t *full, struct error *e)
{
    if (*full == 0)
        TRY(catalogue_full_newest(call->api->options.catalogue, full, e));
    if (*full == 0) {
        call->remedy = "run 'koffer cycle start', or name an incomplete one by its number";
        return error_set(e, RC_NOT_FOUND, "there is no good full yet");
    }
    return RC_OK;
}

/* ---- show */

static enum rc
add_fact(void *ctx, const struct catalogue_note *n, struct error *e)
{
    struct gathering *g = ctx;
    if (!n->fact)
        return RC_OK;
    Koffer__Fact *fact = API_NEW(g->call, Koffer__Fact);
    TRY(api_push(g->call, &g->items, fact, e));
    koffer__fact__init(fact);
    fact->name = api_text(g->call, n->name);
    fact->value = api_text(g->call, n->value);
    return RC_OK;
}

static enum rc
archive_of(struct api_call *call, const struct record_archive *a, Koffer__Archive **made,
           struct error *e)
{
    struct catalogue_cut cut;
    char text[ID_TEXT_SIZE];
    struct gathering facts = {.call = call};
    Koffer__Archive *out = API_NEW(call, Koffer__Archive);
    Koffer__Totals *totals = API_NEW(call, Koffer__Totals);
    if (out == NULL || totals == NULL)
        return error_set(e, RC_NO_MEMORY, "archives");
    koffer__archive__init(out);
    koffer__totals__init(totals);
    out->agent = api_text(call, a->host);
    out->source = api_text(call, a->source);
    out->kind = api_text(call, a->kind);
    out->state = message_text(a->state == RECORD_COMPLETE ? "complete" : "incomplete");
    out->started = a->started.ns;
    out->finished = a->finished.ns;
    totals->files = a->totals.files;
    totals->directories = a->totals.directories;
    totals->others = a->totals.others;
    totals->bytes = a->totals.bytes;
    totals->unreadable = a->totals.unreadable;
    totals->fuzzy = a->totals.fuzzy;
    totals->vanished = a->totals.vanished;
    out->totals = totals;
    out->root = api_text(call, id_text(&a->root, text));
    out->record = api_text(call, id_text(&a->name, text));
    out->sequence = a->sequence;
    TRY(catalogue_archive_cut(call->api->options.catalogue, a->cycle, a->host, a->source, &cut, e));
    TRY(api_cut_of(call, &cut, &out->cut, e));
    TRY(catalogue_cycle_notes(call->api->options.catalogue, a->cycle, a->host, a->source, add_fact,
                              &facts, e));
    out->n_facts = facts.items.count;
    out->facts = (Koffer__Fact **)facts.items.items;
    *made = out;
    return RC_OK;
}

static enum rc
add_recipients(struct api_call *call, const struct archive_set *set, struct api_list *out,
               struct error *e)
{
    if (set->full.archive_count == 0)
        return RC_OK;
    const struct record_archive *a = &set->archives[0];
    for (size_t i = 0; i < a->recipient_count; i++) {
        char text[ID_TEXT_SIZE];
        TRY(api_push(call, out, api_text(call, id_text(&a->recipients[i].fingerprint, text)), e));
    }
    return RC_OK;
}

static enum rc
add_missing(struct api_call *call, const struct archive_set *set, struct api_list *out,
            struct error *e)
{
    for (size_t i = 0; i < set->full.missing_count; i++) {
        Koffer__Missing *m = API_NEW(call, Koffer__Missing);
        TRY(api_push(call, out, m, e));
        koffer__missing__init(m);
        m->agent = api_text(call, set->full.missing[i].host);
        m->source = api_text(call, set->full.missing[i].source);
        m->reason = api_text(call, set->full.missing[i].reason);
    }
    return RC_OK;
}

struct summary_fill {
    struct api_call *call;
    Koffer__FullSummary *out;
    int64_t skew;
};

static enum rc
take_summary(void *ctx, const struct catalogue_full *f, struct error *e)
{
    struct summary_fill *fill = ctx;
    (void)e;
    fill->skew = f->skew_ns;
    fill_summary(fill->call, f, fill->out);
    return RC_OK;
}

enum rc
api_full_show(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    uint64_t full = ((const Koffer__FullRef *)call->request)->full;
    struct archive_set set;
    struct api_list archives = {0}, missing = {0}, recipients = {0};
    Koffer__FullDetail *reply = API_NEW(call, Koffer__FullDetail);
    struct summary_fill fill = {.call = call, .out = API_NEW(call, Koffer__FullSummary)};
    if (reply == NULL || fill.out == NULL)
        return error_set(e, RC_NO_MEMORY, "full");
    koffer__full_detail__init(reply);
    TRY(api_resolve_full(call, &full, e));
    TRY(catalogue_full_find(o->catalogue, full, take_summary, &fill, e));
    TRY(archive_load_committed(o->vault, o->catalogue, full, call->arena, &set, e));
    for (size_t i = 0; i < set.full.archive_count; i++) {
        Koffer__Archive *a;
        TRY(archive_of(call, &set.archives[i], &a, e));
        TRY(api_push(call, &archives, a, e));
    }
    TRY(add_missing(call, &set, &missing, e));
    TRY(add_recipients(call, &set, &recipients, e));
    reply->summary = fill.out;
    reply->skew = fill.skew;
    reply->n_archives = archives.count;
    reply->archives = (Koffer__Archive **)archives.items;
    reply->n_missing = missing.count;
    reply->missing = (Koffer__Missing **)missing.items;
    reply->n_recipients = recipients.count;
    reply->recipients = (char **)recipients.items;
    call->reply = &reply->base;
    return RC_OK;
}

/* ---- browse */

/* The archive's root, opened with the custody key; kept for the next question about the same archive. */
static enum rc
open_archive(struct api_call *call, uint64_t full, const char *source, struct error *e)
{
    struct api *a = call->api;
    struct archive_set set;
    const struct record_archive *archive;
    if (a->full == full && text_equal(a->source, source) && source[0] != '\0')
        return RC_OK;
    if (a->options.custody == NULL)
        return error_set(e, RC_DENIED, "the controller holds no key that opens fulls");
    TRY(archive_load_committed(a->options.vault, a->options.catalogue, full, call->arena, &set, e));
    TRY(archive_select(&set, source, &archive, e));
    TRY(archive_open_root(a->options.vault, &set, archive, a->options.custody, &a->root, e));
    a->full = full;
    (void)snprintf(a->source, sizeof a->source, "%s", source);
    return RC_OK;
}

static enum rc
find_entry(struct api_call *call, uint64_t full, const char *source, const char *path,
           struct node_entry *out, struct error *e)
{
    bool found;
    char shown[256];
    TRY(api_resolve_full(call, &full, e));
    TRY(open_archive(call, full, source, e));
    while (*path == '/')
        path++;
    TRY(tree_find(call->api->reader, &call->api->root, path, call->arena, &found, out, e));
    if (!found) {
        return error_set(e, RC_NOT_FOUND, "there is no '%s' in full %llu, %s",
                         text_escape(span_of(path, strlen(path)), shown, sizeof shown),
                         (unsigned long long)full, source);
    }
    return RC_OK;
}

static const char *const type_names[] = {
    [NODE_FILE] = "file",
    [NODE_DIRECTORY] = "directory",
    [NODE_SYMLINK] = "symlink",
    [NODE_FIFO] = "fifo",
    [NODE_SOCKET] = "socket",
    [NODE_CHARACTER_DEVICE] = "character-device",
    [NODE_BLOCK_DEVICE] = "block-device",
};

ProtobufCBinaryData
api_bytes(struct api_call *call, struct span from)
{
    uint8_t *copy = arena_alloc(call->arena, from.len + 1);
    if (copy == NULL)
        return (ProtobufCBinaryData){0};
    if (from.len > 0)
        memcpy(copy, from.data, from.len);
    return (ProtobufCBinaryData){.len = from.len, .data = copy};
}

static char *
text_of(struct api_call *call, struct span from)
{
    return (char *)api_bytes(call, from).data; /* the arena's memory is zeroed: terminated */
}

struct ls {
    struct gathering g;
    size_t limit;
    size_t bytes; /* of the answer, roughly */
    bool more;
};

static enum rc
add_entry(void *ctx, const struct node_entry *entry, struct error *e)
{
    struct ls *ls = ctx;
    struct api_call *call = ls->g.call;
    ls->bytes += entry->name.len + entry->target.len + 128;
    if (ls->g.items.count == ls->limit || ls->bytes > LIMIT_CONTROL_MESSAGE) {
        ls->more = true;
        return error_set(e, RC_CANCELLED, "enough for one answer");
    }
    Koffer__LsEntry *out = API_NEW(call, Koffer__LsEntry);
    TRY(api_push(call, &ls->g.items, out, e));
    koffer__ls_entry__init(out);
    out->name = api_bytes(call, entry->name);
    out->type = message_text(type_names[entry->type]);
    out->mode = entry->mode;
    out->uid = entry->uid;
    out->gid = entry->gid;
    out->user = text_of(call, entry->user);
    out->group = text_of(call, entry->group);
    out->mtime = clock_wall_of(entry->mtime, entry->mtime_ns).ns;
    out->size = entry->size;
    out->target = api_bytes(call, entry->target);
    out->flags = entry->flags;
    out->link = entry->link;
    return RC_OK;
}

enum rc
api_full_ls(struct api_call *call, struct error *e)
{
    const Koffer__LsRequest *request = (const Koffer__LsRequest *)call->request;
    struct ls ls = {
        .g = {.call = call},
        .limit = request->limit == 0 || request->limit > LS_MAX ? LS_DEFAULT : request->limit,
    };
    struct node_entry entry;
    Koffer__LsReply *reply = API_NEW(call, Koffer__LsReply);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "listing");
    koffer__ls_reply__init(reply);
    TRY(find_entry(call, request->full, request->source, request->path, &entry, e));
    enum rc rc = RC_OK;
    if (entry.type == NODE_DIRECTORY)
        rc = tree_list(call->api->reader, &entry.directory,
                       span_of(request->after.data, request->after.len), add_entry, &ls, e);
    else if (request->after.len == 0)
        rc = add_entry(&ls, &entry, e);
    if (rc != RC_OK && !ls.more)
        return rc;
    reply->n_entries = ls.g.items.count;
    reply->entries = (Koffer__LsEntry **)ls.g.items.items;
    reply->more = ls.more;
    call->reply = &reply->base;
    return RC_OK;
}

enum rc
api_full_cat(struct api_call *call, struct error *e)
{
    const Koffer__CatRequest *request = (const Koffer__CatRequest *)call->request;
    uint32_t want = request->length == 0 || request->length > CAT_MAX ? CAT_MAX : request->length;
    struct node_entry entry;
    size_t got = 0;
    Koffer__CatReply *reply = API_NEW(call, Koffer__CatReply);
    uint8_t *data = arena_alloc(call->arena, want);
    if (reply == NULL || data == NULL)
        return error_set(e, RC_NO_MEMORY, "content");
    koffer__cat_reply__init(reply);
    TRY(find_entry(call, request->full, request->source, request->path, &entry, e));
    if (entry.type != NODE_FILE)
        return error_set(e, RC_INVALID, "'%.200s' is a %s, not a file", request->path,
                         type_names[entry.type]);
    TRY(tree_read(call->api->reader, &entry, request->offset, data, want, &got, e));
    reply->data = (ProtobufCBinaryData){.len = got, .data = data};
    reply->size = entry.size;
    reply->end = request->offset + got >= entry.size;
    call->reply = &reply->base;
    return RC_OK;
}
