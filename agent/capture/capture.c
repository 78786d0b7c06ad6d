/* capture.c -- puts the parts together.  See capture.h. */
#include "agent/capture/capture.h"

#include <stdlib.h>
#include <string.h>

#include "agent/capture/capture_limits.h"
#include "agent/capture/made.h"
#include "agent/capture/names.h"
#include "agent/capture/scan.h"

struct capture {
    struct source_collector collector; /* first: what the source holds is ours */
    struct capture_options o;
    struct memory_writer *writer;
    struct pipeline *pipeline;
    struct outlet *outlet;
    struct links *links;
    struct paths *paths;
    struct made *made;
    struct memory *memory;
    struct intake intake;
    struct fingerprint_key fingerprint;
    struct capture_limits limits;
    bool finished, whole; /* asked to end; ended well */
};

static struct capture *
capture_of(struct source_collector *collector)
{
    return (struct capture *)collector;
}

static enum rc
collect_made(struct source_collector *collector, const char *name,
             enum rc (*read)(void *ctx, void *out, size_t size, size_t *got, struct error *e),
             void *ctx, uint64_t *size, struct error *e)
{
    struct capture *c = capture_of(collector);
    int slot;
    TRY(made_check(c->made, name, e));
    TRY(links_slot(c->links, &slot, e));
    TRY_IN(intake_made(&c->intake, read, ctx, slot, size, e), e, "made file '%s'", name);
    return made_add(c->made, name, slot, *size, clock_wall(), e);
}

static enum rc
collect_path(struct source_collector *collector, const char *path, bool cross,
             source_exclude *exclude, void *exclude_ctx, struct error *e)
{
    struct capture *c = capture_of(collector);
    TRY(pipeline_check(c->pipeline, e));
    return paths_add(c->paths, path, cross, exclude, exclude_ctx, e);
}

static void
collect_phase(struct source_collector *collector, const char *phase)
{
    capture_progress_say(capture_of(collector)->o.progress, phase);
}

/* A memory that cannot be used costs time, which the operator may want to know; its absence is
 * normal. */
static void
open_memory(struct capture *c, const struct memory_key *key)
{
    struct error e = ERROR_INIT;
    struct memory_totals totals = {0};
    enum rc rc = memory_open(c->o.memory_path, key, &c->memory, &totals, &e);
    if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_INVALID)
        source_report_warn(c->o.report, "%s; every file is read again", e.text);
    atomic_store(&c->o.progress->files_before, totals.files);
    atomic_store(&c->o.progress->bytes_before, totals.bytes);
}

static void
open_memories(struct capture *c)
{
    struct memory_key key = {.vault = c->o.vault, .epoch = c->o.epoch};
    struct error e = ERROR_INIT;
    memcpy(key.domain, c->o.domain->id, sizeof key.domain);
    if (c->o.memory_path == NULL)
        return;
    open_memory(c, &key);
    if (memory_writer_new(c->o.memory_path, &key, &c->writer, &e) != RC_OK)
        source_report_warn(c->o.report, "%s; the next capture reads every file again", e.text);
}

static enum rc
make_parts(struct capture *c, struct error *e)
{
    TRY(paths_new(&c->paths, e));
    TRY(made_new(&c->made, e));
    TRY(links_new(c->limits.link_pieces, &c->links, e));
    TRY(fingerprint_key_derive(c->o.domain, &c->fingerprint, e));
    open_memories(c);
    TRY(pipeline_start(&c->o, c->writer, &c->pipeline, e));
    TRY(outlet_new(c->pipeline, &c->outlet, e));
    c->intake = (struct intake){.outlet = c->outlet,
                                .links = c->links,
                                .fingerprint = &c->fingerprint,
                                .report = c->o.report,
                                .progress = c->o.progress,
                                .views = c->o.views,
                                .cut = c->o.cut};
    return RC_OK;
}

enum rc
capture_begin(const struct capture_options *options, struct capture **out, struct error *e)
{
    static const struct capture_limits limits = {.names_bytes = NAMES_BYTES_MAX,
                                                 .link_pieces = LINKS_PIECES_MAX};
    return capture_limits_begin(options, &limits, out, e);
}

enum rc
capture_limits_begin(const struct capture_options *options, const struct capture_limits *limits,
                     struct capture **out, struct error *e)
{
    CLEANUP(capture_freep) struct capture *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    c->o = *options;
    c->limits = *limits;
    c->collector = (struct source_collector){
        .made = collect_made, .path = collect_path, .phase = collect_phase};
    TRY(make_parts(c, e));
    *out = TAKE(c);
    return RC_OK;
}

struct source_collector *
capture_collector(struct capture *c)
{
    return &c->collector;
}

static enum rc
tell_root(struct capture *c, enum event_kind kind, struct error *e)
{
    const struct stat nothing = {.st_mode = S_IFDIR};
    struct event *event = event_new(kind);
    if (event != NULL) {
        event->found = event_found_new("", &nothing);
        if (event->found == NULL) {
            event_free(event);
            event = NULL;
        }
    }
    return outlet_tell(c->outlet, event, e);
}

static enum rc
tell_archive(struct capture *c, struct scan_result *scanned, struct error *e)
{
    const struct scan_options scan = {.intake = &c->intake,
                                      .memory = c->memory,
                                      .paths = c->paths,
                                      .names_bytes = c->limits.names_bytes,
                                      .progress = c->o.progress};
    TRY(tell_root(c, EVENT_ENTER, e));
    TRY(made_tell(c->made, c->outlet, e));
    TRY(scan_run(&scan, scanned, e));
    TRY(tell_root(c, EVENT_LEAVE, e));
    return outlet_flush(c->outlet, e);
}

enum rc
capture_finish(struct capture *c, struct capture_result *result, struct error *e)
{
    if (c->finished)
        return error_set(e, RC_INVALID, "this capture was finished before");
    c->finished = true;
    struct scan_result scanned = {0};
    TRY(tell_archive(c, &scanned, e));
    TRY(pipeline_finish(c->pipeline, e));

    const struct pipeline_outcome *outcome = pipeline_result(c->pipeline);
    if (outcome->memory_failed) {
        source_report_warn(c->o.report, "%s; the next capture reads every file again",
                           outcome->memory_error.text);
        memory_writer_free(TAKE(c->writer));
    }
    *result = (struct capture_result){.root = outcome->root, .totals = outcome->totals};
    result->totals.vanished = c->intake.vanished;
    result->totals.unreadable += scanned.unreadable;
    result->incomplete = result->totals.unreadable > 0 || c->o.report->incomplete;
    c->whole = true;
    return RC_OK;
}

enum rc
capture_remember(struct capture *c, struct error *e)
{
    if (!c->whole)
        return error_set(e, RC_INVALID, "a capture that did not end well is not remembered");
    return c->writer != NULL ? memory_writer_publish(c->writer, e) : RC_OK;
}

void
capture_free(struct capture *c)
{
    if (c == NULL)
        return;
    pipeline_free(c->pipeline);
    memory_writer_free(c->writer);
    outlet_free(c->outlet);
    memory_free(c->memory);
    links_free(c->links);
    made_free(c->made);
    paths_free(c->paths);
    fingerprint_key_wipe(&c->fingerprint);
    free(c);
}
