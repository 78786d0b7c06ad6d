/* acceptor.c -- see acceptor.h. */
#include "proto/acceptor.h"

#include "common/base/log.h"
#include "common/base/own.h"

enum { PAUSE_MS = 10 };

struct acceptor {
    nng_stream_listener *listener;
    nng_aio *accept, *pause;
    void (*accepted)(void *context, nng_stream *stream);
    void *context;
};

static void
on_accept(void *context)
{
    struct acceptor *a = context;

    int error = nng_aio_result(a->accept);
    if (error == NNG_ECLOSED || error == NNG_ECANCELED)
        return;
    bool peers_fault = error == NNG_ECONNABORTED || error == NNG_ECONNRESET;
    if (error != 0 && !peers_fault) {
        log_debug("accept failed", LOG_TEXT("reason", nng_strerror(error)));
        nng_sleep_aio(PAUSE_MS, a->pause);
        return;
    }
    if (error == 0)
        a->accepted(a->context, nng_aio_get_output(a->accept, 0));
    nng_stream_listener_accept(a->listener, a->accept);
}

static void
on_pause(void *context)
{
    struct acceptor *a = context;
    if (nng_aio_result(a->pause) == 0)
        nng_stream_listener_accept(a->listener, a->accept);
}

static int
listen_on(struct acceptor *a, const char *url, struct tls_setup *setup)
{
    int error = nng_stream_listener_alloc(&a->listener, url);
    if (error == 0 && setup != NULL)
        error =
            nng_stream_listener_set_ptr(a->listener, NNG_OPT_TLS_CONFIG, tls_setup_config(setup));
    if (error == 0 && setup != NULL)
        error = nng_stream_listener_set_bool(a->listener, NNG_OPT_TCP_KEEPALIVE, true);
    if (error == 0 && setup != NULL) /* or an answer behind a heartbeat waits 40 ms for its ACK */
        error = nng_stream_listener_set_bool(a->listener, NNG_OPT_TCP_NODELAY, true);
    if (error == 0 && setup == NULL)
        error = nng_stream_listener_set_int(a->listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    if (error == 0)
        error = nng_stream_listener_listen(a->listener);
    if (error == 0)
        error = nng_aio_alloc(&a->accept, on_accept, a);
    if (error == 0)
        error = nng_aio_alloc(&a->pause, on_pause, a);
    return error;
}

enum rc
acceptor_open(const char *url, struct tls_setup *setup,
              void (*accepted)(void *context, nng_stream *stream), void *context,
              struct acceptor **out, struct error *e)
{
    struct acceptor *a = calloc(1, sizeof *a);
    if (a == NULL)
        return error_set(e, RC_NO_MEMORY, "listen on %s", url);
    a->accepted = accepted;
    a->context = context;
    int error = listen_on(a, url, setup);
    if (error != 0) {
        acceptor_close(a);
        enum rc rc = tls_setup_explain(NULL, error, url, e);
        (void)error_context(e, "listen on");
        return rc;
    }
    nng_stream_listener_accept(a->listener, a->accept);
    *out = a;
    return RC_OK;
}

enum rc
acceptor_port(const struct acceptor *a, unsigned *out, struct error *e)
{
    int port = 0;
    int error = nng_stream_listener_get_int(a->listener, NNG_OPT_TCP_BOUND_PORT, &port);
    if (error != 0)
        return error_set(e, RC_INVALID, "port of the listener: %s", nng_strerror(error));
    *out = (unsigned)port;
    return RC_OK;
}

void
acceptor_close(struct acceptor *a)
{
    if (a == NULL)
        return;
    /*
     * First the listener: nng 1.5.2's TLS accept is cancelled into nothing when that comes between
     * its own registration and the start of the TCP accept below it, and stop would wait for ever.
     */
    if (a->listener != NULL)
        nng_stream_listener_close(a->listener);
    if (a->accept != NULL)
        nng_aio_stop(a->accept); /* a stopped operation cannot be started again by on_pause */
    if (a->pause != NULL)
        nng_aio_stop(a->pause);
    nng_aio_free(a->accept);
    nng_aio_free(a->pause);
    nng_stream_listener_free(a->listener);
    free(a);
}
