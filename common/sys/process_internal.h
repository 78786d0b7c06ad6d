/*
 * process_internal.h -- starting a child, apart from talking to it.
 *
 * Layer: common/sys, internal.
 */
#ifndef COMMON_SYS_PROCESS_INTERNAL_H
#define COMMON_SYS_PROCESS_INTERNAL_H

#include <sys/types.h>

#include "common/sys/process.h"

/* A child and our ends of its pipes (non-blocking); all the caller's. */
struct process_child {
    pid_t pid; /* also its process group */
    int pidfd;
    int in; /* -1 when it reads /dev/null */
    int out, err;
};

/* Returns when the program runs, or with the reason why it cannot. */
enum rc
process_spawn(const struct process_options *options, struct process_child *out, struct error *e);

#endif
