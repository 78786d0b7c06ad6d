/* channel.c -- see channel.h. */
#include "proto/channel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"
#include "proto/monitor.h"

/*
 * Small parts are gathered, so that a header does not travel in a TLS record of its own; long ones
 * go as they lie, in whole records.  One operation is at most 16 records: what moves is seen moving.
 */
enum { RECORD = 16128, CHUNK = 16 * RECORD };

struct outgoing {
    struct span parts[CHANNEL_PARTS_MAX];
    size_t count, next;
    struct span chunk;
};

struct channel {
    struct monitor monitor;
    struct channel_owner owner;
    nng_stream *stream;
    nng_aio *receive, *send;
    bool receiving, resumed, sending, closed, ended;
    int nng_error;         /* the first */
    struct error protocol; /* the first */
    struct mono heard, said;
    struct mono begun_frame, begun_send; /* what is under way, if anything is */

    uint8_t header[CHANNEL_HEADER_MAX];
    struct buffer payload;
    size_t payload_len, got; /* got: of header and payload together */
    struct outgoing out;
    uint8_t gathered[RECORD];
};

/* ---- the end; all with the monitor held */

static void
close_stream(struct channel *c)
{
    if (c->closed)
        return;
    c->closed = true;
    nng_stream_close(c->stream);
}

static void
fail(struct channel *c, int nng_error)
{
    if (c->nng_error == 0)
        c->nng_error = nng_error;
    close_stream(c);
}

/* Is it now that the owner must be told? */
static bool
last_one_out(struct channel *c)
{
    bool last = c->closed && !c->receiving && !c->sending && !c->ended;
    if (last)
        c->ended = true;
    return last;
}

static void
unlock_and_tell(struct channel *c)
{
    bool tell = last_one_out(c);
    monitor_unlock(&c->monitor);
    if (tell)
        c->owner.ended(c->owner.context, c->nng_error,
                       c->protocol.code == RC_OK ? NULL : &c->protocol);
}

/* ---- receiving */

/* Ask for the rest of the header, or for more of the payload. */
static void
receive_more(struct channel *c)
{
    size_t header_size = c->owner.header_size;
    nng_iov iov;

    if (c->closed)
        return;
    if (c->got < header_size) {
        iov = (nng_iov){c->header + c->got, header_size - c->got};
    } else {
        size_t at = c->got - header_size, left = c->payload_len - at;
        iov = (nng_iov){c->payload.data + at, left > CHUNK ? CHUNK : left};
    }
    c->receiving = true;
    int error = nng_aio_set_iov(c->receive, 1, &iov);
    assert(error == 0);
    nng_stream_recv(c->stream, c->receive);
}

static enum rc
begin_payload(struct channel *c)
{
    TRY(c->owner.measure(c->header, &c->payload_len, &c->protocol));
    if (c->payload_len > c->owner.payload_max)
        return error_set(&c->protocol, RC_PROTOCOL, "frame of %zu bytes, at most %zu are allowed",
                         c->payload_len, c->owner.payload_max);
    c->begun_frame = c->heard;
    buffer_clear(&c->payload);
    return buffer_reserve(&c->payload, c->payload_len, &c->protocol);
}

/* `count` more bytes are there; true when they complete a frame. */
static bool
take_bytes(struct channel *c, size_t count)
{
    size_t header_size = c->owner.header_size;
    bool was_header = c->got < header_size;

    c->heard = clock_mono();
    c->got += count;
    if (was_header && c->got == header_size && begin_payload(c) != RC_OK) {
        fail(c, NNG_EPROTO);
        return false;
    }
    if (c->got < header_size || c->got < header_size + c->payload_len)
        return false;
    c->payload.len = c->payload_len;
    return true;
}

static void
on_receive(void *context)
{
    struct channel *c = context;

    monitor_lock(&c->monitor);
    int error = nng_aio_result(c->receive);
    c->receiving = false;
    bool complete = error == 0 && take_bytes(c, nng_aio_count(c->receive));
    if (error != 0)
        fail(c, error);
    if (complete) {
        c->receiving = true; /* nobody else starts, and the end waits for us */
        monitor_unlock(&c->monitor);
        bool more = c->owner.received(c->owner.context, c->header, &c->payload);
        monitor_lock(&c->monitor);
        c->receiving = false;
        c->got = c->payload_len = 0;
        if (more || c->resumed)
            receive_more(c);
        c->resumed = false;
    } else {
        receive_more(c);
    }
    unlock_and_tell(c);
}

void
channel_start(struct channel *c)
{
    channel_resume(c);
}

void
channel_resume(struct channel *c)
{
    monitor_lock(&c->monitor);
    if (c->receiving)
        c->resumed = true; /* on_receive is about to return */
    else
        receive_more(c);
    monitor_unlock(&c->monitor);
}

/* ---- sending */

