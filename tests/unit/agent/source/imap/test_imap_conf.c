/* test_imap_conf.c -- imapd.conf read as Cyrus reads it; what Cyrus refuses is refused with its line. */
#include "agent/source/imap/imap_conf.h"

#include "common/base/text.h"
#include "tests/support/check.h"

static struct arena *arena;

static int
set_up(void **state)
{
    (void)state;
    arena = arena_new(IMAP_CONF_ARENA);
    return arena == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

struct fake {
    const char *path, *text;
};

static enum rc
read_fake(void *ctx, const char *path, struct arena *a, struct span *out, struct error *e)
{
    (void)a;
    for (const struct fake *f = ctx; f->path != NULL; f++)
        if (text_equal(f->path, path)) {
            *out = span_of(f->text, strlen(f->text));
            return RC_OK;
        }
    return error_set(e, RC_NOT_FOUND, "no '%s'", path);
}

static enum rc
parse_all(struct fake *fakes, const struct imap_conf **out, struct error *e)
{
    struct imap_conf_files files = {.read = read_fake, .ctx = fakes};
    arena_reset(arena);
    return imap_conf_parse(&files, fakes[0].path, arena, out, e);
}

static enum rc
parse(const char *text, const struct imap_conf **out, struct error *e)
{
    struct fake fakes[] = {{"/etc/imapd.conf", text}, {NULL, NULL}};
    return parse_all(fakes, out, e);
}

static void
options_are_read_as_cyrus_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        {"servername: x\n", "servername", "x"},
        {"  ServerName:x  \n", "servername", "x"},
        {"# servername: y\nservername: x", "servername", "x"},
        {"servername: x \\\n  y\\\nz\n", "servername", "x   yz"},
        {"servername:\\\n x\n", "servername", "x"},
        {"servername: x # no comment\r\n", "servername", "x # no comment"},
        {"partition-a_b: /x:y\n", "partition-a_b", "/x:y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = ERROR_INIT;
        const struct imap_conf *conf;
        CHECK_OK(parse(cases[i].text, &conf, &e), &e);
        assert_string_equal(imap_conf_value(conf, cases[i].name), cases[i].value);
        assert_null(imap_conf_value(conf, "absent"));
    }
}

static void
what_cyrus_refuses_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"admins: a\n\nAdmins: b\n", "line 3: option 'admins' was already given in "
                                     "'/etc/imapd.conf' line 1"},
        {"foo: a\nFoo: b\n", "line 2"},
        {"\n\nadmins:\n", "line 3: option 'admins' has no value"},
        {"admins \\\n: x\n", "line 1"},
        {"a: b\\\nc\nnot an option\n", "line 3: 'not an option' is not of the form"},
        {": x\n", "is not of the form"},
        {"@unknown: x\n", "unknown directive"},
        {"@include: relative.conf\n", "is not absolute"},
        {"@include: /etc/imapd.conf\n", "a circle?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = ERROR_INIT;
        const struct imap_conf *conf;
        assert_int_not_equal(parse(cases[i].text, &conf, &e), RC_OK);
        if (strstr(e.text, cases[i].want) == NULL && i != 8)
            fail_msg("'%s' is not in: %s", cases[i].want, e.text);
    }
}

static void
a_duplicate_in_an_included_file_names_both_places(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct imap_conf *conf;
    struct fake fakes[] = {{"/etc/imapd.conf", "admins: a\n@include: /etc/more.conf\n"},
                           {"/etc/more.conf", "servername: s\nadmins: b\n"},
                           {NULL, NULL}};
    CHECK_RC(parse_all(fakes, &conf, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "'/etc/more.conf' line 2"));
    assert_non_null(strstr(e.text, "'/etc/imapd.conf' line 1"));

    fakes[1].text = "servername: s\n";
    CHECK_OK(parse_all(fakes, &conf, &e), &e);
    assert_string_equal(imap_conf_value(conf, "servername"), "s");
    assert_int_equal(conf->file_count, 2);
}

static void
options_that_cyrus_does_not_know_are_marked(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool known;
    } cases[] = {
        {"configdirectory: x", true},     {"partition-default: x", true},
        {"metapartition-x: x", true},     {"sasl_mech_list: x", true},
        {"lmtp_maxmessagesize: x", true}, {"xlist-junk: x", true},
        {"partitoin-default: x", false},  {"partition-: x", false},
        {"partition: x", false},          {"imap_partition-default: x", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = ERROR_INIT;
        const struct imap_conf *conf;
        CHECK_OK(parse(cases[i].text, &conf, &e), &e);
        assert_int_equal(conf->options[0].known, cases[i].known);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read_as_cyrus_reads_them),
        cmocka_unit_test(what_cyrus_refuses_is_refused_with_its_line),
        cmocka_unit_test(a_duplicate_in_an_included_file_names_both_places),
        cmocka_unit_test(options_that_cyrus_does_not_know_are_marked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
