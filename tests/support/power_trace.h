/*
 * power_trace.h -- what was done to the stored state below one directory, change by change, and what was promised when.
 *
 *     struct power_trace *t = power_trace_begin(root);   // what is there now is on the disk
 *     power_trace_changes(t, true);
 *     ... code that stores something below `root`, with faults of fault_io.h or without ...
 *     power_trace_ack(t, BLOB_IS_SAFE, 7, NULL);         // from here on a power failure may not take blob 7 away
 *     power_trace_changes(t, false);
 *     for (size_t at = 0; at <= power_trace_length(t); at++)
 *         power_disk_make(t, at, seed, empty_directory); // power_disk.h: the power failed after `at` changes
 *     power_trace_free(t);
 *
 * Files and directories are known by their inodes, so names, links and descriptors may be used in any way.  It watches
 * through fault_io_watch(), for one trace at a time.  Failures of the recorder end the test program.
 * Threads: one.
 */
#ifndef TESTS_SUPPORT_POWER_TRACE_H
#define TESTS_SUPPORT_POWER_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/base/id.h"

enum power_kind {
    POWER_WRITE, /* bytes of a file */
    POWER_CUT,   /* its length */
    POWER_ADD,   /* a name in a directory, of something else before or not */
    POWER_DROP,  /* a name gone from a directory */
    POWER_SYNC,  /* a file's bytes, or a directory's names */
    POWER_LOSE, /* the same failed: the kernel calls the pages clean, and they never reach the disk */
    POWER_ALL, /* the file system was synced */
    POWER_ACK, /* something was promised */
};

enum power_type { POWER_FILE, POWER_DIRECTORY, POWER_LINK };

#define POWER_NEVER SIZE_MAX

struct power_ack {
    unsigned what;
    uint64_t number;
    struct id id;
};

struct power_op {
    enum power_kind kind;
    unsigned node;      /* WRITE, CUT, SYNC, LOSE: whose; ADD: what has the name now */
    unsigned dir, name; /* ADD, DROP */
    uint64_t at;        /* WRITE: offset; CUT: length */
    size_t len, bytes;  /* WRITE: how many, and where in power_trace.bytes */
    bool moved;         /* DROP: of what the ADD just before it moved */
    struct power_ack ack;
    /* Certainly on the disk, or certainly never by a later sync, when the power fails after so many operations. */
    size_t durable_from, lost_from;
};

struct power_node {
    enum power_type type;
    ino_t inode;
    bool gone;      /* another file has its inode now */
    char *target;   /* of a link */
    unsigned chmod; /* its mode when it was first seen */
};

struct power_trace {
    struct power_op *ops;
    struct power_node *nodes; /* the first is the root */
    char **names;
    uint8_t *bytes;
    size_t op_count, op_capacity, node_count, node_capacity, name_count, name_capacity;
    size_t byte_count, byte_capacity;
    size_t first; /* operations before this one made what was there at the beginning */
    dev_t device;
    bool deaf_to_failures;
};

/* `root`: an existing directory; all that is in it is on the disk. */
struct power_trace *power_trace_begin(const char *root);
void power_trace_free(struct power_trace *t); /* NULL is fine */
/* Note changes from now on, or no longer. */
void power_trace_changes(struct power_trace *t, bool on);
/* A failed sync loses nothing: the process that made it is to be taken for dead already. */
void power_trace_deaf(struct power_trace *t);
/* A promise made now; `id` may be NULL. */
void power_trace_ack(struct power_trace *t, unsigned what, uint64_t number, const struct id *id);
/* Changes since the beginning, promises counted as well. */
size_t power_trace_length(const struct power_trace *t);
/* Promises made within the first `at` changes, by number from 0; NULL behind the last. */
const struct power_ack *power_trace_acked(const struct power_trace *t, size_t at, size_t n);
/* One line for each of the first `at` changes. */
void power_trace_print(const struct power_trace *t, size_t at, FILE *out);

#endif
