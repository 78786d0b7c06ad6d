/* test_audit_sweep.c -- any change fails: what was said to be kept is kept, and nothing else breaks the chain. */
#include "controller/audit/audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/fault_io.h"
#include "tests/support/vault_kit.h"

enum { RECORDS = 6 };

static struct keys_private *signer;
static struct keys_public public;

/* Opens, appends, signs; counts what was said to be kept. */
static unsigned
write_all(const char *directory)
{
    struct error e = ERROR_INIT;
    struct audit_head head;
    struct audit *audit;
    unsigned kept = 0;
    const struct audit_options options = {
        .directory = directory, .signer = signer, .file_max = 700};
    if (audit_open(&options, &audit, &e) != RC_OK)
        return 0;
    kept++; /* its START */
    for (unsigned i = 0; i < RECORDS; i++) {
        const struct audit_entry entry = {
            .wall = {1}, .mono = {2}, .result = AUDIT_ALLOWED, .verb = "A", .object = "x"};
        kept += audit_append(audit, &entry, &e) == RC_OK;
    }
    kept += audit_sign(audit, (struct wall){1}, (struct mono){2}, &head, &e) == RC_OK;
    audit_free(audit);
    return kept;
}

static void
check_world(const char *directory, unsigned kept, unsigned n)
{
    struct error e = ERROR_INIT;
    struct audit_report report;
    unsigned again = write_all(directory);
    assert_int_equal(again, RECORDS + 2);
    CHECK_OK(audit_verify(directory, &public, NULL, &report, &e), &e);
    if (report.problem[0] != '\0' || report.records < kept + again)
        fail_msg("change %u: %u kept before, %u after: %llu records, %s", n, kept, again,
                 (unsigned long long)report.records, report.problem);
}

static bool
sweep_once(unsigned n, int error_number, bool sticky, bool half)
{
    char top[VAULT_KIT_PATH_SIZE], directory[VAULT_KIT_PATH_SIZE + 8];
    vault_kit_fast_directory(top);
    (void)snprintf(directory, sizeof directory, "%s/audit", top);
    if (half)
        fault_io_arm_short(n);
    else
        fault_io_arm(n, error_number, sticky);
    unsigned kept = write_all(directory);
    bool fired = fault_io_fired();
    fault_io_disarm();
    check_world(directory, kept, n);
    vault_kit_remove(top);
    return fired;
}

static void
any_change_that_fails_loses_nothing_that_was_kept(void **state)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT};
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        for (unsigned sticky = 0; sticky < 2; sticky++)
            for (unsigned n = 1; sweep_once(n, errors[i], sticky != 0, false); n++) {
            }
    for (unsigned n = 1; n < 60; n++)
        (void)sweep_once(n, 0, false, true);
}

static void
full_disk_refuses_and_passes(void **state)
{
    char top[VAULT_KIT_PATH_SIZE], directory[VAULT_KIT_PATH_SIZE + 8];
    struct error e = ERROR_INIT;
    struct audit *audit;
    struct audit_report report;
    const struct audit_entry entry = {
        .wall = {1}, .mono = {2}, .result = AUDIT_ALLOWED, .verb = "A"};
    (void)state;
    vault_kit_fast_directory(top);
    (void)snprintf(directory, sizeof directory, "%s/audit", top);
    const struct audit_options options = {.directory = directory, .signer = signer};
    CHECK_OK(audit_open(&options, &audit, &e), &e);
    fault_io_arm(1, ENOSPC, false);
    CHECK_RC(audit_append(audit, &entry, &e), RC_NO_SPACE);
    fault_io_disarm();
    CHECK_OK(audit_append(audit, &entry, &e), &e);
    fault_io_arm(2, EIO, false); /* the sync: never again in this process */
    CHECK_RC(audit_append(audit, &entry, &e), RC_IO);
    fault_io_disarm();
    CHECK_RC(audit_append(audit, &entry, &e), RC_IO);
    assert_non_null(strstr(e.text, "restart koffer-controller"));
    audit_free(audit);
    CHECK_OK(audit_verify(directory, &public, NULL, &report, &e), &e);
    assert_string_equal(report.problem, "");
    vault_kit_remove(top);
}

static int
make_keys(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_OK(keys_generate(KEYS_SIGNING, &signer, &e), &e);
    CHECK_OK(keys_public_of(signer, &public, &e), &e);
    return 0;
}

static int
free_keys(void **state)
{
    (void)state;
    keys_private_free(signer);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_change_that_fails_loses_nothing_that_was_kept),
        cmocka_unit_test(full_disk_refuses_and_passes),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
