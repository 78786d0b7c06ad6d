/* dialler.c -- see dialler.h. */
#include "proto/dialler.h"

void
dialler_cancel(struct dialler_cancel *cancel)
{
    cancel->cancelled = true;
    if (cancel->aio != NULL)
        nng_aio_cancel(cancel->aio);
}

/* Put the dial where dialler_cancel finds it; false when it has been called already. */
static bool
enter(struct dialler_cancel *cancel, nng_stream_dialer *dialer, nng_aio *aio)
{
    bool go = true;
    if (cancel != NULL) {
        monitor_lock(cancel->monitor);
        go = !cancel->cancelled;
        cancel->aio = go ? aio : NULL;
    }
    if (go)
        nng_stream_dialer_dial(dialer,
                               aio); /* under the monitor: it must be there to be cancelled */
    if (cancel != NULL)
        monitor_unlock(cancel->monitor);
    return go;
}

static void
leave(struct dialler_cancel *cancel)
{
    if (cancel == NULL)
        return;
    monitor_lock(cancel->monitor);
    cancel->aio = NULL;
    monitor_unlock(cancel->monitor);
}

static int
prepare(const char *url, struct tls_setup *setup, nng_stream_dialer **dialer, nng_aio **aio)
{
    int error = nng_stream_dialer_alloc(dialer, url);
    if (error == 0 && setup != NULL)
        error = nng_stream_dialer_set_ptr(*dialer, NNG_OPT_TLS_CONFIG, tls_setup_config(setup));
    if (error == 0 && setup != NULL)
        error = nng_stream_dialer_set_bool(*dialer, NNG_OPT_TCP_KEEPALIVE, true);
    if (error == 0 && setup != NULL)
        error = nng_stream_dialer_set_bool(*dialer, NNG_OPT_TCP_NODELAY, true);
    if (error == 0)
        error = nng_aio_alloc(aio, NULL, NULL);
    return error;
}

enum rc
dialler_dial(const char *url, struct tls_setup *setup, int timeout_ms,
             struct dialler_cancel *cancel, nng_stream **out, struct error *e)
{
    nng_stream_dialer *dialer = NULL;
    nng_aio *aio = NULL;

    int error = prepare(url, setup, &dialer, &aio);
    if (error == 0) {
        nng_aio_set_timeout(aio, timeout_ms);
        if (enter(cancel, dialer, aio)) {
            nng_aio_wait(aio);
            error = nng_aio_result(aio);
        } else {
            error = NNG_ECANCELED;
        }
        leave(cancel);
    }
    if (error == 0)
        *out = nng_aio_get_output(aio, 0);
    nng_aio_free(aio);
    nng_stream_dialer_free(dialer);
    if (error == 0)
        return RC_OK;
    if (error == NNG_ECANCELED)
        return error_set(e, RC_CANCELLED, "%s: given up", url);
    if (error == NNG_ETIMEDOUT)
        return error_set(e, RC_TIMEOUT, "%s: no answer within %d s", url, timeout_ms / 1000);
    return tls_setup_explain(NULL, error, url, e);
}
