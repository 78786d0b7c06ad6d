/* test_process_half.c -- what a copy of ourselves inherits, and what it does not. */
#include "common/sys/process_half.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

enum { TERMINAL = 1, SESSION = 2, INPUT = 4, TYPED = 8 };

/* Exit code: what it can do with the terminal. */
static int
look_for_terminal(void *ctx, int fd)
{
    int code = 0;
    (void)ctx;
    (void)fd;
    for (int standard = 0; standard <= 2; standard++)
        if (isatty(standard) == 1)
            code |= TERMINAL;
    if (getsid(0) != getpid() || open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0)
        code |= SESSION;
    if (read(STDIN_FILENO, &(char){0}, 1) != 0)
        code |= INPUT;
    for (int standard = 0; standard <= 2; standard++)
        if (ioctl(standard, TIOCSTI, "x") == 0)
            code |= TYPED;
    return code;
}

/* A process whose terminal is a new one, as root's is: all three standard descriptors. */
static int
be_on_a_terminal(const char *terminal)
{
    struct error e = ERROR_INIT;
    struct process_half half;
    int code = 0;
    if (setsid() < 0)
        return -1;
    int fd = open(terminal,
                  O_RDWR | O_NONBLOCK | O_CLOEXEC); /* a test that waits for a key would hang */
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
        return -1;
    for (int standard = 0; standard <= 2; standard++)
        if (dup2(fd, standard) < 0)
            return -1;
    if (process_half_start(look_for_terminal, NULL, &half, &e) != RC_OK ||
        process_half_finish(&half, clock_after_ms(clock_mono(), 20000), &code, &e) != RC_OK)
        return -1;
    return code;
}

static void
the_copy_has_no_terminal(void **state)
{
    (void)state;
    int status = 0, master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, name, sizeof name), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(be_on_a_terminal(name));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(close(master), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Hostile: says nothing, and does not end when its channel is closed. */
static int
sit_there(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    while (pause() < 0) /* it is never anything else */
        continue;
    return 1;
}

static void
a_copy_that_sits_there_is_killed(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct process_half half;
    int code = 0;
    CHECK_OK(process_half_start(sit_there, NULL, &half, &e), &e);
    pid_t pid = half.pid;
    (void)alarm(20); /* without a deadline we would wait for ever */
    CHECK_RC(process_half_await(&half, clock_after_ms(clock_mono(), 20), &e), RC_TIMEOUT);
    CHECK_RC(process_half_finish(&half, clock_after_ms(clock_mono(), 20), &code, &e), RC_TIMEOUT);
    (void)alarm(0);
    assert_int_equal(kill(pid, 0), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_copy_has_no_terminal),
        cmocka_unit_test(a_copy_that_sits_there_is_killed),
    };
    return cmocka_run_group_tests_name("process_half", tests, NULL, NULL);
}
