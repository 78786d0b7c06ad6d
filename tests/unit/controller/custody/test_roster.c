/* test_roster.c -- recipients come, are typed back and go; there is always somebody with paper. */
#include "controller/custody/roster.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

struct world {
    char state[VAULT_KIT_PATH_SIZE];
    struct keys_private *custody;
    struct keys_public controller, sheet, other;
    struct roster *roster;
};

static struct keys_public
new_public(void)
{
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = NULL;
    struct keys_public public;
    CHECK_OK(keys_generate(KEYS_RECEIVING, &k, &e), &e);
    CHECK_OK(keys_public_of(k, &public, &e), &e);
    return public;
}

static void
write_file(const struct world *w, const char *name, const char *text)
{
    char path[256];
    struct error e = ERROR_INIT;
    (void)snprintf(path, sizeof path, "%s/%s", w->state, name);
    CHECK_OK(file_replace(AT_FDCWD, path, span_of(text, strlen(text)), 0600, &e), &e);
}

static int
begin(void **state)
{
    static struct world w;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer lines = BUFFER_INIT(4096);
    w = (struct world){.sheet = new_public(), .other = new_public()};
    vault_kit_fast_directory(w.state);
    CHECK_OK(keys_generate(KEYS_RECEIVING, &w.custody, &e), &e);
    CHECK_OK(keys_public_of(w.custody, &w.controller, &e), &e);
    CHECK_OK(roster_line(&w.sheet, "recovery sheet", &lines, &e), &e);
    CHECK_OK(roster_line(&w.controller, "controller", &lines, &e), &e);
    CHECK_OK(buffer_append(&lines, span_of("", 1), &e), &e);
    write_file(&w, "recipients", (const char *)lines.data);
    CHECK_OK(roster_load(w.state, w.custody, &w.roster, &e), &e);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    keys_private_free(w->custody);
    roster_free(w->roster);
    vault_kit_remove(w->state);
    return 0;
}

static struct id
fingerprint(const struct keys_public *key)
{
    struct error e = ERROR_INIT;
    struct id id;
    CHECK_OK(keys_fingerprint(key, &id, &e), &e);
    return id;
}

static size_t
count_current(struct world *w)
{
    struct keys_public keys[LIMIT_RECIPIENTS];
    struct error e = ERROR_INIT;
    roster_free(TAKE(w->roster));
    CHECK_OK(roster_load(w->state, w->custody, &w->roster, &e), &e); /* what is on disk counts */
    return roster_current(w->roster, keys);
}

static void
a_new_controller_has_a_sheet_to_be_typed_back_and_its_own_key(void **state)
{
    struct world *w = *state;
    struct id sheet = fingerprint(&w->sheet), own = fingerprint(&w->controller);
    assert_int_equal(count_current(w), 2);
    assert_false(roster_find(w->roster, &sheet)->kept);
    assert_true(roster_find(w->roster, &own)->kept);
    assert_ptr_equal(roster_unverified(w->roster), roster_find(w->roster, &sheet));
}

static void
a_sheet_that_was_typed_back_stays_so(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id sheet = fingerprint(&w->sheet);
    CHECK_OK(roster_note_verified(w->roster, &sheet, (struct wall){CLOCK_NS_PER_SECOND}, &e), &e);
    CHECK_OK(roster_note_verified(w->roster, &sheet, (struct wall){0}, &e), &e);
    assert_int_equal(count_current(w), 2);
    assert_null(roster_unverified(w->roster));
    assert_string_equal(roster_find(w->roster, &sheet)->verified, "1970-01-01T00:00:01Z");
}

static void
a_new_recipient_counts_at_once_and_wants_its_sheet_back(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id other = fingerprint(&w->other);
    CHECK_OK(roster_add(w->roster, &w->other, "safe in Bern", &e), &e);
    assert_int_equal(count_current(w), 3);
    assert_string_equal(roster_find(w->roster, &other)->label, "safe in Bern");
    CHECK_RC(roster_add(w->roster, &w->other, "again", &e), RC_EXISTS);
    assert_int_equal(count_current(w), 3);
}

static void
a_retired_recipient_stays_known_and_is_not_used(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id sheet = fingerprint(&w->sheet);
    CHECK_OK(roster_add(w->roster, &w->other, "new", &e), &e);
    CHECK_OK(roster_retire(w->roster, &sheet, &e), &e);
    assert_int_equal(count_current(w), 2);
    assert_true(roster_find(w->roster, &sheet)->retired);
    assert_string_equal(roster_find(w->roster, &sheet)->label, "recovery sheet");
    assert_string_equal(roster_unverified(w->roster)->label, "new");
    CHECK_RC(roster_retire(w->roster, &sheet, &e), RC_EXISTS);
    CHECK_RC(roster_add(w->roster, &w->sheet, "back", &e), RC_EXISTS);
}

