/* intake_long.c -- extent by extent into chunks; holes stay holes.  See intake_reading.h. */
#include "agent/capture/intake_reading.h"

#include <errno.h>
#include <fcntl.h>

/* A shorter hole is read as zeros: each hole costs a chunk's end. */
enum { HOLE_MIN = 64 * 1024 };

/* *ended: the file did, or reading failed. */
static enum rc
read_extent(struct intake_reading *r, uint64_t from, uint64_t to, bool *ended, struct error *e)
{
    while (from < to && !*ended) {
        uint8_t *at;
        size_t room;
        outlet_room(r->in->outlet, &at, &room);
        size_t want = room < INTAKE_READ_MAX ? room : INTAKE_READ_MAX;
        if (want > to - from)
            want = (size_t)(to - from);
        size_t got = intake_reading_bytes(r, from, at, want);
        TRY(outlet_feed(r->in->outlet, got, e));
        *ended = got < want;
        from += got;
        r->got += got;
    }
    return outlet_end(r->in->outlet, e);
}

/* Where data begins at or after `pos`; the file's size when there is none. */
static uint64_t
next_data(const struct intake_reading *r, uint64_t pos, uint64_t size)
{
    off_t data = lseek(r->fd, (off_t)pos, SEEK_DATA);
    if (data < 0)
        return errno == ENXIO ? size : pos; /* no support for holes: all is data */
    return (uint64_t)data < size ? (uint64_t)data : size;
}

/* Where data that begins at `pos` ends: at the next hole worth keeping. */
static uint64_t
end_of_data(const struct intake_reading *r, uint64_t pos, uint64_t size)
{
    for (;;) {
        off_t hole = lseek(r->fd, (off_t)pos, SEEK_HOLE);
        if (hole < 0 || (uint64_t)hole >= size)
            return size;
        uint64_t data = next_data(r, (uint64_t)hole, size);
        if (data == size || data - (uint64_t)hole >= HOLE_MIN || data <= pos)
            return (uint64_t)hole;
        pos = data;
    }
}

static enum rc
read_extents(struct intake_reading *r, struct error *e)
{
    uint64_t size = (uint64_t)r->st.st_size, pos = 0;
    bool sparse = r->st.st_blocks * 512 < r->st.st_size, ended = false;
    if (!sparse)
        return read_extent(r, 0, size, &ended, e);
    while (pos < size && !ended) {
        uint64_t data = next_data(r, pos, size);
        if (data < size && data - pos < HOLE_MIN)
            data = pos;
        if (data > pos)
            TRY(outlet_hole(r->in->outlet, data - pos, e));
        r->got += data - pos;
        pos = data < size ? end_of_data(r, data, size) : size;
        if (pos > data)
            TRY(read_extent(r, data, pos, &ended, e));
    }
    return RC_OK;
}

enum rc
intake_long(struct intake_reading *r, unsigned *rereads, struct error *e)
{
    (void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    for (;;) {
        intake_reading_begin(r);
        outlet_begin(r->in->outlet, &chunker_file);
        TRY(read_extents(r, e));
        if (!intake_reading_again(r, *rereads))
            break;
        ++*rereads;
        TRY(outlet_drop(r->in->outlet, e));
    }
    intake_reading_xattrs(r);
    struct event *event = event_new(EVENT_ENTRY);
    if (event == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    event->content = EVENT_COLLECTED;
    return intake_reading_tell(r, event, e);
}
