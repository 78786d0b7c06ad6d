/* test_cli_operator.c -- the operator's directory is read whole, and only if its key is private. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/cli/cli_operator.h"

struct place {
    char folder[40];
    int dirfd;
};

static void
put(const struct place *p, const char *name, const char *text, unsigned mode)
{
    struct error e = ERROR_INIT;
    CHECK_OK(file_write_new(p->dirfd, name, span_of(text, strlen(text)), mode, &e), &e);
}

static int
enter(void **state)
{
    static struct place p;
    struct error e = ERROR_INIT;
    p = (struct place){.folder = "/tmp/koffer-operator-XXXXXX"};
    if (mkdtemp(p.folder) == NULL || setenv("KOFFER_OPERATOR", p.folder, 1) != 0)
        return -1;
    CHECK_OK(file_open_directory(AT_FDCWD, p.folder, &p.dirfd, &e), &e);
    *state = &p;
    return 0;
}

static int
leave(void **state)
{
    struct place *p = *state;
    struct error e = ERROR_INIT;
    CHECK_OK(file_remove_tree(AT_FDCWD, p->folder, &e), &e);
    (void)unsetenv("KOFFER_OPERATOR");
    return close(p->dirfd);
}

static void
a_whole_directory_is_read(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(cli_operator_clear) struct cli_operator me = {0};
    put(*state, CLI_OPERATOR_CA, "the ca", 0644);
    put(*state, CLI_OPERATOR_KEY, "the key", 0600);
    put(*state, CLI_OPERATOR_CONTROLLER, "koffer://controller/main\ntls+tcp://c:7420\n", 0644);
    assert_false(cli_operator_exists());
    put(*state, CLI_OPERATOR_CERTIFICATE, "the certificate", 0644);
    assert_true(cli_operator_exists());
    CHECK_OK(cli_operator_load(&me, &e), &e);
    assert_string_equal(me.ca, "the ca");
    assert_string_equal(me.certificate, "the certificate");
    assert_string_equal(me.key, "the key");
    assert_string_equal(me.expect, "koffer://controller/main");
    assert_string_equal(me.url, "tls+tcp://c:7420");
}

static void
without_a_certificate_the_remedy_is_named(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct cli_operator me = {0};
    CHECK_RC(cli_operator_load(&me, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "koffer operator enroll"));
}

static void
a_key_that_others_can_read_is_refused_by_its_name(void **state)
{
    const struct place *p = *state;
    struct error e = ERROR_INIT;
    CLEANUP(cli_operator_clear) struct cli_operator me = {0};
    put(p, CLI_OPERATOR_KEY, "the key", 0600);
    put(p, CLI_OPERATOR_CERTIFICATE, "the certificate", 0644);
    assert_int_equal(fchmodat(p->dirfd, CLI_OPERATOR_KEY, 0640, 0), 0);
    CHECK_RC(cli_operator_load(&me, &e), RC_DENIED);
    assert_non_null(strstr(e.text, p->folder));
    assert_non_null(strstr(e.text, "chmod"));
}

static void
a_new_directory_is_for_its_owner_only(void **state)
{
    const struct place *p = *state;
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) char *shown = NULL;
    CLEANUP(own_closep) int dirfd = -1;
    char inner[64];
    struct stat st;
    (void)snprintf(inner, sizeof inner, "%s/new/one", p->folder);
    assert_int_equal(setenv("KOFFER_OPERATOR", inner, 1), 0);
    CHECK_OK(cli_operator_make(&shown, &dirfd, &e), &e);
    assert_string_equal(shown, inner);
    assert_int_equal(fstat(dirfd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_directory_is_read),
        TEST(without_a_certificate_the_remedy_is_named),
        TEST(a_key_that_others_can_read_is_refused_by_its_name),
        TEST(a_new_directory_is_for_its_owner_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
