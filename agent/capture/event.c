/* event.c -- making and freeing.  See event.h. */
#include "agent/capture/event.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

struct event *
event_new(enum event_kind kind)
{
    struct event *event = calloc(1, sizeof *event);
    if (event != NULL) {
        event->kind = kind;
        event->slot = EVENT_NO_SLOT;
    }
    return event;
}

void
event_free(struct event *event)
{
    if (event == NULL)
        return;
    event_found_free(event->found);
    event_unit_free(event->unit);
    free(event);
}

void
event_discard(struct queue_item *item)
{
    event_free((struct event *)item); /* `item` is its first member */
}

size_t
event_cost(const struct event *event)
{
    size_t cost = sizeof *event;
    const struct event_found *found = event->found;
    if (found != NULL)
        cost += sizeof *found + strlen(found->name) + found->xattrs.bytes +
                found->xattrs.count * sizeof *found->xattrs.list +
                found->piece_count * sizeof *found->pieces +
                (found->target != NULL ? strlen(found->target) : 0);
    return cost;
}

static enum node_type
type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return NODE_DIRECTORY;
    case S_IFLNK:
        return NODE_SYMLINK;
    case S_IFIFO:
        return NODE_FIFO;
    case S_IFSOCK:
        return NODE_SOCKET;
    case S_IFCHR:
        return NODE_CHARACTER_DEVICE;
    case S_IFBLK:
        return NODE_BLOCK_DEVICE;
    default:
        return NODE_FILE;
    }
}

void
event_found_set(struct event_found *found, const struct stat *st)
{
    found->type = type_of(st->st_mode);
    found->mode = st->st_mode & 07777;
    found->uid = st->st_uid;
    found->gid = st->st_gid;
    found->device_major = major(st->st_rdev);
    found->device_minor = minor(st->st_rdev);
    found->size = (uint64_t)st->st_size;
    found->device = st->st_dev;
    found->inode = st->st_ino;
    found->mtime = (struct memory_time){st->st_mtim.tv_sec, (uint32_t)st->st_mtim.tv_nsec};
    found->ctime = (struct memory_time){st->st_ctim.tv_sec, (uint32_t)st->st_ctim.tv_nsec};
}

struct event_found *
event_found_new(const char *name, const struct stat *st)
{
    size_t len = strlen(name);
    struct event_found *found = calloc(1, sizeof *found + len + 1);
    if (found == NULL)
        return NULL;
    memcpy(found->name, name, len + 1);
    event_found_set(found, st);
    return found;
}

void
event_found_free(struct event_found *found)
{
    if (found == NULL)
        return;
    xattrs_free(&found->xattrs);
    free(found->pieces);
    free(found->target);
    free(found);
}

struct event_unit *
event_unit_new(size_t limit)
{
    struct event_unit *unit = calloc(1, sizeof *unit);
    if (unit != NULL) {
        atomic_init(&unit->references, 1);
        unit->plain = BUFFER_INIT(limit);
    }
    return unit;
}

struct event_unit *
event_unit_share(struct event_unit *unit)
{
    (void)atomic_fetch_add(&unit->references, 1);
    return unit;
}

void
event_unit_free(struct event_unit *unit)
{
    if (unit == NULL || atomic_fetch_sub(&unit->references, 1) > 1)
        return;
    buffer_free(&unit->plain);
    free(unit);
}

void
event_unit_discard(struct queue_item *item)
{
    event_unit_free((struct event_unit *)item); /* `item` is its first member */
}
