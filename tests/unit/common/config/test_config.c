/* test_config.c -- a good file is understood, every kind of bad one is named with line, key and remedy. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/config/config.h"

static enum rc
check_url(const char *value, struct error *e)
{
    if (strstr(value, "://") != NULL)
        return RC_OK;
    return error_set(e, RC_INVALID, "'%s' is no URL; write tls+tcp://HOST:PORT", value);
}

static enum rc
check_title(const char *value, struct error *e)
{
    return text_check_name("source name", value, e);
}

static const char *const kinds[] = {"ldap", "imap", "files", NULL};

static const struct config_key source_keys[] = {
    {"kind", CONFIG_CHOICE, .required = true, .choices = kinds, .help = "What it is."},
    {"paths", CONFIG_LIST, .fallback = "{\"/etc\", \"/root\"}", .help = "What to take."},
    {"required", CONFIG_BOOL, .fallback = "yes", .help = "Whether a full needs it."},
    {0}};

static const struct config_key limit_keys[] = {
    {"rate", CONFIG_SIZE, .help = "Bytes per second."},
    {"token", CONFIG_TEXT, .required = true, .help = "Needed within the section."},
    {0}};

static const struct config_key keys[] = {
    {"controller", CONFIG_TEXT, .fallback = "tls+tcp://controller.example:7443", .required = true,
     .check = check_url, .help = "Where the controller listens.  A URL."},
    {"state", CONFIG_PATH, .fallback = "/var/lib/koffer", .help = "Where state is kept."},
    {"workers", CONFIG_NUMBER, .fallback = "2", .min = 1, .max = 64,
     .help = "Threads that compress; a number that is about the number of idle processors of the "
             "host is usually best."},
    {"buffer", CONFIG_SIZE, .fallback = "64M", .min = 1024 * 1024, .help = "Memory for reading."},
    {"lease", CONFIG_DURATION, .fallback = "15m", .max = 3600, .help = "How long."},
    {"verbose", CONFIG_BOOL, .fallback = "no", .help = "More lines in the log."},
    {"limits", CONFIG_SECTION, .keys = limit_keys, .help = "Bounds."},
    {"source", CONFIG_SECTION, .keys = source_keys, .titled = true, .check = check_title,
     .required = true, .help = "One thing to protect."},
    {0}};

#define GOOD "controller = \"tls+tcp://c:1\"\nsource \"a\" { kind = files }\n"

static void
a_good_file_is_understood(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    CLEANUP(config_freep) struct config *c = NULL;
    CHECK_OK(config_parse(keys, "f.conf",
                          "# first\n"
                          "controller = \"tls+tcp://c:7443\"  # after\n"
                          "workers=7\nlease = 1h\nverbose = on\n"
                          "limits { rate = 3M\n token = 'a\"b' }\n"
                          "source \"mail\" {\n  kind = imap\n  paths = {\n \"/a b\", /c, }\n}\n"
                          "source 'etc' { kind = \"files\" required = no }\n",
                          &c, &e),
             &e);
    const struct config_section *root = config_root(c);
    assert_string_equal(config_text(root, "controller"), "tls+tcp://c:7443");
    assert_int_equal(config_number(root, "workers"), 7);
    assert_int_equal(config_number(root, "lease"), 3600);
    assert_int_equal(config_number(root, "buffer"), 64 * 1024 * 1024);
    assert_string_equal(config_text(root, "state"), "/var/lib/koffer");
    assert_false(config_is_set(root, "state"));
    assert_true(config_bool(root, "verbose"));
    assert_int_equal(config_line(root, "verbose"), 5);

    assert_int_equal(config_count(root, "limits"), 1);
    assert_int_equal(config_number(config_at(root, "limits", 0), "rate"), 3 * 1024 * 1024);
    assert_string_equal(config_text(config_at(root, "limits", 0), "token"), "a\"b");

    assert_int_equal(config_count(root, "source"), 2);
    const struct config_section *mail = config_at(root, "source", 0);
    const struct config_section *etc = config_at(root, "source", 1);
    assert_string_equal(config_title(mail), "mail");
    assert_string_equal(config_text(mail, "kind"), "imap");
    assert_int_equal(config_line(mail, NULL), 8);
    assert_int_equal(config_line(mail, "paths"), 10);
    assert_int_equal(config_list_count(mail, "paths"), 2);
    assert_string_equal(config_list_at(mail, "paths", 0), "/a b");
    assert_string_equal(config_list_at(mail, "paths", 1), "/c");
    assert_true(config_bool(mail, "required"));
    assert_false(config_bool(etc, "required"));
    assert_int_equal(config_list_count(etc, "paths"), 2);
    assert_string_equal(config_list_at(etc, "paths", 1), "/root");
}

static void
an_absent_section_is_not_asked_for_its_keys_and_an_empty_list_is_empty(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    CLEANUP(config_freep) struct config *c = NULL;
    CHECK_OK(
        config_parse(keys, "f", "controller = a://b source x { kind = files paths = {} }", &c, &e),
        &e);
    assert_int_equal(config_count(config_root(c), "limits"), 0);
    assert_int_equal(config_list_count(config_at(config_root(c), "source", 0), "paths"), 0);
}

struct refusal {
    const char *text, *message;
};

static void
every_mistake_is_named_with_line_key_and_remedy(void **unused)
{
    (void)unused;
    static const struct refusal refusals[] = {
        {"# a comment\n\ncolour = red\n",
         "f.conf:3: 'colour': unknown key; the keys known here are controller, state, workers, "
         "buffer, lease, verbose, limits, source"},
        {GOOD "source b {\n kind = files\n size = 3 }",
         "f.conf:5: 'size': unknown key; the keys known here are kind, paths, required"},
        {"source \"a\" { kind = files }",
         "f.conf:1: 'controller': is missing; add controller = ..."},
        {"controller = a://b",
         "f.conf:1: 'source': is missing; add a section source \"title\" { ... }"},
        {"controller = a://b\n\nsource a {\n required = no }",
         "f.conf:3: 'kind': is missing; add kind = ..."},
        {GOOD "limits { }", "f.conf:3: 'token': is missing; add token = ..."},
        {GOOD "workers = 2\nworkers = 3\n",
         "f.conf:4: 'workers': is set already on line 3; remove one of the two"},
        {"controller = a://b source a { kind = files paths = {}\n paths = { /a } }",
         "f.conf:2: 'paths': is set already on line 1; remove one of the two"},
        {GOOD "source \"b\" { kind = imap }\nsource \"a\"\n{ kind = imap }",
         "f.conf:5: 'source': found duplicate title 'a'; give every section a title of its own"},
        {"controller = \"nothing\"\n",
         "f.conf:1: 'controller': 'nothing' is no URL; write tls+tcp://HOST:PORT"},
        {"controller = a://b\nsource \"A b\" { kind = files }",
         "f.conf:2: 'source': 'A b' is not a source name: use 1 to 64 of a-z, 0-9, '-', '_' and "
         "'.', beginning with a letter or digit"},
        {GOOD "workers = many\n",
         "f.conf:3: 'workers': 'many' is not a number; write decimal digits only"},
        {GOOD "workers = 0\n", "f.conf:3: 'workers': '0' is too small; write at least 1"},
        {GOOD "workers = 65\n", "f.conf:3: 'workers': '65' is too large; write at most 64"},
        {GOOD "buffer = 64X\n",
         "f.conf:3: 'buffer': '64X' is not understood; write for example 512M or 2G"},
        {GOOD "buffer = 1K\n",
         "f.conf:3: 'buffer': '1K' is too small; write at least 1048576 bytes"},
        {GOOD "lease = soon\n",
         "f.conf:3: 'lease': 'soon' is not understood; write for example 90s, 15m, 1h or 7d"},
        {GOOD "lease = 2h\n", "f.conf:3: 'lease': '2h' is too large; write at most 3600 s"},
        {GOOD "verbose = perhaps\n",
         "f.conf:3: 'verbose': 'perhaps' is neither yes nor no; write yes or no"},
        {"controller = a://b\nsource a {\n\n kind = tape }",
         "f.conf:4: 'kind': 'tape' is not possible; choose one of ldap, imap, files"},
        {GOOD "state = var/lib\n",
         "f.conf:3: 'state': 'var/lib' is a relative path; write it from the root, as /..."},
        {GOOD "workers 2\n",
         "f.conf:4: 'workers': '=' or '{' is missing; write workers = VALUE, or workers { ... }"},
        {GOOD "workers =\n",
         "f.conf:4: 'workers': a value is missing after '='; write workers = VALUE"},
        {GOOD "workers = { 1 }", "f.conf:3: 'workers': takes one value; write KEY = VALUE"},
        {GOOD "workers { }", "f.conf:3: 'workers': takes one value; write KEY = VALUE"},
        {GOOD "limits = 3",
         "f.conf:3: 'limits': is a section without a title; write it as KEY { ... }"},
        {GOOD "source { kind = files }",
         "f.conf:3: 'source': is a section with a title; write it as KEY \"title\" { ... }"},
        {GOOD "state = \"/var/lib\nworkers = 3\n",
         "f.conf:3: 'state': the string is not closed; end it with \" on the same line"},
        {GOOD "state = '/var/lib",
         "f.conf:3: 'state': the string is not closed; end it with ' on the same line"},
        {GOOD "state = \"/x\\n\"",
         "f.conf:3: 'state': a backslash may stand before \", \\ and $ only; double it"},
        {GOOD "state = \"${HOME}/x\"",
         "f.conf:3: 'state': the environment is not consulted; write the value itself, or \\${ "
         "where these characters are meant"},
        {GOOD "state = $HOME", "f.conf:3: 'state': '$HOME' cannot stand bare; put it in double "
                               "quotes"},
        {GOOD "state = /a*b", "f.conf:3: 'state': '/a*b' cannot stand bare; put it in double "
                              "quotes"},
        {"controller = tls+tcp://c:1", "f.conf:1: 'controller': 'tls+tcp://c:1' cannot stand bare; "
                                       "put it in double quotes"},
        {"// a comment", "f.conf:1: '//' cannot stand bare; put it in double quotes"},
        {"include(\"/etc/shadow\")",
         "f.conf:1: 'include(\"/etc/shadow\")' cannot stand bare; put it in double quotes"},
        {GOOD "source b {\n kind = files\n",
         "f.conf:3: 'source': the section is not closed; add '}' at its end"},
        {GOOD "}\n", "f.conf:3: 'kind': '}' closes nothing; remove it"},
        {GOOD "\"workers\" = 3", "f.conf:3: 'kind': a key is expected here; write KEY = VALUE"},
        {GOOD "workers = 3\r\n",
         "f.conf:3: control character 0x0d; remove it (the file has DOS line ends)"},
        {"\033[2J", "f.conf:1: control character 0x1b; remove it"},
        {"controller = a://b source a { kind = files paths = { /a /b } }",
         "f.conf:1: 'paths': the list is not well formed; write paths = {\"one\", \"two\"}"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct error e = ERROR_INIT;
        struct config *c = NULL;
        CHECK_RC(config_parse(keys, "f.conf", refusals[i].text, &c, &e), RC_INVALID);
        assert_string_equal(e.text, refusals[i].message);
        assert_null(c);
    }
}

static void
a_refused_text_leaves_no_trace_in_the_next(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct config *c = NULL;
    CHECK_RC(config_parse(keys, "f", GOOD "source \"a\" { kind = \"ldap", &c, &e), RC_INVALID);
    CHECK_RC(config_parse(keys, "f", GOOD "source \"a\" { kind = ldap }", &c, &e), RC_INVALID);
    CHECK_OK(config_parse(keys, "f", GOOD, &c, &e), &e);
    config_free(c);
}

static void
too_many_sections_are_refused(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct config *c = NULL;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(1024 * 1024);
    for (unsigned i = 0; i < 2000; i++)
        CHECK_OK(buffer_printf(&text, &e, "source \"s%u\" { kind = files }\n", i), &e);
    CHECK_RC(config_parse(keys, "f", (const char *)text.data, &c, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "f:1025: 'source': more than 1024 sections"));
}

static void
a_complaint_of_the_daemon_looks_the_same(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    CLEANUP(config_freep) struct config *c = NULL;
    CHECK_OK(config_parse(keys, "f", GOOD "\nstate = /x", &c, &e), &e);
    CHECK_RC(config_complain(c, config_root(c), "state", &e, "%d is wrong; fix it", 7), RC_INVALID);
    assert_string_equal(e.text, "f:4: 'state': 7 is wrong; fix it");
}

struct place {
    char folder[64], path[96];
};

static struct place
new_place(const char *text, mode_t mode)
{
    struct place p = {.folder = "/tmp/koffer-config-XXXXXX"};
    assert_non_null(mkdtemp(p.folder));
    (void)snprintf(p.path, sizeof p.path, "%s/f.conf", p.folder);
    int fd = open(p.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return p;
}

static void
drop_place(const struct place *p)
{
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(rmdir(p->folder), 0);
}

static void
a_private_file_is_read(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct config *c = NULL;
    struct place p = new_place(GOOD, 0644);
    CHECK_OK(config_read(keys, p.path, &c, &e), &e);
    config_free(c);
    drop_place(&p);
}

static void
a_file_that_others_can_change_is_refused(void **unused)
{
    (void)unused;
    static const mode_t modes[] = {0664, 0646};
    for (size_t i = 0; i < 2; i++) {
        struct error e = ERROR_INIT;
        struct config *c = NULL;
        char want[256];
        struct place p = new_place(GOOD, modes[i]);
        CHECK_RC(config_read(keys, p.path, &c, &e), RC_DENIED);
        (void)snprintf(want, sizeof want, "%s: others than its owner can change it; chmod go-w %s",
                       p.path, p.path);
        assert_string_equal(e.text, want);
        drop_place(&p);
    }
}

static void
what_is_no_regular_file_is_refused(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct config *c = NULL;
    struct place p = new_place(GOOD, 0600);
    char other[96], want[256];
    (void)snprintf(other, sizeof other, "%s/other", p.folder);

    CHECK_RC(config_read(keys, p.folder, &c, &e), RC_INVALID);
    (void)snprintf(want, sizeof want, "%s: is a directory; name the configuration file itself",
                   p.folder);
    assert_string_equal(e.text, want);

    CHECK_RC(config_read(keys, other, &c, &e), RC_NOT_FOUND);
    (void)snprintf(want, sizeof want,
                   "%s: there is no such file; create it, or name another with --config", other);
    assert_string_equal(e.text, want);

    assert_int_equal(symlink(p.path, other), 0);
    CHECK_RC(config_read(keys, other, &c, &e), RC_DENIED);
    assert_non_null(strstr(e.text, "is a symbolic link"));
    assert_int_equal(unlink(other), 0);

    assert_int_equal(mkfifo(other, 0600), 0);
    CHECK_RC(config_read(keys, other, &c, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "is no regular file; name the configuration file itself"));
    assert_int_equal(unlink(other), 0);
    drop_place(&p);
}

static void
a_file_too_large_or_binary_is_refused(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    struct config *c = NULL;
    struct place p = new_place(GOOD, 0600);
    assert_int_equal(truncate(p.path, (off_t)LIMIT_CONFIG + 1), 0);
    CHECK_RC(config_read(keys, p.path, &c, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "is larger than"));
    assert_int_equal(truncate(p.path, (off_t)LIMIT_CONFIG), 0);
    CHECK_RC(config_read(keys, p.path, &c, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "has NUL bytes"));
    drop_place(&p);
}

static void
the_example_is_accepted_by_its_own_table_and_shows_every_key(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    CLEANUP(config_freep) struct config *c = NULL;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(65536);
    CHECK_OK(config_print_example(keys, &text, &e), &e);
    CHECK_OK(config_parse(keys, "example", (const char *)text.data, &c, &e), &e);
    const char *shown = (const char *)text.data;
    assert_non_null(strstr(shown, "# Where the controller listens.  A URL.\n"
                                  "controller = \"tls+tcp://controller.example:7443\"\n"));
    assert_non_null(strstr(shown, "\n#state = \"/var/lib/koffer\"\n"));
    assert_non_null(strstr(shown, "\n#limits {\n"));
    assert_non_null(strstr(shown, "\n    #token = \"CHANGE-ME\"\n#}\n"));
    assert_non_null(
        strstr(shown, "\nsource \"change-me\" {\n    # What it is.\n    kind = ldap\n"));
    assert_non_null(strstr(shown, "\n    #paths = {\"/etc\", \"/root\"}\n"));
    for (const char *line = shown; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
}

static void
the_example_means_the_defaults_when_its_comments_are_taken_away(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    CLEANUP(config_freep) struct config *c = NULL;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(65536);
    CHECK_OK(config_print_example(keys, &text, &e), &e);
    char *shown = (char *)text.data;
    for (size_t i = 0; shown[i] != '\0'; i++)
        if (shown[i] == '#' && shown[i + 1] != ' ')
            shown[i] = ' ';
    CHECK_OK(config_parse(keys, "example", shown, &c, &e), &e);
    assert_int_equal(config_number(config_root(c), "lease"), 900);
    assert_true(config_is_set(config_root(c), "lease"));
}

static void
the_man_page_lists_every_key(void **unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(65536);
    CHECK_OK(config_print_man(keys, &text, &e), &e);
    const char *shown = (const char *)text.data;
    assert_non_null(strstr(shown, ".It Ic controller No = Ar text\n"
                                  "Where the controller listens.\nA URL.\nRequired.\n"));
    assert_non_null(strstr(shown, ".It Ic source Ar title Brq ...\n"));
    assert_non_null(strstr(shown, ".It Ic kind No = Cm ldap | Cm imap | Cm files\n"));
    assert_non_null(strstr(shown, "Default:\n.Ql {\\(dq/etc\\(dq, \\(dq/root\\(dq} .\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_understood),
        cmocka_unit_test(an_absent_section_is_not_asked_for_its_keys_and_an_empty_list_is_empty),
        cmocka_unit_test(every_mistake_is_named_with_line_key_and_remedy),
        cmocka_unit_test(a_refused_text_leaves_no_trace_in_the_next),
        cmocka_unit_test(too_many_sections_are_refused),
        cmocka_unit_test(a_complaint_of_the_daemon_looks_the_same),
        cmocka_unit_test(a_private_file_is_read),
        cmocka_unit_test(a_file_that_others_can_change_is_refused),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
        cmocka_unit_test(a_file_too_large_or_binary_is_refused),
        cmocka_unit_test(the_example_is_accepted_by_its_own_table_and_shows_every_key),
        cmocka_unit_test(the_example_means_the_defaults_when_its_comments_are_taken_away),
        cmocka_unit_test(the_man_page_lists_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
