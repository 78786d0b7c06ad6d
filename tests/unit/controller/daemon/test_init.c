/* test_init.c -- what `koffer-controller init` must not do. */
#include "controller/daemon/init.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

static void
another_controllers_state_is_refused_before_a_vault_is_made(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char root[VAULT_KIT_PATH_SIZE], config[128], keys[128], ca[160], vault[128];
    bool exists = true;
    vault_kit_directory(root);
    (void)snprintf(config, sizeof config, "%s/controller.conf", root);
    (void)snprintf(keys, sizeof keys, "%s/state", root);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", keys);
    (void)snprintf(vault, sizeof vault, "%s/vault", root);
    CHECK_OK(file_make_directory(AT_FDCWD, keys, 0700, &e), &e);
    CHECK_OK(file_write_new(AT_FDCWD, ca, span_of("x", 1), 0644, &e), &e);
    const struct init_options options = {
        .config = config, .cluster = "demo", .state = keys, .vault = vault};
    CHECK_RC(init_run(&options, &e), RC_EXISTS);
    CHECK_OK(file_exists(AT_FDCWD, vault, &exists, &e), &e);
    assert_false(exists);
    vault_kit_remove(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_controllers_state_is_refused_before_a_vault_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
