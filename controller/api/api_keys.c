/*
 * api_keys.c -- who fulls are sealed to, and old fulls for new recipients.
 *
 * Private keys never come here: an operator's program opens and seals, and gives what is sealed.  What it gives is not
 * believed to open anything; it is only added (docs/formats/envelope.md).
 */
#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "controller/api/api_internal.h"
#include "controller/restore/envelopes.h"

/* 200 bytes each, in a control message of 256 KiB. */
enum { ROOTS_AT_ONCE = 500 };
#define SHEET_INFO "koffer/1/sheet"

static enum rc
take_id(ProtobufCBinaryData from, const char *what, struct id *out, struct error *e)
{
    if (from.len != ID_SIZE)
        return error_set(e, RC_INVALID, "%s of %zu bytes; it has %d", what, from.len, ID_SIZE);
    memcpy(out->bytes, from.data, ID_SIZE);
    return RC_OK;
}

/* ---- show */

/* In how many fulls is every archive sealed to it? */
static enum rc
count_fulls(struct api_call *call, const struct vault_full *fulls, size_t count,
            const struct roster_entry *entry, uint32_t *out, struct error *e)
{
    struct vault *v = call->api->options.vault;
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
        struct archive_set set;
        size_t lacking = 0;
        if (arena == NULL)
            return error_set(e, RC_NO_MEMORY, "fulls");
        TRY(archive_load_record(v, &fulls[i], arena, &set, e));
        bool *missing = arena_alloc(arena, set.full.archive_count + 1);
        if (missing == NULL)
            return error_set(e, RC_NO_MEMORY, "fulls");
        TRY(archive_missing(v, &set, &entry->fingerprint, call->api->options.signing, missing,
                            &lacking, e));
        *out += lacking == 0;
    }
    return RC_OK;
}

static enum rc
fill_key(struct api_call *call, const struct roster_entry *entry, Koffer__Key *out, struct error *e)
{
    char hex[ID_TEXT_SIZE];
    if (out == NULL)
        return error_set(e, RC_NO_MEMORY, "recipient");
    koffer__key__init(out);
    out->label = api_text(call, entry->label);
    out->public_key = api_bytes(call, span_of(entry->key.bytes, KEYS_PUBLIC_SIZE));
    out->fingerprint = api_text(call, id_text(&entry->fingerprint, hex));
    out->controller = entry->kept;
    out->retired = entry->retired;
    out->verified = api_text(call, entry->verified);
    return RC_OK;
}

static enum rc
add_keys(struct api_call *call, Koffer__KeyList *reply, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    const struct api_options *o = &call->api->options;
    struct api_list keys = {0};
    size_t count;
    TRY(vault_fulls(o->vault, &fulls, &count, e));
    for (size_t i = 0; i < o->roster->count; i++) {
        const struct roster_entry *entry = &o->roster->entries[i];
        Koffer__Key *key = API_NEW(call, Koffer__Key);
        TRY(fill_key(call, entry, key, e));
        TRY(count_fulls(call, fulls, count, entry, &key->fulls, e));
        TRY(api_push(call, &keys, key, e));
    }
    reply->fulls = (uint32_t)count;
    reply->n_keys = keys.count;
    reply->keys = (Koffer__Key **)keys.items;
    return RC_OK;
}

enum rc
api_key_list(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    char hex[ID_TEXT_SIZE];
    struct keys_public signing;
    Koffer__KeyList *reply = API_NEW(call, Koffer__KeyList);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "keys");
    koffer__key_list__init(reply);
    TRY(roster_reload(o->roster, e));
    TRY(add_keys(call, reply, e));
    TRY(keys_public_of(o->signer, &signing, e));
    text_hex(span_of(signing.bytes, KEYS_PUBLIC_SIZE), hex);
    reply->custody = message_text(o->custody != NULL ? "controller" : "operator");
    reply->cluster = api_text(call, o->cluster);
    reply->vault_path = api_text(call, vault_path(o->vault));
    reply->vault_id = api_bytes(call, span_of(vault_id(o->vault)->bytes, RECORD_VAULT_ID_SIZE));
    reply->controller_key = api_text(call, hex);
    call->reply = &reply->base;
    return RC_OK;
}

/* ---- add, remove */

enum rc
api_key_add(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    const Koffer__KeyAdd *request = (const Koffer__KeyAdd *)call->request;
    struct keys_public key;
    struct id fingerprint;
    Koffer__Key *reply = API_NEW(call, Koffer__Key);
    if (request->public_key.len != KEYS_PUBLIC_SIZE)
        return error_set(e, RC_INVALID, "a public key has %d bytes, not %zu", KEYS_PUBLIC_SIZE,
                         request->public_key.len);
    memcpy(key.bytes, request->public_key.data, KEYS_PUBLIC_SIZE);
    TRY(roster_reload(o->roster, e));
    TRY(roster_add(o->roster, &key, request->label, e));
    TRY(keys_fingerprint(&key, &fingerprint, e));
    TRY(fill_key(call, roster_find(o->roster, &fingerprint), reply, e));
    fleet_welcome_again(o->fleet);
    log_info("recipient added", LOG_TEXT("label", request->label),
             LOG_TEXT("fingerprint", reply->fingerprint), LOG_TEXT("by", call->who));
    call->reply = &reply->base;
    return RC_OK;
}

