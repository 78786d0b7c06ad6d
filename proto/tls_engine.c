/*
 * tls_engine.c -- nng's connection functions over OpenSSL.  See tls_engine.h.
 *
 * nng holds the connection's lock around everything but init and fini; send and recv may come before
 * the handshake is complete, fini may come without init (all zero).
 *
 * receive and send finish an operation only when its whole buffer has been moved: nng and our own
 * streams always ask for exactly what they want, and each completion costs a thread switch.
 */
#include "proto/tls_engine.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"

static const char LABEL[] = "EXPORTER-koffer-v1";

struct nng_tls_engine_conn {
    nng_stream *stream; /* nng's own tls_conn, whose first member is the stream */
    SSL *ssl;
    nng_tls_engine_config *config;
    enum tls_state state;
    int failure; /* what nng is told in TLS_FAILED and after TLS_LINGERING */
    bool closed; /* nng 1.5.2 forgets that it closed a connection, and would wait for ever */
    struct tls_verdict verdict;
    struct tls_peer peer;
    struct tls_watched watched;
    size_t received, sent; /* of the operation under way */
    bool flushing;         /* all sent is in nng's buffer, and TCP has not moved since */
};

/* ---- failures */

/* OpenSSL's reasons from here on are alerts that the peer sent. */
static bool
is_alert(unsigned long error)
{
    return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET;
}

static void
report(nng_tls_engine_conn *c, enum rc rc, const char *side, const char *reason)
{
    char text[256];

    tls_report_refused(side, c->peer.address, c->verdict.claimed, reason);
    (void)snprintf(text, sizeof text, "%s: %s", side, reason);
    tls_context_note(c->config, rc, text);
}

/* Log why it failed and choose what nng is told. */
static int
diagnose(nng_tls_engine_conn *c)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(error);

    if (c->verdict.reason[0] != '\0') {
        report(c, RC_DENIED, "refused the peer's certificate", c->verdict.reason);
        return NNG_EPEERAUTH;
    }
    if (is_alert(error)) {
        report(c, RC_DENIED, "the peer refused us", reason == NULL ? "TLS alert" : reason);
        return NNG_EPEERAUTH;
    }
    if (ERR_GET_REASON(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        report(c, RC_DENIED, "refused the peer", "it presented no certificate");
        return NNG_EPEERAUTH;
    }
    if (error == 0) /* the connection went away: no refusal */
        return NNG_ECONNSHUT;
    report(c, RC_PROTOCOL, "refused the peer", reason == NULL ? "TLS error" : reason);
    return NNG_ECRYPTO;
}

/*
 * A refused peer is not cut off at once: our alert, which tells it why, may still wait in nng's
 * buffer; and its next bytes would make our kernel answer with a reset, which may overtake the
 * alert.  It closes when it has read it; if not, tls_watch sees to it that this ends.
 */
static int
linger(nng_tls_engine_conn *c)
{
    uint8_t ignored[1024];
    for (;;) {
        size_t len = sizeof ignored;
        int error = nng_tls_engine_recv(c->stream, ignored, &len);
        if (error == NNG_EAGAIN && !tls_bio_dead(c->stream))
            return NNG_EAGAIN;
        if (error != 0)
            return c->failure;
    }
}

static int
fail(nng_tls_engine_conn *c)
{
    bool shaking = c->state == TLS_SHAKING;
    bool ours = !is_alert(ERR_peek_last_error()); /* else the peer has closed its end already */
    c->failure = diagnose(c);
    ERR_clear_error();
    c->state = TLS_FAILED;
    if (shaking && ours && c->failure != NNG_ECONNSHUT) {
        c->state = TLS_LINGERING;
        tls_watch_linger(&c->watched);
        return linger(c);
    }
    if (shaking)
        tls_watch_finished(&c->watched);
    return c->failure;
}

/* What a call of OpenSSL that did not succeed means. */
static int
outcome(nng_tls_engine_conn *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return NNG_EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return NNG_ECONNSHUT;
    default:
        return fail(c);
    }
}

/* ---- the handshake */

static int
complete(nng_tls_engine_conn *c)
{
    uint8_t *binding = c->peer.binding;
    if (SSL_export_keying_material(c->ssl, binding, sizeof c->peer.binding, LABEL, sizeof LABEL - 1,
                                   NULL, 0, 0) != 1)
        return fail(c);
    const struct tls_rules *rules = &c->config->rules;
    c->peer.spki = c->verdict.spki;
    c->peer.verified =
        rules->server ? rules->demand == TLS_DEMAND_CERTIFICATE : rules->expect[0] != '\0';
    if (c->peer.verified)
        c->peer.identity = c->verdict.identity;
    c->state = TLS_DONE;
    tls_watch_finished(&c->watched);
    return 0;
}

static int
connection_handshake(nng_tls_engine_conn *c)
{
    if (c->closed)
        return NNG_ECLOSED;
    switch (c->state) {
    case TLS_DONE:
        return 0;
    case TLS_FAILED:
        return c->failure;
    case TLS_LINGERING:
        return linger(c);
    case TLS_SHAKING:
        break;
    }
    ERR_clear_error();
    int result = SSL_do_handshake(c->ssl);
    return result == 1 ? complete(c) : outcome(c, result);
}

/* ---- data */

