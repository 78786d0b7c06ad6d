/* process_spawn.c -- fork and exec while other threads run.  See process.h, process_internal.h.
 *
 * posix_spawn cannot change the user.  Between fork and exec the child calls only what
 * signal-safety(7) allows: another thread may have held any lock when it was copied. */
#include "common/sys/process_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENV_MAX = 64, GROUPS_MAX = 256, PASSWD_MAX = 8192, PIPE_WANTED = 1 << 20 };

/* Where the child failed; the words for it are the parent's business. */
enum step { STEP_SETUP, STEP_USER, STEP_DIRECTORY, STEP_EXEC };

struct failure {
    int sys_errno;
    enum step step;
};

struct user {
    bool change;
    uid_t uid;
    gid_t gid, groups[GROUPS_MAX];
    int group_count;
};

/* Everything the child needs, prepared before fork. */
struct plan {
    const struct process_options *options;
    struct user user;
    const char *env[ENV_MAX];
    pid_t parent;
    int in, out, err, report; /* the child's ends */
};

static enum rc
find_user(const char *name, struct user *out, struct error *e)
{
    char text[PASSWD_MAX];
    struct passwd entry, *found = NULL;
    if (name == NULL)
        return RC_OK;
    int failed = getpwnam_r(name, &entry, text, sizeof text, &found);
    if (found == NULL && failed == 0)
        return error_set(e, RC_NOT_FOUND, "there is no user '%s' on this host", name);
    if (found == NULL) {
        errno = failed;
        return error_errno(e, "look up user '%s'", name);
    }
    /* An ordinary user may stay what it is, but not set its groups. */
    if (entry.pw_uid == geteuid() && geteuid() != 0)
        return RC_OK;
    out->group_count = GROUPS_MAX;
    if (getgrouplist(name, entry.pw_gid, out->groups, &out->group_count) < 0)
        return error_set(e, RC_UNSUPPORTED, "user '%s' is in more than %d groups", name,
                         (int)GROUPS_MAX);
    out->uid = entry.pw_uid;
    out->gid = entry.pw_gid;
    out->change = true;
    return RC_OK;
}

static enum rc
build_env(const char *const *extra, const char *env[static ENV_MAX], struct error *e)
{
    size_t n = 0;
    env[n++] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    env[n++] = "LC_ALL=C";
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        if (n == ENV_MAX - 1)
            return error_set(e, RC_INVALID, "more than %d variables for a child", ENV_MAX - 3);
        env[n++] = extra[i];
    }
    env[n] = NULL;
    return RC_OK;
}

static void
child_default_signals(void)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &plain, NULL); /* SIGKILL and SIGSTOP refuse; they are default anyway */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* First above 2, then down: an end that sits on 0, 1 or 2 would be overwritten. */
static bool
child_place_descriptors(struct plan *p)
{
    int *ends[] = {&p->in, &p->out, &p->err, &p->report};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        int fd = fcntl(*ends[i], F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return false; /* what is left of `report` still works */
        *ends[i] = fd;
    }
    return dup2(p->in, 0) == 0 && dup2(p->out, 1) == 1 && dup2(p->err, 2) == 2 &&
           close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool
child_become(const struct user *u)
{
    return !u->change ||
           (setgroups((size_t)u->group_count, u->groups) == 0 &&
            setresgid(u->gid, u->gid, u->gid) == 0 && setresuid(u->uid, u->uid, u->uid) == 0);
}

/* After the change of user, which clears the setting; then the parent may be gone already. */
static bool
child_die_with_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        return false;
    if (getppid() != parent)
        (void)raise(SIGTERM);
    return true;
}

