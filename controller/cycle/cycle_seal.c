/* cycle_seal.c -- commit the full record, then verify what it reaches; both off the loop. */
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/cycle/cycle_internal.h"

/* Of a sealed source, for the worker; and what it found when the commit was refused. */
struct offered {
    size_t source; /* in the cycle's table */
    struct id root;
    enum rc
        rc; /* RC_NOT_FOUND: the root reaches what is not there; RC_STALE: its session is over */
    char problem[ERROR_TEXT_MAX];
};

/* What the worker thread gets and gives back; it touches nothing else of the runner. */
struct cycle_work {
    struct cycle_runner *runner;
    struct vault *vault;
    struct mailbox *mailbox;
    mailbox_work *done;
    uint64_t number;
    struct buffer record;       /* commit */
    struct vault_fence *fences; /* of the sessions that brought what it refers to */
    struct offered *offered;    /* as many, in the same order */
    size_t offered_count;
    struct vault_verify_counts counts;
    char finding[ERROR_TEXT_MAX]; /* verify: the first */
    enum rc rc;
    struct error e;
};

static void
free_work(struct cycle_work *w)
{
    if (w == NULL)
        return;
    buffer_free(&w->record);
    free(w->fences);
    free(w->offered);
    free(w);
}

static struct cycle_work *
new_work(struct cycle_runner *r, mailbox_work *done)
{
    struct cycle_work *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    *w = (struct cycle_work){
        .runner = r,
        .vault = r->options.vault,
        .mailbox = r->options.mailbox,
        .done = done,
        .number = r->running->number,
        .record = BUFFER_INIT(LIMIT_RECORD),
        .e = ERROR_INIT,
    };
    return w;
}

/* The thread is joined by whoever takes the work back on the loop. */
static enum rc
start(struct cycle_runner *r, struct cycle_work *w, void *(*run)(void *), struct error *e)
{
    if (pthread_create(&r->worker, NULL, run, w) != 0)
        return error_set(e, RC_NO_MEMORY, "thread for the vault");
    r->running->working = true;
    r->work = w;
    return RC_OK;
}

static void
hand_back(struct cycle_work *w)
{
    struct error e = ERROR_INIT;
    /* RC_CANCELLED: the controller is stopping; recovery will look at the vault. */
    if (mailbox_post(w->mailbox, w->done, w, &e) != RC_OK && e.code != RC_CANCELLED)
        log_error(&e, "the vault's work cannot be handed back", LOG_U64("cycle", w->number));
}

static void
take_back(struct cycle_work *w)
{
    (void)pthread_join(w->runner->worker, NULL);
    w->runner->running->working = false;
    w->runner->work = NULL;
}

void
cycle_seal_stop(struct cycle_runner *r)
{
    atomic_store(&r->stop, true);
    if (r->running == NULL || !r->running->working)
        return;
    (void)pthread_join(r->worker, NULL);
    free_work(r->work); /* handed back too late, or never looked at */
    r->work = NULL;
}

/* ---- commit */

static bool
is_whole(const struct cycle_source *s)
{
    return s->state == CYCLE_SOURCE_SEALED && !s->incomplete;
}

static enum rc
previous_full(struct vault *v, struct id *out, struct error *e)
{
    struct vault_full *fulls = NULL;
    size_t count = 0;
    TRY(vault_fulls(v, &fulls, &count, e));
    *out = count > 0 ? fulls[count - 1].name : (struct id){{0}};
    free(fulls);
    return RC_OK;
}

static enum rc
encode(struct cycle_runner *r, struct arena *arena, struct buffer *out, struct error *e)
{
    const struct cycle *c = r->running;
    struct span *archives = arena_alloc(arena, (c->count + 1) * sizeof *archives);
    struct record_clock *clocks = arena_alloc(arena, (c->count + 1) * sizeof *clocks);
    struct record_missing *missing = arena_alloc(arena, (c->count + 1) * sizeof *missing);
    struct record_full full = {
        .vault = *vault_id(r->options.vault),
        .number = c->number,
        .started = c->started,
        .sealed = clock_wall(),
        .state = RECORD_FULL,
        .archives = archives,
        .clocks = clocks,
        .missing = missing,
    };
    struct record_skew skew = {0};
    if (archives == NULL || clocks == NULL || missing == NULL)
        return error_set(e, RC_NO_MEMORY, "full record");
    for (size_t i = 0; i < c->count; i++) {
        const struct cycle_source *s = &c->sources[i];
        if (s->required && !is_whole(s))
            full.state = RECORD_INCOMPLETE;
        if (s->state != CYCLE_SOURCE_SEALED) {
            missing[full.missing_count++] =
                (struct record_missing){s->agent, s->source, s->problem};
            continue;
        }
        if (s->snapshotted)
            record_skew_add(&skew, s->cut_until, &s->clock);
        clocks[full.archive_count] = s->clock;
        archives[full.archive_count++] = buffer_span(&s->record);
    }
    full.skew_ns = record_skew_ns(&skew);
    TRY(previous_full(r->options.vault, &full.previous, e));
    return record_encode_full(&full, r->options.signer, out, e);
}

