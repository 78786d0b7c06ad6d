/*
 * monitor.h -- a lock and the condition that what it guards has changed.
 *
 *     monitor_lock(&m);
 *     while (!ready && monitor_wait_until(&m, deadline))
 *         continue;
 *     monitor_unlock(&m);
 *
 * nng's callbacks lock it, note what happened, call monitor_changed and return.
 * Layer: proto.
 */
#ifndef PROTO_MONITOR_H
#define PROTO_MONITOR_H

#include <pthread.h>
#include <stdbool.h>

#include "common/base/clock.h"

struct monitor {
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

void monitor_init(struct monitor *m);
void monitor_destroy(struct monitor *m);
void monitor_lock(struct monitor *m);
void monitor_unlock(struct monitor *m);
void monitor_changed(struct monitor *m); /* with the lock held */
/* Waits for a change; false once the deadline has passed. */
bool monitor_wait_until(struct monitor *m, struct mono deadline);
/* Waits for a change for as long as it takes. */
void monitor_wait(struct monitor *m);

#endif
