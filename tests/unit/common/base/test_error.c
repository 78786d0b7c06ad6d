/* test_error.c -- the code says what the caller should do, whatever the system's number was. */
#include "common/base/error.h"

#include <errno.h>
#include <string.h>

#include "common/base/id.h"
#include "tests/support/check.h"

static void
every_failure_of_the_system_has_a_code(void **state)
{
    static const struct {
        int number;
        enum rc rc;
    } cases[] = {
        {EINTR, RC_AGAIN},
        {ECONNREFUSED, RC_AGAIN},
        {ETIMEDOUT, RC_TIMEOUT},
        {ENOENT, RC_NOT_FOUND},
        {EEXIST, RC_EXISTS},
        {EACCES, RC_DENIED},
        {EPERM, RC_DENIED},
        {ENOSPC, RC_NO_SPACE},
        {EDQUOT, RC_NO_SPACE},
        {ENOMEM, RC_NO_MEMORY},
        {EIO, RC_IO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = ERROR_INIT;
        errno = cases[i].number;
        CHECK_RC(error_errno(&e, "write 'x'"), cases[i].rc);
        assert_int_equal(strncmp(e.text, "write 'x': ", strlen("write 'x': ")), 0);
    }
}

static void
only_64_digits_are_an_id(void **state)
{
    struct error e = ERROR_INIT;
    struct id id = {{9}};
    char text[ID_TEXT_SIZE];
    (void)state;
    CHECK_RC(id_parse("12", &id, &e), RC_INVALID);
    memset(text, 'A', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[7] = 'g';
    CHECK_RC(id_parse(text, &id, &e), RC_INVALID);
    assert_int_equal(id.bytes[0], 9);
    text[7] = 'b';
    CHECK_OK(id_parse(text, &id, &e), &e);
    assert_int_equal(id.bytes[0], 0xaa);
    assert_int_equal(id.bytes[3], 0xab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_of_the_system_has_a_code),
        cmocka_unit_test(only_64_digits_are_an_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
