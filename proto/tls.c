/* tls.c -- start the engine and prove that it works as assumed.  See tls.h. */
#include "proto/tls.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "proto/tls_engine.h"

static void
dialer_freep(nng_stream_dialer **d)
{
    nng_stream_dialer_free(*d);
}

static void
listener_freep(nng_stream_listener **l)
{
    nng_stream_listener_free(*l);
}

static void
stream_freep(nng_stream **s)
{
    nng_stream_free(*s);
}

static void
aio_freep(nng_aio **aio)
{
    nng_aio_free(*aio);
}

/* A TCP listener on the loopback whom nobody answers: the connection is made all the same. */
static int
listen_for_test(nng_stream_listener **out, char *url, size_t url_size)
{
    nng_sockaddr address;
    CLEANUP(listener_freep) nng_stream_listener *l = NULL;
    int error = nng_stream_listener_alloc(&l, "tcp://127.0.0.1:0");
    if (error == 0)
        error = nng_stream_listener_listen(l);
    if (error == 0)
        error = nng_stream_listener_get_addr(l, NNG_OPT_LOCADDR, &address);
    if (error != 0)
        return error;
    char text[64];
    tls_address(&address, text, sizeof text);
    (void)snprintf(url, url_size, "tls+tcp://%s", text);
    *out = TAKE(l);
    return 0;
}

static int
dial_for_test(const char *url, const struct tls_setup *setup, nng_stream **out)
{
    CLEANUP(dialer_freep) nng_stream_dialer *d = NULL;
    CLEANUP(aio_freep) nng_aio *aio = NULL;

    int error = nng_stream_dialer_alloc(&d, url);
    if (error == 0)
        error = nng_stream_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, tls_setup_config(setup));
    if (error == 0)
        error = nng_aio_alloc(&aio, NULL, NULL);
    if (error != 0)
        return error;
    nng_aio_set_timeout(aio, 2000);
    nng_stream_dialer_dial(d, aio);
    nng_aio_wait(aio);
    error = nng_aio_result(aio);
    if (error == 0)
        *out = nng_aio_get_output(aio, 0);
    return error;
}

/* What we rely on: the engine's handle for a connection is its nng_stream, and ours are asked. */
static enum rc
check_streams(nng_stream *stream, struct error *e)
{
    struct tls_view view;
    TRY(tls_view_stream(stream, &view, e));
    if (view.stream != stream)
        /* not covered: another nng than Debian's */
        return error_set(e, RC_UNSUPPORTED,
                         "this nng (%s) lays out its connections differently: install 1.5.2",
                         nng_version());
    if (view.state != TLS_SHAKING || tls_bio_dead(stream))
        /* not covered: another nng than Debian's */
        return error_set(e, RC_UNSUPPORTED, "a new connection is not as it should be");
    return RC_OK;
}

static enum rc
self_test(struct error *e)
{
    static const struct tls_identity none = {.ca = NULL};
    CLEANUP(tls_setup_freep) struct tls_setup *setup = NULL;
    CLEANUP(listener_freep) nng_stream_listener *listener = NULL;
    CLEANUP(stream_freep) nng_stream *stream = NULL;
    char url[80], pin[4 + ID_TEXT_SIZE] = "pin:";
    const struct id zero = {.bytes = {0}};

    (void)id_text(&zero, pin + 4);
    TRY(tls_setup_client(&none, pin, &setup, e));
    int error = listen_for_test(&listener, url, sizeof url);
    if (error == 0)
        error = dial_for_test(url, setup, &stream);
    if (error != 0) {
        log_warning("no loopback network: the TLS engine starts without its self-test",
                    LOG_TEXT("reason", nng_strerror(error)));
        return RC_OK;
    }
    return check_streams(stream, e);
}

static enum rc
start(struct error *e)
{
    if (strncmp(nng_version(), "1.", 2) != 0)
        /* not covered: another nng than Debian's */
        return error_set(e, RC_UNSUPPORTED, "nng %s: version 1 is needed (Debian's libnng1)",
                         nng_version());
    /* nng's threads outlive main; OpenSSL must not clean up under them. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        /* not covered: OpenSSL fails here for want of memory only */
        return error_set(e, RC_UNSUPPORTED, "OpenSSL does not start");
    (void)nng_tls_engine_name(); /* starts nng, which installs its own engine: ours comes after */
    TRY(tls_bio_start(e));
    TRY(tls_watch_start(e));
    TRY(tls_engine_register(e));
    return self_test(e);
}

enum rc
tls_start(struct error *e)
{
    static bool started;
    sigset_t all, before;

    if (started)
        return RC_OK;
    /* Threads that nng starts now inherit the mask: signals are for the program's own threads. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    enum rc rc = start(e);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    started = rc == RC_OK;
    return started ? RC_OK : error_context(e, "start TLS");
}
