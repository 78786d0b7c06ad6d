/* test_datadir.c -- which files of a server's directories are left out of a snapshot, and tables that stand elsewhere. */
#include "agent/source/mariadb/datadir.h"

#include <fcntl.h>
#include <stdio.h>

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

static void
a_table_that_was_put_elsewhere_during_the_cut_is_noticed(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char at[] = "/tmp/datadir.XXXXXX", shop[64], isl[64], link[64];
    assert_non_null(mkdtemp(at));
    struct datadir dir = server();
    (void)snprintf(shop, sizeof shop, "%s/shop", at);
    (void)snprintf(isl, sizeof isl, "%s/t.isl", shop);
    (void)snprintf(link, sizeof link, "%s/other", at);
    assert_int_equal(mkdir(shop, 0700), 0);
    assert_int_equal(datadir_check_scan(&dir, at, &e), RC_OK);

    assert_int_equal(file_write_new(AT_FDCWD, isl, span_of("/redo/shop/t.ibd\n", 17), 0600, &e),
                     RC_OK);
    assert_int_equal(datadir_check_scan(&dir, at, &e), RC_OK);
    assert_int_equal(file_replace(AT_FDCWD, isl, span_of("/mnt/t.ibd\n", 11), 0600, &e), RC_OK);
    assert_int_equal(datadir_check_scan(&dir, at, &e), RC_STALE);
    assert_non_null(strstr(e.text, "/mnt/t.ibd"));
    assert_int_equal(file_replace(AT_FDCWD, isl, span_of("t.ibd", 5), 0600, &e), RC_OK);
    assert_int_equal(datadir_check_scan(&dir, at, &e), RC_UNSUPPORTED);
    assert_int_equal(unlink(isl), 0);

    assert_int_equal(symlink("shop", link), 0);
    assert_int_equal(datadir_check_scan(&dir, at, &e), RC_OK); /* whatever the copy is called */
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("/usr", link), 0);
    assert_int_equal(datadir_check_scan(&dir, at, &e), RC_STALE);
    assert_int_equal(file_remove_tree(AT_FDCWD, at, &e), RC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_a_new_server_makes_anew_is_left_out),
        cmocka_unit_test(a_temporary_directory_that_is_the_data_directory_leaves_nothing_out),
        cmocka_unit_test(a_table_that_was_put_elsewhere_during_the_cut_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
