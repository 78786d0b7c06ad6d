/* finisher.c -- one event at a time.  See finisher.h. */
#include "agent/capture/finisher.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/owners.h"

struct content {
    const struct node_piece *pieces;
    size_t count;
    uint64_t size, bundle;
};

struct slot {
    struct event_found *found; /* NULL: a made file's, which has no entry yet */
    struct node_piece *pieces;
    struct content content;
};

struct finisher {
    struct finisher_options o;
    struct owners *owners;
    struct tree_content *collected;
    struct tree_builder *levels[LIMIT_DEPTH + 1];
    size_t depth; /* directories entered and not left */
    struct slot *slots;
    size_t slot_count;
    struct node_piece one; /* a bundled file's only piece */
};

enum rc
finisher_new(const struct finisher_options *options, struct finisher **out, struct error *e)
{
    CLEANUP(finisher_freep) struct finisher *f = calloc(1, sizeof *f);
    if (f == NULL)
        return error_set(e, RC_NO_MEMORY, "finisher");
    f->o = *options;
    TRY(owners_new(&f->owners, e));
    TRY(tree_content_new(f->o.sealer, f->o.sink, &f->collected, e));
    *out = TAKE(f);
    return RC_OK;
}

static void
empty_slot(struct slot *slot)
{
    event_found_free(slot->found);
    free(slot->pieces);
    *slot = (struct slot){0};
}

void
finisher_free(struct finisher *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->slot_count; i++)
        empty_slot(&f->slots[i]);
    for (size_t i = 0; i < sizeof f->levels / sizeof f->levels[0]; i++)
        tree_builder_free(f->levels[i]);
    free(f->slots);
    tree_content_free(f->collected);
    owners_free(f->owners);
    free(f);
}

static enum rc
slot_at(struct finisher *f, int number, struct slot **out, struct error *e)
{
    size_t at = (size_t)number;
    if (at >= f->slot_count) {
        size_t count = f->slot_count * 2 > at + 1 ? f->slot_count * 2 : at + 16;
        struct slot *grown = realloc(f->slots, count * sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "%zu hard links", count);
        memset(grown + f->slot_count, 0, (count - f->slot_count) * sizeof *grown);
        f->slots = grown;
        f->slot_count = count;
    }
    *out = &f->slots[at];
    return RC_OK;
}

static enum rc
fill_slot(struct finisher *f, struct event *event, const struct content *content, struct error *e)
{
    struct slot *slot;
    TRY(slot_at(f, event->slot, &slot, e));
    empty_slot(slot);
    slot->content = *content;
    if (content->count > 0) {
        slot->pieces = malloc(content->count * sizeof *slot->pieces);
        if (slot->pieces == NULL)
            return error_set(e, RC_NO_MEMORY, "pieces of a hard link");
        memcpy(slot->pieces, content->pieces, content->count * sizeof *slot->pieces);
    }
    slot->content.pieces = slot->pieces;
    slot->found = TAKE(event->found);
    return RC_OK;
}

/* Wait for a unit to be sealed. */
static enum rc
await(struct finisher *f, const struct event_unit *unit, struct error *e)
{
    if (queue_await(f->o.events, &unit->sealed))
        return RC_OK;
    TRY(queue_group_check(f->o.events->group, e));
    return error_set(e, RC_CANCELLED, "the capture was halted");
}

static enum rc
content_in_unit(struct finisher *f, const struct event *event, struct content *out, struct error *e)
{
    if (event->length == 0)
        return RC_OK;
    TRY(await(f, event->unit, e));
    f->one = (struct node_piece){.kind = NODE_DATA,
                                 .offset = event->offset,
                                 .length = event->length,
                                 .ref = event->unit->ref};
    *out = (struct content){.pieces = &f->one,
                            .count = 1,
                            .size = event->length,
                            .bundle = event->unit->bundle ? event->unit->plain_len : 0};
    return RC_OK;
}

