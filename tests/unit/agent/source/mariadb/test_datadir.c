/* test_datadir.c -- which files of a server's directories are left out of a snapshot, and tables that stand elsewhere. */
#include "agent/source/mariadb/datadir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/sys/file.h"
#include "tests/support/check.h"

static struct datadir
server(void)
{
    return (struct datadir){
        .data = "/data",
        .roots = {{"/data", NULL}, {"/redo", NULL}, {"/var/log/mysql", "binlog."}},
        .count = 3,
        .pid_file = "/run/mysqld.pid",
        .tmpdir = "/data/tmp",
        .temp_space = "ibtmp1",
    };
}

static void
only_what_a_new_server_makes_anew_is_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        mode_t mode;
        bool out;
    } cases[] = {
        {"/data/mysql.sock", "mysql.sock", S_IFSOCK, true},
        {"/data/mysql.sock", "mysql.sock", S_IFREG, false},
        {"/data/host.pid", "host.pid", S_IFREG, true},
        {"/data/shop/host.pid", "host.pid", S_IFREG, false},
        {"/data/shop.pid", "shop.pid", S_IFDIR, false},
        {"/data/ibtmp1", "ibtmp1", S_IFREG, true},
        {"/data/shop/ibtmp1", "ibtmp1", S_IFREG, false},
        {"/data/tmp", "tmp", S_IFDIR, false},
        {"/data/tmp/#sql_1.MAI", "#sql_1.MAI", S_IFREG, true},
        {"/data/tmpl/t.ibd", "t.ibd", S_IFREG, false},
        {"/data/shop/#sql-alter-1.ibd", "#sql-alter-1.ibd", S_IFREG, false},
        {"/data/roundcube/cache.ibd", "cache.ibd", S_IFREG, false},
        {"/data/.koffer", ".koffer", S_IFDIR, true},
        {"/data/lost+found", "lost+found", S_IFDIR, true},
        {"/data/shop/.koffer", ".koffer", S_IFDIR, false},
        {"/redo/ib_logfile0", "ib_logfile0", S_IFREG, false},
        {"/var/log/mysql/binlog.000001", "binlog.000001", S_IFREG, false},
        {"/var/log/mysql/binlog.index", "binlog.index", S_IFREG, false},
        {"/var/log/mysql/error.log", "error.log", S_IFREG, true},
        {"/var/log/mysql/binlog.old", "binlog.old", S_IFDIR, true},
    };
    struct datadir dir = server();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (datadir_excludes(&dir, cases[i].path, cases[i].name, cases[i].mode) != cases[i].out)
            fail_msg("%s: %s", cases[i].path, cases[i].out ? "is kept" : "is left out");
}

static void
a_temporary_directory_that_is_the_data_directory_leaves_nothing_out(void **state)
{
    (void)state;
    struct datadir dir = server();
    dir.tmpdir = "/data";
    assert_false(datadir_excludes(&dir, "/data/shop/t.ibd", "t.ibd", S_IFREG));
}

/* A live data directory and its snapshot, which is known by a descriptor and lies elsewhere. */
struct copy {
    char at[32], live[64], cut[64], isl[96], link[96], seen[64];
    int fd;
    struct datadir dir;
};

static void
make_copy(struct copy *c)
{
    *c = (struct copy){.at = "/tmp/datadir.XXXXXX"};
    struct error e = ERROR_INIT;
    char shop[96];
    assert_non_null(mkdtemp(c->at));
    (void)snprintf(c->live, sizeof c->live, "%s/host/live", c->at);
    (void)snprintf(c->cut, sizeof c->cut, "%s/cut", c->at);
    (void)snprintf(c->isl, sizeof c->isl, "%s/shop/t.isl", c->cut);
    (void)snprintf(c->link, sizeof c->link, "%s/other", c->cut);
    (void)snprintf(shop, sizeof shop, "%s/host/outside", c->at);
    assert_int_equal(file_make_directory(AT_FDCWD, shop, 0700, &e), RC_OK);
    (void)snprintf(shop, sizeof shop, "%s/shop", c->live);
    assert_int_equal(file_make_directory(AT_FDCWD, shop, 0700, &e), RC_OK);
    (void)snprintf(shop, sizeof shop, "%s/shop", c->cut);
    assert_int_equal(file_make_directory(AT_FDCWD, shop, 0700, &e), RC_OK);
    c->fd = open(c->cut, O_PATH | O_CLOEXEC);
    assert_true(c->fd >= 0);
    (void)snprintf(c->seen, sizeof c->seen, "/proc/self/fd/%d", c->fd);
    c->dir = server();
    c->dir.data = c->dir.roots[0].path = c->live;
}

static void
drop_copy(struct copy *c)
{
    struct error e = ERROR_INIT;
    (void)close(c->fd);
    assert_int_equal(file_remove_tree(AT_FDCWD, c->at, &e), RC_OK);
}

static enum rc
look(struct copy *c, struct error *e)
{
    *e = ERROR_INIT;
    return datadir_check_scan(&c->dir, c->seen, e);
}

static void
a_table_that_was_put_elsewhere_during_the_cut_is_noticed(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct copy c;
    make_copy(&c);
    assert_int_equal(look(&c, &e), RC_OK);
    static const struct {
        const char *isl;
        enum rc rc;
    } cases[] = {
        {"/redo/shop/t.ibd\n", RC_OK},
        {"/mnt/t.ibd\n", RC_IO},
        {"t.ibd", RC_UNSUPPORTED},
        {"\n", RC_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            file_replace(AT_FDCWD, c.isl, span_of(cases[i].isl, strlen(cases[i].isl)), 0600, &e),
            RC_OK);
        assert_int_equal(look(&c, &e), cases[i].rc);
    }
    drop_copy(&c);
}

static void
a_link_is_followed_by_its_live_name(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct copy c;
    make_copy(&c);
    const struct {
        const char *target;
        enum rc rc;
    } cases[] = {
        {"shop", RC_OK}, {c.live, RC_OK},       {"/nowhere/at/all", RC_OK},
        {"/usr", RC_IO}, {"../outside", RC_IO}, /* it leads nowhere from where the snapshot lies */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(symlink(cases[i].target, c.link), 0);
        if (look(&c, &e) != cases[i].rc)
            fail_msg("%s: %s", cases[i].target, e.text);
        assert_int_equal(unlink(c.link), 0);
    }
    drop_copy(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_a_new_server_makes_anew_is_left_out),
        cmocka_unit_test(a_temporary_directory_that_is_the_data_directory_leaves_nothing_out),
        cmocka_unit_test(a_table_that_was_put_elsewhere_during_the_cut_is_noticed),
        cmocka_unit_test(a_link_is_followed_by_its_live_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
