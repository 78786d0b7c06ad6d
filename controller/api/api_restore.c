/*
 * api_restore.c -- restores to an operator's own machine: the keys of the roots, a token, and how it goes.
 *
 * With custody = controller the roots' keys are given, opened, to who may restore; with custody = operator they are given as
 * they are sealed, and only the operator's program can open them.
 */
#include "common/base/log.h"
#include "controller/api/api_internal.h"

enum { ROOTS_MAX = 1000 /* of 200 bytes, in a control message of 256 KiB */ };

struct lending {
    struct api_call *call;
    const Koffer__RestoreBegin *request;
    struct archive_set set;
    struct id fingerprint; /* when the asker has a key */
    struct api_list roots;
    struct id *ids;
    uint64_t bytes;
};

static enum rc
give_key(struct lending *l, const struct record_archive *archive, Koffer__Root *root,
         struct error *e)
{
    const struct api_options *o = &l->call->api->options;
    struct blob_ref ref;
    TRY(archive_open_root(o->vault, &l->set, archive, o->custody, &ref, e));
    root->key = api_bytes(l->call, span_of(ref.key.bytes, ID_SIZE));
    keys_wipe(&ref, sizeof ref);
    return RC_OK;
}

static enum rc
give_sealed(struct lending *l, const struct record_archive *archive, Koffer__Root *root,
            struct error *e)
{
    uint8_t sealed[KEYS_SEALED_SIZE];
    bool found;
    TRY(archive_sealed_root(l->call->api->options.vault, &l->set, archive, &l->fingerprint, &found,
                            sealed, e));
    if (!found) {
        l->call->remedy = "take the sheet whose fingerprint 'koffer full show' names, or open the "
                          "full to this one: koffer key rewrap";
        return error_set(e, RC_DENIED, "archive %s.%s of full %llu is not sealed to this key",
                         archive->host, archive->source, (unsigned long long)l->set.full.number);
    }
    root->sealed = api_bytes(l->call, span_of(sealed, sizeof sealed));
    return RC_OK;
}

static enum rc
add_root(struct lending *l, const struct record_archive *archive, struct error *e)
{
    struct api_call *call = l->call;
    Koffer__Root *root = API_NEW(call, Koffer__Root);
    TRY(api_push(call, &l->roots, root, e));
    koffer__root__init(root);
    root->agent = api_text(call, archive->host);
    root->source = api_text(call, archive->source);
    root->kind = api_text(call, archive->kind);
    root->bytes = archive->totals.bytes;
    root->root = api_bytes(call, span_of(archive->root.bytes, ID_SIZE));
    l->ids[l->roots.count - 1] = archive->root;
    l->bytes += archive->totals.bytes;
    return l->request->fingerprint.len == 0 ? give_key(l, archive, root, e)
                                            : give_sealed(l, archive, root, e);
}

static enum rc
check_custody(struct lending *l, struct error *e)
{
    if (l->request->fingerprint.len == 0 && l->call->api->options.custody == NULL) {
        l->call->remedy = "type the key of a recovery sheet: --key -";
        return error_set(e, RC_DENIED, "the controller holds no key that opens fulls");
    }
    if (l->request->fingerprint.len != 0 && l->request->fingerprint.len != ID_SIZE)
        return error_set(e, RC_INVALID, "a fingerprint has %d bytes", ID_SIZE);
    if (l->request->fingerprint.len != 0)
        memcpy(l->fingerprint.bytes, l->request->fingerprint.data, ID_SIZE);
    return RC_OK;
}

static enum rc
add_roots(struct lending *l, struct error *e)
{
    const struct record_archive *one = NULL;
    if (l->request->source[0] != '\0')
        TRY(archive_select(&l->set, l->request->source, &one, e));
    if (one == NULL && l->set.full.archive_count > ROOTS_MAX)
        return error_set(e, RC_INVALID, "the full has more than %d archives; name one at a time",
                         (int)ROOTS_MAX);
    l->ids = arena_alloc(l->call->arena, (l->set.full.archive_count + 1) * sizeof *l->ids);
    if (l->ids == NULL)
        return error_set(e, RC_NO_MEMORY, "roots");
    for (size_t i = 0; i < l->set.full.archive_count; i++)
        if (one == NULL || one == &l->set.archives[i])
            TRY(add_root(l, &l->set.archives[i], e));
    return RC_OK;
}

