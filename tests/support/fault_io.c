/* fault_io.c -- see fault_io.h: the plan, and whose turn it is. */
#include "tests/support/fault_io.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fault_io_turn.h"

static atomic_bool armed, fired;
static atomic_uint target, counts[FAULT_IO_CLASSES_];
static atomic_int error_number, meant, how;
static _Atomic(ino_t) broken;
static _Atomic(off_t) broken_from;
static atomic_int broken_error;

void
fault_io_plan(const struct fault_io_plan *plan)
{
    atomic_store(&target, plan->at);
    atomic_store(&error_number, plan->error_number);
    atomic_store(&meant, (int)plan->what);
    atomic_store(&how, (int)plan->how);
    for (int i = 0; i < FAULT_IO_CLASSES_; i++)
        atomic_store(&counts[i], 0);
    atomic_store(&fired, false);
    atomic_store(&armed, true);
}

void
fault_io_arm(unsigned n, int number, bool stays)
{
    fault_io_plan(&(struct fault_io_plan){.what = FAULT_IO_CHANGES,
                                          .how = stays ? FAULT_IO_STICKY : FAULT_IO_ONCE,
                                          .error_number = number,
                                          .at = n});
}

void
fault_io_arm_short(unsigned n)
{
    fault_io_plan(
        &(struct fault_io_plan){.what = FAULT_IO_CHANGES, .how = FAULT_IO_SHORT, .at = n});
}

void
fault_io_disarm(void)
{
    atomic_store(&armed, false);
}

bool
fault_io_fired(void)
{
    return atomic_load(&fired);
}

unsigned
fault_io_counted(enum fault_io_class what)
{
    return atomic_load(&counts[what]);
}

unsigned
fault_io_count(void)
{
    return fault_io_counted(FAULT_IO_CHANGES);
}

void
fault_io_break(ino_t inode, off_t offset, int number)
{
    atomic_store(&broken_from, offset);
    atomic_store(&broken_error, number);
    atomic_store(&broken, inode);
}

/* ---- whose turn it is */

static bool
stays(void)
{
    int now = atomic_load(&how);
    return now == FAULT_IO_STICKY || now == FAULT_IO_SHORT_STICKY;
}

bool
fault_io_is_due(unsigned classes)
{
    unsigned at = 0, want = atomic_load(&target);
    if (!atomic_load(&armed))
        return false;
    for (int i = 0; i < FAULT_IO_CLASSES_; i++) {
        unsigned mine = (classes & 1u << i) == 0 ? 0 : atomic_fetch_add(&counts[i], 1) + 1;
        at = i == atomic_load(&meant) ? mine : at;
    }
    bool due = want != 0 && (at == want || (stays() && at > want));
    if (due)
        atomic_store(&fired, true);
    return due;
}

static bool
is_short(void)
{
    int now = atomic_load(&how);
    return now == FAULT_IO_SHORT || now == FAULT_IO_SHORT_STICKY;
}

void
fault_io_end_if_torn(void)
{
    if (atomic_load(&how) == FAULT_IO_TORN)
        _exit(FAULT_IO_TORN_STATUS);
}

bool
fault_io_must_fail(unsigned classes)
{
    if (!fault_io_is_due(classes) || is_short())
        return false;
    fault_io_end_if_torn();
    errno = atomic_load(&error_number);
    return true;
}

ssize_t
fault_io_part(size_t len)
{
    if (is_short() || atomic_load(&how) == FAULT_IO_TORN)
        return (ssize_t)(len > 1 ? len / 2 : len);
    errno = atomic_load(&error_number);
    return -1;
}

/* ---- a bad place */

bool
fault_io_breaks(void)
{
    return atomic_load(&broken) != 0;
}

ssize_t
fault_io_readable(int fd, size_t len, off_t at)
{
    struct stat about;
    ino_t inode = atomic_load(&broken);
    off_t from = atomic_load(&broken_from);
    if (inode == 0 || fstat(fd, &about) != 0 || about.st_ino != inode || at + (off_t)len <= from)
        return (ssize_t)len;
    if (at < from)
        return (ssize_t)(from - at);
    errno = atomic_load(&broken_error);
    return -1;
}
