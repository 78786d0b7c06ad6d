/* job_stream.c -- see job_stream.h. */
#include "agent/net/job_stream.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "common/base/wire.h"

enum { STREAM_VERSION = 1 };

struct job_stream {
    struct stream *stream; /* NULL until dialled */
    int channel, end;      /* end: an eventfd, ours */
    pthread_mutex_t lock;  /* of the watcher: stream, cut */
    pthread_t watcher;
    bool started, cut;
};

/* Until the channel's other end is closed, or we are. */
static void *
watch(void *arg)
{
    struct job_stream *p = arg;
    struct pollfd ready[] = {{.fd = p->channel}, {.fd = p->end, .events = POLLIN}};
    while (poll(ready, 2, -1) < 0)
        continue; /* EINTR */
    if (ready[1].revents != 0)
        return NULL;
    (void)pthread_mutex_lock(&p->lock);
    p->cut = true;
    if (p->stream != NULL)
        stream_cancel(p->stream);
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static enum rc
start(struct job_stream *p, struct error *e)
{
    sigset_t all, before;
    p->end = eventfd(0, EFD_CLOEXEC);
    if (p->end < 0)
        return error_errno(e, "eventfd");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&p->watcher, NULL, watch, p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->started = failed == 0;
    return p->started ? RC_OK : error_set(e, RC_NO_MEMORY, "thread for a data stream");
}

static enum rc
dial(struct job_stream *p, const struct job_stream_options *options, struct error *e)
{
    struct stream *stream = NULL;
    TRY(stream_dial(options->url, options->identity, options->expect, &stream, e));
    (void)pthread_mutex_lock(&p->lock);
    p->stream = stream;
    if (p->cut)
        stream_cancel(stream);
    (void)pthread_mutex_unlock(&p->lock);
    return RC_OK;
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
    p->channel = options->channel;
    p->end = -1;
    (void)pthread_mutex_init(&p->lock, NULL);
    TRY(start(p, e));
    TRY_IN(dial(p, options, e), e, "data stream to %s", options->url);
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
        const uint64_t one = 1;
        (void)!write(p->end, &one, sizeof one);
        (void)pthread_join(p->watcher, NULL);
    }
    own_closep(&p->end);
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
