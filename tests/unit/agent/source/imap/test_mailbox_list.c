/* test_mailbox_list.c -- the list is complete JSON or it is refused, in whatever pieces it comes. */
#include "agent/source/imap/mailbox_list.h"

#include <string.h>

#include "tests/support/check.h"

#define BOX(name, type, id)                                                                        \
    "\"" name "\": {\"name\": \"" name "\", \"mbtype\": \"" type "\", \"acl\": {\"a\": \"lr\"}, "  \
    "\"uniqueid\": \"" id "\", \"name_history\": []}"

static enum rc
feed(const char *text, size_t step, struct mailbox_list **list, struct mailbox_list_summary *out,
     struct error *e)
{
    TRY(mailbox_list_new(list, e));
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += step)
        TRY(mailbox_list_feed(*list, span_of(text + at, len - at < step ? len - at : step), e));
    return mailbox_list_end(*list, out, e);
}

static void
mailboxes_and_tombstones_are_counted_in_any_slicing(void **state)
{
    (void)state;
    static const char text[] = "{\n" BOX("user.a", "e", "1") ",\n" BOX(
        "user.b}\\\",{", "", "2") ",\n" BOX("user.c", "ed", "1") "\n}\n";
    for (size_t step = 1; step < sizeof text; step += 7) {
        struct error e = ERROR_INIT;
        CLEANUP(mailbox_list_freep) struct mailbox_list *list = NULL;
        struct mailbox_list_summary summary;
        CHECK_OK(feed(text, step, &list, &summary, &e), &e);
        assert_int_equal(summary.mailboxes, 2);
        assert_int_equal(summary.tombstones, 1);
    }
}

static void
an_empty_server_has_no_mailboxes(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(mailbox_list_freep) struct mailbox_list *list = NULL;
    struct mailbox_list_summary summary;
    CHECK_OK(feed("{\n}\n", 1, &list, &summary, &e), &e);
    assert_int_equal(summary.mailboxes, 0);
}

static void
damage_and_truncation_are_refused(void **state)
{
    (void)state;
    static const char whole[] = "{" BOX("a", "", "1") "," BOX("b", "", "2") "}";
    for (size_t cut = 0; cut < sizeof whole - 1; cut++) {
        char text[sizeof whole];
        memcpy(text, whole, sizeof whole);
        text[cut] = '\0';
        struct error e = ERROR_INIT;
        CLEANUP(mailbox_list_freep) struct mailbox_list *list = NULL;
        struct mailbox_list_summary summary;
        CHECK_RC(feed(text, 5, &list, &summary, &e), RC_CORRUPT);
    }
    static const char *const bad[] = {
        "[]",  "{} x",       "fatal error: x",           "{\"a\": 1}",
        "{,}", "{\"a\" {}}", "{" BOX("a", "", "1") ",}", "{\"a\": {}}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = ERROR_INIT;
        CLEANUP(mailbox_list_freep) struct mailbox_list *list = NULL;
        struct mailbox_list_summary summary;
        CHECK_RC(feed(bad[i], 3, &list, &summary, &e), RC_CORRUPT);
    }
}

static void
note_twins(void *ctx, const char *one, const char *other, const char *uniqueid)
{
    unsigned *count = ctx;
    (*count)++;
    assert_string_not_equal(one, other);
    assert_string_equal(uniqueid, "same");
}

static void
live_mailboxes_with_one_uniqueid_are_found(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(mailbox_list_freep) struct mailbox_list *list = NULL;
    struct mailbox_list_summary summary;
    unsigned count = 0;
    CHECK_OK(feed("{" BOX("a", "", "same") "," BOX("b", "", "other") "," BOX(
                      "c", "e", "same") "," BOX("d", "ed", "other") "}",
                  64, &list, &summary, &e),
             &e);
    mailbox_list_find_twins(list, note_twins, &count);
    assert_int_equal(count, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailboxes_and_tombstones_are_counted_in_any_slicing),
        cmocka_unit_test(an_empty_server_has_no_mailboxes),
        cmocka_unit_test(damage_and_truncation_are_refused),
        cmocka_unit_test(live_mailboxes_with_one_uniqueid_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
