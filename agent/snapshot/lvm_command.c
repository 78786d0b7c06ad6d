/* lvm_command.c -- see lvm_command.h. */
#include "agent/snapshot/lvm_command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "common/sys/process.h"

/* LVM's own directory, for root only: nobody else can take the lock, or be there first. */
#define LOCK_DIRECTORY "/run/lock/lvm"

enum { LOCK_TRY_MS = 50, STATUS_MAX = 4096 };

const char lvm_command_lvcreate[] = "/usr/sbin/lvcreate";
const char lvm_command_lvremove[] = "/usr/sbin/lvremove";
const char lvm_command_lvextend[] = "/usr/sbin/lvextend";

/* It complains of descriptors that it did not open; ours are closed, but not those of who started us in the foreground. */
static const char *const environment[] = {"LVM_SUPPRESS_FD_WARNINGS=1", NULL};

bool
lvm_command_exists(void)
{
    return access(lvm_command_lvcreate, X_OK) == 0;
}

static enum rc
open_lock(int *out, struct error *e)
{
    TRY(file_make_directory(AT_FDCWD, LOCK_DIRECTORY, 0700, e));
    *out = open(LOCK_DIRECTORY "/koffer", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *out < 0 ? error_errno(e, "open '" LOCK_DIRECTORY "/koffer'") : RC_OK;
}

/* flock(2) knows no deadline, and a flag wakes nobody. */
static enum rc
lock(int fd, struct mono deadline, const _Atomic(bool) *cancel, struct error *e)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(e, "lock '" LOCK_DIRECTORY "/koffer'");
        if (cancel != NULL && atomic_load(cancel))
            return error_set(e, RC_CANCELLED, "cancelled while waiting for another LVM command");
        if (clock_mono().ns >= deadline.ns) {
            return error_set(
                e, RC_TIMEOUT,
                "another LVM command of ours has not ended (see ps; 'lvs --readonly' answers all the same)");
        }
        (void)poll(NULL, 0, LOCK_TRY_MS);
    }
    return RC_OK;
}

static enum rc
run(const char *const *argv, int64_t limit_ms, const _Atomic(bool) *cancel, struct buffer *out,
    struct error *e)
{
    CLEANUP(own_closep) int held = -1;
    struct mono deadline = clock_after_ms(clock_mono(), limit_ms);
    TRY(open_lock(&held, e));
    TRY(lock(held, deadline, cancel, e));
    const struct process_options options = {
        .argv = argv,
        .env = environment,
        .deadline = deadline,
        .cancel = cancel,
        .patient = true,
        .keep = held,
    };
    return process_run(&options, out, NULL, e);
}

enum rc
lvm_command_run(const char *const *argv, int64_t limit_ms, const _Atomic(bool) *cancel,
                struct error *e)
{
    return run(argv, limit_ms, cancel, NULL, e);
}

enum rc
lvm_command_report(struct lvm_report *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer json = BUFFER_INIT(LVM_REPORT_MAX);
    const char *const argv[] = {"/usr/sbin/lvs", "-a", "--reportformat",  "json", "--units", "b",
                                "--nosuffix",    "-o", lvm_report_fields, NULL};
    TRY(run(argv, LVM_ASK_MS, NULL, &json, e));
    return lvm_report_read(buffer_span(&json), out, e);
}

enum rc
lvm_command_status(const char *name, struct lvm_status *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer line = BUFFER_INIT(STATUS_MAX);
    const char *const argv[] = {"/usr/sbin/dmsetup", "status", name, NULL};
    const struct process_options options = {
        .argv = argv, .deadline = clock_after_ms(clock_mono(), LVM_STATUS_MS), .patient = true};
    TRY(process_run(&options, &line, NULL, e));
    TRY(buffer_append(&line, span_of("", 1), e));
    return lvm_report_status((const char *)line.data, out, e);
}
