/*
 * scan_item.h -- the state of a walk, and everything in a directory that is no directory.
 * Layer: agent/capture (for scan*.c only).
 */
#ifndef AGENT_CAPTURE_SCAN_ITEM_H
#define AGENT_CAPTURE_SCAN_ITEM_H

#include "agent/capture/scan.h"

/* What asked for the place where we are: the innermost path, and those around it. */
struct scan_reason {
    const struct paths_node *node;
    const struct scan_reason *outer;
};

struct scan {
    struct scan_options o;
    struct scan_result *result;
    struct buffer path; /* of the entry at hand, NUL-terminated behind `len` */
    unsigned depth;
    bool wanted; /* the entry at hand, or something in it, was asked for by its path */
};

/* One directory that is open. */
struct scan_place {
    int fd;
    bool cut; /* in a snapshot */
    dev_t device;
    const struct paths_node *node;    /* paths further down; NULL: none */
    const struct scan_reason *reason; /* NULL: only on the way */
};

/* Of the entry at hand, on the host. */
const char *scan_item_path(const struct scan *s);
/* It is not there any more: counted.  But what was asked for by its path was there a moment ago, and
 * an archive without it is incomplete. */
void scan_item_gone(struct scan *s);
/* Something that has no entry, for errno's reason: it is gone or cannot be looked at. */
enum rc scan_item_lost(struct scan *s, struct error *e);
/* A regular file: unchanged, another name of one that was read, or to be read. */
enum rc scan_item_file(struct scan *s, const struct scan_place *in, const char *name,
                       const struct stat *st, struct error *e);
/* Links, devices, fifos, sockets. */
enum rc scan_item_other(struct scan *s, const struct scan_place *in, const char *name,
                        const struct stat *st, struct error *e);

#endif
