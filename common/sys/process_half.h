/*
 * process_half.h -- a copy of ourselves that will give up its rights, joined to us by packets.
 *
 *     TRY(process_half_start(run, ctx, &half, e));       // run(ctx, fd) in the copy; what it returns is its exit code
 *     TRY(process_half_await(&half, deadline, e));       // RC_TIMEOUT; else there is a packet, or the channel is closed
 *     ... talk over half.fd (SOCK_SEQPACKET) ...
 *     TRY(process_half_finish(&half, deadline, &code, e));   // closes the channel, waits; after the deadline it kills
 *
 * For the one conversation that a command of root has with a stranger (enrolment): the copy drops its rights before the first
 * foreign byte.  Call it while there is one thread only.  When we end, the copy finds its channel closed.
 * The copy is in a session of its own and has no terminal: standard input is /dev/null, and so are the others that were one.
 * Layer: common/sys.
 */
#ifndef COMMON_SYS_PROCESS_HALF_H
#define COMMON_SYS_PROCESS_HALF_H

#include <sys/types.h>

#include "common/base/clock.h"
#include "common/base/error.h"

struct process_half {
    pid_t pid;
    int fd;
};

enum rc process_half_start(int (*run)(void *ctx, int fd), void *ctx, struct process_half *out,
                           struct error *e);
enum rc process_half_await(const struct process_half *half, struct mono deadline, struct error *e);
/* RC_TIMEOUT when we had to kill it, RC_IO when another signal ended it; in any case it is gone. */
enum rc
process_half_finish(struct process_half *half, struct mono deadline, int *code, struct error *e);

#endif
