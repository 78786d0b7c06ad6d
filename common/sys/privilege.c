/* privilege.c -- see privilege.h. */
#include "common/sys/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PASSWD_MAX = 8192 };

enum rc
privilege_find(const char *user, struct privilege_account *out, struct error *e)
{
    char text[PASSWD_MAX];
    struct passwd entry, *found = NULL;
    int failed = getpwnam_r(user, &entry, text, sizeof text, &found);
    if (found == NULL && failed != 0) {
        errno = failed;
        return error_errno(e, "look up user '%s'", user);
    }
    if (found == NULL)
        return error_set(
            e, RC_NOT_FOUND,
            "there is no user '%s' on this host; run systemd-sysusers, or name another "
            "with 'user' in koffer-agent.conf",
            user);
    if (entry.pw_uid == 0 || entry.pw_gid == 0)
        return error_set(e, RC_DENIED,
                         "user '%s' has root's rights; name an ordinary user in "
                         "koffer-agent.conf",
                         user);
    *out = (struct privilege_account){entry.pw_uid, entry.pw_gid};
    return RC_OK;
}

struct privilege_account
privilege_self(void)
{
    return (struct privilege_account){geteuid(), getegid()};
}

/* What a set-user-id program could give back is taken out of the bounding set too. */
static void
empty_bounding_set(void)
{
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability); /* refused to who is not root: who has none */
}

static bool
empty_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) == 0;
}

static bool
change_user(const struct privilege_account *a)
{
    return setgroups(1, &a->gid) == 0 && setresgid(a->gid, a->gid, a->gid) == 0 &&
           setresuid(a->uid, a->uid, a->uid) == 0;
}

/* Believed when it is seen: the old rights must be out of reach. */
static bool
is_dropped(const struct privilege_account *a)
{
    uid_t real, effective, saved;
    return getresuid(&real, &effective, &saved) == 0 && real == a->uid && effective == a->uid &&
           saved == a->uid && setuid(0) != 0;
}

enum rc
privilege_drop(const struct privilege_account *account, struct error *e)
{
    bool root = geteuid() == 0;
    empty_bounding_set();
    if (root && !change_user(account))
        return error_errno(e, "become user %u", account->uid);
    if (root && !is_dropped(account))
        return error_set(e, RC_DENIED, "root's rights are not gone after becoming user %u",
                         account->uid);
    if (!empty_capabilities())
        return error_errno(e, "give up all capabilities");
    return privilege_no_new(e);
}

enum rc
privilege_no_new(struct error *e)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? RC_OK : error_errno(e, "set no_new_privs");
}

enum rc
privilege_hide(struct error *e)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return error_errno(e, "forbid core files");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_errno(e, "hide our memory");
    return RC_OK;
}

static enum rc
replace_by_null(int standard, struct error *e)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "open '/dev/null'");
    if (fd == standard) /* it was closed: to be handed on as it would have been */
        return fcntl(fd, F_SETFD, 0) == 0 ? RC_OK : error_errno(e, "leave the terminal");
    bool replaced = dup2(fd, standard) == standard;
    enum rc rc = replaced ? RC_OK : error_errno(e, "leave the terminal");
    (void)close(fd);
    return rc;
}

enum rc
privilege_close_input(struct error *e)
{
    return replace_by_null(STDIN_FILENO, e);
}

enum rc
privilege_leave_terminal(struct error *e)
{
    if (setsid() < 0)
        return error_errno(e, "leave the terminal's session");
    TRY(privilege_close_input(e));
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (isatty(fd) == 1)
            TRY(replace_by_null(fd, e));
    return RC_OK;
}
