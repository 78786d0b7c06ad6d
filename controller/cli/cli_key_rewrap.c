/* cli_key_rewrap.c -- old fulls for new recipients, with the key of a sheet that stays on this machine.  See cli_key.h. */
#include <inttypes.h>

#include "common/record/record.h"
#include "controller/cli/cli_job.h"
#include "controller/cli/cli_json.h"
#include "controller/cli/cli_key.h"

enum { ROOTS_MAX = 1024, FULLS_AT_ONCE = 200 };

struct rewrap {
    struct cli *cli;
    const struct keys_private *key;
    struct id own; /* its fingerprint */
    struct keys_public to;
    struct id to_fingerprint;
    struct cli_key_rewrap_counts *counts;
};

static enum rc
ask_roots(struct rewrap *w, uint64_t full, uint32_t offset, ProtobufCMessage **out, struct error *e)
{
    Koffer__RootRequest request;
    koffer__root_request__init(&request);
    request.full = full;
    request.offset = offset;
    request.fingerprint = message_bytes(w->own.bytes, ID_SIZE);
    request.lacking = message_bytes(w->to_fingerprint.bytes, ID_SIZE);
    return cli_call(w->cli, KOFFER__MESSAGE_TYPE__ROOT_LIST, &request.base,
                    &koffer__root_list__descriptor, out, e);
}

/* From our key to the other's; the root's key is here between the two only. */
static enum rc
reseal(const struct rewrap *w, const struct record_vault_id *vault, const Koffer__Root *root,
       uint8_t sealed[static KEYS_SEALED_SIZE], struct error *e)
{
    struct blob_ref ref;
    struct record_recipient out;
    if (root->sealed.len != KEYS_SEALED_SIZE)
        return error_set(e, RC_PROTOCOL, "the controller sent a malformed root");
    TRY(cli_key_take(root->root, &ref.id, e));
    TRY_IN(record_open_sealed(vault, &ref.id, w->key, root->sealed.data, &ref.key, e), e, "%s.%s",
           CLI_SAFE(root->agent), CLI_SAFE(root->source));
    enum rc rc = record_seal_root(vault, &ref, &w->to, 1, &out, e);
    keys_wipe(&ref, sizeof ref);
    TRY(rc);
    memcpy(sealed, out.sealed, KEYS_SEALED_SIZE);
    return RC_OK;
}

struct offer {
    Koffer__EnvelopeOffer message;
    Koffer__RootSeal seals[ROOTS_MAX];
    Koffer__RootSeal *list[ROOTS_MAX];
    uint8_t sealed[ROOTS_MAX][KEYS_SEALED_SIZE];
};

static enum rc
fill_offer(struct rewrap *w, const Koffer__RootList *roots, struct offer *o, struct error *e)
{
    struct record_vault_id vault;
    koffer__envelope_offer__init(&o->message);
    if (roots->vault_id.len != RECORD_VAULT_ID_SIZE || roots->n_roots > ROOTS_MAX)
        return error_set(e, RC_PROTOCOL, "the controller sent malformed roots");
    memcpy(vault.bytes, roots->vault_id.data, RECORD_VAULT_ID_SIZE);
    for (size_t i = 0; i < roots->n_roots; i++) {
        if (roots->roots[i]->sealed.len == 0) {
            w->counts->closed++;
            continue;
        }
        size_t at = o->message.n_roots++;
        TRY(reseal(w, &vault, roots->roots[i], o->sealed[at], e));
        koffer__root_seal__init(&o->seals[at]);
        o->seals[at].root = roots->roots[i]->root;
        o->seals[at].sealed = message_bytes(o->sealed[at], KEYS_SEALED_SIZE);
        o->list[at] = &o->seals[at];
    }
    o->message.full = roots->full;
    o->message.fingerprint = message_bytes(w->to_fingerprint.bytes, ID_SIZE);
    o->message.roots = o->list;
    return RC_OK;
}

static enum rc
rewrap_some(struct rewrap *w, const Koffer__RootList *roots, struct error *e)
{
    CLEANUP(own_freep) struct offer *o = calloc(1, sizeof *o);
    if (o == NULL)
        return error_set(e, RC_NO_MEMORY, "envelope");
    TRY(fill_offer(w, roots, o, e));
    if (o->message.n_roots == 0)
        return RC_OK;
    TRY(cli_call(w->cli, KOFFER__MESSAGE_TYPE__KEY_ENVELOPE, &o->message.base, NULL, NULL, e));
    w->counts->envelopes++;
    return RC_OK;
}

static enum rc
rewrap_full(struct rewrap *w, uint64_t full, struct error *e)
{
    for (uint32_t offset = 0;;) {
        CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
        TRY(ask_roots(w, full, offset, &reply, e));
        const Koffer__RootList *roots = (const Koffer__RootList *)reply;
        if (roots->full != full)
            return error_set(e, RC_PROTOCOL, "the controller answered about another full");
        TRY(rewrap_some(w, roots, e));
        if (roots->next <= offset) {
            w->counts->fulls++;
            return RC_OK;
        }
        offset = roots->next;
    }
}

