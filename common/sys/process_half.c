/* process_half.c -- see process_half.h. */
#include "common/sys/process_half.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "common/sys/privilege.h"

_Noreturn static void
be_half(int (*run)(void *ctx, int fd), void *ctx, int fd)
{
    struct error e = ERROR_INIT;
    int code = 1;
    if (privilege_leave_terminal(&e) == RC_OK)
        code = run(ctx, fd);
    else
        log_error(&e, "cannot become our other half");
    (void)fflush(NULL);
    _exit(code);
}

enum rc
process_half_start(int (*run)(void *ctx, int fd), void *ctx, struct process_half *out,
                   struct error *e)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_errno(e, "channel to our other half");
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        be_half(run, ctx, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return error_errno(e, "fork");
    }
    *out = (struct process_half){.pid = pid, .fd = ends[0]};
    return RC_OK;
}

/* *ready: before the deadline. */
static enum rc
wait_for(int fd, struct mono deadline, bool *ready, struct error *e)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (;;) {
        int64_t ms = clock_ms_until(deadline, clock_mono());
        int n = poll(&p, 1, ms > 0 ? (int)ms : 0);
        if (n < 0 && errno != EINTR)
            return error_errno(e, "wait for our other half");
        *ready = n > 0;
        if (*ready || ms <= 0)
            return RC_OK;
    }
}

enum rc
process_half_await(const struct process_half *half, struct mono deadline, struct error *e)
{
    bool ready = false;
    TRY(wait_for(half->fd, deadline, &ready, e));
    return ready ? RC_OK : error_set(e, RC_TIMEOUT, "our other half took too long");
}

/* Whatever fails here: it must not outlive us. */
static bool
kill_when_late(pid_t pid, struct mono deadline)
{
    struct error ignored = ERROR_INIT;
    CLEANUP(own_closep) int ended = pidfd_open(pid, 0);
    bool ready = false;
    if (ended >= 0 && wait_for(ended, deadline, &ready, &ignored) == RC_OK && ready)
        return false;
    (void)kill(pid, SIGKILL);
    return true;
}

enum rc
process_half_finish(struct process_half *half, struct mono deadline, int *code, struct error *e)
{
    int status = 0;
    pid_t pid = half->pid;
    (void)close(half->fd);
    *half = (struct process_half){.fd = -1};
    bool killed = kill_when_late(pid, deadline);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_errno(e, "wait for our other half");
    if (!WIFEXITED(status))
        return killed
                   ? error_set(e, RC_TIMEOUT, "our other half took too long and was ended")
                   : error_set(e, RC_IO, "our other half was ended by signal %d", WTERMSIG(status));
    *code = WEXITSTATUS(status);
    return RC_OK;
}
