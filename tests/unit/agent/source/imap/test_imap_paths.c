/* test_imap_paths.c -- every place of mail is read, and no message can ever be left out. */
#include "agent/source/imap/imap_paths.h"

#include <stdio.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "tests/support/check.h"

static const char usual[] = "configdirectory: /var/lib/cyrus/\n"
                            "partition-default: /var/spool/cyrus\n"
                            "partition-two: /srv/two\n"
                            "archivepartition-default: /srv/archive\n"
                            "metapartition-default: {configdirectory}/meta\n"
                            "searchpartition-default: /srv/search\n"
                            "sievedir: /var/lib/cyrus/sieve\n"
                            "tls_server_cert: /etc/ssl/cyrus.pem\n"
                            "tls_server_key: disabled\n"
                            "mboxlist_db_path: /srv/db/mailboxes.db\n"
                            "statuscache_db_path: /run/cyrus/statuscache.db\n"
                            "partitoin-x: /srv/lost\n";

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

static enum rc
read_text(void *ctx, const char *path, struct arena *a, struct span *out, struct error *e)
{
    (void)path;
    (void)a;
    (void)e;
    *out = span_of(ctx, strlen(ctx));
    return RC_OK;
}

static enum rc
paths_of(const char *text, const struct imap_paths **out, struct error *e)
{
    char copy[2048];
    (void)snprintf(copy, sizeof copy, "%s", text);
    struct imap_conf_files files = {.read = read_text, .ctx = copy};
    const struct imap_conf *conf;
    arena_reset(arena);
    TRY(imap_conf_parse(&files, "/etc/imapd.conf", arena, &conf, e));
    return imap_paths_of(conf, "/etc/cyrus.conf", arena, out, e);
}

static bool
has(const struct imap_paths *p, const char *path, enum imap_path_role role)
{
    for (size_t i = 0; i < p->count; i++)
        if (text_equal(p->paths[i].path, path) && p->paths[i].role == role)
            return true;
    return false;
}

static void
every_place_of_state_is_read(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct imap_paths *p;
    CHECK_OK(paths_of(usual, &p, &e), &e);
    assert_true(has(p, "/var/lib/cyrus", IMAP_PATH_CONFIG));
    assert_true(has(p, "/var/spool/cyrus", IMAP_PATH_PARTITION));
    assert_true(has(p, "/srv/two", IMAP_PATH_PARTITION));
    assert_true(has(p, "/srv/archive", IMAP_PATH_PARTITION));
    assert_true(has(p, "/var/lib/cyrus/meta", IMAP_PATH_META));
    assert_true(has(p, "/srv/db/mailboxes.db", IMAP_PATH_STATE));
    assert_true(has(p, "/etc/ssl/cyrus.pem", IMAP_PATH_FILE));
    assert_true(has(p, "/etc/imapd.conf", IMAP_PATH_FILE));
    assert_true(has(p, "/etc/cyrus.conf", IMAP_PATH_FILE));
    assert_true(has(p, "/etc/sasldb2", IMAP_PATH_STATE));
    for (size_t i = 0; i < p->count; i++)
        assert_null(strstr(p->paths[i].path, "search"));
    assert_int_equal(p->warning_count, 1);
    assert_non_null(strstr(p->warnings[0], "partitoin-x"));
}

static void
configurations_without_mail_are_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct imap_paths *p;
    CHECK_RC(paths_of("configdirectory: /x\n", &p, &e), RC_INVALID);
    CHECK_RC(paths_of("partition-default: /x\n", &p, &e), RC_INVALID);
    CHECK_RC(paths_of("configdirectory: /x\npartition-default: x\n", &p, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "line 2"));
}