/* Fill `gathered` from the parts that are left. */
static void
gather(struct channel *c)
{
    struct outgoing *out = &c->out;
    size_t len = 0;

    while (out->next < out->count && len < sizeof c->gathered) {
        struct span *part = &out->parts[out->next];
        size_t room = sizeof c->gathered - len, take = part->len < room ? part->len : room;
        if (take > 0) {
            memcpy(c->gathered + len, part->data, take);
            *part = span_of(part->data + take, part->len - take);
        }
        len += take;
        if (part->len == 0)
            out->next++;
    }
    out->chunk = span_of(c->gathered, len);
}

static void
next_chunk(struct channel *c)
{
    struct outgoing *out = &c->out;
    struct span *part = &out->parts[out->next];

    if (out->next == out->count || part->len < RECORD) {
        gather(c);
        return;
    }
    size_t len = part->len > CHUNK ? CHUNK : part->len - part->len % RECORD;
    out->chunk = span_of(part->data, len);
    *part = span_of(part->data + len, part->len - len);
    if (part->len == 0)
        out->next++;
}

/* True when there is nothing left to send. */
static bool
send_more(struct channel *c)
{
    struct outgoing *out = &c->out;
    nng_iov iov = {.iov_len = 0};

    if (out->chunk.len == 0)
        next_chunk(c);
    if (out->chunk.len == 0)
        return true;
    if (c->closed)
        return false;
    memcpy(&iov.iov_buf, &out->chunk.data, sizeof iov.iov_buf); /* nng only reads from it */
    iov.iov_len = out->chunk.len;
    c->sending = true;
    int error = nng_aio_set_iov(c->send, 1, &iov);
    assert(error == 0);
    nng_stream_send(c->stream, c->send);
    return false;
}

static void
on_send(void *context)
{
    struct channel *c = context;
    bool done = false;

    monitor_lock(&c->monitor);
    int error = nng_aio_result(c->send);
    c->sending = false;
    if (error != 0) {
        fail(c, error);
    } else {
        size_t count = nng_aio_count(c->send);
        c->said = c->begun_send = clock_mono();
        c->out.chunk = span_of(c->out.chunk.data + count, c->out.chunk.len - count);
        done = send_more(c);
    }
    bool tell = last_one_out(c);
    monitor_unlock(&c->monitor);
    if (done)
        c->owner.sent(c->owner.context);
    if (tell)
        c->owner.ended(c->owner.context, c->nng_error,
                       c->protocol.code == RC_OK ? NULL : &c->protocol);
}

void
channel_send(struct channel *c, const struct span *parts, size_t count)
{
    assert(count <= CHANNEL_PARTS_MAX);
    monitor_lock(&c->monitor);
    assert(!c->sending);
    c->begun_send = clock_mono();
    c->out = (struct outgoing){.count = count};
    memcpy(c->out.parts, parts, count * sizeof *parts);
    bool empty = send_more(c);
    assert(!empty || c->closed);
    monitor_unlock(&c->monitor);
}

/* ---- life */

enum rc
channel_open(nng_stream *stream, const struct channel_owner *owner, struct channel **out,
             struct error *e)
{
    struct channel *c = calloc(1, sizeof *c);
    if (c == NULL) {
        nng_stream_free(stream);
        return error_set(e, RC_NO_MEMORY, "connection");
    }
    monitor_init(&c->monitor);
    c->stream = stream;
    c->owner = *owner;
    c->payload = BUFFER_INIT(owner->payload_max);
    c->heard = c->said = clock_mono();
    if (nng_aio_alloc(&c->receive, on_receive, c) != 0 ||
        nng_aio_alloc(&c->send, on_send, c) != 0) {
        channel_free(c);
        return error_set(e, RC_NO_MEMORY, "connection");
    }
    *out = c;
    return RC_OK;
}

void
channel_close(struct channel *c)
{
    monitor_lock(&c->monitor);
    close_stream(c);
    monitor_unlock(&c->monitor);
}

void
channel_free(struct channel *c)
{
    if (c == NULL)
        return;
    channel_close(c);
    if (c->receive != NULL)
        nng_aio_stop(c->receive);
    if (c->send != NULL)
        nng_aio_stop(c->send);
    nng_aio_free(c->receive);
    nng_aio_free(c->send);
    nng_stream_free(c->stream);
    buffer_free(&c->payload);
    monitor_destroy(&c->monitor);
    free(c);
}

nng_stream *
channel_stream(const struct channel *c)
{
    return c->stream;
}

struct mono
channel_heard(struct channel *c)
{
    monitor_lock(&c->monitor);
    struct mono heard = c->heard;
    monitor_unlock(&c->monitor);
    return heard;
}

struct mono
channel_said(struct channel *c)
{
    monitor_lock(&c->monitor);
    struct mono said = c->said;
    monitor_unlock(&c->monitor);
    return said;
}

bool
channel_is_stuck(struct channel *c, struct mono now, int ms)
{
    monitor_lock(&c->monitor);
    bool reading = c->receiving && c->got >= c->owner.header_size;
    bool stuck = (reading && clock_ms_until(clock_after_ms(c->begun_frame, ms), now) == 0) ||
                 (c->sending && clock_ms_until(clock_after_ms(c->begun_send, ms), now) == 0);
    monitor_unlock(&c->monitor);
    return stuck;
}