static enum rc
list_fulls(struct cli *cli, uint64_t before, ProtobufCMessage **out, struct error *e)
{
    Koffer__ListRequest request;
    koffer__list_request__init(&request);
    request.limit = FULLS_AT_ONCE;
    request.before = before;
    request.all = true;
    return cli_call(cli, KOFFER__MESSAGE_TYPE__FULL_LIST, &request.base,
                    &koffer__full_list__descriptor, out, e);
}

static enum rc
begin(struct rewrap *w, const Koffer__Key *to, struct error *e)
{
    struct keys_public own;
    if (to->public_key.len != KEYS_PUBLIC_SIZE)
        return error_set(e, RC_PROTOCOL, "the controller sent a malformed key");
    memcpy(w->to.bytes, to->public_key.data, KEYS_PUBLIC_SIZE);
    TRY(keys_fingerprint(&w->to, &w->to_fingerprint, e));
    TRY(keys_public_of(w->key, &own, e));
    return keys_fingerprint(&own, &w->own, e);
}

enum rc
cli_key_rewrap_to(struct cli *cli, const struct keys_private *key, const Koffer__Key *to,
                  struct cli_key_rewrap_counts *counts, struct error *e)
{
    struct rewrap w = {.cli = cli, .key = key, .counts = counts};
    TRY(begin(&w, to, e));
    for (uint64_t before = 0;;) {
        CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
        TRY(list_fulls(cli, before, &reply, e));
        const Koffer__FullList *fulls = (const Koffer__FullList *)reply;
        if (fulls->n_fulls == 0)
            return RC_OK;
        for (size_t i = 0; i < fulls->n_fulls; i++)
            TRY(rewrap_full(&w, fulls->fulls[i]->full, e));
        before = fulls->fulls[fulls->n_fulls - 1]->full;
    }
}

enum rc
cli_key_rewrap_there(struct cli *cli, const Koffer__Key *const *to, size_t count, struct error *e)
{
    struct id fingerprints[LIMIT_RECIPIENTS];
    ProtobufCBinaryData list[LIMIT_RECIPIENTS];
    Koffer__KeyRewrap request;
    koffer__key_rewrap__init(&request);
    if (count > LIMIT_RECIPIENTS)
        return error_set(e, RC_INVALID, "more than %u recipients", LIMIT_RECIPIENTS);
    for (size_t i = 0; i < count; i++) {
        TRY(id_parse(to[i]->fingerprint, &fingerprints[i], e));
        list[i] = message_bytes(fingerprints[i].bytes, ID_SIZE);
    }
    request.n_fingerprints = count;
    request.fingerprints = list;
    return cli_job_run(cli, KOFFER__MESSAGE_TYPE__KEY_REWRAP, &request.base, e);
}

/* ---- koffer key rewrap */

static size_t
choose(const Koffer__KeyList *list, const Koffer__Key *only,
       const Koffer__Key *out[static LIMIT_RECIPIENTS])
{
    size_t count = 0;
    for (size_t i = 0; i < list->n_keys && count < LIMIT_RECIPIENTS; i++)
        if (only == NULL ? !list->keys[i]->retired : list->keys[i] == only)
            out[count++] = list->keys[i];
    return count;
}

static enum rc
rewrap_here(struct cli *cli, const struct keys_private *key, const Koffer__Key *const *to,
            size_t count, struct error *e)
{
    struct cli_key_rewrap_counts counts = {0};
    for (size_t i = 0; i < count; i++) {
        if (!cli->json)
            (void)printf("to %s  %s\n", CLI_SAFE(to[i]->fingerprint), CLI_SAFE(to[i]->label));
        TRY(cli_key_rewrap_to(cli, key, to[i], &counts, e));
    }
    if (cli->json)
        TRY(cli_json_print_value(json_pack("{s:I,s:I,s:I}", "fulls", (json_int_t)counts.fulls,
                                           "envelopes", (json_int_t)counts.envelopes, "closed",
                                           (json_int_t)counts.closed),
                                 e));
    else
        (void)printf("%" PRIu64 " envelopes made\n", counts.envelopes);
    if (counts.closed == 0)
        return RC_OK;
    cli->exit = CLI_INCOMPLETE;
    return error_set(e, RC_DENIED,
                     "%" PRIu64 " archives are not sealed to this key; the others are done: take "
                     "another sheet for them",
                     counts.closed);
}

enum rc
cli_key_rewrap(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    const Koffer__Key *only = NULL, *to[LIMIT_RECIPIENTS];
    TRY(cli_key_load(cli, &reply, e));
    const Koffer__KeyList *list = (const Koffer__KeyList *)reply;
    if (cli_option(cli, "to") != NULL)
        TRY(cli_key_find(cli, list, cli_option(cli, "to"), &only, e));
    TRY(cli_key_ask(cli, &key, e));
    if (key == NULL && !text_equal(list->custody, "controller"))
        return cli_wrong(cli, e,
                         "the controller holds no key that opens fulls: type the sheet that "
                         "opens them, with --key -");
    size_t count = choose(list, only, to);
    return key == NULL ? cli_key_rewrap_there(cli, to, count, e)
                       : rewrap_here(cli, key, to, count, e);
}
