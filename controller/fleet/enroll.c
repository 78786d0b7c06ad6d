/* enroll.c -- see enroll.h. */
#include "controller/fleet/enroll.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/record/mandate.h"
#include "controller/authority/authority.h"
#include "proto/enroll.h"
#include "proto/frame.h"
#include "proto/message.h"

enum { FAILURES_MAX = 3, BLOCK_S = 600, ADDRESSES_MAX = 64 };

struct failures {
    char address[64];
    unsigned count;
    struct mono last;
};

struct enroll_server {
    struct enroll_options options;
    struct stream_listener *listener; /* NULL: closed */
    pthread_t
        closer; /* closing waits for streams, whose questions wait for the loop: not done on it */
    bool closing;
    /* Who has a certificate made and may not have read it yet: closing would take it from them. */
    _Atomic(unsigned) answering;
    struct failures failures[ADDRESSES_MAX];
};

/* One question, handed from the stream's thread to the loop and back. */
struct question {
    struct enroll_server *server;
    const Koffer__EnrollRequest *request;
    const struct tls_peer *peer;
    char *certificate;
    struct id proof; /* of our key, for the joiner's privileged half */
    bool recorded;   /* in the audit log, before the token is burnt */
    bool answered;   /* well: counts in server->answering */
    struct keys_public recipients[LIMIT_RECIPIENTS];
    size_t recipient_count;
    enum rc rc;
    struct error e;
};

/* ---- on the loop */

/* Addresses without their port: a new connection is not a new person. */
static struct failures *
failures_of(struct enroll_server *s, const char *address)
{
    char host[64];
    (void)snprintf(host, sizeof host, "%s", address);
    char *colon = strrchr(host, ':');
    if (colon != NULL)
        *colon = '\0';
    struct failures *oldest = &s->failures[0];
    for (size_t i = 0; i < ADDRESSES_MAX; i++) {
        if (text_equal(s->failures[i].address, host))
            return &s->failures[i];
        if (s->failures[i].last.ns < oldest->last.ns)
            oldest = &s->failures[i];
    }
    *oldest = (struct failures){0};
    (void)snprintf(oldest->address, sizeof oldest->address, "%s", host);
    return oldest;
}

static enum rc
take_token(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    *(struct id *)ctx = p->token;
    return RC_OK;
}

static enum rc
check_proof(const struct question *q, enum certificate_role role, struct id *token, struct error *e)
{
    CLEANUP(buffer_free) struct buffer transcript = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    const Koffer__EnrollRequest *r = q->request;
    struct id proof;
    struct keys_public signing;
    *token = (struct id){{0}};
    enum rc rc =
        catalogue_peer_find(q->server->options.catalogue, role, r->name, take_token, token, e);
    if (rc != RC_OK &&
        rc != RC_NOT_FOUND) /* who is unknown gets the same answer as a wrong token */
        return rc;
    TRY(enroll_transcript(r, q->peer->binding, &transcript, e));
    TRY(digest_hmac(token, buffer_span(&transcript), (struct span){0}, &proof, e));
    if (id_is_zero(token) || r->proof.len != ID_SIZE ||
        !keys_equal(proof.bytes, r->proof.data, ID_SIZE))
        return error_set(e, RC_DENIED,
                         "the token for '%s' is not valid: used, expired or mistyped; make a new "
                         "one with 'koffer %s add'",
                         r->name, certificate_role_name(role));
    if (role != CERTIFICATE_AGENT)
        return RC_OK;
    if (r->signing_key.len != KEYS_PUBLIC_SIZE || r->receiving_key.len != KEYS_PUBLIC_SIZE ||
        r->signature.len != KEYS_SIGNATURE_SIZE)
        return error_set(e, RC_PROTOCOL, "the agent's keys are missing");
    memcpy(signing.bytes, r->signing_key.data, KEYS_PUBLIC_SIZE);
    return keys_check(&signing, ENROLL_CONTEXT, buffer_span(&transcript), r->signature.data, e);
}

static enum rc
issue(struct question *q, enum certificate_role role, struct wall now, struct error *e)
{
    const struct enroll_options *o = &q->server->options;
    struct certificate_identity identity = {.role = role};
    struct keys_public signing = {{0}}, receiving = {{0}};
    struct certificate_facts facts;
    (void)snprintf(identity.name, sizeof identity.name, "%s", q->request->name);
    TRY(certificate_issue_for(o->ca_key, o->identity->ca, q->request->request, &identity, now,
                              o->certificate_seconds, &q->certificate, e));
    TRY(certificate_inspect(q->certificate, &facts, e));
    q->recipient_count = roster_current(o->roster, q->recipients);
    if (role == CERTIFICATE_AGENT) {
        memcpy(signing.bytes, q->request->signing_key.data, KEYS_PUBLIC_SIZE);
        memcpy(receiving.bytes, q->request->receiving_key.data, KEYS_PUBLIC_SIZE);
    }
    TRY(catalogue_peer_enrolled(o->catalogue, role, q->request->name, &signing, &receiving,
                                &facts.spki, facts.not_after, now, e));
    if (o->enrolled != NULL)
        o->enrolled(o->ctx, role, q->request->name);
    return RC_OK;
}

