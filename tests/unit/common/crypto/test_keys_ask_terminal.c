/* test_keys_ask_terminal.c -- the key of a recovery sheet, typed at a terminal, which must not show it. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/crypto/keys_ask.h"

/* The keyboard's end of a terminal that is the standard input. */
struct terminal {
    int keyboard, before;
};

static void
terminal_open(struct terminal *t)
{
    t->keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(t->keyboard >= 0 && grantpt(t->keyboard) == 0 && unlockpt(t->keyboard) == 0);
    int screen = open(ptsname(t->keyboard), O_RDWR | O_NOCTTY | O_CLOEXEC);
    t->before = dup(0);
    assert_true(screen >= 0 && t->before >= 0 && dup2(screen, 0) == 0);
    (void)close(screen);
}

static void
terminal_close(struct terminal *t)
{
    assert_int_equal(dup2(t->before, 0), 0);
    (void)close(t->before);
    (void)close(t->keyboard);
}

static bool
shows_what_is_typed(int fd)
{
    struct termios settings;
    assert_int_equal(tcgetattr(fd, &settings), 0);
    return (settings.c_lflag & ECHO) != 0;
}

struct typist {
    struct terminal *terminal;
    char line[KEYS_PAPER_SIZE + 1];
    bool shown;
};

/* Types when the terminal has stopped showing what is typed: what comes earlier is thrown away. */
static void *
type(void *context)
{
    struct typist *t = context;
    while (shows_what_is_typed(t->terminal->keyboard))
        (void)sched_yield();
    t->shown = shows_what_is_typed(t->terminal->keyboard);
    ssize_t written = write(t->terminal->keyboard, t->line, strlen(t->line));
    return written == (ssize_t)strlen(t->line) ? t : NULL;
}

static void
a_key_is_typed_unseen_and_the_terminal_is_as_before(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct terminal terminal;
    struct typist typist = {.terminal = &terminal};
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    CLEANUP(keys_private_freep) struct keys_private *typed = NULL;
    CHECK_OK(keys_generate(KEYS_RECEIVING, &key, &e), &e);
    char paper[KEYS_PAPER_SIZE];
    CHECK_OK(keys_to_paper(key, paper, &e), &e);
    (void)snprintf(typist.line, sizeof typist.line, "%s\n", paper);

    terminal_open(&terminal);
    pthread_t thread;
    void *good = NULL;
    assert_int_equal(pthread_create(&thread, NULL, type, &typist), 0);
    enum rc rc = keys_ask(NULL, &typed, &e);
    assert_int_equal(pthread_join(thread, &good), 0);
    bool shown_again = shows_what_is_typed(0);
    terminal_close(&terminal);

    CHECK_OK(rc, &e);
    assert_non_null(good);
    assert_false(typist.shown);
    assert_true(shown_again);
    struct keys_public one, other;
    CHECK_OK(keys_public_of(key, &one, &e), &e);
    CHECK_OK(keys_public_of(typed, &other, &e), &e);
    assert_memory_equal(&one, &other, sizeof one);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_typed_unseen_and_the_terminal_is_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