static void
the_last_sheet_stays(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id sheet = fingerprint(&w->sheet), own = fingerprint(&w->controller),
              nobody = fingerprint(&w->other);
    CHECK_RC(roster_retire(w->roster, &sheet, &e), RC_DENIED);
    CHECK_RC(roster_retire(w->roster, &nobody, &e), RC_NOT_FOUND);
    assert_int_equal(count_current(w), 2);
    CHECK_OK(roster_retire(w->roster, &own, &e), &e); /* paper alone is enough */
    assert_int_equal(count_current(w), 1);
    CHECK_RC(roster_retire(w->roster, &sheet, &e), RC_DENIED);
}

static void
a_full_holds_no_more_than_so_many_recipients(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    for (unsigned i = 2; i < LIMIT_RECIPIENTS; i++) {
        struct keys_public key = new_public();
        CHECK_OK(roster_add(w->roster, &key, "one more", &e), &e);
    }
    CHECK_RC(roster_add(w->roster, &w->other, "too many", &e), RC_NO_SPACE);
    assert_int_equal(count_current(w), LIMIT_RECIPIENTS);
    for (unsigned i = 0; w->roster->count < ROSTER_MAX; i++) {
        struct id oldest = w->roster->entries[2 + i].fingerprint;
        struct keys_public key = new_public();
        CHECK_OK(roster_retire(w->roster, &oldest, &e), &e);
        CHECK_OK(roster_add(w->roster, &key, "next", &e), &e);
    }
    struct id last = w->roster->entries[ROSTER_MAX - 1].fingerprint;
    CHECK_OK(roster_retire(w->roster, &last, &e), &e);
    CHECK_RC(roster_add(w->roster, &w->other, "too many", &e), RC_NO_SPACE);
    assert_int_equal(count_current(w), LIMIT_RECIPIENTS - 1);
}

static void
labels_that_would_confuse_the_file_or_a_terminal_are_refused(void **state)
{
    static const char *const bad[] = {"",          " leading", "trailing ",   "two\nlines",
                                      "tab\there", "\033[2J",  "back\\slash", "\xc3\xbc"};
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char longest[LIMIT_LABEL + 2];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_RC(roster_add(w->roster, &w->other, bad[i], &e), RC_INVALID);
    memset(longest, 'x', sizeof longest);
    longest[LIMIT_LABEL + 1] = '\0';
    CHECK_RC(roster_add(w->roster, &w->other, longest, &e), RC_INVALID);
    longest[LIMIT_LABEL] = '\0';
    CHECK_OK(roster_add(w->roster, &w->other, longest, &e), &e);
    assert_int_equal(count_current(w), 3);
}

static void
a_file_that_is_wrong_is_named_and_nobody_is_lost(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    static const char *const bad[] = {"", "# nobody\n", "0123 short\n", "retired \n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(w, "recipients", bad[i]);
        CHECK_RC(roster_reload(w->roster, &e), RC_INVALID);
        assert_non_null(strstr(e.text, "recipients"));
        assert_int_equal(w->roster->count, 2);
    }
}

/* koffer-controller key verify-paper is another process. */
static void
what_another_process_noted_is_read(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    CLEANUP(roster_freep) struct roster *second = NULL;
    struct id sheet = fingerprint(&w->sheet);
    CHECK_OK(roster_load(w->state, w->custody, &second, &e), &e);
    CHECK_OK(roster_note_verified(second, &sheet, (struct wall){0}, &e), &e);
    assert_non_null(roster_unverified(w->roster));
    CHECK_OK(roster_reload(w->roster, &e), &e);
    assert_null(roster_unverified(w->roster));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_controller_has_a_sheet_to_be_typed_back_and_its_own_key),
        TEST(a_sheet_that_was_typed_back_stays_so),
        TEST(a_new_recipient_counts_at_once_and_wants_its_sheet_back),
        TEST(a_retired_recipient_stays_known_and_is_not_used),
        TEST(the_last_sheet_stays),
        TEST(a_full_holds_no_more_than_so_many_recipients),
        TEST(labels_that_would_confuse_the_file_or_a_terminal_are_refused),
        TEST(a_file_that_is_wrong_is_named_and_nobody_is_lost),
        TEST(what_another_process_noted_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