static void
exclusion_is_anchored_by_place_and_type(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        mode_t mode;
        bool out;
    } cases[] = {
        {"/var/lib/cyrus/lock", S_IFDIR, true},
        {"/var/lib/cyrus/proc", S_IFDIR, true},
        {"/var/lib/cyrus/socket", S_IFDIR, true},
        {"/var/lib/cyrus/sync", S_IFDIR, true},
        {"/var/lib/cyrus/db.backup1", S_IFDIR, true},
        {"/var/lib/cyrus/statuscache.db", S_IFREG, true},
        {"/run/cyrus/statuscache.db", S_IFREG, true},
        {"/srv/search", S_IFDIR, true},
        {"/var/spool/cyrus/stage.", S_IFDIR, true},
        {"/srv/archive/sync.", S_IFDIR, true},
        {"/var/spool/cyrus/a/cyrus.cache.NEW", S_IFREG, true},
        {"/var/spool/cyrus/a/cyrus.squat", S_IFREG, true},
        {"/var/lib/cyrus/any.sock", S_IFSOCK, true},
        /* look like it, are not */
        {"/var/lib/cyrus/mailboxes.db", S_IFREG, false},
        {"/var/lib/cyrus/deliver.db", S_IFREG, false},
        {"/var/lib/cyrus/quota/l/user.lockhart", S_IFREG, false},
        {"/var/lib/cyrus/quota/a/user.anna.lock", S_IFREG, false},
        {"/var/lib/cyrus/user/l/lock", S_IFDIR, false},
        {"/var/spool/cyrus/user/proc", S_IFDIR, false},
        {"/var/spool/cyrus/user/anna/lock", S_IFDIR, false},
        {"/var/spool/cyrus/a/cyrus.cache", S_IFREG, false},
        {"/var/spool/cyrus/a/cyrus.index", S_IFREG, false},
        {"/var/spool/cyrus/user/cyrus.squat", S_IFDIR, false},
        {"/var/lib/cyrus/user/x/x.NEW.sub", S_IFREG, false},
        /* a message, wherever it lies */
        {"/var/spool/cyrus/stage./1.", S_IFREG, false},
        {"/var/lib/cyrus/lock/12.", S_IFREG, false},
        {"/srv/search/4294967295.", S_IFREG, false},
    };
    struct error e = ERROR_INIT;
    const struct imap_paths *p;
    CHECK_OK(paths_of(usual, &p, &e), &e);
    struct imap_paths rules = *p;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = strrchr(cases[i].path, '/') + 1;
        if (imap_paths_exclude(&rules, cases[i].path, name, cases[i].mode) != cases[i].out)
            fail_msg("'%s' should %s left out", cases[i].path, cases[i].out ? "be" : "not be");
    }
}

static void
a_place_left_out_cannot_take_the_mail_with_it(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct imap_paths *p;
    CHECK_OK(paths_of("configdirectory: /srv/imap/lib\npartition-default: /srv/imap/lib/lock/x\n"
                      "searchpartition-default: /srv/imap\n",
                      &p, &e),
             &e);
    struct imap_paths rules = *p;
    assert_false(imap_paths_exclude(&rules, "/srv/imap", "imap", S_IFDIR));
    assert_false(imap_paths_exclude(&rules, "/srv/imap/lib/lock", "lock", S_IFDIR));
    assert_int_equal(p->warning_count, 2);
}

static void
message_names_are_digits_and_a_dot(void **state)
{
    (void)state;
    assert_true(imap_paths_is_message("1."));
    assert_false(imap_paths_is_message("."));
    assert_false(imap_paths_is_message("1"));
    assert_false(imap_paths_is_message("1.."));
    assert_false(imap_paths_is_message("1.x"));
    assert_false(imap_paths_is_message("x1."));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_of_state_is_read),
        cmocka_unit_test(configurations_without_mail_are_refused),
        cmocka_unit_test(exclusion_is_anchored_by_place_and_type),
        cmocka_unit_test(a_place_left_out_cannot_take_the_mail_with_it),
        cmocka_unit_test(message_names_are_digits_and_a_dot),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
