/*
 * test_catalogue_sweep.c -- every change of stored state under an operation of the catalogue fails in turn, in
 * SQLite too: the catalogue then holds what it held before, or what it should hold, never something between;
 * and what was acknowledged is there.
 */
#include "tests/support/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/catalogue/catalogue.h"
#include "controller/catalogue/catalogue_internal.h"
#include "tests/support/fault_io.h"
#include "tests/support/vault_kit.h"

enum { STATE_MAX = 2048, SWEEP_MAX = 400 };

struct world {
    char directory[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 16];
    struct catalogue *c;
};

static const struct id token = {{1}}, certificate = {{5}};
static const struct keys_public key = {{3}};
static const struct wall now = {1000}, until = {3000};

/* ---- operations */

static enum rc
invite(struct catalogue *c, struct error *e)
{
    return catalogue_peer_invite(c, CERTIFICATE_AGENT, "new", false, &token, until, now, e);
}

static enum rc
burn(struct catalogue *c, struct error *e)
{
    return catalogue_peer_burn(c, CERTIFICATE_AGENT, "imap1", &token, now, e);
}

static enum rc
enrol(struct catalogue *c, struct error *e)
{
    return catalogue_peer_enrolled(c, CERTIFICATE_AGENT, "imap1", &key, &key, &certificate, until,
                                   now, e);
}

static enum rc
set_sources(struct catalogue *c, struct error *e)
{
    static const struct catalogue_source sources[] = {
        {.name = "a", .kind = "files", .description = ""},
        {.name = "b", .kind = "files", .description = ""},
        {.name = "c", .kind = "imap", .description = "", .required = true},
    };
    return catalogue_sources_set(c, "imap1", sources, 3, e);
}

static enum rc
begin_cycle(struct catalogue *c, struct error *e)
{
    uint64_t number;
    return catalogue_cycle_new(c, 0, "root", now, &number, e);
}

static enum rc
take_transition(struct catalogue *c, struct error *e)
{
    return catalogue_cycle_state(c, 1, "failed", "unwound-failed", "why", true, now, e);
}

static enum rc
add_full(struct catalogue *c, struct error *e)
{
    const struct record_archive archives[] = {
        {.host = "imap1", .source = "a", .sequence = 4, .state = RECORD_COMPLETE, .name = {{4}}},
        {.host = "imap1", .source = "b", .sequence = 5, .state = RECORD_COMPLETE, .name = {{5}}},
    };
    const struct record_full full = {
        .number = 1, .state = RECORD_FULL, .archive_count = 2, .name = {{7}}};
    return catalogue_full_add(c, &full, archives, e);
}

/* ---- the world before, and what is in it */

static void
prepare(struct world *w)
{
    struct error e = ERROR_INIT;
    static const struct catalogue_source old = {.name = "old", .kind = "files", .description = ""};
    uint64_t number;
    vault_kit_directory(w->directory);
    (void)snprintf(w->path, sizeof w->path, "%s/catalogue.db", w->directory);
    CHECK_OK(catalogue_open(w->path, &w->c, &e), &e);
    CHECK_OK(catalogue_peer_invite(w->c, CERTIFICATE_AGENT, "imap1", false, &token, until, now, &e),
             &e);
    CHECK_OK(catalogue_sources_set(w->c, "imap1", &old, 1, &e), &e);
    CHECK_OK(catalogue_cycle_new(w->c, 0, "root", now, &number, &e), &e);
}

static void
clear(struct world *w)
{
    catalogue_close(w->c);
    w->c = NULL;
    vault_kit_remove(w->directory);
}

#define PEERS                                                                                      \
    "SELECT quote(name)||quote(enrolled)||quote(token)||quote(token_until)||quote(signing)||"      \
    "quote(certificate) FROM peer ORDER BY name"

static void
describe(struct catalogue *c, char out[static STATE_MAX])
{
    static const char *const queries[] = {
        PEERS,
        "SELECT quote(agent)||quote(name)||quote(kind)||quote(required) FROM source ORDER BY name",
        "SELECT quote(number)||quote(state)||quote(final)||quote(problem) FROM cycle ORDER BY 1",
        "SELECT quote(cycle)||quote(event)||quote(state) FROM transition ORDER BY rowid",
        "SELECT quote(number)||quote(good)||quote(record)||quote(archives) FROM full ORDER BY 1",
        "SELECT quote(full)||quote(agent)||quote(source)||quote(complete) FROM archive ORDER BY 1",
        "SELECT quote(host)||quote(sequence)||quote(name) FROM chain ORDER BY 1",
    };
    struct error e = ERROR_INIT;
    size_t len = 0;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        CLEANUP(sql_freep) struct sql *rows = NULL;
        CHECK_OK(sql_query(c->db, &rows, &e, queries[i], ""), &e);
        for (;;) {
            bool more;
            CHECK_OK(sql_next(rows, &more, &e), &e);
            if (!more)
                break;
            len += (size_t)snprintf(out + len, STATE_MAX - len, "%zu: %s\n", i, sql_text(rows, 0));
            assert_true(len < STATE_MAX);
        }
    }
}

