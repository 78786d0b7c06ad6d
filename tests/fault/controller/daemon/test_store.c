/* test_store.c -- a controller's state directory is whole or none, and making it can be tried again. */
#include "controller/daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/fault_io.h"
#include "tests/support/vault_kit.h"

enum { SWEEP_MAX = 200, PATH = VAULT_KIT_PATH_SIZE + 32 };

static bool
is_whole(const struct settings *s)
{
    CLEANUP(store_clear) struct store store = {0};
    struct error e = ERROR_INIT;
    return store_load(s, &store, &e) == RC_OK;
}

static void
any_failure_leaves_none_that_the_next_try_makes(void **state)
{
    (void)state;
    bool fired = true;
    for (unsigned n = 1; fired; n++) {
        CLEANUP(keys_private_freep) struct keys_private *sheet = NULL;
        struct error e = ERROR_INIT;
        char directory[VAULT_KIT_PATH_SIZE], path[PATH];
        vault_kit_fast_directory(directory);
        (void)snprintf(path, sizeof path, "%s/state", directory);
        const struct settings s = {.cluster = "demo", .name = "controller", .state = path};
        fault_io_arm(n, EIO, false);
        enum rc rc = store_create(&s, true, &sheet, &e);
        fault_io_disarm();
        fired = fault_io_fired();
        assert_true(n < SWEEP_MAX);
        if (rc == RC_OK)
            assert_true(is_whole(&s));
        /* It may be whole and not told: the last sync failed. */
        if (!is_whole(&s))
            CHECK_OK(store_create(&s, true, &sheet, &e), &e);
        assert_true(is_whole(&s));
        vault_kit_remove(directory);
    }
}

static void
keys_without_certificates_are_never_removed(void **state)
{
    (void)state;
    CLEANUP(keys_private_freep) struct keys_private *sheet = NULL;
    CLEANUP(keys_private_freep) struct keys_private *second = NULL;
    struct error e = ERROR_INIT;
    char directory[VAULT_KIT_PATH_SIZE], path[PATH], certificate[2 * PATH];
    vault_kit_fast_directory(directory);
    (void)snprintf(path, sizeof path, "%s/state", directory);
    (void)snprintf(certificate, sizeof certificate, "%s/ca.pem", path);
    const struct settings s = {.cluster = "demo", .name = "controller", .state = path};
    CHECK_OK(store_create(&s, true, &sheet, &e), &e);
    CHECK_OK(file_remove_tree(AT_FDCWD, certificate, &e), &e);
    CHECK_RC(store_create(&s, true, &second, &e), RC_EXISTS);
    vault_kit_remove(directory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_failure_leaves_none_that_the_next_try_makes),
        cmocka_unit_test(keys_without_certificates_are_never_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