enum rc
api_key_remove(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    struct id fingerprint;
    TRY(api_reply_empty(call, e));
    TRY(take_id(((const Koffer__KeyRef *)call->request)->fingerprint, "a fingerprint", &fingerprint,
                e));
    TRY(roster_reload(o->roster, e));
    TRY(roster_retire(o->roster, &fingerprint, e));
    fleet_welcome_again(o->fleet);
    log_info("recipient retired", LOG_TEXT("label", roster_find(o->roster, &fingerprint)->label),
             LOG_TEXT("by", call->who));
    return RC_OK;
}

/* ---- a sheet is typed back: its key must open what is sealed to the recipient */

static enum rc
challenge(struct api_call *call, const struct roster_entry *entry, Koffer__KeyChallenge *reply,
          struct error *e)
{
    struct api *a = call->api;
    uint8_t info[sizeof SHEET_INFO - 1 + RECORD_VAULT_ID_SIZE + ID_SIZE];
    uint8_t sealed[KEYS_SEALED_SIZE];
    size_t at = sizeof SHEET_INFO - 1;
    memcpy(info, SHEET_INFO, at);
    memcpy(info + at, vault_id(a->options.vault)->bytes, RECORD_VAULT_ID_SIZE);
    memcpy(info + at + RECORD_VAULT_ID_SIZE, entry->fingerprint.bytes, ID_SIZE);
    TRY(keys_random(a->challenge.bytes, ID_SIZE, e));
    TRY(keys_seal(&entry->key, span_of(info, sizeof info), &a->challenge, sealed, e));
    a->challenged = entry->fingerprint;
    a->challenge_open = true;
    reply->sealed = api_bytes(call, span_of(sealed, sizeof sealed));
    return RC_OK;
}

static enum rc
judge(struct api_call *call, const struct roster_entry *entry, ProtobufCBinaryData answer,
      Koffer__KeyChallenge *reply, struct error *e)
{
    struct api *a = call->api;
    bool right = a->challenge_open && id_equal(&a->challenged, &entry->fingerprint) &&
                 answer.len == ID_SIZE && keys_equal(answer.data, a->challenge.bytes, ID_SIZE);
    a->challenge_open = false;
    if (!right)
        return error_set(e, RC_DENIED, "this does not prove the key of '%s'", entry->label);
    TRY(roster_note_verified(a->options.roster, &entry->fingerprint, clock_wall(), e));
    log_info("recovery sheet typed back", LOG_TEXT("label", entry->label),
             LOG_TEXT("by", call->who));
    reply->verified = true;
    return RC_OK;
}

enum rc
api_key_prove(struct api_call *call, struct error *e)
{
    const Koffer__KeyProof *request = (const Koffer__KeyProof *)call->request;
    struct roster *roster = call->api->options.roster;
    struct id fingerprint;
    Koffer__KeyChallenge *reply = API_NEW(call, Koffer__KeyChallenge);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "challenge");
    koffer__key_challenge__init(reply);
    call->reply = &reply->base;
    TRY(take_id(request->fingerprint, "a fingerprint", &fingerprint, e));
    TRY(roster_reload(roster, e));
    const struct roster_entry *entry = roster_find(roster, &fingerprint);
    if (entry == NULL || entry->kept)
        return error_set(e, RC_NOT_FOUND, "no recovery sheet has this key");
    return request->answer.len == 0 ? challenge(call, entry, reply, e)
                                    : judge(call, entry, request->answer, reply, e);
}

/* ---- old fulls for new recipients */

static enum rc
take_recipients(const struct roster *roster, const Koffer__KeyRewrap *request,
                struct keys_public *out, size_t *count, struct error *e)
{
    *count = 0;
    if (request->n_fingerprints == 0)
        *count = roster_current(roster, out);
    if (request->n_fingerprints > LIMIT_RECIPIENTS)
        return error_set(e, RC_INVALID, "more than %u recipients", LIMIT_RECIPIENTS);
    for (size_t i = 0; i < request->n_fingerprints; i++) {
        struct id fingerprint;
        TRY(take_id(request->fingerprints[i], "a fingerprint", &fingerprint, e));
        const struct roster_entry *entry = roster_find(roster, &fingerprint);
        if (entry == NULL || entry->retired)
            return error_set(e, RC_NOT_FOUND, "there is no such recipient, or it is retired");
        out[(*count)++] = entry->key;
    }
    return RC_OK;
}

enum rc
api_key_rewrap(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    struct keys_public recipients[LIMIT_RECIPIENTS];
    size_t count;
    uint64_t job;
    if (o->custody == NULL)
        call->remedy = "use the key of a sheet: koffer key rewrap --key -";
    TRY(roster_reload(o->roster, e));
    TRY(take_recipients(o->roster, (const Koffer__KeyRewrap *)call->request, recipients, &count,
                        e));
    TRY(jobs_rewrap(o->jobs, recipients, count, &job, e));
    return api_reply_job(call, job, e);
}

