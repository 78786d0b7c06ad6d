/* test_envelope_sweep.c -- whatever change fails while an envelope is published: it is there whole, or not at all. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "controller/vault/vault_parts.h"
#include "tests/support/check.h"
#include "tests/support/fault_io.h"
#include "tests/support/vault_kit.h"

enum { SWEEP_MAX = 200, SHORT = -1 };

struct world {
    char path[VAULT_KIT_PATH_SIZE];
    struct record_vault_id id;
    struct vault_kit kit;
    struct buffer blob, record, envelope;
    struct id root, leaf;
    struct vault_full full;
};

static int
begin(void **state)
{
    static struct world w;
    w = (struct world){.blob = BUFFER_INIT(LIMIT_BLOB),
                       .record = BUFFER_INIT(LIMIT_RECORD),
                       .envelope = BUFFER_INIT(LIMIT_RECORD)};
    vault_kit_begin(&w.kit);
    vault_kit_blob(&w.blob, &w.root, 7, 100, NULL, 0);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    buffer_free(&w->blob);
    buffer_free(&w->record);
    buffer_free(&w->envelope);
    vault_kit_end(&w->kit);
    return 0;
}

/* A vault as it was before there were envelopes: the folder has to be made, too. */
static struct vault *
prepare(struct world *w)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct vault *v = NULL;
    char path[128];
    const struct id none = {{0}};
    bool known;

    vault_kit_fast_directory(w->path);
    w->kit.sequence = 0;
    w->kit.last_archive = none;
    CHECK_OK(vault_create(w->path, false, &w->id, &e), &e);
    (void)snprintf(path, sizeof path, "%s/envelopes", w->path);
    assert_int_equal(rmdir(path), 0);
    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &v, &e), &e);
    CHECK_OK(vault_session_begin(v, &s, &e), &e);
    CHECK_OK(vault_session_put(s, &w->root, buffer_span(&w->blob), &known, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_kit_record(&w->kit, &w->id, 1, &none, &w->root, &w->record);
    w->full.number = 1;
    CHECK_OK(vault_commit_full(v, buffer_span(&w->record), &w->full.name, &e), &e);
    const struct envelope_root root = {.root = w->root};
    struct envelope envelope = {
        .vault = w->id, .number = 1, .full = w->full.name, .roots = &root, .root_count = 1};
    CHECK_OK(envelope_encode(&envelope, w->kit.controller, &w->envelope, &e), &e);
    return v;
}

static enum rc
count_envelope(void *ctx, const struct envelope *envelope, struct error *e)
{
    (void)envelope;
    (void)e;
    ++*(unsigned *)ctx;
    return RC_OK;
}

static void
print_finding(void *ctx, const struct vault_finding *f)
{
    (void)ctx;
    print_error("%s\n", f->text);
}

static void
check_world(struct world *w, enum rc told)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    struct error e = ERROR_INIT;
    struct vault_verify_counts counts;
    const struct vault_verify_options o = {.finding = print_finding};
    unsigned count = 0;

    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &v, &e), &e);
    CHECK_OK(vault_verify(v, &o, &counts, &e), &e);
    assert_int_equal(counts.damaged + counts.missing, 0);
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
    CHECK_OK(vault_each_envelope(v, &w->full, count_envelope, &count, &e), &e);
    if (told == RC_OK)
        assert_int_equal(count, 1);
    CHECK_OK(vault_add_envelope(v, buffer_span(&w->envelope), &e), &e);
    count = 0;
    CHECK_OK(vault_each_envelope(v, &w->full, count_envelope, &count, &e), &e);
    assert_int_equal(count, 1);
}

/* False when there are fewer than n changes. */
static bool
run_once(struct world *w, int error_number, bool sticky, unsigned n)
{
    struct error e = ERROR_INIT;
    struct vault *v = prepare(w);
    size_t open_before = vault_kit_count("/proc/self", "fd");

    if (error_number == SHORT)
        fault_io_arm_short(n);
    else
        fault_io_arm(n, error_number, sticky);
    enum rc rc = vault_add_envelope(v, buffer_span(&w->envelope), &e);
    fault_io_disarm();
    bool fired = fault_io_fired();
    assert_int_equal(vault_kit_count("/proc/self", "fd"), open_before);
    if (!fired || error_number == SHORT || error_number == EINTR)
        CHECK_OK(rc, &e);
    else if (rc != RC_OK)
        assert_true(e.text[0] != '\0');
    vault_close(v);
    check_world(w, rc);
    vault_kit_remove(w->path);
    return fired;
}

static void
publishing_survives_any_fault(void **state)
{
    static const struct {
        int error_number;
        bool sticky;
        unsigned least;
    } faults[] = {
        {EIO, false, 6}, {EIO, true, 6}, {ENOSPC, false, 6}, {ENOSPC, true, 6}, {SHORT, false, 2}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        unsigned n = 1;
        while (n < SWEEP_MAX && run_once(*state, faults[i].error_number, faults[i].sticky, n))
            n++;
        print_message("fault %zu: %u changes failed in turn\n", i, n - 1);
        assert_in_range(n, faults[i].least, SWEEP_MAX - 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(publishing_survives_any_fault)};
    return cmocka_run_group_tests(tests, begin, end);
}