static int
connection_receive(nng_tls_engine_conn *c, uint8_t *buffer, size_t *size)
{
    int error = connection_handshake(c);

    while (error == 0 && c->received < *size) {
        size_t len = 0;
        ERR_clear_error();
        int result = SSL_read_ex(c->ssl, buffer + c->received, *size - c->received, &len);
        if (result == 1)
            c->received += len;
        else
            error = outcome(c, result);
    }
    if (error != NNG_EAGAIN)
        c->received = 0;
    return error;
}

/*
 * nng throws its own buffer away when a connection is closed.  So a send is complete not when the
 * buffer has taken it, but when TCP has moved once more: then the kernel has it, and the last words
 * before a close are heard.
 */
static int
flush(nng_tls_engine_conn *c)
{
    if (c->flushing) {
        c->flushing = false;
        return 0;
    }
    if (tls_bio_dead(c->stream)) /* it would not move any more */
        return NNG_ECONNSHUT;
    c->flushing = true;
    return NNG_EAGAIN;
}

static int
connection_send(nng_tls_engine_conn *c, const uint8_t *buffer, size_t *size)
{
    int error = connection_handshake(c);

    while (error == 0 && c->sent < *size) {
        size_t len = 0;
        ERR_clear_error();
        int result = SSL_write_ex(c->ssl, buffer + c->sent, *size - c->sent, &len);
        if (result == 1)
            c->sent += len;
        else
            error = outcome(c, result);
    }
    if (error == 0)
        error = flush(c);
    if (error != NNG_EAGAIN)
        c->sent = 0;
    return error;
}

/* ---- life */

static int
connection_init(nng_tls_engine_conn *c, void *tls, nng_tls_engine_config *config)
{
    nng_sockaddr address;
    const struct tls_rules *rules = &config->rules;

    c->stream = tls;
    c->config = config;
    c->verdict.rules = rules;
    if (nng_stream_get_addr(c->stream, NNG_OPT_REMADDR, &address) != 0)
        return NNG_ECONNABORTED; /* it has gone already */
    tls_address(&address, c->peer.address, sizeof c->peer.address);

    BIO *bio = tls_bio_new(c->stream);
    c->ssl = SSL_new(config->context);
    if (bio == NULL || c->ssl == NULL) {
        BIO_free(bio);
        return NNG_ENOMEM;
    }
    SSL_set_bio(c->ssl, bio, bio);
    (void)SSL_set_app_data(c->ssl, &c->verdict);
    if (rules->server)
        SSL_set_accept_state(c->ssl);
    else
        SSL_set_connect_state(c->ssl);
    tls_watch_add(&c->watched, c->stream, rules->server);
    return 0;
}

static void
connection_fini(nng_tls_engine_conn *c)
{
    tls_watch_remove(&c->watched);
    SSL_free(c->ssl);
}

static void
connection_close(nng_tls_engine_conn *c)
{
    if (c->state != TLS_DONE || c->closed) {
        c->closed = true;
        return;
    }
    c->closed = true;
    ERR_clear_error();
    (void)SSL_shutdown(c->ssl);
    ERR_clear_error();
}

/* ---- the way to what nng keeps to itself */

static __thread struct tls_view *viewer;

/* nng calls this synchronously on the thread that asks for NNG_OPT_TLS_VERIFIED. */
static bool
connection_verified(nng_tls_engine_conn *c)
{
    if (viewer != NULL)
        *viewer = (struct tls_view){.state = c->state, .peer = c->peer, .stream = c->stream};
    return c->state == TLS_DONE;
}

enum rc
tls_view_stream(nng_stream *stream, struct tls_view *out, struct error *e)
{
    bool ignored;
    struct tls_view view = {.stream = NULL};

    viewer = &view;
    int error = nng_stream_get_bool(stream, NNG_OPT_TLS_VERIFIED, &ignored);
    viewer = NULL;
    if (error != 0 || view.stream == NULL)
        /* not covered: all streams of TLS are */
        return error_set(e, RC_PROTOCOL, "connection is not of our TLS engine: %s",
                         nng_strerror(error));
    *out = view;
    return RC_OK;
}

enum rc
tls_engine_register(struct error *e)
{
    static nng_tls_engine_config_ops config_operations;
    static nng_tls_engine_conn_ops connection_operations = {
        .size = sizeof(nng_tls_engine_conn),
        .init = connection_init,
        .fini = connection_fini,
        .close = connection_close,
        .handshake = connection_handshake,
        .recv = connection_receive,
        .send = connection_send,
        .verified = connection_verified,
    };
    static nng_tls_engine engine = {
        .version = NNG_TLS_ENGINE_VERSION,
        .config_ops = &config_operations,
        .conn_ops = &connection_operations,
        .name = "koffer-openssl",
        .description = "OpenSSL, TLS 1.3",
    };
    config_operations = tls_context_operations;
    int error = nng_tls_engine_register(&engine);
    if (error != 0)
        /* not covered: another nng than Debian's */
        return error_set(e, RC_UNSUPPORTED, "register our TLS engine with nng: %s",
                         nng_strerror(error));
    if (strcmp(nng_tls_engine_name(), engine.name) != 0)
        /* not covered: another nng than Debian's */
        return error_set(e, RC_UNSUPPORTED, "nng insists on its own TLS engine");
    return RC_OK;
}
