/* process.c -- talk to a child, watch the clock, see it out.  See process.h. */
#include "common/sys/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/sys/process_internal.h"

enum {
    GRACE_MS = 5000,
    CANCEL_CHECK_MS = 100, /* how late a cancel may be noticed: a flag wakes nobody */
    LAST_LINE_MAX = 256,
    STEP = 4096,
};

struct process {
    struct process_child child;
    char *name;
    uint8_t *input; /* owned copy; `input_done` bytes are written */
    size_t input_len, input_done;
    struct mono deadline, kill_at;
    const _Atomic(bool) *cancel; /* borrowed */
    enum rc ended_by_us;         /* RC_TIMEOUT, RC_CANCELLED, or RC_OK */
    bool terminated, killed, exited;
    bool patient, abandoned; /* abandoned: it had its SIGTERM, and time to heed it */
    int keep;                /* -1: none */
    char *tail;              /* ring of LIMIT_CHILD_STDERR bytes */
    uint64_t tail_total;
};

static void
close_fd(int *fd)
{
    own_closep(fd);
    *fd = -1;
}

static enum rc
copy_input(struct process *p, const struct process_options *o, struct error *e)
{
    p->name = strdup(o->argv[0]);
    p->tail = malloc(LIMIT_CHILD_STDERR);
    if (o->input.len > 0)
        p->input = malloc(o->input.len);
    if (p->name == NULL || p->tail == NULL || (o->input.len > 0 && p->input == NULL))
        return error_set(e, RC_NO_MEMORY, "process '%s'", o->argv[0]);
    if (o->input.len > 0)
        memcpy(p->input, o->input.data, o->input.len);
    p->input_len = o->input.len;
    return RC_OK;
}

