/*
 * test_vault_kill.c -- a writer killed at any instant loses nothing that it acknowledged.
 *
 * A child writes sessions and fulls and says over a pipe what it was told is durable; it is killed after
 * a random number of such lines and a random moment more.  PROP_SEED=<number> repeats a run.
 */
#include "tests/support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "common/sys/file.h"
#include "controller/vault/vault.h"
#include "tests/support/vault_kit.h"

enum { ROUNDS = 60, ACKS_MAX = 12, DELAY_MAX_US = 4000, BLOBS_PER_SESSION = 6, SMALL = 900 };

/* What the child says: a blob that was flushed, or a full that was committed (number > 0). */
struct ack {
    struct id id;
    uint64_t number;
};

struct history {
    struct ack *acks;
    size_t count, capacity;
};

static uint64_t
next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void
say(int pipe, const struct ack *ack)
{
    if (write(pipe, ack, sizeof *ack) != sizeof *ack)
        _exit(2);
}

/* ---- the child */

struct writer {
    struct vault *vault;
    struct vault_kit kit;
    int pipe;
    uint32_t seed;
    struct buffer blob, record;
};

static enum rc
put(struct writer *w, struct vault_session *s, struct id *children, size_t count, struct id *out,
    struct error *e)
{
    bool known;
    vault_kit_blob(&w->blob, out, w->seed++, SMALL, children, count);
    return vault_session_put(s, out, buffer_span(&w->blob), &known, e);
}

static enum rc
write_session(struct writer *w, struct id *root, struct error *e)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct id ids[BLOBS_PER_SESSION];

    TRY(vault_session_begin(w->vault, &s, e));
    for (size_t i = 0; i < BLOBS_PER_SESSION; i++)
        TRY(put(w, s, NULL, 0, &ids[i], e));
    TRY(put(w, s, ids, BLOBS_PER_SESSION, root, e));
    TRY(vault_session_flush(s, e));
    for (size_t i = 0; i < BLOBS_PER_SESSION; i++)
        say(w->pipe, &(struct ack){.id = ids[i]});
    say(w->pipe, &(struct ack){.id = *root});
    return RC_OK;
}

static enum rc
write_full(struct writer *w, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    struct vault_full last = {0};
    struct id root, name;
    size_t count;

    TRY(write_session(w, &root, e));
    TRY(vault_fulls(w->vault, &fulls, &count, e));
    if (count > 0)
        last = fulls[count - 1];
    /* Each child signs as a host that begins anew. */
    w->kit.sequence = 0;
    w->kit.last_archive = (struct id){{0}};
    vault_kit_record(&w->kit, vault_id(w->vault), last.number + 1, &last.name, &root, &w->record);
    TRY(vault_commit_full(w->vault, buffer_span(&w->record), &name, e));
    say(w->pipe, &(struct ack){.id = name, .number = last.number + 1});
    return RC_OK;
}

static void
write_until_killed(const char *path, uint32_t seed, int pipe)
{
    struct writer w = {.pipe = pipe, .seed = seed};
    struct error e = ERROR_INIT;
    enum rc rc;

    w.blob = BUFFER_INIT(LIMIT_BLOB);
    w.record = BUFFER_INIT(LIMIT_RECORD);
    vault_kit_begin(&w.kit);
    do {
        rc = vault_open(path, &(struct vault_options){0}, &w.vault, &e);
        for (int i = 0; rc == RC_OK && i < 3; i++)
            rc = write_full(&w, &e);
        vault_close(TAKE(w.vault));
    } while (rc == RC_OK);
    (void)fprintf(stderr, "child: %s\n", e.text);
    _exit(1);
}

/* ---- the parent */

static void
note(struct history *h, const struct ack *ack)
{
    if (h->count == h->capacity) {
        h->capacity = h->capacity == 0 ? 256 : 2 * h->capacity;
        h->acks = reallocarray(h->acks, h->capacity, sizeof *h->acks);
        assert_non_null(h->acks);
    }
    h->acks[h->count++] = *ack;
}

/* Pipes keep records of this size whole, so one read is one line or the end. */
static bool
listen_once(int pipe, struct history *h)
{
    struct ack ack;
    ssize_t got = read(pipe, &ack, sizeof ack);

    assert_true(got == 0 || got == sizeof ack);
    if (got > 0)
        note(h, &ack);
    return got > 0;
}

static void
run_and_kill(const char *path, uint64_t *chance, struct history *h)
{
    int pipes[2], status;

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    uint32_t seed = (uint32_t)next(chance);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(pipes[0]);
        write_until_killed(path, seed, pipes[1]);
    }
    (void)close(pipes[1]);
    bool alive = true;
    for (uint64_t n = next(chance) % ACKS_MAX; alive && n > 0; n--)
        alive = listen_once(pipes[0], h);
    /* The instant is what is tested: there is no event to wait for. */
    struct timespec moment = {.tv_nsec = (long)(next(chance) % DELAY_MAX_US) * 1000};
    (void)ppoll(NULL, 0, &moment, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (listen_once(pipes[0], h))
        continue;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    (void)close(pipes[0]);
}

static void
print_finding(void *ctx, const struct vault_finding *f)
{
    (void)ctx;
    print_error("%s\n", f->text);
}

static void
check_history(const char *path, const struct history *h)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_BLOB);
    struct vault_verify_counts counts;
    struct error e = ERROR_INIT;

    CHECK_OK(vault_open(path, &(struct vault_options){0}, &v, &e), &e);
    for (size_t i = 0; i < h->count; i++) {
        if (h->acks[i].number == 0)
            CHECK_OK(vault_get(v, &h->acks[i].id, &bytes, &e), &e);
        else
            CHECK_OK(vault_read_full(v, h->acks[i].number, &bytes, &e), &e);
    }
    const struct vault_verify_options o = {.finding = print_finding};
    CHECK_OK(vault_verify(v, &o, &counts, &e), &e);
    assert_int_equal(counts.damaged + counts.missing, 0);
    assert_int_equal(vault_kit_count(path, "tmp"), 0);
}

static void
nothing_acknowledged_is_lost(void **state)
{
    const char *given = getenv("PROP_SEED");
    uint64_t chance = given != NULL ? (uint64_t)strtoull(given, NULL, 10) : (uint64_t)getpid();
    char path[VAULT_KIT_PATH_SIZE];
    struct record_vault_id id;
    struct error e = ERROR_INIT;
    struct history h = {0};

    (void)state;
    print_message("PROP_SEED=%ju\n", (uintmax_t)chance);
    vault_kit_directory(path);
    CHECK_OK(vault_create(path, false, &id, &e), &e);
    for (int round = 0; round < ROUNDS; round++) {
        run_and_kill(path, &chance, &h);
        check_history(path, &h);
    }
    print_message("%zu acknowledgements kept over %d kills\n", h.count, ROUNDS);
    free(h.acks);
    vault_kit_remove(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
