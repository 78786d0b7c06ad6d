/* audit_internal.h -- the writer's insides, for audit.c and audit_open.c.  Layer: controller/audit. */
#ifndef CONTROLLER_AUDIT_AUDIT_INTERNAL_H
#define CONTROLLER_AUDIT_AUDIT_INTERNAL_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/audit/audit_files.h"

enum { AUDIT_DIRECTORY_SIZE = 4096, AUDIT_PATH_SIZE = AUDIT_DIRECTORY_SIZE + AUDIT_NAME_SIZE };

struct audit {
    char directory[AUDIT_DIRECTORY_SIZE];
    const struct keys_private *signer;
    struct keys_public signer_public;
    size_t file_max;
    uint8_t boot[AUDIT_BOOT_SIZE];
    char problem[256];

    pthread_mutex_t lock; /* guards what follows */
    struct audit_head last;
    uint64_t signed_sequence; /* of the last head */
    int fd;                   /* -1: the next record opens a new file */
    size_t size;
    bool fresh;  /* the file's name is not durable yet */
    bool failed; /* a sync failed: nothing more is written */
    /* Refusals: a bucket that fills by one every AUDIT_REFUSAL_SECONDS. */
    unsigned tokens;
    struct mono filled;
    uint64_t left_out;
};

/* The next record opens a new one. */
static inline void
audit_leave_file(struct audit *a)
{
    own_closep(&a->fd);
    a->fd = -1;
}

/* Of the file that begins with this sequence. */
static inline void
audit_path(const struct audit *a, uint64_t first, char out[static AUDIT_PATH_SIZE])
{
    char name[AUDIT_NAME_SIZE];
    (void)snprintf(out, AUDIT_PATH_SIZE, "%s/%s", a->directory, audit_files_name(first, name));
}

#endif