/* ---- the sweep */

struct sweep {
    const char *name;
    enum rc (*run)(struct catalogue *c, struct error *e);
};

static const struct sweep sweeps[] = {
    {"invite", invite},
    {"burn", burn},
    {"enrol", enrol},
    {"set sources", set_sources},
    {"begin a cycle", begin_cycle},
    {"take a transition", take_transition},
    {"add a full", add_full},
};

static void
learn_outcomes(const struct sweep *s, char before[static STATE_MAX], char after[static STATE_MAX])
{
    struct error e = ERROR_INIT;
    struct world w;
    prepare(&w);
    describe(w.c, before);
    CHECK_OK(s->run(w.c, &e), &e);
    describe(w.c, after);
    assert_string_not_equal(before, after);
    clear(&w);
}

/* With the n-th change failing; false when there are fewer. */
static bool
fail_one(const struct sweep *s, unsigned n, int error_number, bool sticky, const char *before,
         const char *after)
{
    struct error e = ERROR_INIT;
    struct world w;
    char state[STATE_MAX];
    prepare(&w);
    fault_io_arm(n, error_number, sticky);
    enum rc rc = s->run(w.c, &e);
    if (sticky) {
        catalogue_close(w.c); /* the disk stays bad until the end of this process */
        w.c = NULL;
    }
    bool fired = fault_io_fired();
    fault_io_disarm();
    if (!sticky) {
        describe(w.c, state); /* the handle that saw the failure says the same as the disk */
        assert_string_equal(state, rc == RC_OK ? after : before);
        catalogue_close(w.c);
        w.c = NULL;
    }
    CHECK_OK(catalogue_open(w.path, &w.c, &e), &e);
    describe(w.c, state);
    bool is_after = strcmp(state, after) == 0;
    if (!is_after && (rc == RC_OK || strcmp(state, before) != 0))
        fail_msg("%s, change %u failed: %s and then\n%s", s->name, n, rc_name(rc), state);
    clear(&w);
    return fired;
}

static void
sweep_all(int error_number, bool sticky)
{
    char before[STATE_MAX], after[STATE_MAX];
    for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps; i++) {
        unsigned n = 1;
        learn_outcomes(&sweeps[i], before, after);
        while (fail_one(&sweeps[i], n, error_number, sticky, before, after))
            assert_true(++n < SWEEP_MAX);
        assert_true(n > 2); /* at least a write and a sync were failed */
    }
}

static void
any_single_failure_leaves_before_or_after(void **state)
{
    (void)state;
    sweep_all(EIO, false);
}

static void
full_disk_leaves_before_or_after(void **state)
{
    (void)state;
    sweep_all(ENOSPC, false);
}

static void
disk_that_stays_bad_leaves_before_or_after(void **state)
{
    (void)state;
    sweep_all(EIO, true);
}

static void
failed_creation_can_be_tried_again(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        struct error e = ERROR_INIT;
        struct world w = {.c = NULL};
        char none[STATE_MAX] = "";
        assert_true(n < SWEEP_MAX);
        vault_kit_directory(w.directory);
        (void)snprintf(w.path, sizeof w.path, "%s/catalogue.db", w.directory);
        fault_io_arm(n, EIO, false);
        enum rc rc = catalogue_open(w.path, &w.c, &e);
        bool fired = fault_io_fired();
        fault_io_disarm();
        assert_int_equal(rc == RC_OK, w.c != NULL);
        if (rc != RC_OK)
            CHECK_OK(catalogue_open(w.path, &w.c, &e), &e);
        describe(w.c, none);
        assert_string_equal(none, "");
        clear(&w);
        if (!fired)
            break;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_single_failure_leaves_before_or_after),
        cmocka_unit_test(full_disk_leaves_before_or_after),
        cmocka_unit_test(disk_that_stays_bad_leaves_before_or_after),
        cmocka_unit_test(failed_creation_can_be_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
