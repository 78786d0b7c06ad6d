/* stream_dial.c -- connect, shake hands, know who it is.  See stream.h. */
#include "common/base/own.h"
#include "proto/dialler.h"
#include "proto/stream_internal.h"
#include "proto/tuning.h"

/* The connection has ended, or will: why? */
static enum rc
explain(struct stream *s, struct mono deadline, struct error *e)
{
    bool in_time = true;
    monitor_lock(&s->monitor);
    while (!s->ended && in_time)
        in_time = monitor_wait_until(&s->monitor, deadline);
    bool ended = s->ended;
    if (ended)
        *e = s->why;
    monitor_unlock(&s->monitor);
    if (ended)
        return e->code;
    return error_set(e, RC_TIMEOUT, "no TLS handshake within %d s",
                     tuning_get().handshake_ms / 1000);
}

static enum rc
shake_hands(struct stream *s, struct error *e)
{
    struct mono deadline = clock_after_ms(s->begun, tuning_get().handshake_ms);
    struct tls_view view = {.state = TLS_SHAKING};
    bool in_time = true;

    while (in_time && view.state == TLS_SHAKING && !stream_has_ended(s)) {
        uint64_t count = tls_watch_count();
        TRY(tls_view_stream(channel_stream(s->channel), &view, e));
        if (view.state == TLS_SHAKING && !stream_has_ended(s))
            in_time = tls_watch_wait(count, deadline);
    }
    return view.state == TLS_DONE ? stream_learn_peer(s, e) : explain(s, deadline, e);
}

/* No handshake: the file system says who may connect, and who listens. */
static enum rc
dial_local(const char *url, struct stream **out, struct error *e)
{
    CLEANUP(stream_closep) struct stream *s = NULL;
    nng_stream *nng = NULL;

    TRY(dialler_dial(url, NULL, tuning_get().handshake_ms, NULL, &nng, e));
    TRY_IN(stream_begin(nng, NULL, true, NULL, &s, e), e, "%s", url);
    *out = TAKE(s);
    return RC_OK;
}

enum rc
stream_dial(const char *url, const struct tls_identity *identity, const char *expect,
            struct stream **out, struct error *e)
{
    CLEANUP(tls_setup_freep) struct tls_setup *setup = NULL;
    CLEANUP(stream_closep) struct stream *s = NULL;
    nng_stream *nng = NULL;

    if (identity == NULL)
        return dial_local(url, out, e);
    TRY_IN(tls_setup_client(identity, expect, &setup, e), e, "%s", url);
    TRY(dialler_dial(url, setup, tuning_get().handshake_ms, NULL, &nng, e));
    TRY_IN(stream_begin(nng, setup, true, NULL, &s, e), e, "%s", url);
    setup = NULL; /* the stream's now */
    TRY_IN(shake_hands(s, e), e, "%s", url);
    *out = TAKE(s);
    return RC_OK;
}
