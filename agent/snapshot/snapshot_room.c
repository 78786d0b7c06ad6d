/* snapshot_room.c -- two sources that get ready at once do not count on the same free space.  See snapshot_internal.h. */
#include <stdio.h>
#include <string.h>

#include "agent/snapshot/churn.h"
#include "agent/snapshot/snapshot_internal.h"

uint64_t
snapshot_host_promised_room(struct snapshot_host *host, const char *group)
{
    uint64_t sum = 0;
    (void)pthread_mutex_lock(&host->lock);
    for (size_t i = 0; i < host->room_count; i++)
        if (strcmp(host->rooms[i].group, group) == 0)
            sum += host->rooms[i].bytes;
    (void)pthread_mutex_unlock(&host->lock);
    return sum;
}

enum rc
snapshot_host_promise_room(struct snapshot_host *host, uint64_t serial, const char *group,
                           uint64_t bytes, struct error *e)
{
    enum rc rc = RC_OK;
    (void)pthread_mutex_lock(&host->lock);
    if (host->room_count == SNAPSHOT_VOLUMES_MAX) {
        rc = error_set(e, RC_NO_SPACE, "more than %d snapshots are planned",
                       (int)SNAPSHOT_VOLUMES_MAX);
    } else {
        struct snapshot_room *room = &host->rooms[host->room_count++];
        *room = (struct snapshot_room){.serial = serial, .bytes = bytes};
        (void)snprintf(room->group, sizeof room->group, "%s", group);
    }
    (void)pthread_mutex_unlock(&host->lock);
    return rc;
}

void
snapshot_host_forget_room(struct snapshot_host *host, uint64_t serial)
{
    (void)pthread_mutex_lock(&host->lock);
    for (size_t i = 0; i < host->room_count; i++) {
        if (host->rooms[i].serial == serial) {
            host->rooms[i] = host->rooms[--host->room_count];
            break;
        }
    }
    (void)pthread_mutex_unlock(&host->lock);
}

enum rc
snapshot_host_note_churn(struct snapshot_host *host, const char *name, uint64_t used,
                         struct error *e)
{
    (void)pthread_mutex_lock(&host->lock);
    enum rc rc = churn_note(host->statefd, name, used, clock_wall(), e);
    (void)pthread_mutex_unlock(&host->lock);
    return rc;
}
