/* test_source.c -- reports, names and the end of a step, as all kinds use them. */
#include "agent/source/source.h"

#include <string.h>

#include "tests/support/check.h"

static void
names_from_servers_become_one_safe_component(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"userRoot", "userRoot"}, {"a.b-c_1", "a.b-c_1"}, {"..", "%2E."},     {".x", "%2Ex"},
        {"a/b c", "a%2Fb%20c"},   {"\xc3\xa4", "%C3%A4"}, {"100%", "100%25"},
    };
    char out[SOURCE_COMPONENT_MAX], longest[300];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(source_component(span_of(cases[i].in, strlen(cases[i].in)), out));
        assert_string_equal(out, cases[i].out);
    }
    memset(longest, '/', sizeof longest);
    assert_false(source_component(span_of(longest, 86), out));
    assert_false(source_component(span_of("", 0), out));
}

static void
a_report_never_grows_past_its_bounds(void **state)
{
    (void)state;
    CLEANUP(arena_freep) struct arena *a = arena_new(1u << 20);
    struct source_report r = {.arena = a};
    for (int i = 0; i < SOURCE_WARNINGS_MAX + 5; i++)
        source_report_warn(&r, "warning %d", i);
    for (int i = 0; i < SOURCE_FACTS_MAX + 5; i++)
        source_report_fact(&r, "fact", "%d", i);
    assert_int_equal(r.warning_count, SOURCE_WARNINGS_MAX);
    assert_int_equal(r.warnings_dropped, 5);
    assert_int_equal(r.fact_count, SOURCE_FACTS_MAX);
    assert_string_equal(r.warnings[7], "warning 7");
    assert_false(r.incomplete);
    source_report_incomplete(&r, "x\ny");
    assert_true(r.incomplete);
}

static void
a_step_ends_when_it_is_cancelled_or_late(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    _Atomic(bool) cancel = false;
    struct source_step step = {.name = "x", .cancel = &cancel};
    CHECK_OK(source_go_on(&step, &e), &e);
    CHECK_OK(source_pause(&step, 1, &e), &e);
    cancel = true;
    CHECK_RC(source_pause(&step, 60000, &e), RC_CANCELLED);
    cancel = false;
    step.deadline = clock_mono();
    CHECK_RC(source_pause(&step, 60000, &e), RC_TIMEOUT);
}

#define SOURCE(title, body) "source \"" title "\" {\n" body "}\n"

static void
keys_belong_to_their_kind(void **state)
{
    (void)state;
    static const struct config_key root[] = {
        {.name = "source", .type = CONFIG_SECTION, .keys = source_keys, .titled = true}, {0}};
    static const struct {
        const char *text, *want; /* NULL: fine */
    } cases[] = {
        {SOURCE("a", "kind = ldap\n"), NULL},
        {SOURCE("a", "kind = imap\nimapd-conf = \"/etc/imapd.conf\"\n"), NULL},
        {SOURCE("a", "kind = files\npaths = {\"/etc\"}\nrequired = no\n"), NULL},
        {SOURCE("a", "kind = mariadb\nschema-only = {\"a.b\"}\n"), NULL},
        {SOURCE("a", "kind = files\n"), "names nothing"},
        {SOURCE("a", "kind = files\npaths = {\"etc\"}\n"), "not absolute"},
        {SOURCE("a", "kind = files\npaths = {\"/etc\"}\nexclude = {\"a/b\"}\n"), "neither"},
        {SOURCE("a", "kind = ldap\npaths = {\"/etc\"}\n"), "does not belong"},
        {SOURCE("a", "kind = ldap\nbind-dn = \"cn=x\"\n"), "needs password-file"},
        {SOURCE("a", "kind = mariadb\nschema-only = {\"a\"}\n"), "database.table"},
        {SOURCE("A b", "kind = ldap\n"), "source name"},
        {SOURCE("imap1.mail", "kind = ldap\n"), "HOST.SOURCE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = ERROR_INIT;
        CLEANUP(config_freep) struct config *config = NULL;
        CHECK_OK(config_parse(root, "test.conf", cases[i].text, &config, &e), &e);
        enum rc rc = source_validate(config, config_at(config_root(config), "source", 0), &e);
        if ((rc == RC_OK) != (cases[i].want == NULL) ||
            (cases[i].want != NULL && strstr(e.text, cases[i].want) == NULL))
            fail_msg("%s: %s", cases[i].text, e.text);
    }
}

/* Takes what it is given a few bytes at a time. */
struct pot {
    struct source_collector collector; /* first */
    char text[64];
    size_t len, reads;
};

static enum rc
collect_made(struct source_collector *c, const char *name,
             enum rc (*read)(void *ctx, void *out, size_t size, size_t *got, struct error *e),
             void *ctx, uint64_t *size, struct error *e)
{
    struct pot *pot = (struct pot *)c;
    (void)name;
    pot->len = pot->reads = 0;
    for (size_t got = 1; got > 0; pot->len += got) {
        TRY(read(ctx, pot->text + pot->len, 4, &got, e));
        pot->reads++;
    }
    *size = pot->len;
    return RC_OK;
}

static void
text_in_memory_becomes_a_made_file_also_when_there_is_none(void **state)
{
    (void)state;
    struct pot pot = {.collector.made = collect_made};
    struct error e = ERROR_INIT;
    CHECK_OK(source_made_text(&pot.collector, "x", span_of("0123456789", 10), &e), &e);
    assert_int_equal(pot.len, 10);
    assert_memory_equal(pot.text, "0123456789", 10);
    assert_int_equal(pot.reads, 4);
    CHECK_OK(source_made_text(&pot.collector, "x", span_of(NULL, 0), &e), &e);
    assert_int_equal(pot.len, 0);
    assert_int_equal(pot.reads, 1);
}

static void
every_kind_has_its_steps(void **state)
{
    (void)state;
    for (size_t i = 0; source_kinds[i] != NULL; i++) {
        const struct source_kind *kind = source_kinds[i];
        assert_ptr_equal(source_kind_of(kind->name), kind);
        assert_non_null(kind->check);
        assert_non_null(kind->capture);
        assert_non_null(kind->release);
        assert_non_null(kind->describe);
    }
    assert_null(source_kind_of("tape"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_from_servers_become_one_safe_component),
        cmocka_unit_test(a_report_never_grows_past_its_bounds),
        cmocka_unit_test(a_step_ends_when_it_is_cancelled_or_late),
        cmocka_unit_test(keys_belong_to_their_kind),
        cmocka_unit_test(text_in_memory_becomes_a_made_file_also_when_there_is_none),
        cmocka_unit_test(every_kind_has_its_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
