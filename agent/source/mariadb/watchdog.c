/* watchdog.c -- see watchdog.h. */
#include "agent/source/mariadb/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/base/own.h"

struct watchdog {
    pthread_t thread;
    struct mono deadline;
    int socket, stop; /* stop: an eventfd, readable when the time no longer counts */
    bool bit;         /* read after the thread has been joined */
};

static void *
watch(void *ctx)
{
    struct watchdog *w = ctx;
    struct pollfd stop = {.fd = w->stop, .events = POLLIN};
    for (;;) {
        int64_t left = clock_ms_until(w->deadline, clock_mono());
        int ready = poll(&stop, 1, (int)left);
        if (ready > 0)
            return NULL;
        if (left == 0)
            break;
    }
    w->bit = true;
    (void)shutdown(w->socket, SHUT_RDWR);
    return NULL;
}

enum rc
watchdog_start(int socket, unsigned ms, struct watchdog **out, struct error *e)
{
    CLEANUP(own_freep) struct watchdog *w = calloc(1, sizeof *w);
    if (w == NULL)
        return error_set(e, RC_NO_MEMORY, "watchdog");
    w->socket = socket;
    w->deadline = clock_after_ms(clock_mono(), ms);
    w->stop = eventfd(0, EFD_CLOEXEC);
    if (w->stop < 0)
        return error_errno(e, "watchdog");
    int code = pthread_create(&w->thread, NULL, watch, w);
    if (code != 0) {
        (void)close(w->stop);
        return error_set(e, RC_AGAIN, "watchdog: %s", strerror(code));
    }
    *out = TAKE(w);
    return RC_OK;
}

void
watchdog_stop(struct watchdog *w, bool *bit)
{
    *bit = false;
    if (w == NULL)
        return;
    (void)eventfd_write(w->stop, 1);
    (void)pthread_join(w->thread, NULL);
    *bit = w->bit;
    (void)close(w->stop);
    free(w);
}
