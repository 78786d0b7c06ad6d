/* test_token.c -- a token says again what it was made of, and nothing else passes for one. */
#include "common/crypto/token.h"

#include <ctype.h>
#include <stdio.h>

#include "tests/support/check.h"

/* Made by another program from docs/formats/keys.md. */
#define GOLDEN                                                                                     \
    "KFT1-040T1VR4DC000000000G40R40M30E209185GR38E1W8124GK2GAHC5RR34D1P70X3RFZZZQXZKX"             \
    "ZNYFRYZVFBX7KYBRZ1VZEXQPEQTQ9X3KYDSF4WFHE3R0HD5PP2W1H5SJQGRBDE1P6ABKFE9KGCRK1CDN"             \
    "QAW11EHP76AVMCDR3MBSFC9GP6TVNE0Q6AY31DNR6RS9EDXS6EEHQ6GSK7S27TD40"

static struct token
sample(void)
{
    struct token t = {
        .identity = {.role = CERTIFICATE_AGENT, .name = "imap1.example.org"},
        .expiry = 1795485600,
        .controller = "backup",
        .url = "tls+tcp://backup.example.org:7433",
    };
    for (size_t i = 0; i < ID_SIZE; i++) {
        t.secret.bytes[i] = (uint8_t)i;
        t.spki.bytes[i] = (uint8_t)(255 - i);
    }
    return t;
}

static void
check_same(const struct token *a, const struct token *b)
{
    assert_int_equal(a->identity.role, b->identity.role);
    assert_string_equal(a->identity.name, b->identity.name);
    assert_true(a->expiry == b->expiry);
    assert_true(id_equal(&a->secret, &b->secret) && id_equal(&a->spki, &b->spki));
    assert_string_equal(a->controller, b->controller);
    assert_string_equal(a->url, b->url);
}

static void
the_golden_token_is_as_documented(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct token t = sample();
    char text[TOKEN_TEXT_SIZE];
    CHECK_OK(token_encode(&t, text, &e), &e);
    assert_string_equal(text, GOLDEN);
}

static void
the_longest_token_round_trips_however_it_was_pasted(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct token t = sample(), back;
    char text[TOKEN_TEXT_SIZE], pasted[2 * TOKEN_TEXT_SIZE];
    t.identity.role = CERTIFICATE_OPERATOR;
    t.expiry = UINT64_MAX;
    memset(t.identity.name, 'n', CERTIFICATE_NAME_MAX);
    memset(t.controller, 'c', CERTIFICATE_NAME_MAX);
    memset(t.url, 'u', TOKEN_URL_MAX);
    CHECK_OK(token_encode(&t, text, &e), &e);

    size_t n = 0;
    pasted[n++] = ' ';
    for (const char *c = text; *c != '\0'; c++) {
        pasted[n++] = (char)tolower((unsigned char)*c);
        if (n % 70 == 0)
            pasted[n++] = '\n';
    }
    pasted[n++] = '\n';
    pasted[n] = '\0';
    CHECK_OK(token_decode(pasted, &back, &e), &e);
    check_same(&t, &back);
}

static void
any_changed_or_missing_character_is_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct token t = sample();
    for (size_t at = 0; at < sizeof GOLDEN - 1; at++) {
        char text[] = GOLDEN;
        if (text[at] == '-')
            continue;
        text[at] = text[at] == '7' ? 'W' : '7';
        CHECK_RC(token_decode(text, &t, &e), RC_INVALID);
        text[at] = '\0';
        CHECK_RC(token_decode(text, &t, &e), RC_INVALID);
    }
    CHECK_RC(token_decode(GOLDEN "0", &t, &e), RC_INVALID);
    const struct token untouched = sample();
    check_same(&t, &untouched);
}

static void
bad_fields_are_not_encoded(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char text[TOKEN_TEXT_SIZE];
    struct token t = sample();
    t.identity.role = CERTIFICATE_CONTROLLER;
    CHECK_RC(token_encode(&t, text, &e), RC_INVALID);
    t = sample();
    (void)snprintf(t.identity.name, sizeof t.identity.name, "Bad Name");
    CHECK_RC(token_encode(&t, text, &e), RC_INVALID);
    t = sample();
    t.controller[0] = '\0';
    CHECK_RC(token_encode(&t, text, &e), RC_INVALID);
    t = sample();
    t.url[3] = '\n';
    CHECK_RC(token_encode(&t, text, &e), RC_INVALID);
    t.url[0] = '\0';
    CHECK_RC(token_encode(&t, text, &e), RC_INVALID);
}

static void
a_token_expires_at_its_second(void **state)
{
    (void)state;
    const struct token t = sample();
    int64_t at = (int64_t)t.expiry * CLOCK_NS_PER_SECOND;
    assert_false(token_expired(&t, (struct wall){at - 1}));
    assert_true(token_expired(&t, (struct wall){at}));
    assert_false(token_expired(&t, (struct wall){-5 * CLOCK_NS_PER_SECOND}));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_token_is_as_documented),
        cmocka_unit_test(the_longest_token_round_trips_however_it_was_pasted),
        cmocka_unit_test(any_changed_or_missing_character_is_refused),
        cmocka_unit_test(bad_fields_are_not_encoded),
        cmocka_unit_test(a_token_expires_at_its_second),
    };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