enum rc
process_start(const struct process_options *options, struct process **out, struct error *e)
{
    CLEANUP(process_freep) struct process *p = calloc(1, sizeof *p);
    if (p == NULL)
        return error_set(e, RC_NO_MEMORY, "process '%s'", options->argv[0]);
    p->exited = true; /* nothing to see out yet */
    p->child = (struct process_child){.pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    p->deadline = options->deadline;
    p->cancel = options->cancel;
    p->patient = options->patient;
    p->keep = -1;
    if (options->keep != 0) {
        p->keep = fcntl(options->keep, F_DUPFD_CLOEXEC, 3);
        if (p->keep < 0)
            return error_errno(e, "a descriptor to keep for '%s'", options->argv[0]);
    }
    TRY(copy_input(p, options, e));
    TRY(process_spawn(options, &p->child, e));
    p->exited = false;
    *out = TAKE(p);
    return RC_OK;
}

/* The leader is not reaped before the group is done with, so the number cannot mean another's. */
static void
signal_group(const struct process *p, int number)
{
    (void)kill(-p->child.pid, number);
}

static void
terminate(struct process *p)
{
    if (p->terminated)
        return;
    p->terminated = true;
    p->kill_at = clock_after_ms(clock_mono(), GRACE_MS);
    signal_group(p, SIGTERM);
}

/* Time is up, or nobody wants it any more? */
static enum rc
check_limits(struct process *p, struct error *e)
{
    if (p->ended_by_us == RC_OK && p->cancel != NULL && atomic_load(p->cancel))
        p->ended_by_us = RC_CANCELLED;
    if (p->ended_by_us == RC_OK && p->deadline.ns != 0 && clock_mono().ns >= p->deadline.ns)
        p->ended_by_us = RC_TIMEOUT;
    if (p->ended_by_us == RC_OK)
        return RC_OK;
    terminate(p);
    return error_set(e, p->ended_by_us, "'%s' %s", p->name,
                     p->ended_by_us == RC_TIMEOUT ? "did not end before its deadline"
                                                  : "was cancelled");
}

/* A pipe has no MSG_NOSIGNAL: the signal is kept back, and taken if it came. */
static ssize_t
write_without_sigpipe(int fd, const uint8_t *bytes, size_t len)
{
    sigset_t pipe_only, before, pending;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t wrote = write(fd, bytes, len);
    int failed = errno;
    if (wrote < 0 && failed == EPIPE && sigismember(&pending, SIGPIPE) == 0)
        (void)sigtimedwait(&pipe_only, NULL, &(const struct timespec){0});
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return wrote;
}

/* A child that does not want all its input says so by its exit code, not by ours. */
static void
feed(struct process *p)
{
    ssize_t wrote =
        write_without_sigpipe(p->child.in, p->input + p->input_done, p->input_len - p->input_done);
    if (wrote > 0)
        p->input_done += (size_t)wrote;
    bool later = wrote < 0 && (errno == EAGAIN || errno == EINTR);
    if (p->input_done == p->input_len || (wrote < 0 && !later))
        close_fd(&p->child.in);
}

static void
keep_tail(struct process *p, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p->tail[p->tail_total++ % LIMIT_CHILD_STDERR] = (char)(bytes[i] == '\0' ? '?' : bytes[i]);
}

/* Reads once; *got < 0: nothing there now.  Closes the descriptor at its end. */
static enum rc
read_some(const struct process *p, int *fd, void *out, size_t size, ssize_t *got, struct error *e)
{
    *got = read(*fd, out, size);
    if (*got < 0 && errno != EAGAIN && errno != EINTR)
        return error_errno(e, "read from '%s'", p->name);
    if (*got == 0)
        close_fd(fd);
    return RC_OK;
}

static enum rc
listen_to_stderr(struct process *p, ssize_t *got, struct error *e)
{
    uint8_t bytes[STEP];
    TRY(read_some(p, &p->child.err, bytes, sizeof bytes, got, e));
    if (*got > 0)
        keep_tail(p, bytes, (size_t)*got);
    return RC_OK;
}

static int
wait_ms(const struct process *p)
{
    struct mono now = clock_mono();
    int64_t ms = INT32_MAX;
    if (p->terminated && !p->killed && !p->abandoned)
        ms = clock_ms_until(p->kill_at, now);
    else if (!p->terminated && p->deadline.ns != 0)
        ms = clock_ms_until(p->deadline, now);
    if (!p->terminated && p->cancel != NULL && ms > CANCEL_CHECK_MS)
        ms = CANCEL_CHECK_MS;
    return ms == INT32_MAX ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

enum watched { WATCH_IN, WATCH_OUT, WATCH_ERR, WATCH_EXIT, WATCH_COUNT };

/* Waits for something to do, the child's end too unless `pidfd` is -1; feeds stdin and listens to
 * stderr on the way. */
static enum rc
pump(struct process *p, int pidfd, struct pollfd ready[static WATCH_COUNT], struct error *e)
{
    ready[WATCH_IN] = (struct pollfd){.fd = p->child.in, .events = POLLOUT};
    ready[WATCH_OUT] = (struct pollfd){.fd = p->child.out, .events = POLLIN};
    ready[WATCH_ERR] = (struct pollfd){.fd = p->child.err, .events = POLLIN};
    ready[WATCH_EXIT] = (struct pollfd){.fd = pidfd, .events = POLLIN};
    if (poll(ready, WATCH_COUNT, wait_ms(p)) < 0) {
        if (errno != EINTR)
            return error_errno(e, "wait for '%s'", p->name);
        for (size_t i = 0; i < WATCH_COUNT; i++)
            ready[i].revents = 0;
    }
    ssize_t got;
    if (ready[WATCH_IN].revents != 0)
        feed(p);
    if (ready[WATCH_ERR].revents != 0)
        TRY(listen_to_stderr(p, &got, e));
    return RC_OK;
}

enum rc
process_read(struct process *p, void *out, size_t size, size_t *got, struct error *e)
{
    struct pollfd ready[WATCH_COUNT];
    ssize_t n = -1;
    assert(size > 0);
    while (p->child.out >= 0 && n <= 0) {
        TRY(check_limits(p, e));
        TRY(pump(p, -1, ready, e));
        if (ready[WATCH_OUT].revents != 0)
            TRY(read_some(p, &p->child.out, out, size, &n, e));
    }
    *got = n > 0 ? (size_t)n : 0;
    return RC_OK;
}

static bool
has_ended(const struct process *p)
{
    struct pollfd exit = {.fd = p->child.pidfd, .events = POLLIN};
    return poll(&exit, 1, 0) == 1;
}

/* True: nobody waits for it here any more. */
static bool
use_force(struct process *p)
{
    if (!p->terminated || p->killed || p->abandoned || clock_mono().ns < p->kill_at.ns)
        return false;
    p->abandoned = p->patient;
    p->killed = !p->patient;
    if (p->killed)
        signal_group(p, SIGKILL);
    return p->abandoned;
}

/* Until the child has ended, whatever it takes; stdout that nobody read is dropped. */
static void
await_exit(struct process *p)
{
    struct error ignored = ERROR_INIT;
    struct pollfd ready[WATCH_COUNT];
    uint8_t dropped[STEP];
    ssize_t got;
    while (!has_ended(p)) { /* asked first: who ended in time is not late */
        (void)check_limits(p, &ignored);
        if (use_force(p))
            return;
        if (pump(p, p->child.pidfd, ready, &ignored) != RC_OK)
            close_fd(&p->child.err);
        if (ready[WATCH_OUT].revents != 0 &&
            read_some(p, &p->child.out, dropped, sizeof dropped, &got, &ignored) != RC_OK)
            close_fd(&p->child.out);
    }
}

/* The group first, while the unreaped leader keeps its number from being given away. */
static int
reap(struct process *p)
{
    int status = 0;
    if (!p->patient)
        signal_group(p, SIGKILL);
    while (waitpid(p->child.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    p->exited = true;
    return status;
}

/* What it said last is in the pipe still; a grandchild may hold the other end, so no waiting. */
static void
drain_stderr(struct process *p)
{
    struct error ignored = ERROR_INIT;
    ssize_t got = 1;
    while (p->child.err >= 0 && got > 0) {
        if (listen_to_stderr(p, &got, &ignored) != RC_OK)
            break;
    }
}

static char *
tail_text(const struct process *p)
{
    size_t len = p->tail_total < LIMIT_CHILD_STDERR ? (size_t)p->tail_total : LIMIT_CHILD_STDERR;
    char *text = malloc(len + 1);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++)
        text[i] = p->tail[(p->tail_total - len + i) % LIMIT_CHILD_STDERR];
    text[len] = '\0';
    return text;
}

/* ": " and the last line that is not empty, made safe; or nothing. */
static const char *
last_line(const char *text, char out[static LAST_LINE_MAX])
{
    size_t end = strlen(text);
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r' || text[end - 1] == ' '))
        end--;
    size_t begin = end;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    out[0] = '\0';
    if (end > begin) {
        memcpy(out, ": ", 3);
        (void)text_escape(span_of(text + begin, end - begin), out + 2, LAST_LINE_MAX - 2);
    }
    return out;
}

static enum rc
judge(const struct process *p, int status, const char *tail, struct error *e)
{
    char line[LAST_LINE_MAX];
    const char *said = last_line(tail, line);
    if (p->ended_by_us == RC_TIMEOUT)
        return error_set(e, RC_TIMEOUT, "'%s' did not end before its deadline%s", p->name, said);
    if (p->ended_by_us != RC_OK)
        return error_set(e, p->ended_by_us, "'%s' was cancelled%s", p->name, said);
    if (WIFSIGNALED(status)) {
        return error_set(e, RC_IO, "'%s' was ended by signal %d (%s)%s", p->name, WTERMSIG(status),
                         sigdescr_np(WTERMSIG(status)), said);
    }
    if (WEXITSTATUS(status) != 0)
        return error_set(e, RC_IO, "'%s' ended with code %d%s", p->name, WEXITSTATUS(status), said);
    return RC_OK;
}

enum rc
process_finish(struct process *p, struct process_result *result, struct error *e)
{
    assert(!p->exited);
    await_exit(p);
    if (p->abandoned)
        return error_set(e, p->ended_by_us, "'%s' does not end although it was told to", p->name);
    drain_stderr(p);
    int status = reap(p);
    CLEANUP(own_freep) char *tail = tail_text(p);
    if (tail == NULL)
        return error_set(e, RC_NO_MEMORY, "messages of '%s'", p->name);

    enum rc rc = judge(p, status, tail, e);
    if (result != NULL && (rc == RC_OK || rc == RC_IO)) {
        *result = (struct process_result){
            .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            .stderr_tail = TAKE(tail),
        };
    }
    return rc;
}

static void
destroy(struct process *p)
{
    close_fd(&p->child.in);
    close_fd(&p->child.out);
    close_fd(&p->child.err);
    close_fd(&p->child.pidfd);
    close_fd(&p->keep);
    free(p->input);
    free(p->tail);
    free(p->name);
    free(p);
}

static void *
see_out(void *ctx)
{
    struct process *p = ctx;
    await_exit(p);
    (void)reap(p);
    destroy(p);
    return NULL;
}

/* It goes on without us; without a thread for it we wait after all. */
static void
leave_alone(struct process *p)
{
    pthread_t thread;
    p->cancel = NULL;
    if (pthread_create(&thread, NULL, see_out, p) == 0)
        (void)pthread_detach(thread);
    else
        (void)see_out(p);
}

void
process_free(struct process *p)
{
    if (p == NULL)
        return;
    if (!p->exited) {
        terminate(p);
        if (!p->abandoned)
            await_exit(p);
        if (p->abandoned) {
            leave_alone(p);
            return;
        }
        (void)reap(p);
    }
    destroy(p);
}
