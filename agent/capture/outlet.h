/*
 * outlet.h -- the scanner's side of the pipeline: bundles, chunks of long content, events.
 *
 * Short files share a bundle: append to outlet_bundle()'s plain text, tell the entry with
 * EVENT_IN_UNIT, and flush the bundle where outlet_boundary() says
 * (docs/decisions/0004-bundles.md).  Long content is fed into a buffer and cut by content:
 *
 *     outlet_begin(o, &chunker_file);
 *     while (...) { outlet_room(o, &at, &room); n = read(at, room); TRY(outlet_feed(o, n, e)); }
 *     TRY(outlet_end(o, e));                       // cuts what is left
 *
 * The finisher waits for the units of the events in order, so a bundle may not stay open behind
 * more events than its queue holds: outlet_tell() submits it in time.
 * Threads: the scanner's.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_OUTLET_H
#define AGENT_CAPTURE_OUTLET_H

#include "agent/capture/pipeline.h"
#include "common/blob/chunker.h"

enum {
    OUTLET_SMALL_MAX = 256 * 1024, /* longer files are cut into chunks of their own */
    OUTLET_BUNDLE_MIN = 512 * 1024,
    OUTLET_BUNDLE_AVERAGE_MORE = 512 * 1024,
    OUTLET_BUNDLE_MAX = 2 * 1024 * 1024,
    OUTLET_EVENTS_BEHIND_MAX = 2 * 1024 * 1024, /* a quarter of PIPELINE_EVENTS_MAX */
};

struct outlet;
/* The pipeline is borrowed. */
enum rc outlet_new(struct pipeline *pipeline, struct outlet **out, struct error *e);
void outlet_free(struct outlet *o);
DEFINE_FREEP(outlet)

/* Takes the event, also when it fails; NULL is RC_NO_MEMORY. */
enum rc outlet_tell(struct outlet *o, struct event *event, struct error *e);

/* The open bundle, with room for `size` more bytes; borrowed until the next call. */
enum rc outlet_bundle(struct outlet *o, size_t size, struct event_unit **out, struct error *e);
/* The content of a file was appended to the bundle: is it to be flushed once the entry is told? */
bool outlet_boundary(struct outlet *o, const struct event_found *found);
/* Submit the open bundle. */
enum rc outlet_flush(struct outlet *o, struct error *e);

void outlet_begin(struct outlet *o, const struct chunker_sizes *sizes);
void outlet_room(struct outlet *o, uint8_t **at, size_t *room);
enum rc outlet_feed(struct outlet *o, size_t len, struct error *e);
enum rc outlet_end(struct outlet *o, struct error *e);
enum rc outlet_hole(struct outlet *o, uint64_t length, struct error *e);
/* Forget the chunks and holes since the last entry. */
enum rc outlet_drop(struct outlet *o, struct error *e);

#endif
