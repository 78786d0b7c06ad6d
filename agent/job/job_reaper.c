/* job_reaper.c -- see job_reaper.h. */
#include "agent/job/job_reaper.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "common/base/log.h"

struct job_reaper {
    struct snapshot_host *host;
    pthread_t thread;
    pthread_mutex_t lock; /* guards `stop` */
    pthread_cond_t changed;
    bool stop;
};

static void
look(struct job_reaper *r)
{
    struct error e = ERROR_INIT;
    size_t left = 0;
    if (snapshot_host_reap(r->host, &left, &e) != RC_OK)
        log_error(&e, "leftovers of snapshots cannot be looked for");
    else if (left > 0)
        log_warning("leftovers of snapshots could not be removed yet", LOG_U64("count", left));
}

/* True when it is over. */
static bool
rest(struct job_reaper *r)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += JOB_REAPER_S;
    (void)pthread_mutex_lock(&r->lock);
    for (int waited = 0; !r->stop && waited == 0;)
        waited = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    bool stop = r->stop;
    (void)pthread_mutex_unlock(&r->lock);
    return stop;
}

static void *
run(void *arg)
{
    struct job_reaper *r = arg;
    do
        look(r);
    while (!rest(r));
    return NULL;
}

enum rc
job_reaper_start(struct snapshot_host *host, struct job_reaper **out, struct error *e)
{
    pthread_condattr_t monotonic;
    sigset_t all, before;
    struct job_reaper *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "reaper of snapshots");
    r->host = host;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)sigfillset(&all); /* signals belong to the main thread */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&r->thread, NULL, run, r);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        free(r);
        return error_set(e, RC_NO_MEMORY, "thread for the reaper of snapshots");
    }
    *out = r;
    return RC_OK;
}

void
job_reaper_stop(struct job_reaper *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->stop = true;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->thread, NULL);
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}
