/*
 * finisher.h -- turns the scanner's events into directory nodes, and into the new memory.
 *
 *     TRY(finisher_new(sealer, sink, units, writer, progress, &f, e));
 *     TRY(finisher_take(f, event, e)); ...          // in order; waits for units; borrows the event
 *     finisher_close(f);                            // root known
 *
 * The outermost ENTER and LEAVE are the archive's root and have no name.
 * Memory: one directory builder per level of depth, and what lies in slots.
 * Threads: one.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_FINISHER_H
#define AGENT_CAPTURE_FINISHER_H

#include "agent/capture/event.h"
#include "agent/capture/memory.h"
#include "agent/capture/pipeline.h"

struct finisher_options {
    struct blob_sealer *sealer;
    struct blob_sink *sink;
    struct queue *events;         /* on which it is told of sealed units */
    struct memory_writer *writer; /* NULL: no memory */
    struct capture_progress *progress;
    struct pipeline_outcome *outcome; /* filled on the way */
};

struct finisher;
enum rc
finisher_new(const struct finisher_options *options, struct finisher **out, struct error *e);
void finisher_free(struct finisher *f);
DEFINE_FREEP(finisher)
/* May take parts out of the event.  RC_CANCELLED when the queues were halted meanwhile. */
enum rc finisher_take(struct finisher *f, struct event *event, struct error *e);
void finisher_close(struct finisher *f);

#endif
