/*
 * process.h -- the only way to run another program (facts: H1).
 *
 * Absolute path, constructed argument vector, clean environment (PATH, LC_ALL=C and what the caller
 * names), own process group, all other descriptors closed, a deadline, stderr kept (the last
 * LIMIT_CHILD_STDERR bytes), exit code and signal reported.  No shell anywhere.
 *
 *     struct process_options o = {.argv = argv, .user = "cyrus", .deadline = clock_after_ms(now, 60000)};
 *     TRY(process_start(&o, &p, e));                          // CLEANUP(process_freep): kills what still runs
 *     while (...) TRY(process_read(p, buf, size, &got, e));   // stdout; got == 0 at its end
 *     TRY(process_finish(p, &result, e));                     // waits; RC_OK only for exit code 0
 *
 * The child's whole process group gets SIGTERM at the deadline or on cancel, SIGKILL five seconds
 * later; whatever it left in the group when it ended is killed.  A child also gets SIGTERM when the
 * thread that started it ends.  Its umask is 077, its signals have their defaults.
 * Some tools must not be killed in the middle (LVM's leave half a volume).  A *patient* child that has not ended five seconds after
 * its SIGTERM is let alone: process_finish says so (RC_TIMEOUT, RC_CANCELLED), and a thread waits for its end, when the object is freed,
 * and drains what it says.  What it leaves in its group when it has ended is not touched.
 * Threads: a process object belongs to one thread; several may run at once.  Layer: common/sys.
 */
#ifndef COMMON_SYS_PROCESS_H
#define COMMON_SYS_PROCESS_H

#include <stdatomic.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/own.h"

struct process_options {
    const char *const *argv;     /* argv[0] absolute; NULL at the end */
    const char *const *env;      /* extra "NAME=value", NULL at the end; NULL for none */
    const char *user;            /* run as this user with its groups; NULL: as we are */
    const char *directory;       /* NULL: "/" */
    struct span input;           /* bytes for stdin, copied; empty: /dev/null */
    struct mono deadline;        /* {0}: none */
    const _Atomic(bool) *cancel; /* NULL: never */
    bool patient;                /* SIGTERM only, never SIGKILL: see below */
    int keep; /* patient: stays open until the child has ended, whoever waits (a lock); 0: none */
};

struct process_result {
    int exit_code;     /* -1 when a signal ended it */
    int signal;        /* 0 when it exited */
    char *stderr_tail; /* malloc'ed, NUL-terminated, never NULL after success; caller frees */
};

struct process;
enum rc process_start(const struct process_options *options, struct process **out, struct error *e);
/* Up to `size` bytes of stdout; *got == 0 at the end.  RC_TIMEOUT and RC_CANCELLED come at once, the
 * child having been told; process_finish or process_free see it out.  The caller need not read. */
enum rc process_read(struct process *p, void *out, size_t size, size_t *got, struct error *e);
/*
 * Wait for the end.  RC_OK: exit code 0.  RC_IO: another code or a signal, with the last line of
 * stderr in the text; `result` (may be NULL) is filled in both cases.  RC_TIMEOUT, RC_CANCELLED:
 * it was made to end; `result` is untouched.  To be called once.
 */
enum rc process_finish(struct process *p, struct process_result *result, struct error *e);
void process_free(struct process *p); /* SIGTERM, then SIGKILL, and reap; NULL is fine */
DEFINE_FREEP(process)

/* Run to the end and collect stdout (limit of `out`). */
enum rc process_run(const struct process_options *options, struct buffer *out,
                    struct process_result *result, struct error *e);

/* Absolute path of a tool: the first of the candidates (NULL-terminated) that is executable; RC_NOT_FOUND names them
 * and the package to install. */
enum rc process_find_tool(const char *const *candidates, const char *package, const char **out,
                          struct error *e);

#endif
