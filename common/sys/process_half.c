/* process_half.c -- see process_half.h. */
#include "common/sys/process_half.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
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

enum rc
process_half_finish(struct process_half *half, int *code, struct error *e)
{
    int status = 0;
    pid_t pid = half->pid;
    (void)close(half->fd);
    *half = (struct process_half){.fd = -1};
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_errno(e, "wait for our other half");
    if (!WIFEXITED(status))
        return error_set(e, RC_IO, "our other half was ended by signal %d", WTERMSIG(status));
    *code = WEXITSTATUS(status);
    return RC_OK;
}
