/* priv_client.c -- the connection to koffer-priv, and questions over it.  See priv_client.h. */
#include "agent/priv/priv_client.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/priv/priv_client_jobs.h"
#include "common/base/log.h"

struct introduction {
    uint64_t instance;
    struct priv_source sources[JOB_SOURCES_MAX];
    size_t count;
};

struct priv_client {
    struct priv_client_options options;
    char *path;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t change;
    bool ending;
    int fd; /* -1: not connected */
    bool ready;
    bool wanted;               /* an order waits for the connection */
    bool tired;                /* one has waited in vain since there was none */
    struct priv_message vault; /* as told last; no type: none */
    struct introduction coming, known, shown;
    uint64_t
        connections; /* since the start: a new one needs a new hello, also of the same koffer-priv */
    struct priv_client_jobs jobs;
    uint64_t asked; /* the order whose answer is awaited; 0: none */
    bool answered;
    struct priv_answer answer;
};

static struct timespec
in_ms(int64_t ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (ms % 1000) * CLOCK_NS_PER_MS;
    if (t.tv_nsec >= CLOCK_NS_PER_SECOND) {
        t.tv_sec++;
        t.tv_nsec -= CLOCK_NS_PER_SECOND;
    }
    return t;
}

/* ---- what koffer-priv says; under the lock */

static enum rc
add_source(struct introduction *i, const struct priv_source *s, struct error *e)
{
    if (i->count == JOB_SOURCES_MAX)
        return error_set(e, RC_PROTOCOL, "koffer-priv has more than %d sources",
                         (int)JOB_SOURCES_MAX);
    i->sources[i->count++] = *s;
    return RC_OK;
}

static void
take_answer(struct priv_client *c, const struct priv_answer *a)
{
    if (c->asked != a->job)
        return; /* nobody waits for it any more */
    c->answer = *a;
    c->answered = true;
    (void)pthread_cond_broadcast(&c->change);
}

/* The vault comes before any order, and an order may be waiting. */
static enum rc
begin_connection(struct priv_client *c, struct error *e)
{
    if (c->vault.type == PRIV_VAULT)
        TRY(priv_channel_send(c->fd, &c->vault, -1, e));
    c->known = c->coming;
    c->connections++;
    c->ready = true;
    c->tired = false;
    (void)pthread_cond_broadcast(&c->change);
    return RC_OK;
}

/* *wake: the session should look. */
static enum rc
take(struct priv_client *c, const struct priv_message *m, bool *wake, struct error *e)
{
    *wake = false;
    if (m->type == PRIV_WELCOME) {
        c->coming.instance = m->is.instance;
        c->coming.count = 0;
    } else if (m->type == PRIV_SOURCE) {
        return add_source(&c->coming, &m->is.source, e);
    } else if (m->type == PRIV_READY) {
        *wake = true;
        return begin_connection(c, e);
    } else if (m->type == PRIV_ANSWER) {
        take_answer(c, &m->is.answer);
    } else {
        return priv_client_jobs_take(&c->jobs, m, wake, e);
    }
    return RC_OK;
}

/* ---- the thread */

static enum rc
hear(struct priv_client *c, struct error *e)
{
    struct priv_message m;
    bool wake;
    int descriptor = -1;
    TRY(priv_channel_receive(c->fd, PRIV_FROM_PRIVILEGED, &m, &descriptor, e));
    if (m.type == PRIV_STREAM && descriptor >= 0) {
        c->options.stream(c->options.ctx, &m.is.stream, descriptor);
        return RC_OK;
    }
    own_closep(&descriptor);
    if (m.type == PRIV_STREAM)
        return error_set(e, RC_PROTOCOL, "koffer-priv sent a stream without a descriptor");
    (void)pthread_mutex_lock(&c->lock);
    enum rc rc = take(c, &m, &wake, e);
    (void)pthread_mutex_unlock(&c->lock);
    if (wake)
        c->options.wake(c->options.ctx);
    return rc;
}