/* Only who knows the token can have made this: the joiner's keys may be in another process than its conversation. */
static enum rc
vouch(struct question *q, const struct id *token, struct error *e)
{
    const struct enroll_options *o = &q->server->options;
    const struct mandate_enrolment m = {.binding = q->peer->binding,
                                        .vault = *vault_id(o->vault),
                                        .controller = *o->controller_key};
    return mandate_enrolment_proof(token, &m, &q->proof, e);
}

/* Of a refusal best effort, and always RC_OK. */
static enum rc
record(struct question *q, enum audit_result result, const char *why, struct error *e)
{
    char object[AUDIT_OBJECT_MAX + 1];
    (void)snprintf(object, sizeof object, "%s %s", q->request->role, q->request->name);
    const struct audit_entry entry = {
        .wall = clock_wall(),
        .mono = clock_mono(),
        .result = result,
        .role = authority_role_name(AUTHORITY_ENROLLER),
        .who = q->request->name,
        .address = q->peer->address,
        .verb = "ENROLL",
        .object = object,
        .why = why,
    };
    if (result != AUDIT_REFUSED)
        return audit_append(q->server->options.audit, &entry, e);
    audit_refused(q->server->options.audit, &entry);
    return RC_OK;
}

static void
record_failure(struct question *q)
{
    struct error e = ERROR_INIT;
    if (record(q, q->recorded ? AUDIT_FAILED : AUDIT_REFUSED, q->e.text, &e) != RC_OK)
        log_error(&e, "a failed enrolment is not in the audit log");
}

static enum rc
judge(struct question *q, struct error *e)
{
    struct id token;
    struct wall now = clock_wall();
    enum certificate_role role;
    TRY(text_check_name("name", q->request->name, e));
    if (text_equal(q->request->role, "agent"))
        role = CERTIFICATE_AGENT;
    else if (text_equal(q->request->role, "operator"))
        role = CERTIFICATE_OPERATOR;
    else
        return error_set(e, RC_DENIED, "nobody can enrol as '%.40s'", q->request->role);
    TRY(check_proof(q, role, &token, e));
    TRY(authority_check(&(struct authority_question){.role = AUTHORITY_ENROLLER,
                                                     .who = q->request->name,
                                                     .verb = KOFFER__MESSAGE_TYPE__ENROLL,
                                                     .object = AUTHORITY_OWN},
                        e));
    TRY(record(q, AUDIT_ALLOWED, "", e));
    q->recorded = true;
    /* Burnt before the certificate is made: a crash in between costs a token, not a second certificate. */
    TRY(catalogue_peer_burn(q->server->options.catalogue, role, q->request->name, &token, now, e));
    TRY(vouch(q, &token, e));
    return issue(q, role, now, e);
}

static void
on_the_loop(void *ctx)
{
    struct question *q = ctx;
    struct mono now = clock_mono();
    struct failures *f = failures_of(q->server, q->peer->address);
    if (f->count >= FAILURES_MAX && now.ns - f->last.ns < BLOCK_S * CLOCK_NS_PER_SECOND) {
        q->rc = error_set(&q->e, RC_DENIED, "too many failed enrolments from %s: wait %d minutes",
                          f->address, (int)BLOCK_S / 60);
        return;
    }
    atomic_fetch_add(&q->server->answering, 1);
    q->rc = judge(q, &q->e);
    q->answered = q->rc == RC_OK;
    if (!q->answered) {
        atomic_fetch_sub(&q->server->answering, 1);
        record_failure(q);
    }
    f->count = q->rc == RC_OK ? 0 : f->count + 1;
    f->last = now;
}

/* ---- on the stream's thread */

static enum rc
reply(struct question *q, struct stream *s, struct error *e)
{
    const struct enroll_options *o = &q->server->options;
    ProtobufCBinaryData recipients[LIMIT_RECIPIENTS];
    Koffer__EnrollReply reply;
    koffer__enroll_reply__init(&reply);
    for (size_t i = 0; i < q->recipient_count; i++)
        recipients[i] = message_bytes(q->recipients[i].bytes, KEYS_PUBLIC_SIZE);
    reply.certificate = q->certificate;
    reply.ca = message_text(o->identity->ca);
    reply.controller = message_text(o->controller);
    reply.control_url = message_text(o->control_url);
    reply.data_url = message_text(o->data_url);
    reply.vault_id = message_bytes(vault_id(o->vault)->bytes, RECORD_VAULT_ID_SIZE);
    reply.controller_key = message_bytes(o->controller_key->bytes, KEYS_PUBLIC_SIZE);
    reply.proof = message_bytes(q->proof.bytes, ID_SIZE);
    reply.n_recipients = q->recipient_count;
    reply.recipients = recipients;
    return enroll_send(s, FRAME_REPLY, &reply.base, e);
}