_Noreturn static void
child_fail(int report, enum step step)
{
    const struct failure failure = {.sys_errno = errno, .step = step};
    ssize_t ignored = write(report, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

_Noreturn static void
child_run(struct plan *p)
{
    const char *directory = p->options->directory;
    child_default_signals();
    (void)umask(077);
    if (setpgid(0, 0) != 0 || !child_place_descriptors(p))
        child_fail(p->report, STEP_SETUP);
    if (!child_become(&p->user))
        child_fail(p->report, STEP_USER);
    if (!child_die_with_parent(p->parent))
        child_fail(p->report, STEP_SETUP);
    if (chdir(directory == NULL ? "/" : directory) != 0)
        child_fail(p->report, STEP_DIRECTORY);
    /* execve's prototype lacks the const it keeps to. */
    union {
        const char *const *constant;
        char *const *plain;
    } argv = {.constant = p->options->argv}, env = {.constant = p->env};
    (void)execve(argv.plain[0], argv.plain, env.plain);
    child_fail(p->report, STEP_EXEC);
}

/* No signal handler of ours may run in the copy. */
static pid_t
fork_quietly(struct plan *p)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child_run(p);
    int failed = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return pid;
}

static enum rc
explain(const struct plan *p, const struct failure *f, struct error *e)
{
    const char *tool = p->options->argv[0], *directory = p->options->directory;
    errno = f->sys_errno;
    switch (f->step) {
    case STEP_USER:
        return error_errno(e, "run '%s' as user '%s'", tool, p->options->user);
    case STEP_DIRECTORY:
        return error_errno(e, "run '%s' in '%s'", tool, directory == NULL ? "/" : directory);
    case STEP_SETUP:
    case STEP_EXEC:
    default:
        return error_errno(e, "run '%s'", tool);
    }
}

/* The report's pipe closes by itself when exec succeeds. */
static enum rc
wait_for_exec(const struct plan *p, int report, struct error *e)
{
    struct failure failure;
    ssize_t got;
    do {
        got = read(report, &failure, sizeof failure);
    } while (got < 0 && errno == EINTR);
    if (got == 0)
        return RC_OK;
    if (got != (ssize_t)sizeof failure)
        return error_set(e, RC_IO, "run '%s': the new process gave no answer", p->options->argv[0]);
    return explain(p, &failure, e);
}

struct pipes {
    int in[2], out[2], err[2], report[2];
};

static void
close_pipes(struct pipes *p)
{
    int *all[] = {p->in, p->out, p->err, p->report};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        own_closep(&all[i][0]);
        own_closep(&all[i][1]);
    }
}

static bool
open_pipes(struct pipes *p, bool with_input)
{
    if (with_input) {
        if (pipe2(p->in, O_CLOEXEC) != 0 || fcntl(p->in[1], F_SETFL, O_NONBLOCK) != 0)
            return false;
    } else {
        p->in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (p->in[0] < 0)
            return false;
    }
    if (pipe2(p->out, O_CLOEXEC) != 0 || pipe2(p->err, O_CLOEXEC) != 0 ||
        pipe2(p->report, O_CLOEXEC) != 0 || fcntl(p->out[0], F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(p->err[0], F_SETFL, O_NONBLOCK) != 0)
        return false;
    /* Dumps are long: fewer switches of context.  An unprivileged quota may refuse. */
    (void)fcntl(p->out[0], F_SETPIPE_SZ, PIPE_WANTED);
    return true;
}

static int
take_fd(int *fd)
{
    int value = *fd;
    *fd = -1;
    return value;
}

static void
close_child_ends(struct pipes *p)
{
    int *ends[] = {&p->in[0], &p->out[1], &p->err[1], &p->report[1]};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        (void)close(take_fd(ends[i]));
}

static enum rc
start(struct plan *plan, struct pipes *pipes, struct process_child *out, struct error *e)
{
    plan->in = pipes->in[0];
    plan->out = pipes->out[1];
    plan->err = pipes->err[1];
    plan->report = pipes->report[1];
    pid_t pid = fork_quietly(plan);
    if (pid < 0)
        return error_errno(e, "start a process for '%s'", plan->options->argv[0]);
    close_child_ends(pipes);
    enum rc rc = wait_for_exec(plan, pipes->report[0], e);
    int pidfd = rc == RC_OK ? pidfd_open(pid, 0) : -1;
    if (rc == RC_OK && pidfd < 0) {
        rc = error_errno(e, "watch '%s'", plan->options->argv[0]);
        (void)kill(-pid, SIGKILL);
    }
    if (rc != RC_OK) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        return rc;
    }
    *out = (struct process_child){.pid = pid,
                                  .pidfd = pidfd,
                                  .in = take_fd(&pipes->in[1]),
                                  .out = take_fd(&pipes->out[0]),
                                  .err = take_fd(&pipes->err[0])};
    return RC_OK;
}

enum rc
process_spawn(const struct process_options *options, struct process_child *out, struct error *e)
{
    assert(options->argv[0] != NULL && options->argv[0][0] == '/');

    struct plan plan = {.options = options, .parent = getpid()};
    TRY(find_user(options->user, &plan.user, e));
    TRY(build_env(options->env, plan.env, e));
    CLEANUP(close_pipes)
    struct pipes pipes = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    if (!open_pipes(&pipes, options->input.len > 0))
        return error_errno(e, "pipes for '%s'", options->argv[0]);
    return start(&plan, &pipes, out, e);
}