static enum rc
connect_once(struct priv_client *c, struct error *e)
{
    int fd;
    const struct priv_message hello = {.type = PRIV_HELLO, .is.version = PRIV_VERSION};
    TRY(priv_channel_dial(c->path, &fd, e));
    (void)pthread_mutex_lock(&c->lock);
    c->fd = fd;
    enum rc rc = priv_channel_send(fd, &hello, -1, e);
    (void)pthread_mutex_unlock(&c->lock);
    return rc;
}

static void
disconnect(struct priv_client *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool was_ready = c->ready;
    own_closep(&c->fd);
    c->fd = -1;
    c->ready = false;
    priv_client_jobs_clear(&c->jobs);
    (void)pthread_cond_broadcast(&c->change); /* whoever waits for an answer gets none */
    (void)pthread_mutex_unlock(&c->lock);
    if (was_ready)
        c->options.wake(c->options.ctx);
}

/* False: it is time to end. */
static bool
pause_before_next(struct priv_client *c)
{
    const struct timespec calm = in_ms(PRIV_CLIENT_RETRY_MS), hurry = in_ms(PRIV_CLIENT_HURRY_MS);
    (void)pthread_mutex_lock(&c->lock);
    while (!c->ending && pthread_cond_clockwait(&c->change, &c->lock, CLOCK_MONOTONIC,
                                                c->wanted ? &hurry : &calm) == 0)
        continue;
    bool go_on = !c->ending;
    (void)pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void *
run(void *arg)
{
    struct priv_client *c = arg;
    bool complained = false;
    do {
        struct error e = ERROR_INIT;
        enum rc rc = connect_once(c, &e);
        bool connected = rc == RC_OK;
        if (connected && complained)
            log_info("koffer-priv is there");
        while (rc == RC_OK)
            rc = hear(c, &e);
        disconnect(c);
        if (connected || !complained)
            log_error(&e, "no koffer-priv", LOG_TEXT("socket", c->path));
        complained = true;
    } while (pause_before_next(c));
    return NULL;
}

/* ---- life */

static enum rc
start(struct priv_client *c, struct error *e)
{
    sigset_t all, before; /* signals belong to the main thread */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    c->started = pthread_create(&c->thread, NULL, run, c) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return c->started ? RC_OK : error_set(e, RC_NO_MEMORY, "thread for koffer-priv");
}

enum rc
priv_client_open(const struct priv_client_options *options, struct priv_client **out,
                 struct error *e)
{
    struct priv_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(e, RC_NO_MEMORY, "client of koffer-priv");
    c->options = *options;
    c->fd = -1;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->change, NULL);
    c->path = strdup(options->path);
    enum rc rc =
        c->path != NULL ? start(c, e) : error_set(e, RC_NO_MEMORY, "client of koffer-priv");
    if (rc == RC_OK)
        *out = c;
    else
        priv_client_close(c);
    return rc;
}

void
priv_client_close(struct priv_client *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->ending = true;
    if (c->fd >= 0)
        (void)shutdown(c->fd, SHUT_RDWR); /* ends its reading */
    (void)pthread_cond_broadcast(&c->change);
    (void)pthread_mutex_unlock(&c->lock);
    if (c->started)
        (void)pthread_join(c->thread, NULL);
    priv_client_jobs_clear(&c->jobs);
    (void)pthread_cond_destroy(&c->change);
    (void)pthread_mutex_destroy(&c->lock);
    free(c->path);
    free(c);
}

/* ---- questions */

bool
priv_client_ready(struct priv_client *c, uint64_t *instance)
{
    (void)pthread_mutex_lock(&c->lock);
    bool ready = c->ready;
    if (ready)
        c->shown = c->known;
    /* The connection counts too: what a lost one made us forget must be asked for again. */
    *instance = c->known.instance + c->connections;
    (void)pthread_mutex_unlock(&c->lock);
    return ready;
}

size_t
priv_client_sources(struct priv_client *c, const struct priv_source **out)
{
    *out = c->shown.sources;
    return c->shown.count;
}

