/* test_sheet.c -- the printed sheet holds all that a recovery needs, and a sheet that could not be printed is an error. */
#include "common/crypto/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "common/crypto/keys.h"
#include "tests/support/check.h"

static const struct sheet sheet = {
    .cluster = "example.org",
    .label = "safe in the cellar",
    .vault = "/var/lib/koffer/vault",
    .vault_id = "00112233445566778899aabbccddeeff",
    .controller_key = "ffeeddccbbaa99887766554433221100",
    .made = {1700000000 * INT64_C(1000000000)},
};

static struct keys_private *
make_key(void)
{
    struct error e = ERROR_INIT;
    struct keys_private *key = NULL;
    CHECK_OK(keys_generate(KEYS_RECEIVING, &key, &e), &e);
    return key;
}

static void
the_sheet_holds_the_key_and_where_it_belongs(void **state)
{
    struct error e = ERROR_INIT;
    char *text = NULL, paper[KEYS_PAPER_SIZE];
    size_t size = 0;
    struct keys_private *key = make_key();
    FILE *out = open_memstream(&text, &size);
    (void)state;
    assert_non_null(out);
    CHECK_OK(sheet_print(&sheet, key, out, &e), &e);
    assert_int_equal(fclose(out), 0);
    CHECK_OK(keys_to_paper(key, paper, &e), &e);
    const char *const said[] = {sheet.cluster,        sheet.label,     sheet.vault,
                                sheet.vault_id,       paper,           "2023-11-14",
                                sheet.controller_key, "koffer-recover"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (strstr(text, said[i]) == NULL)
            fail_msg("'%s' is not on the sheet:\n%s", said[i], text);
    free(text);
    keys_private_free(key);
}

static void
a_sheet_that_was_not_printed_is_an_error(void **state)
{
    struct error e = ERROR_INIT;
    struct keys_private *key = make_key();
    FILE *full = fopen("/dev/full", "we");
    (void)state;
    assert_non_null(full);
    assert_true(sheet_print(&sheet, key, full, &e) != RC_OK);
    (void)fclose(full);
    keys_private_free(key);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sheet_holds_the_key_and_where_it_belongs),
        cmocka_unit_test(a_sheet_that_was_not_printed_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
