/* monitor.c -- pthread calls that cannot fail unless we misuse them.  See monitor.h. */
#include "proto/monitor.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

static void
must(int error)
{
    assert(error == 0);
    (void)error;
}

void
monitor_init(struct monitor *m)
{
    pthread_condattr_t attributes;

    must(pthread_mutex_init(&m->lock, NULL));
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(&m->changed, &attributes));
    must(pthread_condattr_destroy(&attributes));
}

void
monitor_destroy(struct monitor *m)
{
    must(pthread_cond_destroy(&m->changed));
    must(pthread_mutex_destroy(&m->lock));
}

void
monitor_lock(struct monitor *m)
{
    must(pthread_mutex_lock(&m->lock));
}

void
monitor_unlock(struct monitor *m)
{
    must(pthread_mutex_unlock(&m->lock));
}

void
monitor_changed(struct monitor *m)
{
    must(pthread_cond_broadcast(&m->changed));
}

void
monitor_wait(struct monitor *m)
{
    must(pthread_cond_wait(&m->changed, &m->lock));
}

/* Conditions cannot wait on CLOCK_BOOTTIME, so the remaining time is laid onto CLOCK_MONOTONIC. */
bool
monitor_wait_until(struct monitor *m, struct mono deadline)
{
    int64_t left = deadline.ns - clock_mono().ns;
    if (left <= 0)
        return false;
    struct timespec until;
    must(clock_gettime(CLOCK_MONOTONIC, &until));
    if (left > 3600 * CLOCK_NS_PER_SECOND) /* far deadlines must not overflow; the caller loops */
        left = 3600 * CLOCK_NS_PER_SECOND;
    until.tv_sec += left / CLOCK_NS_PER_SECOND;
    until.tv_nsec += left % CLOCK_NS_PER_SECOND;
    if (until.tv_nsec >= CLOCK_NS_PER_SECOND) {
        until.tv_sec++;
        until.tv_nsec -= CLOCK_NS_PER_SECOND;
    }
    int error = pthread_cond_timedwait(&m->changed, &m->lock, &until);
    assert(error == 0 || error == ETIMEDOUT);
    return true; /* the caller looks again; a passed deadline is seen on the next call */
}
