/* intake_reading.c -- what short and long files share.  See intake_reading.h. */
#include "agent/capture/intake_reading.h"

#include <errno.h>
#include <string.h>

enum {
    SPARSE_MIN = 64 * 1024, /* shorter files are stored with their zeros */
    COARSE_WINDOW_S = 2,    /* times of whole seconds: FAT, ext3, some NFS */
    FINE_WINDOW_MS = 50,    /* times of the kernel's tick: 10 ms at most (CONFIG_HZ 100) */
};

void
intake_reading_failed(struct intake_reading *r, const char *why)
{
    r->found->flags |= NODE_UNREADABLE;
    intake_complain(r->in, r->file->path, why);
}

static bool
same(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Could a change right after `now` leave the file with the times it has? */
static bool
times_prove_nothing(const struct stat *st, struct wall now)
{
    int64_t window = st->st_ctim.tv_nsec == 0 ? COARSE_WINDOW_S * CLOCK_NS_PER_SECOND
                                              : FINE_WINDOW_MS * CLOCK_NS_PER_MS;
    int64_t changed = st->st_ctim.tv_sec * CLOCK_NS_PER_SECOND + st->st_ctim.tv_nsec;
    return changed > now.ns - window;
}

size_t
intake_reading_bytes(struct intake_reading *r, uint64_t offset, uint8_t *out, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(r->fd, out + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            r->failed = true;
            intake_reading_failed(r, strerrordesc_np(errno));
        }
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    atomic_fetch_add_explicit(&r->in->progress->bytes_read, got, memory_order_relaxed);
    return got;
}

void
intake_reading_begin(struct intake_reading *r)
{
    event_found_set(r->found, &r->st);
    /* What changed within the cut's tick of the clock may have changed once more after it. */
    r->found->check = times_prove_nothing(&r->st, r->in->cut.ns != 0 ? r->in->cut : clock_wall());
    r->got = 0;
}

bool
intake_reading_again(struct intake_reading *r, unsigned rereads)
{
    struct stat after = r->st;
    if (!r->failed && fstat(r->fd, &after) != 0) {
        r->failed = true;
        intake_reading_failed(r, strerrordesc_np(errno));
    }
    if (r->failed)
        return false;
    snapshot_view_adopt(r->in->views, &after);
    bool changed = !same(&r->st, &after) || r->got != (uint64_t)r->st.st_size;
    if (changed && rereads < CAPTURE_REREADS) {
        r->st = after;
        return true;
    }
    r->found->flags |= changed ? NODE_FUZZY : 0;
    r->found->size = r->got;
    return false;
}

void
intake_reading_xattrs(struct intake_reading *r)
{
    struct error e = ERROR_INIT;
    if (xattrs_of_file(r->fd, &r->found->xattrs, &e) != RC_OK)
        intake_reading_failed(r, e.text);
}

bool
intake_reading_is_short(const struct stat *st)
{
    bool sparse = st->st_size > SPARSE_MIN && st->st_blocks * 512 < st->st_size;
    return st->st_size <= OUTLET_SMALL_MAX && !sparse;
}

enum rc
intake_reading_tell(struct intake_reading *r, struct event *event, struct error *e)
{
    if (r->st.st_nlink > 1) {
        r->found->link = links_id(&r->st);
        event->slot = links_add(r->in->links, r->found, r->st.st_nlink);
    }
    event->found = TAKE(r->found);
    event->remember = true;
    return outlet_tell(r->in->outlet, event, e);
}
