/* stream.c -- one connection of the data stream.  See stream.h and stream_internal.h. */
#include "proto/stream.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/base/wire.h"
#include "proto/stream_internal.h"
#include "proto/tuning.h"

enum { FAILURE_TEXT_MAX = 1024, LINGER_MS = 2000 };

const struct tls_peer *
stream_peer(const struct stream *s)
{
    return &s->peer;
}

/* ---- what comes in, with the monitor held */

/* A FAILURE frame: u16 code, UTF-8 text. */
static void
take_failure(struct stream *s, struct span payload)
{
    struct wire_reader r = wire_reader_of(payload);
    uint16_t code = wire_u16(&r);
    char text[ERROR_TEXT_MAX];

    (void)text_escape(r.rest, text, sizeof text);
    bool known = wire_ok(&r) && code != RC_OK && code < RC_COUNT_;
    if (s->why.code == RC_OK) {
        enum rc rc = error_set(&s->why, known ? (enum rc)code : RC_PROTOCOL, "%s",
                               text[0] == '\0' ? "the peer failed without a reason" : text);
        (void)rc;
    }
}

/* Keep the frame for stream_receive; true when the channel may go on at once. */
static bool
take_frame(struct stream *s, enum stream_type type, struct buffer *payload)
{
    if (type == STREAM_PING || s->draining)
        return true;
    if (type == STREAM_FAILURE) {
        take_failure(s, buffer_span(payload));
        channel_close(s->channel);
        return false;
    }
    struct buffer taken = *payload;
    *payload = s->payload;
    s->payload = taken;
    s->type = type;
    s->ready = true;
    s->paused = true;
    return false;
}

static void
changed(struct stream *s)
{
    monitor_changed(&s->monitor);
    struct stream_listener *listener = s->started ? NULL : s->listener;
    monitor_unlock(&s->monitor);
    if (listener != NULL)
        stream_listener_notice(listener);
}

static enum rc
measure(const uint8_t *header, size_t *payload_len, struct error *e)
{
    enum stream_type type;
    uint32_t len;
    TRY(stream_decode_header(header, &type, &len, e));
    *payload_len = len;
    return RC_OK;
}

static bool
on_received(void *context, const uint8_t *header, struct buffer *payload)
{
    struct stream *s = context;
    enum stream_type type = STREAM_FAILURE;
    uint32_t len;
    struct error ignored = ERROR_INIT;
    enum rc rc = stream_decode_header(header, &type, &len, &ignored);

    (void)rc; /* measure() has seen it */
    monitor_lock(&s->monitor);
    bool more = take_frame(s, type, payload);
    changed(s);
    return more;
}

static void
on_sent(void *context)
{
    struct stream *s = context;
    monitor_lock(&s->monitor);
    s->sending = s->pinging = false;
    changed(s);
}

static void
on_ended(void *context, int nng_error, const struct error *protocol)
{
    struct stream *s = context;
    struct error why = ERROR_INIT;

    if (protocol != NULL) {
        why = *protocol;
    } else {
        /* A listener's setup knows the refusals of all its clients: not who this one is. */
        enum rc rc =
            tls_setup_explain(s->dialled ? s->setup : NULL, nng_error, "data stream", &why);
        (void)rc; /* it is in `why` */
    }
    monitor_lock(&s->monitor);
    if (s->why.code == RC_OK)
        s->why = why;
    s->ended = true;
    s->sending = s->pinging = false;
    changed(s);
    if (s->dialled)
        tls_watch_wake(); /* stream_dial may be waiting for the handshake */
}

/* ---- time: say something when we have been silent */

static int
tick_ms(void)
{
    int ms = tuning_get().stream_ping_ms / 4;
    return ms < 5 ? 5 : ms;
}

static void
on_tick(void *context)
{
    struct stream *s = context;

    if (nng_aio_result(s->tick) != 0)
        return;
    struct mono now = clock_mono();
    monitor_lock(&s->monitor);
    struct mono due = clock_after_ms(channel_said(s->channel), tuning_get().stream_ping_ms);
    bool handshaken = s->dialled || s->started;
    if (handshaken && !s->sending && !s->pinging && !s->ended && clock_ms_until(due, now) == 0) {
        s->pinging = true;
        channel_send(s->channel, &(struct span){s->ping, sizeof s->ping}, 1);
    }
    monitor_unlock(&s->monitor);
    nng_sleep_aio(tick_ms(), s->tick);
}

/* ---- waiting */

/* What ends a wait, if anything does; with the monitor held. */
static enum rc
state_of(const struct stream *s, struct error *e)
{
    if (s->cancelled)
        return error_set(e, RC_CANCELLED, "data stream: cancelled");
    if (s->ended || s->why.code != RC_OK) {
        *e = s->why;
        return e->code;
    }
    return RC_OK;
}