static enum rc
serve(struct question *q, struct stream *s, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    TRY(enroll_receive(s, STREAM_HELLO_MS, &koffer__enroll_request__descriptor, &m, e));
    q->request = (const Koffer__EnrollRequest *)m;
    TRY(mailbox_call(q->server->options.mailbox, on_the_loop, q, e));
    if (q->rc != RC_OK) {
        *e = q->e;
        return q->rc;
    }
    log_info("enrolled", LOG_TEXT("role", q->request->role), LOG_TEXT("name", q->request->name),
             LOG_TEXT("address", q->peer->address));
    return reply(q, s, e);
}

static void
accepted(void *ctx, struct stream *s)
{
    struct error e = ERROR_INIT;
    struct question q = {.server = ctx, .peer = stream_peer(s), .e = ERROR_INIT};
    enum stream_type type;
    enum rc rc = serve(&q, s, &e);
    if (rc != RC_OK && q.certificate == NULL) {
        log_error(&e, "enrolment refused", LOG_TEXT("address", q.peer->address));
        stream_fail(s, &e);
    } else if (rc != RC_OK) { /* it has gone: with the answer, or without one */
        log_info("whoever enrolled has gone", LOG_TEXT("address", q.peer->address),
                 LOG_TEXT("how", e.text));
    } else {
        /* Let the joiner read the answer and close first. */
        CLEANUP(buffer_free) struct buffer rest = BUFFER_INIT(STREAM_PAYLOAD_MAX);
        (void)stream_receive_within(s, STREAM_HELLO_MS, &type, &rest, &e);
    }
    free(q.certificate);
    if (q.answered)
        atomic_fetch_sub(&q.server->answering, 1);
    stream_close(s);
}

/* ---- the listener */

enum rc
enroll_server_new(const struct enroll_options *options, struct enroll_server **out, struct error *e)
{
    struct enroll_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(e, RC_NO_MEMORY, "enrolment");
    s->options = *options;
    *out = s;
    return RC_OK;
}

void
enroll_server_free(struct enroll_server *s)
{
    if (s == NULL)
        return;
    if (s->closing)
        (void)pthread_join(s->closer, NULL);
    if (s->listener != NULL)
        stream_listener_close(s->listener);
    free(s);
}

/* Has an earlier closing come to its end? */
static bool
is_closed(struct enroll_server *s)
{
    if (s->closing && pthread_tryjoin_np(s->closer, NULL) == 0)
        s->closing = false;
    return !s->closing;
}

enum rc
enroll_open(struct enroll_server *s, struct error *e)
{
    if (s->listener != NULL || !is_closed(s))
        return RC_OK; /* the next tick opens it */
    const struct stream_listen_options options = {.url = s->options.url,
                                                  .identity = s->options.identity,
                                                  .demand = TLS_DEMAND_NOTHING,
                                                  .accepted = accepted,
                                                  .ctx = s};
    TRY_IN(stream_listen(&options, &s->listener, e), e, "enrolment on %s", s->options.url);
    log_info("enrolment is open", LOG_TEXT("url", s->options.url));
    return RC_OK;
}

enum rc
enroll_port(const struct enroll_server *s, unsigned *out, struct error *e)
{
    if (s->listener == NULL)
        return error_set(e, RC_AGAIN, "enrolment is closed: no token is open");
    return stream_listener_port(s->listener, out, e);
}

static void *
run_closer(void *listener)
{
    stream_listener_close(listener);
    return NULL;
}

static void
shut(struct enroll_server *s)
{
    if (!is_closed(s) || pthread_create(&s->closer, NULL, run_closer, s->listener) != 0)
        return; /* the next tick tries again */
    s->closing = true;
    s->listener = NULL;
    log_info("enrolment is closed: no token is open");
}

void
enroll_tick(struct enroll_server *s)
{
    struct error e = ERROR_INIT;
    bool open;
    if (catalogue_tokens_open(s->options.catalogue, clock_wall(), &open, &e) != RC_OK ||
        (open && enroll_open(s, &e) != RC_OK))
        log_error(&e, "enrolment");
    else if (!open && s->listener != NULL && atomic_load(&s->answering) == 0)
        shut(s);
}
