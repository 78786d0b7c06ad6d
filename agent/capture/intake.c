/* intake.c -- opening, and what cannot be opened.  See intake.h. */
#include "agent/capture/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/capture/intake_reading.h"

static void
end_reading(const struct intake_reading *r)
{
    if (r->fd >= 0)
        (void)close(r->fd);
    event_found_free(r->found);
}

bool
intake_is_our_failure(int sys_errno)
{
    return sys_errno == EMFILE || sys_errno == ENFILE || sys_errno == ENOMEM;
}

void
intake_complain(struct intake *in, const char *path, const char *why)
{
    source_report_warn(in->report, "cannot read '%s': %s; the archive is incomplete", path, why);
}

int
intake_open(int dirfd, const char *name, int flags)
{
    /* O_NONBLOCK: a fifo put in a file's place must not hold us up. */
    flags |= O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int fd = openat(dirfd, name, flags | O_NOATIME);
    return fd < 0 && errno == EPERM ? openat(dirfd, name, flags) : fd;
}

static enum rc
tell_unopened(struct intake_reading *r, struct error *e)
{
    struct error ignored = ERROR_INIT;
    intake_reading_failed(r, strerrordesc_np(errno));
    if (xattrs_of_entry(r->file->dirfd, r->file->name, &r->found->xattrs, &ignored) != RC_OK)
        r->found->xattrs = (struct xattrs){0};
    struct event *event = event_new(EVENT_ENTRY);
    if (event == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    return intake_reading_tell(r, event, e);
}

static bool
is_gone(int sys_errno)
{
    return sys_errno == ENOENT || sys_errno == ESTALE || sys_errno == ELOOP || sys_errno == ENXIO;
}

enum rc
intake_read(struct intake *in, const struct intake_file *file, const struct stat *st,
            struct error *e)
{
    CLEANUP(end_reading) struct intake_reading r = {.in = in, .file = file, .fd = -1, .st = *st};
    r.found = event_found_new(file->name, st);
    if (r.found == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    r.fd = intake_open(file->dirfd, file->name, 0);
    if (r.fd < 0 && intake_is_our_failure(errno))
        return error_errno(e, "open '%s'", file->path);
    if (r.fd < 0 && !is_gone(errno))
        return tell_unopened(&r, e);
    if (r.fd >= 0 && fstat(r.fd, &r.st) != 0)
        return tell_unopened(&r, e);
    snapshot_view_adopt(in->views, &r.st);
    if (r.fd < 0 || !S_ISREG(r.st.st_mode)) {
        in->vanished++;
        return RC_OK;
    }
    unsigned rereads = 0;
    bool grown = !intake_reading_is_short(&r.st);
    if (!grown)
        TRY(intake_short(&r, &rereads, &grown, e));
    return grown ? intake_long(&r, &rereads, e) : RC_OK;
}

enum rc
intake_made(struct intake *in,
            enum rc (*read)(void *ctx, void *out, size_t size, size_t *got, struct error *e),
            void *ctx, int slot, uint64_t *size, struct error *e)
{
    struct error failure = ERROR_INIT;
    enum rc rc;
    *size = 0;
    outlet_begin(in->outlet, &chunker_dump);
    for (size_t got = 1; got > 0; *size += got) {
        uint8_t *at;
        size_t room;
        outlet_room(in->outlet, &at, &room);
        rc = read(ctx, at, room < INTAKE_READ_MAX ? room : INTAKE_READ_MAX, &got, &failure);
        if (rc != RC_OK) {
            TRY(outlet_drop(in->outlet, e));
            *e = failure;
            return rc;
        }
        atomic_fetch_add_explicit(&in->progress->bytes_read, got, memory_order_relaxed);
        TRY(outlet_feed(in->outlet, got, e));
    }
    TRY(outlet_end(in->outlet, e));
    struct event *event = event_new(EVENT_KEEP);
    if (event != NULL)
        event->slot = slot;
    return outlet_tell(in->outlet, event, e);
}