/* The moment after which silence is an end. */
static struct mono
patience(struct mono started, struct mono moved)
{
    struct mono since = moved.ns > started.ns ? moved : started;
    return clock_after_ms(since, tuning_get().stream_silence_ms);
}

static enum rc
timed_out(struct stream *s, const char *what, struct error *e)
{
    enum rc rc = error_set(e, RC_TIMEOUT, "data stream: %s for %d s", what,
                           tuning_get().stream_silence_ms / 1000);
    s->why = *e;
    channel_close(s->channel);
    return rc;
}

/* ---- sending */

/* What the channel borrowed must be given back before the caller may have it. */
static void
wait_until_idle(struct stream *s)
{
    channel_close(s->channel);
    while (s->sending && !s->ended)
        monitor_wait(&s->monitor);
}

static enum rc
send_locked(struct stream *s, const struct span *parts, size_t count, struct error *e)
{
    struct mono started = clock_mono();

    while (s->sending || s->pinging) {
        TRY(state_of(s, e));
        if (!monitor_wait_until(&s->monitor, patience(started, channel_said(s->channel))))
            return timed_out(s, "the peer takes nothing", e);
    }
    TRY(state_of(s, e));
    s->sending = true;
    channel_send(s->channel, parts, count);
    while (s->sending) {
        enum rc rc = state_of(s, e);
        if (rc == RC_OK &&
            !monitor_wait_until(&s->monitor, patience(started, channel_said(s->channel))))
            rc = timed_out(s, "the peer takes nothing", e);
        if (rc != RC_OK) {
            wait_until_idle(s);
            return rc;
        }
    }
    return state_of(s, e);
}

enum rc
stream_send(struct stream *s, enum stream_type type, const struct span *parts, size_t part_count,
            struct error *e)
{
    struct span all[CHANNEL_PARTS_MAX];
    size_t len = 0;

    if (part_count >= CHANNEL_PARTS_MAX)
        return error_set(e, RC_INVALID, "data stream: frame of %zu parts", part_count);
    for (size_t i = 0; i < part_count; i++) {
        all[i + 1] = parts[i];
        len += parts[i].len;
    }
    if (len > STREAM_PAYLOAD_MAX)
        return error_set(e, RC_INVALID, "data stream: frame of %zu bytes, at most %u are allowed",
                         len, STREAM_PAYLOAD_MAX);
    stream_encode_header(type, (uint32_t)len, s->header);
    all[0] = span_of(s->header, sizeof s->header);
    monitor_lock(&s->monitor);
    enum rc rc = send_locked(s, all, part_count + 1, e);
    monitor_unlock(&s->monitor);
    return rc;
}

/* ---- receiving */

static enum rc
receive_locked(struct stream *s, const struct mono *deadline, enum stream_type *type,
               struct buffer *payload, struct error *e)
{
    struct mono started = clock_mono();

    while (!s->ready) {
        TRY(state_of(s, e));
        struct mono until =
            deadline != NULL ? *deadline : patience(started, channel_heard(s->channel));
        if (monitor_wait_until(&s->monitor, until))
            continue;
        if (deadline == NULL)
            return timed_out(s, "heard nothing", e);
        return error_set(e, RC_TIMEOUT, "data stream: the peer said nothing in time");
    }
    if (s->cancelled)
        return state_of(s, e);
    size_t limit = payload->limit;
    if (s->payload.len > limit)
        return error_set(e, RC_PROTOCOL, "data stream: frame of %zu bytes, %zu were expected",
                         s->payload.len, limit);
    struct buffer taken = s->payload;
    s->payload = *payload;
    s->payload.limit = STREAM_PAYLOAD_MAX;
    *payload = taken;
    payload->limit = limit;
    *type = s->type;
    s->ready = s->paused = false;
    return RC_OK;
}

static enum rc
receive(struct stream *s, const struct mono *deadline, enum stream_type *type,
        struct buffer *payload, struct error *e)
{
    monitor_lock(&s->monitor);
    enum rc rc = receive_locked(s, deadline, type, payload, e);
    monitor_unlock(&s->monitor);
    if (rc == RC_OK)
        channel_resume(s->channel); /* the next frame comes while the program works on this one */
    return rc;
}

enum rc
stream_receive(struct stream *s, enum stream_type *type, struct buffer *payload, struct error *e)
{
    return receive(s, NULL, type, payload, e);
}

enum rc
stream_receive_within(struct stream *s, int ms, enum stream_type *type, struct buffer *payload,
                      struct error *e)
{
    struct mono deadline = clock_after_ms(clock_mono(), ms);
    return receive(s, &deadline, type, payload, e);
}

