/* test_cli_parse.c -- good command lines are understood, bad ones end with the status for usage and with words. */
#include "tests/support/check.h"

#include "controller/cli/cli.h"

#define WORDS(...)                                                                                 \
    (const char *[])                                                                               \
    {                                                                                              \
        "koffer", __VA_ARGS__, NULL                                                                \
    }

static enum rc
parse(struct cli *cli, const char *const *words, struct error *e)
{
    char *argv[16] = {NULL};
    int argc = 0;
    *cli = (struct cli){0};
    for (; words[argc] != NULL; argc++)
        argv[argc] = message_text(words[argc]);
    return cli_parse(cli, argc, argv, e);
}

static void
words_become_command_arguments_and_options(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct cli cli;
    CHECK_OK(parse(&cli,
                   WORDS("--json", "--controller=ipc:///x", "restore", "files", "--to", "/srv/x",
                         "latest:db1.data/fs", "--dry-run", "--on=db1"),
                   &e),
             &e);
    assert_string_equal(cli.command->noun, "restore");
    assert_string_equal(cli.command->verb, "files");
    assert_true(cli.json);
    assert_string_equal(cli.controller, "ipc:///x");
    assert_int_equal(cli.argument_count, 1);
    assert_string_equal(cli.arguments[0], "latest:db1.data/fs");
    assert_string_equal(cli_option(&cli, "to"), "/srv/x");
    assert_string_equal(cli_option(&cli, "on"), "db1");
    assert_non_null(cli_option(&cli, "dry-run"));
    assert_null(cli_option(&cli, "replace"));
}

static void
global_options_may_stand_anywhere(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct cli cli;
    CHECK_OK(parse(&cli, WORDS("status", "--json"), &e), &e);
    assert_true(cli.json);
    CHECK_OK(parse(&cli, WORDS("cycle", "--json", "list"), &e), &e);
    assert_true(cli.json);
    CHECK_OK(parse(&cli, WORDS("cycle", "start", "--help"), &e), &e);
    assert_true(cli.help);
}

static void
repeated_options_keep_their_order(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct cli cli;
    const char *sources[4];
    CHECK_OK(parse(&cli, WORDS("cycle", "start", "--source", "a.b", "--wait", "--source=c"), &e),
             &e);
    assert_int_equal(cli_option_all(&cli, "source", sources, 4), 2);
    assert_string_equal(sources[0], "a.b");
    assert_string_equal(sources[1], "c");
}

struct wrong {
    const char *const *words;
    const char *message;
};

static void
wrong_words_are_named(void **unused)
{
    (void)unused;
    const struct wrong wrongs[] = {
        {(const char *[]){"koffer", NULL}, "a command is missing"},
        {WORDS("agent"), "'agent' needs a verb"},
        {WORDS("suitcase"), "there is no command 'suitcase'"},
        {WORDS("agent", "burn"), "there is no command 'agent burn'"},
        {WORDS("agent", "add"), "the argument NAME is missing"},
        {WORDS("agent", "add", "a", "b"), "'b' is one argument too many"},
        {WORDS("status", "--fast"), "there is no option '--fast' here"},
        {WORDS("--fast", "status"), "there is no option '--fast' before a command"},
        {WORDS("status", "-v"), "there is no option '-v'; options are words behind two dashes"},
        {WORDS("status", "--json=yes"), "--json takes no value"},
        {WORDS("restore", "files", "1", "--to"), "--to needs a value: --to DIR"},
        {WORDS("restore", "files", "1"), "--to DIR is missing"},
        {WORDS("restore", "files", "1", "--to", "/a", "--to", "/b"), "--to is given twice"},
        {WORDS("\033[2J"), "there is no command '\\x1b[2J'"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct error e = ERROR_INIT;
        struct cli cli;
        CHECK_RC(parse(&cli, wrongs[i].words, &e), RC_INVALID);
        assert_string_equal(e.text, wrongs[i].message);
        assert_int_equal(cli.exit, CLI_USAGE);
    }
}

static void
a_place_in_a_full_has_three_parts(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct cli cli = {0};
    struct cli_place p;
    CHECK_OK(cli_parse_place(&cli, "latest", &p, &e), &e);
    assert_int_equal(p.full, 0);
    assert_string_equal(p.source, "");
    assert_string_equal(p.path, "");
    CHECK_OK(cli_parse_place(&cli, "17:db1.data", &p, &e), &e);
    assert_int_equal(p.full, 17);
    assert_string_equal(p.source, "db1.data");
    CHECK_OK(cli_parse_place(&cli, "latest:db1.data/fs/srv/a:b c", &p, &e), &e);
    assert_string_equal(p.source, "db1.data");
    assert_string_equal(p.path, "/fs/srv/a:b c");
}

/* 160 letters: more than two names and a dot. */
#define TEN "aaaaaaaaaa"
#define FORTY TEN TEN TEN TEN
#define LONG_SOURCE "1:" FORTY FORTY FORTY FORTY

static void
a_place_names_one_archive_and_no_other_hosts(void **unused)
{
    (void)unused;
    assert_true(cli_place_names(&(struct cli_place){.source = "imap1.mail"}, "imap1", "mail"));
    assert_true(cli_place_names(&(struct cli_place){.source = "mail"}, "imap1", "mail"));
    assert_false(cli_place_names(&(struct cli_place){.source = "imap1.mail"}, "web1", "mail"));
    assert_false(
        cli_place_names(&(struct cli_place){.source = "imap1.mail"}, "web1", "imap1.mail"));
    assert_false(cli_place_names(&(struct cli_place){.source = "mail"}, "mail", "etc"));
}

static void
no_place_in_a_full_is_refused(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        "newest",
        "0",
        "-1",
        "17:",
        "17:/etc",
        "1 7",
        "18446744073709551616",
        "99999999999999999999999999",
        LONG_SOURCE,
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = ERROR_INIT;
        struct cli cli = {0};
        struct cli_place p;
        CHECK_RC(cli_parse_place(&cli, bad[i], &p, &e), RC_INVALID);
        assert_int_equal(cli.exit, CLI_USAGE);
    }
}

/* What the table must hold for parser, help, completion and man page to be right. */
static void
the_table_is_consistent(void **unused)
{
    (void)unused;
    for (const struct cli_command *c = cli_next_command(NULL); c != NULL; c = cli_next_command(c)) {
        assert_non_null(c->run);
        assert_int_equal(c->help[strlen(c->help) - 1], '.');
        assert_true(c->least <= c->most && c->most <= CLI_ARGUMENTS_MAX);
        assert_true((c->most > 0) == (c->arguments != NULL));
        for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++) {
            assert_int_equal(o->help[strlen(o->help) - 1], '.');
            assert_true(!o->required || o->argument != NULL);
            for (const struct cli_option *g = cli_global_options; g->name != NULL; g++)
                assert_string_not_equal(o->name, g->name);
        }
        for (const struct cli_command *d = cli_next_command(c); d != NULL; d = cli_next_command(d))
            if (text_equal(c->noun, d->noun))
                assert_true(c->verb != NULL && d->verb != NULL && !text_equal(c->verb, d->verb));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_command_arguments_and_options),
        cmocka_unit_test(global_options_may_stand_anywhere),
        cmocka_unit_test(repeated_options_keep_their_order),
        cmocka_unit_test(wrong_words_are_named),
        cmocka_unit_test(a_place_in_a_full_has_three_parts),
        cmocka_unit_test(a_place_names_one_archive_and_no_other_hosts),
        cmocka_unit_test(no_place_in_a_full_is_refused),
        cmocka_unit_test(the_table_is_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