enum rc
cycle_seal_remember(struct cycle_runner *r, struct span record, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(4 * (size_t)LIMIT_RECORD);
    struct record_full full;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    TRY(record_decode_full(record, arena, &full, e));
    struct record_archive *archives =
        arena_alloc(arena, (full.archive_count + 1) * sizeof *archives);
    if (archives == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    for (size_t i = 0; i < full.archive_count; i++)
        TRY(record_decode_archive(full.archives[i], arena, &archives[i], e));
    return catalogue_full_add(r->options.catalogue, &full, archives, e);
}

/* What a host signed behind a record that is left out must follow another one: it signs again. */
static void
seal_again_behind(struct cycle_runner *r, const struct cycle_source *refused)
{
    for (size_t i = 0; i < r->running->count; i++) {
        struct cycle_source *s = &r->running->sources[i];
        if (s->state != CYCLE_SOURCE_SEALED || !text_equal(s->agent, refused->agent) ||
            s->sequence < refused->sequence)
            continue;
        s->state = CYCLE_SOURCE_CAPTURED;
        cycle_source_save(r, s);
    }
}

/* One agent's false or damaged archive is its own loss: the others are committed without it. */
static bool
refuse_some(struct cycle_runner *r, const struct cycle_work *w)
{
    bool any = false;
    for (size_t i = 0; i < w->offered_count; i++) {
        const struct offered *o = &w->offered[i];
        struct cycle_source *s = &r->running->sources[o->source];
        if (o->rc == RC_OK)
            continue;
        any = true;
        s->forget = o->rc == RC_NOT_FOUND;
        cycle_source_fail(r, s, o->problem, "the next cycle reads all of it again");
        seal_again_behind(r, s);
    }
    return any;
}

static void
note_commit(struct cycle_runner *r, struct cycle_work *w)
{
    struct error e = ERROR_INIT;
    cycle_sources_release(r, r->running);
    if (w->rc == RC_OK) {
        if (cycle_seal_remember(r, buffer_span(&w->record), &e) != RC_OK)
            log_error(&e,
                      "the full is committed, but the catalogue cannot note it; restart the "
                      "controller to read it from the vault",
                      LOG_U64("full", w->number));
        r->doubts = r->running->doubts;
        cycle_take(r, CYCLE_COMMITTED, "");
    } else {
        cycle_take(r, CYCLE_SEAL_FAILED, w->e.text);
    }
}

static void
committed(void *ctx)
{
    struct cycle_work *w = ctx;
    struct cycle_runner *r = w->runner;
    take_back(w);
    bool some = w->rc != RC_OK && refuse_some(r, w);
    r->running->forget = r->running->forget || (w->rc == RC_NOT_FOUND && !some);
    /* With some left out, cycle_advance offers the rest; each round leaves out one at least, so it ends. */
    if (!some || r->running->cancelled)
        note_commit(r, w);
    free_work(w);
    cycle_advance(r);
}

/* Each archive on its own: what several share and one lacks is lacking in each. */
static enum rc
check_offered(struct vault *v, const struct offered *o, const struct vault_fence *fence,
              struct error *e)
{
    struct vault_reach reach;
    char text[ID_TEXT_SIZE];
    TRY(vault_fence_check(v, fence, e));
    TRY(vault_reach(v, &o->root, 1, &reach, e));
    if (reach.missing == 0)
        return RC_OK;
    return error_set(e, RC_NOT_FOUND,
                     "%llu blobs of its archive are not in the vault or damaged there, %s for one",
                     (unsigned long long)reach.missing, id_text(&reach.first_missing, text));
}

/* Only when the commit was refused: a good one walks once. */
static void
find_refused(struct cycle_work *w)
{
    for (size_t i = 0; i < w->offered_count; i++) {
        struct offered *o = &w->offered[i];
        struct error e = ERROR_INIT;
        enum rc rc = check_offered(w->vault, o, &w->fences[i], &e);
        if (rc != RC_NOT_FOUND && rc != RC_STALE)
            continue;
        o->rc = rc;
        (void)snprintf(o->problem, sizeof o->problem, "%s", e.text);
    }
}

static void *
run_commit(void *arg)
{
    struct cycle_work *w = arg;
    struct id name;
    w->rc = vault_commit_fenced(w->vault, buffer_span(&w->record), w->fences, w->offered_count,
                                &name, &w->e);
    if (w->rc == RC_NOT_FOUND || w->rc == RC_STALE)
        find_refused(w);
    hand_back(w);
    return NULL;
}

static enum rc
gather_offered(const struct cycle *c, struct cycle_work *w, struct error *e)
{
    w->fences = calloc(c->count + 1, sizeof *w->fences);
    w->offered = calloc(c->count + 1, sizeof *w->offered);
    if (w->fences == NULL || w->offered == NULL)
        return error_set(e, RC_NO_MEMORY, "archives of a full");
    for (size_t i = 0; i < c->count; i++) {
        const struct cycle_source *s = &c->sources[i];
        if (s->state != CYCLE_SOURCE_SEALED)
            continue;
        w->fences[w->offered_count] = s->fence;
        w->offered[w->offered_count++] = (struct offered){.source = i, .root = s->root};
    }
    return RC_OK;
}

void
cycle_seal_commit(struct cycle_runner *r)
{
    struct error e = ERROR_INIT;
    CLEANUP(arena_freep) struct arena *arena = arena_new(LIMIT_RECORD);
    struct cycle_work *w = new_work(r, committed);
    enum rc rc = w == NULL || arena == NULL ? error_set(&e, RC_NO_MEMORY, "full record")
                                            : encode(r, arena, &w->record, &e);
    if (rc == RC_OK)
        rc = gather_offered(r->running, w, &e);
    if (rc == RC_OK)
        rc = start(r, w, run_commit, &e);
    if (rc != RC_OK) {
        free_work(w);
        cycle_take(r, CYCLE_SEAL_FAILED, e.text);
    }
}

/* ---- verify */

static void
keep_finding(void *ctx, const struct vault_finding *f)
{
    struct cycle_work *w = ctx;
    log_warning("verification", LOG_U64("full", w->number), LOG_TEXT("finding", f->text));
    if (w->finding[0] == '\0')
        (void)snprintf(w->finding, sizeof w->finding, "%s", f->text);
}

/* A full is good when its record says so and everything it reaches was read and found whole. */
static bool
record_is_good(struct cycle_runner *r, uint64_t number)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(arena_freep) struct arena *arena = arena_new(4 * (size_t)LIMIT_RECORD);
    struct record_full full;
    if (arena == NULL || vault_read_full(r->options.vault, number, &bytes, &e) != RC_OK ||
        record_decode_full(buffer_span(&bytes), arena, &full, &e) != RC_OK) {
        log_error(&e, "cannot read a record that was just committed", LOG_U64("full", number));
        return false;
    }
    return full.state == RECORD_FULL;
}

