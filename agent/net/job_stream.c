/* job_stream.c -- see job_stream.h. */
#include "agent/net/job_stream.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "common/base/wire.h"

enum { STREAM_VERSION = 1, LOOK_MS = 250 /* how soon a cancel is seen */ };

struct job_stream {
    struct stream *stream; /* NULL until dialled */
    const _Atomic(bool) *cancel;
    pthread_mutex_t lock; /* of the watcher: ending, stream */
    pthread_cond_t end;
    pthread_t watcher;
    bool started, ending;
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

static void *
watch(void *arg)
{
    struct job_stream *p = arg;
    bool cancelled = false;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        struct timespec until = soon();
        (void)pthread_cond_timedwait(&p->end, &p->lock, &until);
        if (!cancelled && p->stream != NULL && p->cancel != NULL && atomic_load(p->cancel)) {
            stream_cancel(p->stream);
            cancelled = true;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static enum rc
start(struct job_stream *p, struct error *e)
{
    pthread_condattr_t clock;
    sigset_t all, before;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->end, &clock);
    (void)pthread_condattr_destroy(&clock);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&p->watcher, NULL, watch, p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->started = failed == 0;
    return p->started ? RC_OK : error_set(e, RC_NO_MEMORY, "thread for a data stream");
}

static enum rc
hello(struct job_stream *p, const struct job_stream_options *options, struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(1024);
    struct wire_writer w = wire_writer_to(&body, e);
    wire_put_u32(&w, STREAM_VERSION);
    wire_put_u64(&w, options->job);
    wire_put_id(&w, options->token);
    TRY(wire_writer_finish(&w));
    const struct span part = buffer_span(&body);
    TRY(job_stream_send(p, STREAM_HELLO, &part, 1, e));
    return job_stream_receive(p, STREAM_WELCOME, &body, e);
}

enum rc
job_stream_open(const struct job_stream_options *options, struct job_stream **out, struct error *e)
{
    CLEANUP(job_stream_closep) struct job_stream *p = calloc(1, sizeof *p);
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
job_stream_close(struct job_stream *p)
{
    if (p == NULL)
        return;
    if (p->started) {
        (void)pthread_mutex_lock(&p->lock);
        p->ending = true;
        (void)pthread_cond_signal(&p->end);
        (void)pthread_mutex_unlock(&p->lock);
        (void)pthread_join(p->watcher, NULL);
    }
    (void)pthread_cond_destroy(&p->end);
    (void)pthread_mutex_destroy(&p->lock);
    stream_close(p->stream);
    free(p);
}

enum rc
job_stream_send(struct job_stream *p, enum stream_type type, const struct span *parts, size_t count,
                struct error *e)
{
    return stream_send(p->stream, type, parts, count, e);
}

enum rc
job_stream_receive(struct job_stream *p, enum stream_type expected, struct buffer *payload,
                   struct error *e)
{
    enum stream_type type;
    TRY(stream_receive(p->stream, &type, payload, e));
    if (type != expected)
        return error_set(e, RC_PROTOCOL, "the controller sent frame type %d instead of %d",
                         (int)type, (int)expected);
    return RC_OK;
}