static enum rc
lend(struct lending *l, Koffer__RestoreTicket *reply, struct error *e)
{
    struct api_call *call = l->call;
    const struct api_options *o = &call->api->options;
    struct id token;
    const struct jobs_lend what = {
        .who = call->who,
        .local = call->local,
        .browse = l->request->browse,
        .bytes = l->request->path[0] == '\0' ? l->bytes : 0,
        .roots = l->ids,
        .root_count = l->roots.count,
    };
    TRY(jobs_lend(o->jobs, &what, &reply->job, &token, e));
    api_job_started(call, reply->job);
    reply->full = l->set.full.number;
    reply->token = api_bytes(call, span_of(token.bytes, ID_SIZE));
    reply->data_url = api_text(call, call->local ? o->data_local_url : o->data_url);
    reply->vault_id = api_bytes(call, span_of(vault_id(o->vault)->bytes, RECORD_VAULT_ID_SIZE));
    reply->n_roots = l->roots.count;
    reply->roots = (Koffer__Root **)l->roots.items;
    log_info(l->request->browse ? "an operator looks into a full" : "restore to an operator",
             LOG_U64("job", reply->job), LOG_TEXT("who", call->who),
             LOG_U64("full", l->set.full.number), LOG_TEXT("source", l->request->source),
             LOG_TEXT("path", l->request->path), LOG_TEXT("target", l->request->target));
    return RC_OK;
}

enum rc
api_restore_begin(struct api_call *call, struct error *e)
{
    struct lending l = {.call = call, .request = (const Koffer__RestoreBegin *)call->request};
    uint64_t full = l.request->full;
    Koffer__RestoreTicket *reply = API_NEW(call, Koffer__RestoreTicket);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    koffer__restore_ticket__init(reply);
    TRY(check_custody(&l, e));
    TRY(api_resolve_full(call, &full, e));
    TRY(archive_load_committed(call->api->options.vault, call->api->options.catalogue, full,
                               call->arena, &l.set, e));
    TRY(add_roots(&l, e));
    TRY(lend(&l, reply, e));
    call->reply = &reply->base;
    return RC_OK;
}

enum rc
api_restore_report(struct api_call *call, struct error *e)
{
    bool cancelled = false;
    Koffer__RestoreVerdict *reply = API_NEW(call, Koffer__RestoreVerdict);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    koffer__restore_verdict__init(reply);
    TRY(jobs_report(call->api->options.jobs, call->who, call->local,
                    (const Koffer__RestoreReport *)call->request, &cancelled, e));
    reply->cancelled = cancelled;
    call->reply = &reply->base;
    return RC_OK;
}

/* ---- a root's key for an agent, sealed by the operator's program */

static enum rc
take_key(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    if (!p->enrolled)
        return error_set(e, RC_NOT_FOUND, "agent '%s' is not enrolled", p->name);
    *(struct keys_public *)ctx = p->receiving;
    return RC_OK;
}

enum rc
api_agent_key(struct api_call *call, struct error *e)
{
    struct keys_public key;
    struct id fingerprint;
    char hex[ID_TEXT_SIZE];
    Koffer__AgentKey *reply = API_NEW(call, Koffer__AgentKey);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "key of an agent");
    TRY(catalogue_peer_find(call->api->options.catalogue, CERTIFICATE_AGENT,
                            ((const Koffer__NameRequest *)call->request)->name, take_key, &key, e));
    TRY(keys_fingerprint(&key, &fingerprint, e));
    koffer__agent_key__init(reply);
    reply->receiving_key = api_bytes(call, span_of(key.bytes, KEYS_PUBLIC_SIZE));
    reply->fingerprint = api_text(call, id_text(&fingerprint, hex));
    call->reply = &reply->base;
    return RC_OK;
}
