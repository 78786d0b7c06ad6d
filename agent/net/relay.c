/* relay.c -- see relay.h. */
#include "agent/net/relay.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "agent/priv/priv_pipe.h"
#include "common/base/log.h"

/* As many as there can be jobs, and as many again that are just ending. */
enum { RELAYS_MAX = 2 * JOB_MAX };

struct relay {
    struct relay_options options;
    pthread_mutex_t lock;
    pthread_cond_t fewer;
    int channels[RELAYS_MAX];
    size_t count;
    bool ending;
};

struct course {
    struct relay *relay;
    struct priv_stream what;
    int fd;
    char url[PRIV_URL_MAX];
};

/* ---- one frame there, at most one back */

static const struct step {
    enum priv_pipe_type from, answer; /* answer 0: none */
    enum stream_type to, back;
    bool restore;
} steps[] = {
    {PRIV_PIPE_HAVE, PRIV_PIPE_HAVE_REPLY, STREAM_HAVE, STREAM_HAVE_REPLY, false},
    {PRIV_PIPE_PUT, (enum priv_pipe_type)0, STREAM_PUT, STREAM_PUT, false},
    {PRIV_PIPE_FINISH, PRIV_PIPE_FINISHED, STREAM_FINISH, STREAM_FINISHED, false},
    {PRIV_PIPE_GET, PRIV_PIPE_BLOB, STREAM_GET, STREAM_BLOB, true},
};

static enum rc
find_step(enum priv_pipe_type type, bool restore, const struct step **out, struct error *e)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i].from != type || steps[i].restore != restore)
            continue;
        *out = &steps[i];
        return RC_OK;
    }
    return error_set(e, RC_PROTOCOL, "frame type %d on the channel of a job", (int)type);
}

static enum rc
pass_one(const struct course *c, struct job_stream *stream, struct buffer *payload, struct error *e)
{
    const struct step *step = NULL;
    enum priv_pipe_type type;
    TRY(priv_pipe_await(c->fd, e)); /* a job may look at a million unchanged files first */
    TRY(priv_pipe_read(c->fd, NULL, &type, payload, e));
    TRY(find_step(type, c->what.restore, &step, e));
    struct span part = buffer_span(payload);
    TRY(job_stream_send(stream, step->to, &part, part.len > 0, e));
    if (step->answer == 0)
        return RC_OK;
    TRY(job_stream_receive(stream, step->back, payload, e));
    if (step->answer != PRIV_PIPE_FINISHED) /* the controller's counts are of no use to the job */
        part = buffer_span(payload);
    else
        part = (struct span){0};
    return priv_pipe_write(c->fd, NULL, step->answer, &part, part.len > 0, e);
}

static enum rc
pass_all(const struct course *c, struct error *e)
{
    CLEANUP(job_stream_closep) struct job_stream *stream = NULL;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(PRIV_PIPE_PAYLOAD_MAX);
    const struct job_stream_options options = {
        .url = c->url,
        .expect = c->relay->options.expect,
        .identity = c->relay->options.identity,
        .job = c->what.job,
        .token = &c->what.token,
        .channel = c->fd,
    };
    TRY(job_stream_open(&options, &stream, e));
    TRY(priv_pipe_write(c->fd, NULL, PRIV_PIPE_OPENED, NULL, 0, e));
    for (;;)
        TRY(pass_one(c, stream, &payload, e));
}

/* ---- their number */

static bool
admit(struct relay *r, int fd)
{
    (void)pthread_mutex_lock(&r->lock);
    bool room = !r->ending && r->count < RELAYS_MAX;
    if (room)
        r->channels[r->count++] = fd;
    (void)pthread_mutex_unlock(&r->lock);
    return room;
}

/* Closed under the lock: relay_free must not shut down a descriptor that means something else by then. */
static void
leave(struct relay *r, int fd)
{
    (void)pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->count; i++) {
        if (r->channels[i] != fd)
            continue;
        r->channels[i] = r->channels[--r->count];
        break;
    }
    own_closep(&fd);
    (void)pthread_cond_broadcast(&r->fewer);
    (void)pthread_mutex_unlock(&r->lock);
}

static void *
run(void *arg)
{
    CLEANUP(own_freep) struct course *c = arg;
    struct error e = ERROR_INIT;
    if (pass_all(c, &e) != RC_AGAIN) /* RC_AGAIN: the job has what it wanted, or is gone */
        log_error(&e, "data of a job", LOG_U64("job", c->what.job));
    priv_pipe_fail(c->fd, &e);
    leave(c->relay, c->fd);
    return NULL;
}

static enum rc
start_thread(struct course *c, struct error *e)
{
    sigset_t all, before; /* signals belong to the main thread */
    pthread_attr_t detached;
    pthread_t thread;
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &detached, run, c);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&detached);
    return failed == 0 ? RC_OK : error_set(e, RC_NO_MEMORY, "thread for the data of a job");
}

void
relay_start(struct relay *r, const struct priv_stream *what, int fd, const char *url)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) struct course *c = calloc(1, sizeof *c);
    if (!admit(r, fd)) {
        (void)error_set(&e, RC_AGAIN, "too many data streams at once");
        priv_pipe_fail(fd, &e);
        own_closep(&fd);
        return;
    }
    if (c != NULL) {
        *c = (struct course){.relay = r, .what = *what, .fd = fd};
        (void)snprintf(c->url, sizeof c->url, "%s", url);
    }
    enum rc rc = c != NULL ? start_thread(c, &e) : error_set(&e, RC_NO_MEMORY, "data of a job");
    if (rc == RC_OK) {
        (void)TAKE(c);
        return;
    }
    priv_pipe_fail(fd, &e);
    leave(r, fd);
}

enum rc
relay_new(const struct relay_options *options, struct relay **out, struct error *e)
{
    struct relay *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "relay");
    r->options = *options;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->fewer, NULL);
    *out = r;
    return RC_OK;
}

void
relay_free(struct relay *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->ending = true;
    for (size_t i = 0; i < r->count; i++)
        (void)shutdown(r->channels[i], SHUT_RDWR);
    while (r->count > 0)
        (void)pthread_cond_wait(&r->fewer, &r->lock);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_cond_destroy(&r->fewer);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}
