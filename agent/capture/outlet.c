/* outlet.c -- see outlet.h. */
#include "agent/capture/outlet.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Two of the longest chunks: one to cut, one to read ahead. */
enum { FEED = 8 * 1024 * 1024, FILE_OVERHEAD = 256 };

struct outlet {
    struct pipeline *pipeline;
    struct event_unit *bundle; /* open; NULL: none */
    size_t events_behind;      /* bytes of events told since it was opened */
    size_t weight;             /* of the bundle: bytes and an overhead per file */
    const struct chunker_sizes *sizes;
    uint8_t *feed;
    size_t fed;
};

enum rc
outlet_new(struct pipeline *pipeline, struct outlet **out, struct error *e)
{
    CLEANUP(outlet_freep) struct outlet *o = calloc(1, sizeof *o);
    if (o != NULL)
        o->feed = malloc(FEED);
    if (o == NULL || o->feed == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    o->pipeline = pipeline;
    *out = TAKE(o);
    return RC_OK;
}

void
outlet_free(struct outlet *o)
{
    if (o == NULL)
        return;
    event_unit_free(o->bundle);
    free(o->feed);
    free(o);
}

enum rc
outlet_flush(struct outlet *o, struct error *e)
{
    if (o->bundle == NULL)
        return RC_OK;
    CLEANUP(event_unit_freep) struct event_unit *unit = TAKE(o->bundle);
    if (unit->plain.len == 0) /* empty files only: nobody waits for it */
        return RC_OK;
    return pipeline_seal(o->pipeline, TAKE(unit), e);
}

enum rc
outlet_tell(struct outlet *o, struct event *event, struct error *e)
{
    CLEANUP(event_freep) struct event *owned = event;
    if (owned == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    o->events_behind += event_cost(owned);
    if (o->events_behind > OUTLET_EVENTS_BEHIND_MAX)
        TRY(outlet_flush(o, e));
    return pipeline_tell(o->pipeline, TAKE(owned), e);
}

enum rc
outlet_bundle(struct outlet *o, size_t size, struct event_unit **out, struct error *e)
{
    if (o->bundle != NULL && o->bundle->plain.len + size > OUTLET_BUNDLE_MAX)
        TRY(outlet_flush(o, e));
    if (o->bundle == NULL) {
        o->bundle = event_unit_new(OUTLET_BUNDLE_MAX);
        if (o->bundle == NULL)
            return error_set(e, RC_NO_MEMORY, "bundle");
        o->bundle->bundle = true;
        TRY(buffer_reserve(&o->bundle->plain, OUTLET_BUNDLE_MIN, e));
        o->events_behind = 0;
        o->weight = 0;
    }
    TRY(buffer_reserve(&o->bundle->plain, size, e));
    *out = o->bundle;
    return RC_OK;
}

/*
 * The longer a file, the likelier it ends a bundle: bundles have the same average length whatever
 * they hold, and where one ends depends on the file there, so that equal files fall into equal
 * bundles again soon after a difference.
 */
static bool
ends_bundle(const struct event_found *found, size_t weight)
{
    struct {
        uint64_t name, size, mtime, ns;
    } said = {.name = XXH3_64bits(found->name, strlen(found->name)),
              .size = found->size,
              .mtime = (uint64_t)found->mtime.seconds,
              .ns = found->mtime.ns};
    uint64_t chance = XXH3_64bits(&said, sizeof said) % OUTLET_BUNDLE_AVERAGE_MORE;
    return chance < weight;
}

bool
outlet_boundary(struct outlet *o, const struct event_found *found)
{
    size_t weight = (size_t)found->size + FILE_OVERHEAD;
    o->weight += weight;
    return o->weight >= OUTLET_BUNDLE_MIN && ends_bundle(found, weight);
}

void
outlet_begin(struct outlet *o, const struct chunker_sizes *sizes)
{
    o->sizes = sizes;
    o->fed = 0;
}

void
outlet_room(struct outlet *o, uint8_t **at, size_t *room)
{
    *at = o->feed + o->fed;
    *room = FEED - o->fed;
}

static enum rc
tell_piece(struct outlet *o, struct event_unit *unit, uint64_t length, struct error *e)
{
    struct event *event = event_new(EVENT_PIECE);
    if (event != NULL) {
        event->unit = unit;
        event->length = length;
    } else {
        event_unit_free(unit);
    }
    return outlet_tell(o, event, e);
}

static enum rc
emit_chunk(struct outlet *o, struct span chunk, struct error *e)
{
    CLEANUP(event_unit_freep) struct event_unit *unit = event_unit_new(chunk.len);
    if (unit == NULL)
        return error_set(e, RC_NO_MEMORY, "chunk of %zu bytes", chunk.len);
    TRY(buffer_append(&unit->plain, chunk, e));
    TRY(pipeline_seal(o->pipeline, event_unit_share(unit), e));
    return tell_piece(o, TAKE(unit), chunk.len, e);
}

static enum rc
cut(struct outlet *o, bool last, struct error *e)
{
    size_t at = 0, n;
    while (at < o->fed &&
           (n = chunker_cut(o->sizes, span_of(o->feed + at, o->fed - at), last)) > 0) {
        TRY(emit_chunk(o, span_of(o->feed + at, n), e));
        at += n;
    }
    memmove(o->feed, o->feed + at, o->fed - at);
    o->fed -= at;
    return RC_OK;
}

enum rc
outlet_feed(struct outlet *o, size_t len, struct error *e)
{
    o->fed += len;
    return o->fed < 2 * o->sizes->max ? RC_OK : cut(o, false, e);
}

enum rc
outlet_end(struct outlet *o, struct error *e)
{
    return cut(o, true, e);
}

enum rc
outlet_hole(struct outlet *o, uint64_t length, struct error *e)
{
    return tell_piece(o, NULL, length, e);
}

enum rc
outlet_drop(struct outlet *o, struct error *e)
{
    o->fed = 0;
    return outlet_tell(o, event_new(EVENT_DROP), e);
}
