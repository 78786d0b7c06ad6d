/* test_keys_paper.c -- the printed key survives hands and eyes. */
#include <ctype.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/crypto/keys.h"
#include "common/crypto/keys_internal.h"
#include "tests/support/check.h"

/* 00 01 02 ... 1f; docs/formats/keys.md shows the same. */
#define GOLDEN "KFR1-040020G3-0G2GC1R8-1450P30D-1R7H048J-2CA1A5GQ-30CHM6RW-3MF1YJ8H-ETR0"

static struct keys_private *
counting_key(void)
{
    struct error e = ERROR_INIT;
    struct keys_private *k = NULL;
    uint8_t raw[KEYS_RAW_SIZE];
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)i;
    CHECK_OK(keys_from_raw(KEYS_RECEIVING, raw, &k, &e), &e);
    return k;
}

static void
check_is_counting_key(const char *paper)
{
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = NULL;
    uint8_t raw[KEYS_RAW_SIZE];
    CHECK_OK(keys_from_paper(paper, &k, &e), &e);
    CHECK_OK(keys_raw_of(k, raw, &e), &e);
    for (size_t i = 0; i < sizeof raw; i++)
        assert_int_equal(raw[i], i);
}

static void
the_golden_key_prints_as_documented(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = counting_key();
    char paper[KEYS_PAPER_SIZE];
    CHECK_OK(keys_to_paper(k, paper, &e), &e);
    assert_string_equal(paper, GOLDEN);
}

static void
handwriting_is_forgiven(void **state)
{
    (void)state;
    char text[2 * KEYS_PAPER_SIZE];
    size_t n = 0;
    check_is_counting_key(GOLDEN);
    for (const char *c = GOLDEN; *c != '\0'; c++) {
        static const char zeros[] = "oO0", ones[] = "iIlL1";
        char typed = (char)tolower((unsigned char)*c);
        if (*c == '0')
            typed = zeros[n % 3];
        if (*c == '1')
            typed = ones[n % 5];
        text[n++] = *c == '-' ? ' ' : typed;
        if (n % 7 == 0)
            text[n++] = '-';
    }
    text[n++] = '\n';
    text[n] = '\0';
    check_is_counting_key(text);
}

/* The group that holds position `at` of the text. */
static size_t
group_of(size_t at)
{
    return (at - 5) / 9 + 1;
}

static void
check_blames(const char *text, size_t group)
{
    struct error e = ERROR_INIT;
    struct keys_private *k = NULL;
    char want[32];
    CHECK_RC(keys_from_paper(text, &k, &e), RC_INVALID);
    assert_null(k);
    (void)snprintf(want, sizeof want, "group %zu ", group);
    assert_non_null(strstr(e.text, want));
}

static void
a_mistyped_character_names_its_group(void **state)
{
    (void)state;
    for (size_t at = 5; at < sizeof GOLDEN - 1; at++) {
        char text[] = GOLDEN;
        if (text[at] == '-')
            continue;
        text[at] = text[at] == '7' ? 'W' : '7';
        check_blames(text, group_of(at));
        text[at] = 'U';
        check_blames(text, group_of(at));
    }
}

static void
two_swapped_characters_name_their_group(void **state)
{
    (void)state;
    unsigned tried = 0;
    for (size_t at = 5; at + 1 < sizeof GOLDEN - 1; at++) {
        char text[] = GOLDEN;
        if (text[at] == '-' || text[at + 1] == '-' || text[at] == text[at + 1])
            continue;
        text[at] = GOLDEN[at + 1];
        text[at + 1] = GOLDEN[at];
        check_blames(text, group_of(at));
        tried++;
    }
    assert_true(tried > 20);
}

static void
other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "KFR", "KFR1", "KFR1-", "KFR2" /* another version */, "KFT1-00000000", "-", "KFR1-0",
    };
    struct error e = ERROR_INIT;
    struct keys_private *k = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK_RC(keys_from_paper(texts[i], &k, &e), RC_INVALID);
    CHECK_RC(keys_from_paper(GOLDEN "0", &k, &e), RC_INVALID);
    char cut[] = GOLDEN;
    cut[sizeof cut - 2] = '\0';
    CHECK_RC(keys_from_paper(cut, &k, &e), RC_INVALID);
    char two[] = GOLDEN;
    two[6] = two[6] == 'Z' ? 'Y' : 'Z';
    two[40] = two[40] == 'Z' ? 'Y' : 'Z';
    CHECK_RC(keys_from_paper(two, &k, &e), RC_INVALID);
    assert_null(k);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_key_prints_as_documented),
        cmocka_unit_test(handwriting_is_forgiven),
        cmocka_unit_test(a_mistyped_character_names_its_group),
        cmocka_unit_test(two_swapped_characters_name_their_group),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests_name("keys_paper", tests, NULL, NULL);
}