static void
verified(void *ctx)
{
    struct cycle_work *w = ctx;
    struct cycle_runner *r = w->runner;
    struct error e = ERROR_INIT;
    take_back(w);
    bool whole = w->rc == RC_OK && w->counts.damaged == 0 && w->counts.missing == 0;
    bool good = record_is_good(r, w->number);
    if (w->rc == RC_OK &&
        catalogue_full_verified(r->options.catalogue, w->number, whole, clock_wall(), &e) != RC_OK)
        log_error(&e, "cannot note the verification", LOG_U64("full", w->number));
    const char *problem = w->rc != RC_OK ? w->e.text
                          : !whole       ? w->finding
                          : !good        ? "a required source is missing or not whole"
                                         : "";
    cycle_take(r, whole && good ? CYCLE_VERIFIED_FULL : CYCLE_VERIFIED_INCOMPLETE, problem);
    free_work(w);
    cycle_advance(r);
}

static void *
run_verify(void *arg)
{
    struct cycle_work *w = arg;
    const struct vault_verify_options options = {
        .cancel = &w->runner->stop, .finding = keep_finding, .ctx = w, .only_full = w->number};
    w->rc = vault_verify(w->vault, &options, &w->counts, &w->e);
    hand_back(w);
    return NULL;
}

void
cycle_seal_verify(struct cycle_runner *r)
{
    struct error e = ERROR_INIT;
    struct cycle_work *w = new_work(r, verified);
    enum rc rc = w == NULL ? error_set(&e, RC_NO_MEMORY, "verification") : RC_OK;
    if (rc == RC_OK)
        rc = start(r, w, run_verify, &e);
    if (rc != RC_OK) {
        free_work(w);
        cycle_take(r, CYCLE_VERIFIED_INCOMPLETE, e.text);
    }
}
