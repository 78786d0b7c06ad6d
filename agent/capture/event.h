/*
 * event.h -- what the scanner tells the finisher, in the order of the archive.
 *
 * The scanner reads; what it reads lies in units (plain text of one data blob each), which workers
 * seal in any order.  Events refer to units and reach the finisher in the order of the walk; the
 * finisher waits for each unit it needs.  A tree of one directory with a short, a long and a
 * remembered file is:
 *
 *     ENTER d
 *     ENTRY a {unit 7, offset, length}
 *     PIECE {unit 8}, PIECE {unit 9}, ENTRY b {collected}
 *     ENTRY c {known pieces}
 *     LEAVE d
 *
 * Content that several entries share (hard links) or that comes before its entry (made files) lies
 * in a slot meanwhile: the first says `keep`, the others `take`.
 *
 * Ownership: an event owns its `found` and one reference to its unit.
 * Threads: an object belongs to the stage that holds it; a unit's `ref` may be read once `sealed`
 * was seen under the queues' mutex.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_EVENT_H
#define AGENT_CAPTURE_EVENT_H

#include <sys/stat.h>

#include "agent/capture/memory_record.h"
#include "agent/capture/queue.h"
#include "agent/capture/xattrs.h"
#include "common/tree/tree.h"

/* The plain text of one data blob on its way. */
struct event_unit {
    struct queue_item item;
    atomic_uint references;
    struct buffer plain;
    size_t plain_len; /* once submitted */
    bool bundle;
    bool sealed; /* guarded by the queues' mutex */
    struct blob_ref ref;
};

enum event_content {
    EVENT_NO_CONTENT,
    EVENT_IN_UNIT,   /* offset and length in the event's unit */
    EVENT_KNOWN,     /* the pieces of `found`, from the memory */
    EVENT_COLLECTED, /* the PIECEs since the last ENTRY */
    EVENT_IN_SLOT,   /* `slot`; pieces, flags and attributes as of the entry that was kept there */
};

/* One thing found by the walk. */
struct event_found {
    enum node_type type;
    unsigned flags; /* enum node_flag */
    uint32_t mode, uid, gid, device_major, device_minor;
    uint64_t size, device, inode, link;
    struct memory_time mtime, ctime;
    bool check;  /* its times prove nothing next time */
    bool hashed; /* hash of the whole content */
    struct memory_hash hash;
    struct xattrs xattrs;
    struct node_piece *pieces; /* EVENT_KNOWN */
    size_t piece_count;
    uint64_t bundle; /* EVENT_KNOWN: plain length of the bundle */
    char *target;    /* of a symbolic link */
    char name[];
};

enum event_kind {
    EVENT_ENTER, /* a directory: `found` has its name, everything else comes with LEAVE */
    EVENT_LEAVE,
    EVENT_ENTRY, /* anything but a directory */
    EVENT_PIECE, /* of a long file: a whole unit, or a hole */
    EVENT_DROP,  /* forget the PIECEs since the last ENTRY */
    EVENT_KEEP,  /* they are content of `slot`; no entry yet */
};

enum { EVENT_NO_SLOT = -1 };

struct event {
    struct queue_item item;
    enum event_kind kind;
    enum event_content content;
    bool remember; /* part of fs/: belongs into the memory */
    bool last;     /* EVENT_IN_SLOT: nobody else will ask for this slot */
    int slot;      /* EVENT_IN_SLOT: take; else: keep, unless EVENT_NO_SLOT */
    struct event_found *found;
    struct event_unit *unit;
    uint64_t offset, length;
};

/* NULL when out of memory. */
struct event *event_new(enum event_kind kind);
void event_free(struct event *event);
DEFINE_FREEP(event)
void event_discard(struct queue_item *item); /* for queue_drain */
size_t event_cost(const struct event *event);

struct event_found *event_found_new(const char *name, const struct stat *st);
void event_found_free(struct event_found *found);
DEFINE_FREEP(event_found)
/* Type, owner, mode, times, size, ... of a file that was looked at. */
void event_found_set(struct event_found *found, const struct stat *st);

struct event_unit *event_unit_new(size_t limit);
struct event_unit *event_unit_share(struct event_unit *unit);
void event_unit_free(struct event_unit *unit); /* gives back one reference */
DEFINE_FREEP(event_unit)
void event_unit_discard(struct queue_item *item);

#endif