static enum rc
find_content(struct finisher *f, const struct event *event, struct content *out, struct error *e)
{
    const struct event_found *found = event->found;
    struct slot *slot;
    *out = (struct content){0};
    switch (event->content) {
    case EVENT_IN_UNIT:
        return content_in_unit(f, event, out, e);
    case EVENT_KNOWN:
        *out = (struct content){.pieces = found->pieces,
                                .count = found->piece_count,
                                .size = found->size,
                                .bundle = found->bundle};
        return RC_OK;
    case EVENT_COLLECTED:
        return tree_content_finish(f->collected, &out->pieces, &out->count, &out->size, e);
    case EVENT_IN_SLOT:
        TRY(slot_at(f, event->slot, &slot, e));
        *out = slot->content;
        return RC_OK;
    case EVENT_NO_CONTENT:
    default:
        return RC_OK;
    }
}

static enum rc
entry_of(struct finisher *f, const struct event_found *found, struct node_entry *out,
         struct error *e)
{
    struct span user, group;
    TRY(owners_user(f->owners, found->uid, &user, e));
    TRY(owners_group(f->owners, found->gid, &group, e));
    *out = (struct node_entry){
        .name = span_of(found->name, strlen(found->name)),
        .type = found->type,
        .flags = found->flags,
        .mode = found->mode,
        .uid = found->uid,
        .gid = found->gid,
        .user = user,
        .group = group,
        .mtime = found->mtime.seconds,
        .mtime_ns = found->mtime.ns,
        .link = found->link,
        .xattrs = found->xattrs.list,
        .xattr_count = found->xattrs.count,
        .target = span_of(found->target, found->target != NULL ? strlen(found->target) : 0),
        .major = found->device_major,
        .minor = found->device_minor,
    };
    return RC_OK;
}

static void
count_entry(struct finisher *f, const struct node_entry *entry)
{
    struct record_totals *t = &f->o.outcome->totals;
    if (entry->type == NODE_FILE) {
        t->files++;
        t->bytes += entry->size;
        atomic_fetch_add(&f->o.progress->files, 1);
        atomic_fetch_add(&f->o.progress->bytes, entry->size);
    } else if (entry->type == NODE_DIRECTORY) {
        t->directories++;
    } else {
        t->others++;
    }
    t->unreadable += (entry->flags & NODE_UNREADABLE) != 0;
    t->fuzzy += (entry->flags & NODE_FUZZY) != 0;
}

static enum rc
add_entry(struct finisher *f, const struct node_entry *entry, struct error *e)
{
    assert(f->depth > 0);
    count_entry(f, entry);
    TRY_IN(tree_builder_add(f->levels[f->depth - 1], entry, e), e, "entry '%.*s'",
           (int)entry->name.len, (const char *)entry->name.data);
    return RC_OK;
}

/* A memory that cannot be written costs time next time, and nothing now. */
static void
remember(struct finisher *f, const struct memory_record *record)
{
    if (f->o.writer == NULL)
        return;
    if (memory_writer_add(f->o.writer, record, &f->o.outcome->memory_error) == RC_OK)
        return;
    f->o.outcome->memory_failed = true;
    f->o.writer = NULL;
}

static void
remember_file(struct finisher *f, const struct event_found *found, const struct node_entry *entry,
              uint64_t bundle)
{
    if (entry->type != NODE_FILE || (entry->flags & (NODE_FUZZY | NODE_UNREADABLE)) != 0)
        return;
    remember(f, &(struct memory_record){.kind = MEMORY_FILE,
                                        .name = entry->name,
                                        .check = found->check,
                                        .hashed = found->hashed,
                                        .size = entry->size,
                                        .device = found->device,
                                        .inode = found->inode,
                                        .mtime = found->mtime,
                                        .ctime = found->ctime,
                                        .hash = found->hash,
                                        .xattrs = entry->xattrs,
                                        .xattr_count = entry->xattr_count,
                                        .pieces = entry->pieces,
                                        .piece_count = entry->piece_count,
                                        .bundle = bundle});
}

/* What a name shares with the one that was read for it. */
static void
share(struct event_found *found, struct node_entry *entry, const struct event_found *first)
{
    entry->flags |= first->flags & (unsigned)(NODE_FUZZY | NODE_UNREADABLE);
    entry->size = first->size;
    entry->xattrs = first->xattrs.list;
    entry->xattr_count = first->xattrs.count;
    found->check = first->check;
    found->hashed = first->hashed;
    found->hash = first->hash;
}

