/* job_cut.c -- ready and cut: the source's paths are frozen in one moment.  See job.h, docs/architecture/cut.md. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/job/job_internal.h"
#include "common/base/log.h"
#include "common/base/text.h"

enum { PATHS_MAX = 1024 };

/* ---- ready */

struct places {
    struct source_places places; /* first */
    struct arena *arena;
    struct snapshot_path paths[PATHS_MAX];
    size_t count;
};

static enum rc
add_place(struct source_places *places, const char *path, bool cross, bool must, struct error *e)
{
    struct places *p = (struct places *)places;
    const char *own = arena_printf(p->arena, "%s", path);
    if (p->count == PATHS_MAX)
        return error_set(e, RC_INVALID, "more than %d paths to cut", (int)PATHS_MAX);
    if (own == NULL)
        return error_set(e, RC_NO_MEMORY, "paths to cut");
    p->paths[p->count++] = (struct snapshot_path){.path = own, .cross = cross, .must = must};
    return RC_OK;
}

static void
note_warning(void *ctx, const char *text)
{
    source_report_warn(ctx, "%s", text);
}

static void
note_fact(void *ctx, const char *name, const char *value)
{
    source_report_fact(ctx, name, "%s", value);
}

static enum snapshot_driver
driver_of(const struct job *job)
{
    const char *chosen = config_text(job->source->section, "snapshot");
    for (int i = 0; chosen != NULL && source_snapshot_names[i] != NULL; i++)
        if (text_equal(chosen, source_snapshot_names[i]))
            return (enum snapshot_driver)i;
    return job->board->options.snapshot;
}

static enum rc
plan_cut(struct job *job, const struct places *p, struct error *e)
{
    struct job_source *s = job->source;
    const struct snapshot_notes notes = {&job->report, note_warning, note_fact};
    const struct snapshot_request request = {
        .cycle = job->order.cycle,
        .source = s->name,
        .driver = driver_of(job),
        .paths = p->paths,
        .count = p->count,
    };
    if (job->board->options.snapshots == NULL || request.driver == SNAPSHOT_NONE || p->count == 0)
        return RC_OK;
    struct error why = ERROR_INIT;
    enum rc rc = snapshot_plan(job->board->options.snapshots, &request, &notes, &s->set, &why);
    if (rc == RC_UNSUPPORTED && p->places.optional && request.driver == SNAPSHOT_AUTO) {
        source_report_fact(&job->report, "cut.why-not", "%s", why.text);
        return RC_OK;
    }
    if (rc != RC_OK)
        *e = why;
    return rc;
}

enum rc
job_step_ready(struct job *job, struct error *e)
{
    struct job_source *s = job->source;
    CLEANUP(own_freep) struct places *p = calloc(1, sizeof *p);
    if (p == NULL)
        return error_set(e, RC_NO_MEMORY, "paths to cut");
    p->places.path = add_place;
    p->arena = job->arena;
    job_cut_release(s); /* of an order that was repeated */
    struct source_step step = job_step_of(job, "");
    if (s->kind->paths != NULL)
        TRY(s->kind->paths(&step, &p->places, e));
    TRY(plan_cut(job, p, e));
    step.snapshotted = s->set != NULL;
    enum rc rc = s->kind->ready != NULL ? s->kind->ready(&step, e) : RC_OK;
    s->memory = step.memory;
    if (rc != RC_OK)
        return rc;
    if (s->set != NULL)
        snapshot_settle(s->set);
    job_cut_keep(s, &job->report);
    s->ready = true;
    return RC_OK;
}

/* ---- cut */

/* From the lock to its end: nothing is done here that can be done before or after. */
static enum rc
freeze_and_take(struct job *job, struct source_step *step, struct error *e)
{
    struct job_source *s = job->source;
    struct error later = ERROR_INIT;
    if (s->set != NULL && s->kind->freeze != NULL)
        snapshot_settle(s->set); /* nobody waits with a lock for what was written since ready */
    enum rc rc = s->kind->freeze != NULL ? s->kind->freeze(step, e) : RC_OK;
    if (rc == RC_OK && s->set != NULL)
        rc = snapshot_take(s->set, &job->cancel, e);
    enum rc thawed = s->kind->thaw != NULL ? s->kind->thaw(step, &later) : RC_OK;
    if (rc == RC_OK && thawed != RC_OK)
        *e = later;
    return rc != RC_OK ? rc : thawed;
}

static void
tell_cut(struct job *job, struct job_source *s)
{
    const struct snapshot_taken taken = snapshot_taken_of(s->set);
    s->cut = (struct source_cut){.from = taken.from, .until = taken.until};
    source_report_keep(&job->report, "cut.driver", "%s", taken.driver);
    source_report_keep(&job->report, "cut.volumes", "%zu", taken.volumes);
    source_report_keep(&job->report, "cut.command_us", "%lld", (long long)taken.command_ns / 1000);
}

