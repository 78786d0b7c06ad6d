/*
 * hurry.c -- LD_PRELOAD: time that is measured runs HURRY times as fast; clock time does not.
 *
 *     cc -shared -fPIC -DHURRY=20 -o hurry.so hurry.c
 *     LD_PRELOAD=.../hurry.so koffer-agent run ...
 *
 * What a program does after 25 s of silence it does after 25/HURRY s, with its own constants and without knowing.  Waits
 * are shortened by the same factor.  Only CLOCK_MONOTONIC and CLOCK_BOOTTIME are changed: dates in records and certificates stay true.
 * A timed wait on a condition counts as monotonic when its instant cannot be a date.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS INT64_C(1000000000)
#define BEGIN_OF_DATES 1000000000 /* seconds; no machine has been up that long */

static int64_t
ns_of(const struct timespec *t)
{
    return t->tv_sec * NS + t->tv_nsec;
}

static struct timespec
of_ns(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS, .tv_nsec = ns % NS};
}

int
clock_gettime(clockid_t clock, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, out);
    if (failed == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME))
        *out = of_ns(ns_of(out) * HURRY);
    return failed;
}

int
pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (real == NULL)
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlsym(
            RTLD_NEXT, "pthread_cond_timedwait");
    if (until->tv_sec > BEGIN_OF_DATES)
        return real(c, m, until);
    /* Rounded up: whoever wakes must find the instant passed. */
    struct timespec t = of_ns(ns_of(until) / HURRY + 1);
    return real(c, m, &t);
}

int
pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
                       const struct timespec *until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    if (real == NULL)
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, clockid_t,
                        const struct timespec *))dlsym(RTLD_NEXT, "pthread_cond_clockwait");
    if (clock != CLOCK_MONOTONIC)
        return real(c, m, clock, until);
    struct timespec t = of_ns(ns_of(until) / HURRY + 1);
    return real(c, m, clock, &t);
}

static int
shorter(int ms)
{
    return ms <= 0 ? ms : (ms + HURRY - 1) / HURRY;
}

int
poll(struct pollfd *fds, nfds_t count, int ms)
{
    static int (*real)(struct pollfd *, nfds_t, int);
    if (real == NULL)
        real = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
    return real(fds, count, shorter(ms));
}

int
epoll_wait(int fd, struct epoll_event *events, int count, int ms)
{
    static int (*real)(int, struct epoll_event *, int, int);
    if (real == NULL)
        real = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
    return real(fd, events, count, shorter(ms));
}

int
nanosleep(const struct timespec *time, struct timespec *left)
{
    struct timespec t = of_ns(ns_of(time) / HURRY + 1);
    return (int)syscall(SYS_nanosleep, &t, left);
}