static enum rc
take_roots(struct api_call *call, const Koffer__EnvelopeOffer *offer, struct envelope_root **out,
           struct error *e)
{
    struct envelope_root *roots = arena_alloc(call->arena, (offer->n_roots + 1) * sizeof *roots);
    if (roots == NULL)
        return error_set(e, RC_NO_MEMORY, "roots");
    for (size_t i = 0; i < offer->n_roots; i++) {
        TRY(take_id(offer->roots[i]->root, "a root", &roots[i].root, e));
        if (offer->roots[i]->sealed.len != KEYS_SEALED_SIZE)
            return error_set(e, RC_INVALID, "a sealed key has %d bytes", KEYS_SEALED_SIZE);
        memcpy(roots[i].sealed, offer->roots[i]->sealed.data, KEYS_SEALED_SIZE);
    }
    *out = roots;
    return RC_OK;
}

enum rc
api_key_envelope(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    const Koffer__EnvelopeOffer *offer = (const Koffer__EnvelopeOffer *)call->request;
    struct id fingerprint;
    struct archive_set set;
    struct envelope_root *roots;
    TRY(api_reply_empty(call, e));
    TRY(take_id(offer->fingerprint, "a fingerprint", &fingerprint, e));
    const struct roster_entry *entry = roster_find(o->roster, &fingerprint);
    if (entry == NULL || entry->retired)
        return error_set(e, RC_NOT_FOUND, "there is no such recipient, or it is retired");
    TRY(take_roots(call, offer, &roots, e));
    TRY(archive_load_committed(o->vault, o->catalogue, offer->full, call->arena, &set, e));
    return envelopes_publish(o->vault, &set, &fingerprint, roots, offer->n_roots, o->signer, e);
}

/* ---- the sealed keys of a full's roots */

struct asking {
    struct api_call *call;
    struct archive_set set;
    struct id fingerprint;
    const bool *wanted;
    struct api_list roots;
};

static enum rc
add_root(struct asking *q, const struct record_archive *archive, struct error *e)
{
    struct api_call *call = q->call;
    uint8_t sealed[KEYS_SEALED_SIZE];
    bool found;
    Koffer__Root *root = API_NEW(call, Koffer__Root);
    TRY(api_push(call, &q->roots, root, e));
    koffer__root__init(root);
    root->agent = api_text(call, archive->host);
    root->source = api_text(call, archive->source);
    root->kind = api_text(call, archive->kind);
    root->bytes = archive->totals.bytes;
    root->root = api_bytes(call, span_of(archive->root.bytes, ID_SIZE));
    TRY(archive_sealed_root(call->api->options.vault, &q->set, archive, &q->fingerprint, &found,
                            sealed, e));
    if (found)
        root->sealed = api_bytes(call, span_of(sealed, sizeof sealed));
    return RC_OK;
}

/* Which archives does the asker mean? */
static enum rc
choose(struct asking *q, const Koffer__RootRequest *request, struct error *e)
{
    size_t count = q->set.full.archive_count, ignored;
    struct id lacking;
    bool *wanted = arena_alloc(q->call->arena, count + 1);
    const struct record_archive *one = NULL;
    if (wanted == NULL)
        return error_set(e, RC_NO_MEMORY, "archives");
    for (size_t i = 0; i < count; i++)
        wanted[i] = true;
    if (request->lacking.len > 0) {
        TRY(take_id(request->lacking, "a fingerprint", &lacking, e));
        TRY(archive_missing(q->call->api->options.vault, &q->set, &lacking,
                            q->call->api->options.signing, wanted, &ignored, e));
    }
    if (request->source[0] != '\0')
        TRY(archive_select(&q->set, request->source, &one, e));
    for (size_t i = 0; i < count && one != NULL; i++)
        wanted[i] = wanted[i] && one == &q->set.archives[i];
    q->wanted = wanted;
    return RC_OK;
}

enum rc
api_root_list(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    const Koffer__RootRequest *request = (const Koffer__RootRequest *)call->request;
    uint64_t full = request->full;
    struct asking q = {.call = call};
    Koffer__RootList *reply = API_NEW(call, Koffer__RootList);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "roots");
    koffer__root_list__init(reply);
    TRY(take_id(request->fingerprint, "a fingerprint", &q.fingerprint, e));
    TRY(api_resolve_full(call, &full, e));
    TRY(archive_load_committed(o->vault, o->catalogue, full, call->arena, &q.set, e));
    TRY(choose(&q, request, e));
    size_t at = request->offset;
    for (; at < q.set.full.archive_count && q.roots.count < ROOTS_AT_ONCE; at++)
        if (q.wanted[at])
            TRY(add_root(&q, &q.set.archives[at], e));
    reply->full = full;
    reply->vault_id = api_bytes(call, span_of(vault_id(o->vault)->bytes, RECORD_VAULT_ID_SIZE));
    reply->n_roots = q.roots.count;
    reply->roots = (Koffer__Root **)q.roots.items;
    reply->next = at < q.set.full.archive_count ? (uint32_t)at : 0;
    call->reply = &reply->base;
    return RC_OK;
}
