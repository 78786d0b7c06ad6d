/* cli_ticket.c -- see cli_ticket.h. */
#include "controller/cli/cli_ticket.h"

#include "controller/cli/cli_key.h"
#include "controller/cli/cli_operator.h"

/* What came must be what was asked for, before anything of it is written anywhere. */
static enum rc
check_root(const struct cli_ticket *t, const struct cli_place *place, struct error *e)
{
    const Koffer__Root *root = t->ticket->roots[0];
    if (place->source[0] == '\0')
        return RC_OK;
    if (t->ticket->n_roots == 1 && cli_place_names(place, root->agent, root->source))
        return RC_OK;
    return error_set(e, RC_PROTOCOL, "'%s' was asked for, and the controller offers '%s.%s'",
                     CLI_SAFE(place->source), CLI_SAFE(root->agent), CLI_SAFE(root->source));
}

static enum rc
check_ticket(struct cli_ticket *t, const struct cli_place *place, struct error *e)
{
    if (t->ticket->token.len != ID_SIZE || t->ticket->vault_id.len != RECORD_VAULT_ID_SIZE ||
        t->ticket->n_roots == 0)
        return error_set(e, RC_PROTOCOL, "the controller's ticket is malformed");
    memcpy(t->vault.bytes, t->ticket->vault_id.data, RECORD_VAULT_ID_SIZE);
    return check_root(t, place, e);
}

enum rc
cli_ticket_get(struct cli *cli, const struct cli_place *place, const struct cli_ticket_ask *ask,
               struct cli_ticket *out, struct error *e)
{
    struct keys_public public;
    struct id fingerprint;
    char source[sizeof place->source];
    Koffer__RestoreBegin request;
    koffer__restore_begin__init(&request);
    memcpy(source, place->source, sizeof source);
    request.full = place->full;
    request.source = source;
    request.path = message_text(place->path);
    request.target = message_text(ask->target);
    request.browse = ask->browse;
    TRY(cli_key_ask(cli, &out->key, e));
    if (out->key != NULL) {
        TRY(keys_public_of(out->key, &public, e));
        TRY(keys_fingerprint(&public, &fingerprint, e));
        request.fingerprint = message_bytes(fingerprint.bytes, ID_SIZE);
    }
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__RESTORE_BEGIN, &request.base,
                 &koffer__restore_ticket__descriptor, &out->reply, e));
    out->ticket = (const Koffer__RestoreTicket *)out->reply;
    return check_ticket(out, place, e);
}

enum rc
cli_ticket_connect(struct cli *cli, struct cli_ticket *t, struct error *e)
{
    CLEANUP(cli_operator_clear) struct cli_operator me = {0};
    struct tls_identity identity = {0};
    struct id token;
    struct fetch_options options = {
        .url = t->ticket->data_url, .job = t->ticket->job, .token = &token};
    memcpy(token.bytes, t->ticket->token.data, ID_SIZE);
    if (strncmp(cli->controller, "ipc://", strlen("ipc://")) != 0) {
        TRY(cli_operator_load(&me, e));
        identity = (struct tls_identity){.ca = me.ca, .certificate = me.certificate, .key = me.key};
        options.identity = &identity;
        options.expect = me.expect;
    }
    return fetch_open(&options, &t->fetch, e);
}

enum rc
cli_ticket_root(const struct cli_ticket *t, const Koffer__Root *root, struct blob_ref *out,
                struct error *e)
{
    TRY(cli_key_take(root->root, &out->id, e));
    if (t->key == NULL)
        return cli_key_take(root->key, &out->key, e);
    if (root->sealed.len != KEYS_SEALED_SIZE)
        return error_set(e, RC_PROTOCOL, "the controller sent a malformed root");
    TRY_IN(record_open_sealed(&t->vault, &out->id, t->key, root->sealed.data, &out->key, e), e,
           "%s.%s", CLI_SAFE(root->agent), CLI_SAFE(root->source));
    return RC_OK;
}

enum rc
cli_ticket_report(struct cli *cli, const struct cli_ticket *t, Koffer__RestoreReport *report,
                  bool *cancelled, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    report->job = t->ticket->job;
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__RESTORE_REPORT, &report->base,
                 &koffer__restore_verdict__descriptor, &reply, e));
    *cancelled = ((const Koffer__RestoreVerdict *)reply)->cancelled;
    return RC_OK;
}

void
cli_ticket_clear(struct cli_ticket *t)
{
    fetch_close(t->fetch);
    message_free(t->reply);
    keys_private_free(t->key);
    *t = (struct cli_ticket){0};
}