/* ---- the end */

/* Throw away what still comes, so that a peer which is busy sending can read why we stop. */
static void
drain(struct stream *s)
{
    struct mono deadline = clock_after_ms(clock_mono(), LINGER_MS);
    bool in_time = true;

    monitor_lock(&s->monitor);
    s->draining = true;
    bool resume = s->paused;
    s->ready = s->paused = false;
    monitor_unlock(&s->monitor);
    if (resume)
        channel_resume(s->channel);
    monitor_lock(&s->monitor);
    while (!s->ended && !s->cancelled && s->why.code == RC_OK && in_time)
        in_time = monitor_wait_until(&s->monitor, deadline);
    monitor_unlock(&s->monitor);
}

void
stream_fail(struct stream *s, const struct error *why)
{
    uint8_t code[2] = {(uint8_t)why->code, (uint8_t)((unsigned)why->code >> 8)};
    size_t len = strnlen(why->text, FAILURE_TEXT_MAX);
    const struct span parts[] = {span_of(code, sizeof code), span_of(why->text, len)};
    struct error ignored = ERROR_INIT;

    if (stream_send(s, STREAM_FAILURE, parts, 2, &ignored) == RC_OK)
        drain(s);
}

void
stream_cancel(struct stream *s)
{
    monitor_lock(&s->monitor);
    s->cancelled = true;
    channel_close(s->channel);
    monitor_changed(&s->monitor);
    monitor_unlock(&s->monitor);
}

/* ---- life */

enum rc
stream_begin(nng_stream *nng, struct tls_setup *setup, bool dialled,
             struct stream_listener *listener, struct stream **out, struct error *e)
{
    struct stream *s = calloc(1, sizeof *s);
    const struct channel_owner owner = {
        .context = s,
        .header_size = STREAM_HEADER_SIZE,
        .payload_max = STREAM_PAYLOAD_MAX,
        .measure = measure,
        .received = on_received,
        .sent = on_sent,
        .ended = on_ended,
    };

    if (s == NULL) {
        nng_stream_free(nng);
        return error_set(e, RC_NO_MEMORY, "data stream");
    }
    monitor_init(&s->monitor);
    s->setup = setup;
    s->dialled = dialled;
    s->listener = listener;
    s->payload = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    s->begun = clock_mono();
    stream_encode_header(STREAM_PING, 0, s->ping);
    enum rc rc = channel_open(nng, &owner, &s->channel, e);
    if (rc == RC_OK && nng_aio_alloc(&s->tick, on_tick, s) != 0)
        rc = error_set(e, RC_NO_MEMORY, "data stream");
    if (rc != RC_OK) {
        s->listener = NULL;
        s->setup = NULL; /* stays the caller's */
        stream_close(s);
        return rc;
    }
    channel_start(s->channel);
    nng_sleep_aio(tick_ms(), s->tick);
    *out = s;
    return RC_OK;
}

void
stream_close(struct stream *s)
{
    if (s == NULL)
        return;
    if (s->listener != NULL)
        stream_listener_forget(s);
    if (s->tick != NULL)
        nng_aio_stop(s->tick);
    channel_free(s->channel);
    nng_aio_free(s->tick);
    if (s->dialled)
        tls_setup_free(s->setup);
    buffer_free(&s->payload);
    monitor_destroy(&s->monitor);
    free(s);
}

bool
stream_is_settled(struct stream *s)
{
    monitor_lock(&s->monitor);
    bool settled = s->ready;
    monitor_unlock(&s->monitor);
    return settled;
}

bool
stream_has_ended(struct stream *s)
{
    monitor_lock(&s->monitor);
    bool ended = s->ended || s->why.code != RC_OK;
    monitor_unlock(&s->monitor);
    return ended;
}

enum rc
stream_learn_peer(struct stream *s, struct error *e)
{
    struct tls_view view;
    TRY(tls_view_stream(channel_stream(s->channel), &view, e));
    if (view.state != TLS_DONE)
        return error_set(e, RC_PROTOCOL, "data stream: the handshake is not complete");
    s->peer = view.peer;
    return RC_OK;
}

enum rc
stream_learn_local_peer(struct stream *s, struct error *e)
{
    uint64_t uid = 0;
    if (nng_stream_get_uint64(channel_stream(s->channel), NNG_OPT_IPC_PEER_UID, &uid) != 0 ||
        (uid != 0 && uid != geteuid()))
        return error_set(e, RC_DENIED, "data stream: only root may use the local socket");
    s->peer = (struct tls_peer){.local = true, .address = "local"};
    return RC_OK;
}
