/* sweep.c -- see sweep.h. */
#include "tests/support/sweep.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

enum { SECONDS_MAX = 60, WORDS_MAX = 65536 };

struct sweep_case {
    const struct sweep_life *life;
    struct sweep_world *world;
    const struct sweep_fault *fault;
};

enum rc
sweep_world_new(struct sweep_world **out, struct error *e)
{
    void *at = mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return error_errno(e, "shared memory");
    *out = at;
    return RC_OK;
}

/* ---- the two halves of a case */

static void
live(void **state)
{
    const struct sweep_case *c = *state;
    struct sweep_world *w = c->world;
    struct error e = ERROR_INIT;
    size_t open_before = vault_kit_count("/proc/self", "fd");
    c->life->prepare(w);
    c->fault->arm(c->fault->ctx);
    enum rc rc = c->life->live(w, &e);
    c->fault->disarm(w);
    w->rc = rc;
    (void)snprintf(w->text, sizeof w->text, "%s", e.text);
    w->ended = true;
    if (!w->fired)
        CHECK_OK(rc, &e);
    if (rc != RC_OK)
        assert_true(e.text[0] != '\0');
    if (c->life->leave != NULL)
        c->life->leave();
    assert_int_equal(vault_kit_count("/proc/self", "fd"), open_before);
}

static void
check(void **state)
{
    const struct sweep_case *c = *state;
    c->life->check(c->world);
    if (c->life->leave != NULL)
        c->life->leave();
}

/* ---- running them */

/* Runs one test of cmocka, whose words go to the file `words`; the number of failures. */
static int
run_here(CMUnitTestFunction test, const struct sweep_case *c, int words)
{
    const struct CMUnitTest tests[] = {
        {.name = c->life->name, .test_func = test, .initial_state = (void *)(uintptr_t)c}};
    (void)fflush(NULL);
    CLEANUP(own_closep) int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    CLEANUP(own_closep) int err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (ftruncate(words, 0) != 0 || lseek(words, 0, SEEK_SET) != 0)
        abort();
    (void)dup2(words, STDOUT_FILENO);
    (void)dup2(words, STDERR_FILENO);
    (void)alarm(SECONDS_MAX);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)alarm(0);
    (void)fflush(NULL);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    return failed;
}

/* The same in a process of its own.  Its wait status. */
static int
run_apart(CMUnitTestFunction test, const struct sweep_case *c, int words)
{
    int status;
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child == 0)
        _exit(run_here(test, c, words) == 0 ? 0 : 1);
    while (waitpid(child, &status, 0) != child)
        continue;
    return status;
}

/* The words that say why, out of all that was said. */
static void
explain(const char *who, int words, char why[static SWEEP_WHY])
{
    static const char *const marks[] = {
        "SUMMARY: ", "runtime error: ", "] ERROR: ", "ERROR: ", "ERROR   ] --- "};
    static char said[WORDS_MAX];
    ssize_t len = pread(words, said, sizeof said - 1, 0);
    said[len < 0 ? 0 : len] = '\0';
    const char *from = said;
    for (size_t i = 0; i < sizeof marks / sizeof *marks && from == said; i++) {
        const char *mark = strstr(said, marks[i]);
        from = mark != NULL ? mark + strlen(marks[i]) : said;
    }
    (void)snprintf(why, SWEEP_WHY, "the %s: %.*s", who, SWEEP_WHY / 2, from);
    for (char *c = why; (c = strchr(c, '\n')) != NULL;)
        *c = ' ';
}

static bool
run_life(const struct sweep_case *c, int words)
{
    if (c->fault->ends_with == 0)
        return run_here(live, c, words) == 0;
    int status = run_apart(live, c, words);
    bool ended = WIFEXITED(status) && WEXITSTATUS(status) == c->fault->ends_with;
    if (ended)
        c->world->fired = true;
    return ended || status == 0;
}

static bool
run_both(const struct sweep_case *c, int words, char why[static SWEEP_WHY])
{
    if (!run_life(c, words)) {
        explain("life", words, why);
        return false;
    }
    if (run_here(check, c, words) == 0)
        return true;
    explain("check", words, why);
    return false;
}

bool
sweep_once(const struct sweep_life *life, struct sweep_world *w, const struct sweep_fault *fault,
           char why[static SWEEP_WHY])
{
    const struct sweep_case c = {.life = life, .world = w, .fault = fault};
    CLEANUP(own_closep) int words = memfd_create("words", MFD_CLOEXEC);
    if (words < 0)
        abort();
    memset(w, 0, sizeof *w);
    why[0] = '\0';
    vault_kit_fast_directory(w->path);
    bool good = run_both(&c, words, why);
    vault_kit_remove(w->path);
    return good;
}
