/*
 * tls_engine.h -- the parts of the TLS engine, for proto/ itself.
 *
 *     tls_setup      what one listener or dialler presents and demands; nng's configuration object
 *     tls_engine     nng's table of functions: connections over OpenSSL
 *     tls_context    ... and configurations
 *     tls_bio        OpenSSL's way to nng's TCP buffers, with the work-around for dead connections
 *     tls_verify     who may talk to us
 *     tls_watch      handshakes under way: deadline, limit
 *     tls_report     refusals in the log, not too many
 *
 * nng runs a connection's functions under that connection's lock, which we cannot see; so they take
 * no lock of ours under which we call nng.  Layer: proto.
 */
#ifndef PROTO_TLS_ENGINE_H
#define PROTO_TLS_ENGINE_H

#include <nng/nng.h>
#include <nng/supplemental/tls/engine.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "common/base/clock.h"
#include "proto/monitor.h"
#include "proto/tls.h"

/* ---- tls_setup */

struct tls_setup;
enum rc tls_setup_client(const struct tls_identity *identity, const char *expect,
                         struct tls_setup **out, struct error *e);
enum rc tls_setup_server(const struct tls_identity *identity, enum tls_demand demand,
                         struct tls_setup **out, struct error *e);
void tls_setup_free(struct tls_setup *s); /* NULL is fine */
static inline void
tls_setup_freep(struct tls_setup **s)
{
    tls_setup_free(*s);
}
nng_tls_config *tls_setup_config(const struct tls_setup *s); /* borrowed */

/* What an nng error means to us, with the engine's own reason when `s` (may be NULL) has one. */
enum rc tls_setup_explain(struct tls_setup *s, int nng_error, const char *what, struct error *e);

/* ---- who is at the other end */

enum tls_state { TLS_SHAKING, TLS_DONE, TLS_LINGERING, TLS_FAILED };

struct tls_view {
    enum tls_state state;
    struct tls_peer peer; /* when TLS_DONE */
    const void *stream;   /* the nng_stream, as the engine knows it */
};

/* RC_PROTOCOL when the connection is not of our engine. */
enum rc tls_view_stream(nng_stream *stream, struct tls_view *out, struct error *e);
/* "192.0.2.1:7420", "[2001:db8::1]:7420", or "local". */
void tls_address(const nng_sockaddr *address, char *out, size_t out_size);

/* ---- tls_verify */

struct tls_rules {
    bool server;
    enum tls_demand demand;           /* server */
    char expect[CERTIFICATE_URI_MAX]; /* client: the URI, or empty: */
    struct id pin;                    /* the key */
};

/* One verification: the rules, and what was found. */
struct tls_verdict {
    const struct tls_rules *rules;
    struct certificate_identity identity;
    struct id spki;
    char claimed[CERTIFICATE_URI_MAX]; /* what the certificate says, believed or not */
    char reason[192];                  /* why not */
};

/* For SSL_CTX_set_cert_verify_callback; the SSL's app data is the struct tls_verdict. */
int tls_verify_certificate(X509_STORE_CTX *store, void *unused);

/* ---- tls_watch */

struct tls_watched {
    struct tls_watched *next, *previous; /* NULL: not on the list */
    nng_stream *stream;
    uint64_t origin; /* crowd.h */
    bool server;
    _Atomic(int64_t) deadline; /* struct mono's ns; INT64_MAX: none */
};

enum rc tls_watch_start(struct error *e);
/* Server: when TLS_PENDING_MAX handshakes are under way, one is closed to make room (crowd.h). */
void tls_watch_add(struct tls_watched *w, nng_stream *stream, bool server);
void tls_watch_remove(struct tls_watched *w); /* fine when it was never added */
/* These two run under the connection's lock and take none of ours that is held over nng. */
void tls_watch_finished(struct tls_watched *w);
void tls_watch_linger(struct tls_watched *w);
/* Handshakes that ended so far, and waiting for another one; false once the deadline passed. */
uint64_t tls_watch_count(void);
bool tls_watch_wait(uint64_t count, struct mono deadline);
void tls_watch_wake(void); /* counts as one */

/* ---- tls_report */

/* `side`: who refused whom, in words. */
void
tls_report_refused(const char *side, const char *address, const char *claimed, const char *reason);

/* ---- tls_bio, tls_context, tls_engine */

enum rc tls_bio_start(struct error *e);
BIO *tls_bio_new(nng_stream *stream);
/* The TCP connection below has failed, although nng still says EAGAIN. */
bool tls_bio_dead(nng_stream *stream);

struct nng_tls_engine_config {
    SSL_CTX *context;
    struct tls_rules rules;
    pthread_mutex_t lock;
    struct error why; /* the newest refusal; under the lock */
};

extern const nng_tls_engine_config_ops tls_context_operations;
/* The configuration that this thread made last: how tls_setup finds what nng hides. */
nng_tls_engine_config *tls_context_newest(void);
void tls_context_note(nng_tls_engine_config *config, enum rc rc, const char *text);

enum rc tls_engine_register(struct error *e);

#endif
