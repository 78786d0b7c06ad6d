/* intake_short.c -- whole files into bundles.  See intake_reading.h. */
#include "agent/capture/intake_reading.h"

#include <stdlib.h>
#include <string.h>

static enum rc
known_content(struct intake_reading *r, struct event *event, struct error *e)
{
    const struct memory_record *before = r->file->before;
    struct event_found *found = r->found;
    found->pieces = malloc(before->piece_count * sizeof *found->pieces + 1);
    if (found->pieces == NULL)
        return error_set(e, RC_NO_MEMORY, "pieces of a file");
    if (before->piece_count > 0)
        memcpy(found->pieces, before->pieces, before->piece_count * sizeof *found->pieces);
    found->piece_count = before->piece_count;
    found->bundle = before->bundle;
    event->content = EVENT_KNOWN;
    return RC_OK;
}

/* The same bytes as last time although the times differ: they stay where they are stored. */
static bool
is_as_before(struct intake_reading *r, const uint8_t *bytes, size_t len)
{
    const struct memory_record *before = r->file->before;
    struct event_found *found = r->found;
    if ((found->flags & (NODE_FUZZY | NODE_UNREADABLE)) != 0)
        return false;
    fingerprint_of(r->in->fingerprint, span_of(bytes, len), &found->hash);
    found->hashed = true;
    return before != NULL && before->hashed && before->size == len &&
           memcmp(before->hash.bytes, found->hash.bytes, MEMORY_HASH_SIZE) == 0;
}

static enum rc
tell_small(struct intake_reading *r, struct event_unit *unit, size_t start, struct error *e)
{
    CLEANUP(event_freep) struct event *event = event_new(EVENT_ENTRY);
    if (event == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    size_t len = (size_t)r->got;
    if (is_as_before(r, unit->plain.data + start, len)) {
        unit->plain.len = start;
        TRY(known_content(r, event, e));
        return intake_reading_tell(r, TAKE(event), e);
    }
    event->content = EVENT_IN_UNIT;
    event->offset = start;
    event->length = len;
    event->unit = event_unit_share(unit);
    bool ends = outlet_boundary(r->in->outlet, r->found);
    TRY(intake_reading_tell(r, TAKE(event), e));
    return ends ? outlet_flush(r->in->outlet, e) : RC_OK;
}

/* One reading of a short file to the end of the bundle. */
static enum rc
read_small_once(struct intake_reading *r, struct event_unit **unit, size_t *start, struct error *e)
{
    size_t size = (size_t)r->st.st_size;
    TRY(outlet_bundle(r->in->outlet, size, unit, e));
    *start = (*unit)->plain.len;
    r->got = intake_reading_bytes(r, 0, (*unit)->plain.data + *start, size);
    (*unit)->plain.len += (size_t)r->got;
    return RC_OK;
}

enum rc
intake_short(struct intake_reading *r, unsigned *rereads, bool *grown, struct error *e)
{
    struct event_unit *unit;
    size_t start;
    for (;;) {
        intake_reading_begin(r);
        TRY(read_small_once(r, &unit, &start, e));
        if (!intake_reading_again(r, *rereads))
            break;
        ++*rereads;
        unit->plain.len = start;
        *grown = !intake_reading_is_short(&r->st);
        if (*grown)
            return RC_OK;
    }
    intake_reading_xattrs(r);
    return tell_small(r, unit, start, e);
}