static enum rc
take_entry(struct finisher *f, struct event *event, struct error *e)
{
    struct content content;
    TRY(find_content(f, event, &content, e));
    struct node_entry entry;
    TRY(entry_of(f, event->found, &entry, e));
    entry.pieces = content.pieces;
    entry.piece_count = content.count;
    entry.size = event->content == EVENT_IN_SLOT || event->content == EVENT_COLLECTED
                     ? content.size
                     : event->found->size;
    if ((event->found->flags & NODE_UNREADABLE) != 0)
        entry.size = event->found->size;
    struct slot *slot = NULL;
    if (event->content == EVENT_IN_SLOT)
        TRY(slot_at(f, event->slot, &slot, e));
    if (slot != NULL && slot->found != NULL)
        share(event->found, &entry, slot->found);
    TRY(add_entry(f, &entry, e));
    if (event->remember)
        remember_file(f, event->found, &entry, content.bundle);
    if (slot == NULL && event->slot != EVENT_NO_SLOT)
        return fill_slot(f, event, &content, e);
    if (slot != NULL && event->last)
        empty_slot(slot);
    return RC_OK;
}

static enum rc
take_enter(struct finisher *f, const struct event *event, struct error *e)
{
    if (f->depth == sizeof f->levels / sizeof f->levels[0])
        return error_set(e, RC_UNSUPPORTED, "directories nested deeper than %zu", f->depth);
    struct tree_builder **level = &f->levels[f->depth];
    if (*level == NULL)
        TRY(tree_builder_new(f->o.sealer, f->o.sink, level, e));
    f->depth++;
    if (event->remember)
        remember(f, &(struct memory_record){
                        .kind = MEMORY_ENTER,
                        .name = span_of(event->found->name, strlen(event->found->name))});
    return RC_OK;
}

static enum rc
take_leave(struct finisher *f, const struct event *event, struct error *e)
{
    assert(f->depth > 0);
    struct blob_ref ref;
    TRY(tree_builder_finish(f->levels[--f->depth], &ref, e));
    if (event->remember)
        remember(f, &(struct memory_record){.kind = MEMORY_LEAVE});
    if (f->depth == 0) {
        f->o.outcome->root = ref;
        return RC_OK;
    }
    struct node_entry entry;
    TRY(entry_of(f, event->found, &entry, e));
    entry.directory = ref;
    return add_entry(f, &entry, e);
}

static enum rc
take_piece(struct finisher *f, const struct event *event, struct error *e)
{
    struct node_piece piece = {.kind = NODE_HOLE, .length = event->length};
    if (event->unit != NULL) {
        TRY(await(f, event->unit, e));
        piece.kind = NODE_DATA;
        piece.ref = event->unit->ref;
    }
    return tree_content_add(f->collected, &piece, e);
}

static enum rc
drop(struct finisher *f, struct error *e)
{
    tree_content_free(TAKE(f->collected));
    return tree_content_new(f->o.sealer, f->o.sink, &f->collected, e);
}

static enum rc
keep(struct finisher *f, struct event *event, struct error *e)
{
    struct content content = {0};
    TRY(tree_content_finish(f->collected, &content.pieces, &content.count, &content.size, e));
    return fill_slot(f, event, &content, e);
}

enum rc
finisher_take(struct finisher *f, struct event *event, struct error *e)
{
    switch (event->kind) {
    case EVENT_ENTER:
        return take_enter(f, event, e);
    case EVENT_LEAVE:
        return take_leave(f, event, e);
    case EVENT_ENTRY:
        return take_entry(f, event, e);
    case EVENT_PIECE:
        return take_piece(f, event, e);
    case EVENT_DROP:
        return drop(f, e);
    case EVENT_KEEP:
    default:
        return keep(f, event, e);
    }
}

void
finisher_close(struct finisher *f)
{
    struct pipeline_outcome *outcome = f->o.outcome;
    assert(f->depth == 0);
    if (f->o.writer == NULL)
        return;
    const struct memory_totals totals = {.files = outcome->totals.files,
                                         .bytes = outcome->totals.bytes};
    outcome->memory_failed = memory_writer_close(f->o.writer, &outcome->root.id, &totals,
                                                 &outcome->memory_error) != RC_OK;
}
