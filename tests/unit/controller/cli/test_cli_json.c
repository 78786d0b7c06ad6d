/* test_cli_json.c -- messages become JSON field by field, whatever bytes they carry. */
#include "tests/support/check.h"

#include "controller/cli/cli.h"
#include "controller/cli/cli_json.h"

static const char *
text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

static void
every_field_of_a_message_is_there(void **unused)
{
    (void)unused;
    Koffer__Source source;
    Koffer__Source *sources[] = {&source};
    Koffer__Agent agent;
    koffer__source__init(&source);
    koffer__agent__init(&agent);
    source.name = message_text("mail");
    source.required = 1;
    agent.name = message_text("imap1");
    agent.last_seen = INT64_C(1700000000123456789);
    agent.clock_offset = -5;
    agent.n_sources = 1;
    agent.sources = sources;

    json_t *made = cli_json_of(&agent.base);
    assert_non_null(made);
    assert_int_equal(json_object_size(made), koffer__agent__descriptor.n_fields);
    assert_string_equal(text_at(made, "name"), "imap1");
    assert_string_equal(text_at(made, "last_seen"), "2023-11-14T22:13:20.123456789Z");
    assert_true(json_is_null(json_object_get(made, "enrolled")));
    assert_int_equal(json_integer_value(json_object_get(made, "clock_offset")), -5);
    const json_t *first = json_array_get(json_object_get(made, "sources"), 0);
    assert_string_equal(text_at(first, "name"), "mail");
    assert_true(json_is_true(json_object_get(first, "required")));
    json_decref(made);
}

static void
durations_are_numbers_and_instants_are_times(void **unused)
{
    (void)unused;
    Koffer__Cut cut;
    Koffer__CycleStatus cycle;
    koffer__cut__init(&cut);
    koffer__cycle_status__init(&cycle);
    cut.until = INT64_C(1700000000123456789);
    cut.offset = -5;
    cut.uncertainty = 7;
    cycle.skew = -1;
    json_t *made = cli_json_of(&cut.base), *whole = cli_json_of(&cycle.base);
    assert_string_equal(text_at(made, "until"), "2023-11-14T22:13:20.123456789Z");
    assert_true(json_is_null(json_object_get(made, "from")));
    assert_int_equal(json_integer_value(json_object_get(made, "offset")), -5);
    assert_int_equal(json_integer_value(json_object_get(made, "uncertainty")), 7);
    assert_int_equal(json_integer_value(json_object_get(whole, "skew")), -1);
    json_decref(made);
    json_decref(whole);
}

static void
numbers_and_absent_parts(void **unused)
{
    (void)unused;
    Koffer__JobStatus status;
    koffer__job_status__init(&status);
    status.total = UINT64_C(1) << 60;
    json_t *made = cli_json_of(&status.base);
    assert_true(json_is_null(json_object_get(made, "restored")));
    assert_int_equal(json_integer_value(json_object_get(made, "total")), INT64_C(1) << 60);
    assert_true(json_is_false(json_object_get(made, "final")));
    assert_int_equal(json_array_size(json_object_get(made, "findings")), 0);
    json_decref(made);
}

static void
a_name_that_is_no_utf8_is_escaped_and_can_be_read_back(void **unused)
{
    (void)unused;
    Koffer__LsEntry entry;
    koffer__ls_entry__init(&entry);
    entry.name = message_bytes("a\\b\xff\x01\xc3\xbc", 7);
    json_t *made = cli_json_of(&entry.base);
    assert_string_equal(text_at(made, "name"), "a\\x5cb\\xff\\x01\xc3\xbc");
    assert_string_equal(text_at(made, "target"), "");
    json_decref(made);
}

static void
a_text_that_is_no_utf8_is_escaped(void **unused)
{
    (void)unused;
    Koffer__Missing missing;
    koffer__missing__init(&missing);
    missing.reason = message_text("bad \xff byte");
    json_t *made = cli_json_of(&missing.base);
    assert_string_equal(text_at(made, "reason"), "bad \\xff byte");
    json_decref(made);
}

static void
data_is_base64(void **unused)
{
    (void)unused;
    static const struct {
        const char *plain, *encoded;
    } cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Koffer__CatReply reply;
        koffer__cat_reply__init(&reply);
        reply.data = message_bytes(cases[i].plain, strlen(cases[i].plain));
        json_t *made = cli_json_of(&reply.base);
        assert_string_equal(text_at(made, "data"), cases[i].encoded);
        json_decref(made);
    }
}

static void
times_before_1970_keep_their_fraction(void **unused)
{
    (void)unused;
    Koffer__LsEntry entry;
    koffer__ls_entry__init(&entry);
    entry.mtime = -1;
    json_t *made = cli_json_of(&entry.base);
    assert_string_equal(text_at(made, "mtime"), "1969-12-31T23:59:59.999999999Z");
    json_decref(made);
}

static void
no_time_is_too_early(void **unused)
{
    (void)unused;
    Koffer__LsEntry entry;
    koffer__ls_entry__init(&entry);
    entry.mtime = INT64_MIN;
    json_t *made = cli_json_of(&entry.base);
    assert_memory_equal(text_at(made, "mtime"), "1677-09-21T00:12:4", 18);
    json_decref(made);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_message_is_there),
        cmocka_unit_test(durations_are_numbers_and_instants_are_times),
        cmocka_unit_test(numbers_and_absent_parts),
        cmocka_unit_test(a_name_that_is_no_utf8_is_escaped_and_can_be_read_back),
        cmocka_unit_test(a_text_that_is_no_utf8_is_escaped),
        cmocka_unit_test(data_is_base64),
        cmocka_unit_test(times_before_1970_keep_their_fraction),
        cmocka_unit_test(no_time_is_too_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
