/* test_ledger.c -- each file operation of the ledger fails once: it is before or after, and what was promised is there. */
#include "agent/snapshot/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/fault_io.h"

struct place {
    char path[64];
};

static struct ledger *
open_ledger(const struct place *p)
{
    struct ledger *l;
    struct error e = ERROR_INIT;
    CHECK_OK(ledger_open(p->path, &l, &e), &e);
    return l;
}

static struct ledger_entry
an_entry(void)
{
    return (struct ledger_entry){
        .driver = LEDGER_LVM, .cycle = 7, .volume = "vg0", .origin = "root", .origin_len = 4};
}

static struct ledger *
begin(struct place *p)
{
    struct error e = ERROR_INIT;
    (void)snprintf(p->path, sizeof p->path, "/tmp/koffer-ledger-XXXXXX");
    assert_non_null(mkdtemp(p->path));
    struct ledger *l = open_ledger(p);
    struct ledger_entry first = an_entry();
    CHECK_OK(ledger_add(l, &first, "root", &e), &e);
    return l;
}

static void
end(const struct place *p)
{
    struct error e = ERROR_INIT;
    CHECK_OK(file_remove_tree(AT_FDCWD, p->path, &e), &e);
}

/* Both of this process and of the next one. */
static size_t
count_after_restart(const struct place *p)
{
    CLEANUP(ledger_freep) struct ledger *l = open_ledger(p);
    for (size_t i = 0; i < ledger_image_of(l)->count; i++)
        assert_int_equal(ledger_image_of(l)->entries[i].cycle, 7);
    return ledger_image_of(l)->count;
}

static bool
add_with_fault(unsigned n, int number, bool sticky)
{
    struct place p;
    struct error e = ERROR_INIT;
    struct ledger *l = begin(&p);
    struct ledger_entry second = an_entry();
    fault_io_arm(n, number, sticky);
    enum rc rc = ledger_add(l, &second, "root", &e);
    fault_io_disarm();
    bool fired = fault_io_fired();
    size_t there = count_after_restart(&p);
    assert_true(there == 2 || (rc != RC_OK && there == 1));
    assert_int_equal(ledger_image_of(l)->count, rc == RC_OK ? 2 : 1);
    struct ledger_entry third =
        an_entry(); /* the next one succeeds, under a serial that nobody has */
    CHECK_OK(ledger_add(l, &third, "root", &e), &e);
    assert_int_equal(third.serial, 3);
    assert_int_equal(count_after_restart(&p), ledger_image_of(l)->count);
    ledger_free(l);
    end(&p);
    return fired;
}

static bool
drop_with_fault(unsigned n, int number, bool sticky)
{
    struct place p;
    struct error e = ERROR_INIT;
    struct ledger *l = begin(&p);
    fault_io_arm(n, number, sticky);
    enum rc rc = ledger_drop(l, 1, &e);
    fault_io_disarm();
    bool fired = fault_io_fired();
    size_t there = count_after_restart(&p);
    assert_true(there == 0 || (rc != RC_OK && there == 1));
    assert_int_equal(ledger_image_of(l)->count, rc == RC_OK ? 0 : 1);
    CHECK_OK(ledger_drop(l, 1, &e), &e);
    assert_int_equal(count_after_restart(&p), 0);
    ledger_free(l);
    end(&p);
    return fired;
}

static void
sweep(bool (*one)(unsigned n, int number, bool sticky))
{
    static const int numbers[] = {EIO, ENOSPC};
    unsigned points = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (unsigned n = 1; one(n, numbers[i], false); n++)
            points++;
        for (unsigned n = 1; one(n, numbers[i], true); n++)
            points++;
    }
    assert_true(points >= 16); /* open, write, sync, close, rename, sync of the directory */
}

static void
a_promise_that_fails_leaves_the_ledger_before_or_after(void **state)
{
    (void)state;
    sweep(add_with_fault);
}

static void
what_could_not_be_forgotten_is_still_promised(void **state)
{
    (void)state;
    sweep(drop_with_fault);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_promise_that_fails_leaves_the_ledger_before_or_after),
        cmocka_unit_test(what_could_not_be_forgotten_is_still_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
