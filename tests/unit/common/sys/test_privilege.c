/* test_privilege.c -- rights that were given away are gone, and no way leads back. */
#include "common/sys/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

static struct privilege_account
nobody(void)
{
    struct error e = ERROR_INIT;
    struct privilege_account account = {0, 0};
    CHECK_OK(privilege_find("nobody", &account, &e), &e);
    return account;
}

/* In a child: what it gives away must stay ours.  The child answers with the line that is not so, 0: all is. */
#define DEMAND(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__ % 250 + 1;                                                             \
    } while (0)

static void
in_a_child(int (*check)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(check());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_user_is_found_by_name(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct privilege_account account = {7, 7};
    CHECK_RC(privilege_find("no-such-user-here", &account, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "systemd-sysusers"));
    assert_int_equal(account.uid, 7);
    assert_true(nobody().uid != 0);
}

static void
root_is_not_a_user_to_become(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct privilege_account account = {7, 7};
    CHECK_RC(privilege_find("root", &account, &e), RC_DENIED);
    assert_int_equal(account.uid, 7);
}

static void
we_know_who_we_are(void **state)
{
    (void)state;
    struct privilege_account self = privilege_self();
    assert_int_equal(self.uid, geteuid());
    assert_int_equal(self.gid, getegid());
}

static int
drop_and_try_all_ways_back(void)
{
    struct error e = ERROR_INIT;
    gid_t groups[4];
    struct privilege_account account = {65534, 65534};
    bool root = geteuid() == 0;
    if (root)
        DEMAND(privilege_find("nobody", &account, &e) == RC_OK);
    else
        account = privilege_self();
    DEMAND(privilege_drop(&account, &e) == RC_OK);
    DEMAND(geteuid() == account.uid && getuid() == account.uid && getegid() == account.gid);
    DEMAND(!root || (getgroups(4, groups) == 1 && groups[0] == account.gid));
    DEMAND(setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0);
    DEMAND(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    DEMAND(open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0);
    DEMAND(chroot("/") != 0 && errno == EPERM);
    return 0;
}

static void
dropped_rights_do_not_come_back(void **state)
{
    (void)state;
    in_a_child(drop_and_try_all_ways_back);
}

static int
drop_as_nobody(void)
{
    struct error e = ERROR_INIT;
    const struct privilege_account other = {1, 1};
    if (geteuid() == 0) {
        struct privilege_account account;
        DEMAND(privilege_find("nobody", &account, &e) == RC_OK);
        DEMAND(setresgid(account.gid, account.gid, account.gid) == 0);
        DEMAND(setresuid(account.uid, account.uid, account.uid) == 0);
    }
    uid_t before = geteuid();
    DEMAND(privilege_drop(&other, &e) == RC_OK);
    DEMAND(geteuid() == before);
    DEMAND(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    return 0;
}

static void
who_is_not_root_keeps_its_user(void **state)
{
    (void)state;
    in_a_child(drop_as_nobody);
}

/* The user is changed, the way back is not closed: whatever the kernel, it must be noticed. */
static int
drop_to_root(void)
{
    struct error e = ERROR_INIT;
    const struct privilege_account root = {0, 0};
    if (geteuid() != 0)
        return 0;
    DEMAND(privilege_drop(&root, &e) == RC_DENIED);
    DEMAND(strstr(e.text, "are not gone") != NULL);
    return 0;
}

static void
rights_that_are_still_there_are_noticed(void **state)
{
    (void)state;
    in_a_child(drop_to_root);
}

static int
hide(void)
{
    struct error e = ERROR_INIT;
    struct rlimit core;
    DEMAND(privilege_hide(&e) == RC_OK);
    DEMAND(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
    DEMAND(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    return 0;
}

static void
who_hides_leaves_no_core(void **state)
{
    (void)state;
    in_a_child(hide);
}

static bool
is_null(int fd)
{
    struct stat here, null;
    return fstat(fd, &here) == 0 && stat("/dev/null", &null) == 0 && here.st_rdev == null.st_rdev;
}

static int
close_input(void)
{
    struct error e = ERROR_INIT;
    DEMAND(privilege_close_input(&e) == RC_OK);
    DEMAND(is_null(STDIN_FILENO));
    return 0;
}

/* As a descriptor that was never open: the next open would take its place. */
static int
close_input_that_is_closed(void)
{
    struct error e = ERROR_INIT;
    DEMAND(close(STDIN_FILENO) == 0);
    DEMAND(privilege_close_input(&e) == RC_OK);
    DEMAND(is_null(STDIN_FILENO));
    DEMAND(fcntl(STDIN_FILENO, F_GETFD) == 0); /* stays in exec, as standard input does */
    return 0;
}

static void
input_is_null_whether_it_was_open_or_not(void **state)
{
    (void)state;
    in_a_child(close_input);
    in_a_child(close_input_that_is_closed);
}

static int
leave_as_leader(void)
{
    struct error e = ERROR_INIT;
    DEMAND(setpgid(0, 0) == 0);
    DEMAND(privilege_leave_terminal(&e) == RC_DENIED);
    return 0;
}

static void
a_leader_cannot_leave_its_terminal(void **state)
{
    (void)state;
    in_a_child(leave_as_leader);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_found_by_name),
        cmocka_unit_test(root_is_not_a_user_to_become),
        cmocka_unit_test(we_know_who_we_are),
        cmocka_unit_test(dropped_rights_do_not_come_back),
        cmocka_unit_test(who_is_not_root_keeps_its_user),
        cmocka_unit_test(rights_that_are_still_there_are_noticed),
        cmocka_unit_test(who_hides_leaves_no_core),
        cmocka_unit_test(input_is_null_whether_it_was_open_or_not),
        cmocka_unit_test(a_leader_cannot_leave_its_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