enum rc
job_step_cut(struct job *job, struct error *e)
{
    struct job_source *s = job->source;
    struct source_step step = job_step_of(job, "");
    s->cut_made = false;
    enum rc rc = freeze_and_take(job, &step, e);
    s->memory = step.memory;
    if (rc == RC_OK && s->set != NULL)
        rc = snapshot_mount(s->set, e);
    if (rc != RC_OK) {
        job_cut_release(s); /* nobody will read what there is of them */
        return rc;
    }
    if (s->set != NULL) {
        s->views = snapshot_views_of(s->set);
        tell_cut(job, s);
        s->cut_made = true;
    }
    job->cut = s->cut;
    job_cut_keep(s, &job->report);
    return RC_OK;
}

/* ---- afterwards */

static struct job_kept *
kept_place(struct job_source *s, const char *name)
{
    for (size_t i = 0; i < s->kept_count; i++)
        if (text_equal(s->kept[i].name, name))
            return &s->kept[i];
    return s->kept_count < JOB_KEPT_MAX ? &s->kept[s->kept_count++] : NULL;
}

void
job_cut_keep(struct job_source *s, const struct source_report *report)
{
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct source_fact *fact = &report->facts[i];
        /* Cut short, a position would be another one. */
        bool fits = strlen(fact->name) <= JOB_KEPT_NAME && strlen(fact->value) <= JOB_KEPT_VALUE;
        struct job_kept *at = fact->kept && fits ? kept_place(s, fact->name) : NULL;
        if (at == NULL)
            continue;
        (void)snprintf(at->name, sizeof at->name, "%s", fact->name);
        (void)snprintf(at->value, sizeof at->value, "%s", fact->value);
    }
}

enum rc
job_cut_must_hold(const struct job *job, struct error *e)
{
    const struct job_source *s = job->source;
    const bool live = job->board->options.snapshots == NULL || driver_of(job) == SNAPSHOT_NONE ||
                      s->kind->paths == NULL;
    if (!live && !s->ready)
        return error_set(e, RC_NOT_FOUND,
                         "source '%s' holds no cut of cycle %llu: koffer-priv was started anew "
                         "since, or was alone for too long",
                         s->name, (unsigned long long)job->order.cycle);
    if (s->set != NULL && !s->cut_made)
        return error_set(e, RC_INVALID, "source '%s' was made ready and never cut", s->name);
    return RC_OK;
}

void
job_cut_end(struct job_source *s)
{
    struct error e = ERROR_INIT;
    if (s->set != NULL && snapshot_release(s->set, &e) != RC_OK)
        log_error(&e, "a snapshot could not be removed; it is tried again every minute",
                  LOG_TEXT("source", s->name));
    snapshot_set_free(s->set);
    s->set = NULL;
    s->views = (struct snapshot_views){0};
    s->cut_made = s->ready = false;
}

void
job_cut_release(struct job_source *s)
{
    job_cut_end(s);
    s->cut = (struct source_cut){0};
    s->kept_count = 0;
}

/* The innermost volume that holds `path`. */
static const struct snapshot_view *
view_above(const struct snapshot_views *views, const char *path)
{
    const struct snapshot_view *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < views->count; i++) {
        const struct snapshot_view *v = &views->at[i];
        size_t len = text_equal(v->path, "/") ? 0 : strlen(v->path);
        bool inside = strncmp(v->path, path, len) == 0 && (path[len] == '/' || path[len] == '\0');
        if (inside && (best == NULL || len > longest)) {
            best = v;
            longest = len;
        }
    }
    return best;
}

const char *
job_cut_place(const struct source_step *step, const char *path)
{
    const struct job_source *s = step->place_ctx;
    char real[PATH_MAX];
    if (realpath(path, real) == NULL)
        return NULL;
    const struct snapshot_view *v = view_above(&s->views, real);
    if (v == NULL || v->root < 0)
        return NULL;
    const char *rest = text_equal(v->path, "/") ? real : real + strlen(v->path);
    if (rest[0] == '\0')
        rest =
            "/."; /* the last name is then none that the kernel made up, and may be opened with O_NOFOLLOW */
    return arena_printf(step->report->arena, "/proc/self/fd/%d%s", v->root, rest);
}

enum rc
job_cut_check(struct job_source *s, struct error *e)
{
    struct error why = ERROR_INIT;
    enum rc rc = s->set != NULL ? snapshot_check(s->set, &why) : RC_OK;
    if (rc ==
        RC_STALE) /* which to a controller means the vault's session: it would order the same once more */
        return error_set(e, RC_IO, "%s", why.text);
    if (rc != RC_OK)
        *e = why;
    return rc;
}
