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
#include "tests/support/catalogue_acts.h"
#include "tests/support/fault_io.h"
#include "tests/support/vault_kit.h"

enum { SWEEP_MAX = 400 };

struct world {
    char directory[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 16];
    struct catalogue *c;
};

/* ---- the world before, and what is in it */

static void
prepare(struct world *w)
{
    struct error e = ERROR_INIT;
    vault_kit_fast_directory(w->directory);
    (void)snprintf(w->path, sizeof w->path, "%s/catalogue.db", w->directory);
    CHECK_OK(catalogue_open(w->path, &w->c, &e), &e);
    catalogue_acts_prepare(w->c);
}

static void
clear(struct world *w)
{
    catalogue_close(w->c);
    w->c = NULL;
    vault_kit_remove(w->directory);
}

/* ---- the sweep */

static void
learn_outcomes(const struct catalogue_act *s, char before[static CATALOGUE_ACTS_TEXT],
               char after[static CATALOGUE_ACTS_TEXT])
{
    struct error e = ERROR_INIT;
    struct world w;
    prepare(&w);
    catalogue_acts_describe(w.c, before);
    CHECK_OK(s->run(w.c, &e), &e);
    catalogue_acts_describe(w.c, after);
    assert_string_not_equal(before, after);
    clear(&w);
}

/* With the n-th change failing; false when there are fewer. */
static bool
fail_one(const struct catalogue_act *s, unsigned n, int error_number, bool sticky,
         const char *before, const char *after)
{
    struct error e = ERROR_INIT;
    struct world w;
    char state[CATALOGUE_ACTS_TEXT];
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
        catalogue_acts_describe(
            w.c, state); /* the handle that saw the failure says the same as the disk */
        assert_string_equal(state, rc == RC_OK ? after : before);
        catalogue_close(w.c);
        w.c = NULL;
    }
    CHECK_OK(catalogue_open(w.path, &w.c, &e), &e);
    catalogue_acts_describe(w.c, state);
    bool is_after = strcmp(state, after) == 0;
    if (!is_after && (rc == RC_OK || strcmp(state, before) != 0))
        fail_msg("%s, change %u failed: %s and then\n%s", s->name, n, rc_name(rc), state);
    clear(&w);
    return fired;
}

static void
sweep_all(int error_number, bool sticky)
{
    char before[CATALOGUE_ACTS_TEXT], after[CATALOGUE_ACTS_TEXT];
    for (size_t i = 0; i < CATALOGUE_ACTS; i++) {
        unsigned n = 1;
        learn_outcomes(&catalogue_acts[i], before, after);
        while (fail_one(&catalogue_acts[i], n, error_number, sticky, before, after))
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
        char none[CATALOGUE_ACTS_TEXT] = "";
        assert_true(n < SWEEP_MAX);
        vault_kit_fast_directory(w.directory);
        (void)snprintf(w.path, sizeof w.path, "%s/catalogue.db", w.directory);
        fault_io_arm(n, EIO, false);
        enum rc rc = catalogue_open(w.path, &w.c, &e);
        bool fired = fault_io_fired();
        fault_io_disarm();
        assert_int_equal(rc == RC_OK, w.c != NULL);
        if (rc != RC_OK)
            CHECK_OK(catalogue_open(w.path, &w.c, &e), &e);
        catalogue_acts_describe(w.c, none);
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
