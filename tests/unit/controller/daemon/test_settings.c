/* test_settings.c -- what the controller's configuration cannot say. */
#include "controller/daemon/settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

static enum rc
read_with(const char *line, struct error *e)
{
    char root[VAULT_KIT_PATH_SIZE], path[128], text[512];
    CLEANUP(config_freep) struct config *config = NULL;
    struct settings settings;
    vault_kit_directory(root);
    (void)snprintf(path, sizeof path, "%s/controller.conf", root);
    (void)snprintf(text, sizeof text, "cluster = \"demo\"\n%s\n", line);
    CHECK_OK(file_write_new(AT_FDCWD, path, span_of(text, strlen(text)), 0600, e), e);
    enum rc rc = settings_read(path, &config, &settings, e);
    vault_kit_remove(root);
    return rc;
}

static void
must_refuse(const char *line, const char *why)
{
    struct error e = ERROR_INIT;
    CHECK_RC(read_with(line, &e), RC_INVALID);
    if (strstr(e.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, why);
}

static void
two_listeners_need_two_addresses(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    must_refuse("data-listen = \"tls+tcp://0.0.0.0:7420\"", "port of its own");
    must_refuse("enroll-listen = \"tls+tcp://0.0.0.0:7421\"", "port of its own");
    CHECK_OK(read_with("listen = \"tls+tcp://[::]:7421\"", &e), &e);
}

static void
advertised_host_is_a_host(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    must_refuse("advertise = \"two words\"", "no host name");
    must_refuse("advertise = \"\"", "no host name");
    must_refuse("advertise = \"tls+tcp://host\"", "no host name");
    CHECK_OK(read_with("advertise = \"backup.example.org\"", &e), &e);
    CHECK_OK(read_with("advertise = \"[2001:db8::1]\"", &e), &e);
}

static void
run_directory_leaves_room_for_the_socket(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char line[256], path[120];
    memset(path, 'x', sizeof path);
    (void)snprintf(line, sizeof line, "run-directory = \"/%.99s\"", path);
    must_refuse(line, "too long for a socket");
    (void)snprintf(line, sizeof line, "run-directory = \"/%.98s\"", path);
    CHECK_OK(read_with(line, &e), &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_listeners_need_two_addresses),
        cmocka_unit_test(advertised_host_is_a_host),
        cmocka_unit_test(run_directory_leaves_room_for_the_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
