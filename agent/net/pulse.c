/* pulse.c -- see pulse.h. */
#include "agent/net/pulse.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/wire.h"

enum { STREAM_VERSION = 1, LOOK_MS = 250 /* how soon a cancel is seen */ };

struct pulse {
    struct stream *stream; /* NULL until dialled */
    const _Atomic(bool) *cancel;
    pthread_mutex_t sending; /* one sender at a time; may be held for long */
    pthread_mutex_t lock;    /* of the beat: ending, last_sent */
    pthread_cond_t end;
    pthread_t thread;
    bool started, ending;
    struct mono last_sent;
};

static struct timespec
soon(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += LOOK_MS * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

/* With the lock held, which a blocked sender does not hold: a cancel always gets through. */
static void
look(struct pulse *p, bool *done)
{
    struct error e = ERROR_INIT;
    if (*done || p->stream == NULL)
        return;
    if (p->cancel != NULL && atomic_load(p->cancel)) {
        stream_cancel(p->stream);
        *done = true;
        return;
    }
    struct mono now = clock_mono();
    if (now.ns - p->last_sent.ns < PULSE_MS * CLOCK_NS_PER_MS ||
        pthread_mutex_trylock(&p->sending) != 0)
        return; /* somebody is sending: no PING needed */
    p->last_sent = now;
    /* When it is broken, the job's next send or receive says why. */
    *done = stream_send(p->stream, STREAM_PING, NULL, 0, &e) != RC_OK;
    (void)pthread_mutex_unlock(&p->sending);
}

static void *
beat(void *arg)
{
    struct pulse *p = arg;
    bool done = false;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        struct timespec until = soon();
        (void)pthread_cond_timedwait(&p->end, &p->lock, &until);
        if (!p->ending)
            look(p, &done);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static enum rc
start(struct pulse *p, struct error *e)
{
    pthread_condattr_t clock;
    sigset_t all, before;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_mutex_init(&p->sending, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->end, &clock);
    (void)pthread_condattr_destroy(&clock);
    p->last_sent = clock_mono();
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&p->thread, NULL, beat, p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->started = failed == 0;
    return p->started ? RC_OK : error_set(e, RC_NO_MEMORY, "thread for a data stream");
}

static enum rc
hello(struct pulse *p, const struct pulse_options *options, struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(1024);
    struct wire_writer w = wire_writer_to(&body, e);
    wire_put_u32(&w, STREAM_VERSION);
    wire_put_u64(&w, options->job);
    wire_put_id(&w, options->token);
    TRY(wire_writer_finish(&w));
    const struct span part = buffer_span(&body);
    TRY(pulse_send(p, STREAM_HELLO, &part, 1, e));
    return pulse_receive(p, STREAM_WELCOME, &body, e);
}

enum rc
pulse_open(const struct pulse_options *options, struct pulse **out, struct error *e)
{
    CLEANUP(pulse_closep) struct pulse *p = calloc(1, sizeof *p);
    if (p == NULL)
        return error_set(e, RC_NO_MEMORY, "data stream");
    p->cancel = options->cancel;
    TRY(start(p, e));
    struct stream *stream = NULL;
    TRY_IN(stream_dial(options->url, options->identity, options->expect, &stream, e), e,
           "data stream to %s", options->url);
    (void)pthread_mutex_lock(&p->lock);
    p->stream = stream;
    (void)pthread_mutex_unlock(&p->lock);
    TRY_IN(hello(p, options, e), e, "data stream to %s", options->url);
    *out = TAKE(p);
    return RC_OK;
}

void
pulse_close(struct pulse *p)
{
    if (p == NULL)
        return;
    if (p->started) {
        (void)pthread_mutex_lock(&p->lock);
        p->ending = true;
        (void)pthread_cond_signal(&p->end);
        (void)pthread_mutex_unlock(&p->lock);
        (void)pthread_join(p->thread, NULL);
    }
    (void)pthread_cond_destroy(&p->end);
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_mutex_destroy(&p->sending);
    stream_close(p->stream);
    free(p);
}

enum rc
pulse_send(struct pulse *p, enum stream_type type, const struct span *parts, size_t count,
           struct error *e)
{
    (void)pthread_mutex_lock(&p->sending);
    enum rc rc = stream_send(p->stream, type, parts, count, e);
    (void)pthread_mutex_unlock(&p->sending);
    (void)pthread_mutex_lock(&p->lock);
    p->last_sent = clock_mono();
    (void)pthread_mutex_unlock(&p->lock);
    return rc;
}

enum rc
pulse_receive(struct pulse *p, enum stream_type expected, struct buffer *payload, struct error *e)
{
    enum stream_type type;
    TRY(stream_receive(p->stream, &type, payload, e));
    if (type != expected)
        return error_set(e, RC_PROTOCOL, "the controller sent frame type %d instead of %d",
                         (int)type, (int)expected);
    return RC_OK;
}
