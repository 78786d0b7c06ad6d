/* cli_interrupt.c -- see cli_interrupt.h. */
#include "controller/cli/cli_interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "controller/cli/cli.h"

/* A signal handler has no other way to reach us, and nng's threads may be the ones it runs on. */
static int wake[2] = {-1, -1};
static volatile sig_atomic_t seen;

static void
on_signal(int number)
{
    int saved = errno;
    (void)number;
    if (seen)
        _exit(CLI_INTERRUPTED);
    seen = 1;
    (void)!write(wake[1], "", 1);
    errno = saved;
}

enum rc
cli_interrupt_arm(struct error *e)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_errno(e, "pipe");
    if (seen)
        cli_interrupt_taken();
    seen = 0;
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return error_errno(e, "sigaction");
    return RC_OK;
}

bool
cli_interrupt_wait(int ms)
{
    struct pollfd p = {.fd = wake[0], .events = POLLIN};
    return poll(&p, 1, ms) > 0;
}

void
cli_interrupt_taken(void)
{
    char drained;
    (void)!read(wake[0], &drained, 1);
}