/* Under the lock.  What cannot be sent ends the connection: the thread notices, and all begins anew. */
static enum rc
send_locked(struct priv_client *c, const struct priv_message *m, struct error *e)
{
    if (!c->ready)
        return error_set(e, RC_AGAIN,
                         "the privileged half of this agent is not running: start koffer-priv");
    enum rc rc = priv_channel_send(c->fd, m, -1, e);
    if (rc != RC_OK)
        (void)shutdown(c->fd, SHUT_RDWR);
    return rc;
}

static void
tell(struct priv_client *c, const struct priv_message *m)
{
    struct error e = ERROR_INIT;
    (void)pthread_mutex_lock(&c->lock);
    if (c->ready && send_locked(c, m, &e) != RC_OK)
        log_error(&e, "cannot tell koffer-priv");
    (void)pthread_mutex_unlock(&c->lock);
}

void
priv_client_set_vault(struct priv_client *c, const struct job_vault *vault)
{
    (void)pthread_mutex_lock(&c->lock);
    c->vault.type = PRIV_VAULT;
    c->vault.is.vault = *vault;
    (void)pthread_mutex_unlock(&c->lock);
    tell(c, &c->vault); /* only this thread changes it */
}

/* Under the lock: until koffer-priv has introduced itself, but not for long.  Nothing is said when it has not. */
static void
await_connection(struct priv_client *c)
{
    struct timespec until = in_ms(c->tired ? PRIV_CLIENT_TIRED_MS : PRIV_CLIENT_PATIENCE_MS);
    c->wanted = true;
    (void)pthread_cond_broadcast(&c->change); /* the thread need not pause any longer */
    while (!c->ready)
        if (pthread_cond_clockwait(&c->change, &c->lock, CLOCK_MONOTONIC, &until) != 0)
            break;
    c->wanted = false;
    c->tired = !c->ready;
}

static enum rc
await_answer(struct priv_client *c, struct error *e)
{
    struct timespec until = in_ms(PRIV_CLIENT_ANSWER_MS);
    uint64_t connection = c->connections;
    while (!c->answered && c->ready && c->connections == connection)
        if (pthread_cond_clockwait(&c->change, &c->lock, CLOCK_MONOTONIC, &until) != 0)
            break;
    if (!c->answered)
        return error_set(e, RC_AGAIN, "the privileged half of this agent gave no answer");
    return c->answer.rc == RC_OK ? RC_OK : error_set(e, c->answer.rc, "%s", c->answer.text);
}

static enum rc
submit_locked(struct priv_client *c, const struct job_order *order, struct error *e)
{
    const struct priv_message m = {.type = PRIV_ORDER, .is.order = *order};
    c->asked = order->job;
    c->answered = false;
    if (!c->ready)
        await_connection(c);
    TRY(send_locked(c, &m, e));
    TRY(await_answer(c, e));
    return priv_client_jobs_begin(&c->jobs, order->job, order->verb, e);
}

enum rc
priv_client_submit(struct priv_client *c, const struct job_order *order, struct error *e)
{
    (void)pthread_mutex_lock(&c->lock);
    enum rc rc = submit_locked(c, order, e);
    c->asked = 0;
    (void)pthread_mutex_unlock(&c->lock);
    return rc;
}

void
priv_client_cancel(struct priv_client *c, uint64_t job)
{
    const struct priv_message m = {.type = PRIV_CANCEL, .is.job = job};
    tell(c, &m);
}

void
priv_client_drop(struct priv_client *c, uint64_t job)
{
    const struct priv_message m = {.type = PRIV_DROP, .is.job = job};
    (void)pthread_mutex_lock(&c->lock);
    priv_client_jobs_drop(&c->jobs, job);
    (void)pthread_mutex_unlock(&c->lock);
    tell(c, &m);
}

void
priv_client_tick(struct priv_client *c, bool connected)
{
    const struct priv_message m = {.type = PRIV_ALIVE, .is.connected = connected};
    tell(c, &m);
}

void
priv_client_each(struct priv_client *c, job_visit *visit, void *ctx)
{
    (void)pthread_mutex_lock(&c->lock);
    priv_client_jobs_each(&c->jobs, visit, ctx);
    (void)pthread_mutex_unlock(&c->lock);
}
