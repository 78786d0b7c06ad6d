/*
 * pipeline.h -- the threads of a capture between the scanner and the store.
 *
 *     scanner --units--> workers: seal --parcels--> sender: have? put
 *        \--events--> finisher: build directories ----^ (its nodes)
 *
 *     TRY(pipeline_start(&options, &p, e));
 *     TRY(pipeline_seal(p, unit, e));          // takes the unit, also when it fails
 *     TRY(pipeline_tell(p, event, e));         // takes the event, also when it fails
 *     TRY(pipeline_finish(p, e));              // all built, sealed and handed over
 *
 * Any failure of any stage halts all of them; pipeline_seal, _tell and _finish return the first.
 * A unit must be submitted before anything waits for it: see outlet.h.
 *
 * Memory: plain text waiting or being sealed <= PIPELINE_PLAIN_MAX, sealed blobs waiting or being
 * sent <= PIPELINE_SEALED_MAX, events <= PIPELINE_EVENTS_MAX, each plus one item per thread that
 * is at work.
 * Threads: the functions belong to the scanner's thread.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_PIPELINE_H
#define AGENT_CAPTURE_PIPELINE_H

#include "agent/capture/capture.h"
#include "agent/capture/event.h"
#include "agent/capture/memory.h"

enum {
    PIPELINE_PLAIN_MAX = 16 * 1024 * 1024,
    PIPELINE_SEALED_MAX = 24 * 1024 * 1024,
    PIPELINE_EVENTS_MAX = 8 * 1024 * 1024,
    PIPELINE_THREADS_MAX = 16,
};

struct pipeline;
/* `writer` may be NULL; it is borrowed and used by the finisher until pipeline_finish returns. */
enum rc pipeline_start(const struct capture_options *options, struct memory_writer *writer,
                       struct pipeline **out, struct error *e);
void pipeline_free(struct pipeline *p); /* halts and joins what still runs */
DEFINE_FREEP(pipeline)
enum rc pipeline_seal(struct pipeline *p, struct event_unit *unit, struct error *e);
enum rc pipeline_tell(struct pipeline *p, struct event *event, struct error *e);
enum rc pipeline_check(struct pipeline *p, struct error *e);
enum rc pipeline_finish(struct pipeline *p, struct error *e);

/* After pipeline_finish. */
struct pipeline_outcome {
    struct blob_ref root;
    struct record_totals totals; /* without `vanished` */
    bool memory_failed;          /* the new memory could not be written: `memory_error` */
    struct error memory_error;
};
const struct pipeline_outcome *pipeline_result(const struct pipeline *p);

#endif
