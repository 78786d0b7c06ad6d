/* test_cycle_source.c -- nothing that an operator expects to be in a cycle is forgotten, or stops it. */
#include "tests/support/check.h"

#include <string.h>

#include "common/base/text.h"
#include "controller/catalogue/catalogue_internal.h"
#include "controller/cycle/cycle_internal.h"
#include "tests/support/catalogue_kit.h"

static void
enrol(struct catalogue_kit *k, const char *name)
{
    static const struct id token = {{1}}, certificate = {{2}};
    static const struct keys_public key = {{3}};
    static const struct wall now = {1000}, until = {2000};
    struct error e = ERROR_INIT;
    CHECK_OK(
        catalogue_peer_invite(k->catalogue, CERTIFICATE_AGENT, name, false, &token, until, now, &e),
        &e);
    CHECK_OK(catalogue_peer_enrolled(k->catalogue, CERTIFICATE_AGENT, name, &key, &key,
                                     &certificate, until, now, &e),
             &e);
}

static void
choose(struct catalogue_kit *k, struct cycle *c, const char *wanted)
{
    struct error e = ERROR_INIT;
    struct cycle_runner r = {.options = {.catalogue = k->catalogue}};
    CHECK_OK(cycle_sources_choose(&r, c, &wanted, wanted != NULL, &e), &e);
}

/* One host on which nothing is set up yet must not keep the others from being committed. */
static void
agent_without_sources_is_missing_under_a_name_that_a_record_takes(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    struct cycle c = {.number = 1};
    enrol(k, "imap1");
    choose(k, &c, NULL);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.sources[0].state, CYCLE_SOURCE_FAILED);
    assert_true(c.sources[0].required);
    CHECK_OK(text_check_name("source name", c.sources[0].source, &e), &e);
    cycle_sources_free(&c);
}

static void
what_was_not_selected_is_skipped_and_still_listed(void **state)
{
    struct catalogue_kit *k = *state;
    struct cycle c = {.number = 1};
    enrol(k, "db1");
    enrol(k, "imap1");
    choose(k, &c, "db1");
    assert_int_equal(c.count, 2);
    assert_int_equal(c.sources[0].state, CYCLE_SOURCE_FAILED);
    assert_int_equal(c.sources[1].state, CYCLE_SOURCE_SKIPPED);
    cycle_sources_free(&c);
}

static void
what_a_revoked_agent_protected_is_missed_until_it_is_forgotten(void **state)
{
    static const struct catalogue_source mail = {
        .name = "mail", .kind = "imap", .description = "", .required = true};
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    struct cycle c = {.number = 1}, after = {.number = 2};
    enrol(k, "imap1");
    enrol(k, "imap2");
    CHECK_OK(catalogue_sources_set(k->catalogue, "imap1", &mail, 1, &e), &e);
    CHECK_OK(catalogue_sources_set(k->catalogue, "imap2", &mail, 1, &e), &e);
    CHECK_OK(
        sql_script(
            k->catalogue->db,
            "INSERT INTO archive (full, agent, source, complete) VALUES (1, 'imap1', 'mail', 1)",
            &e),
        &e);
    CHECK_OK(
        catalogue_peer_revoke(k->catalogue, CERTIFICATE_AGENT, "imap1", (struct wall){3000}, &e),
        &e);
    choose(k, &c, NULL);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.sources[0].state, CYCLE_SOURCE_FAILED);
    assert_non_null(strstr(c.sources[0].problem, "revoked"));
    assert_non_null(strstr(c.sources[0].remedy, "koffer source forget imap1.mail"));
    cycle_sources_free(&c);

    CHECK_OK(catalogue_source_forget(k->catalogue, "imap1", "mail", &e), &e);
    choose(k, &after, NULL);
    assert_int_equal(after.count, 1);
    assert_string_equal(after.sources[0].agent, "imap2");
    cycle_sources_free(&after);
}

/* "web1" declares a source that is called as one of "imap1" is; and a catalogue may hold such since before. */
static void
a_source_of_another_host_is_not_chosen_by_its_full_name(void **state)
{
    static const struct catalogue_source mail = {
        .name = "mail", .kind = "imap", .description = "", .required = true};
    static const struct catalogue_source false_one = {
        .name = "imap1.mail", .kind = "files", .description = "", .required = true};
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    struct cycle c = {.number = 1};
    enrol(k, "imap1");
    enrol(k, "web1");
    CHECK_OK(catalogue_sources_set(k->catalogue, "imap1", &mail, 1, &e), &e);
    CHECK_OK(catalogue_sources_set(k->catalogue, "web1", &false_one, 1, &e), &e);
    choose(k, &c, "imap1.mail");
    assert_int_equal(c.count, 2);
    assert_int_equal(c.sources[0].state, CYCLE_SOURCE_WAITING);
    assert_int_equal(c.sources[1].state, CYCLE_SOURCE_SKIPPED);
    cycle_sources_free(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, catalogue_kit_begin, catalogue_kit_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(agent_without_sources_is_missing_under_a_name_that_a_record_takes),
        TEST(what_a_revoked_agent_protected_is_missed_until_it_is_forgotten),
        TEST(a_source_of_another_host_is_not_chosen_by_its_full_name),
        TEST(what_was_not_selected_is_skipped_and_still_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
