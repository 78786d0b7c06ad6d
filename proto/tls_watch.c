/*
 * tls_watch.c -- handshakes under way: their deadline and their number.  See tls_engine.h.
 *
 * nng 1.x never times out a peer that connects and stays silent, so a thread closes it.
 * Locks: `lock` is held while nng_stream_close takes a connection's lock; so what runs under a
 * connection's lock (tls_watch_finished, tls_watch_linger) only stores to atomics and takes
 * `ended`, under which nothing is called.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "proto/crowd.h"
#include "proto/tls_engine.h"
#include "proto/tuning.h"

enum { SWEEP_MS = 1000 };

static struct monitor list_monitor;  /* guards `list` */
static struct tls_watched list;      /* a ring; this one is only its head */
static struct monitor ended_monitor; /* guards `ended` */
static uint64_t ended;

static bool
pending(const struct tls_watched *w)
{
    return atomic_load(&w->deadline) != INT64_MAX;
}

static void
close_overdue(struct mono now)
{
    for (struct tls_watched *w = list.next; w != &list; w = w->next) {
        if (!pending(w) || atomic_load(&w->deadline) > now.ns)
            continue;
        atomic_store(&w->deadline, INT64_MAX);
        log_debug("closing a connection whose handshake took too long");
        nng_stream_close(w->stream);
    }
}

/*
 * tls_bio sees a dead connection when it next touches it, but not in the moment between the peer's
 * end and its acknowledgement of ours; and after that, nng would not touch it again.
 */
static void
close_dead(void)
{
    for (struct tls_watched *w = list.next; w != &list; w = w->next) {
        if (tls_bio_dead(w->stream))
            nng_stream_close(w->stream);
    }
}

static int
interval_ms(void)
{
    int ms = tuning_get().handshake_ms / 8;
    return ms < 5 ? 5 : ms > 250 ? 250 : ms;
}

static void *
watch(void *unused)
{
    (void)unused;
    struct mono swept = {0};
    monitor_lock(&list_monitor);
    for (;;) {
        struct mono now = clock_mono();
        close_overdue(now);
        if (clock_ms_until(swept, now) == 0) {
            close_dead();
            swept = clock_after_ms(now, SWEEP_MS);
        }
        if (list.next == &list)
            monitor_wait(&list_monitor);
        else
            (void)monitor_wait_until(&list_monitor, clock_after_ms(now, interval_ms()));
    }
    return NULL;
}

enum rc
tls_watch_start(struct error *e)
{
    pthread_t thread;

    monitor_init(&list_monitor);
    monitor_init(&ended_monitor);
    list.next = list.previous = &list;
    int error = pthread_create(&thread, NULL, watch, NULL);
    if (error != 0)
        return error_set(e, RC_NO_MEMORY, "start the TLS watchdog: %s", strerror(error));
    error = pthread_detach(thread);
    assert(error == 0);
    return RC_OK;
}

/* A hello takes milliseconds; whoever has been at it longest, of the largest crowd, is the least likely to be honest. */
static void
make_room(void)
{
    struct crowd crowd = {.count = 0};

    for (struct tls_watched *w = list.next; w != &list; w = w->next) {
        if (w->server && pending(w))
            crowd_add(&crowd, w->origin, w);
    }
    if (crowd.count < TLS_PENDING_MAX)
        return;
    struct tls_watched *victim = crowd_choose(&crowd);
    atomic_store(&victim->deadline, INT64_MAX);
    nng_stream_close(victim->stream);
}

void
tls_watch_add(struct tls_watched *w, nng_stream *stream, bool server)
{
    w->origin = crowd_origin_of(stream);
    monitor_lock(&list_monitor);
    if (server)
        make_room();
    w->stream = stream;
    w->server = server;
    atomic_store(&w->deadline, clock_after_ms(clock_mono(), tuning_get().handshake_ms).ns);
    w->next = &list;
    w->previous = list.previous;
    list.previous->next = w;
    list.previous = w;
    monitor_changed(&list_monitor);
    monitor_unlock(&list_monitor);
}

void
tls_watch_remove(struct tls_watched *w)
{
    /* Also to look: nng's reaper may be here while a neighbour in the list changes. */
    monitor_lock(&list_monitor);
    if (w->next != NULL) {
        w->previous->next = w->next;
        w->next->previous = w->previous;
    }
    w->next = w->previous = NULL;
    monitor_unlock(&list_monitor);
}

void
tls_watch_wake(void)
{
    monitor_lock(&ended_monitor);
    ended++;
    monitor_changed(&ended_monitor);
    monitor_unlock(&ended_monitor);
}

void
tls_watch_finished(struct tls_watched *w)
{
    atomic_store(&w->deadline, INT64_MAX);
    tls_watch_wake();
}

void
tls_watch_linger(struct tls_watched *w)
{
    atomic_store(&w->deadline, clock_after_ms(clock_mono(), tuning_get().linger_ms).ns);
}

uint64_t
tls_watch_count(void)
{
    monitor_lock(&ended_monitor);
    uint64_t count = ended;
    monitor_unlock(&ended_monitor);
    return count;
}

bool
tls_watch_wait(uint64_t count, struct mono deadline)
{
    bool in_time = true;
    monitor_lock(&ended_monitor);
    while (ended == count && in_time)
        in_time = monitor_wait_until(&ended_monitor, deadline);
    monitor_unlock(&ended_monitor);
    return in_time;
}
