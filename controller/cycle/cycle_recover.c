/* cycle_recover.c -- after a start: what became of the cycles that an earlier controller left. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/cycle/cycle_internal.h"

enum { UNFINISHED_MAX = 64 };

struct unfinished {
    size_t count;
    struct {
        uint64_t number;
        enum cycle_state state;
    } cycles[UNFINISHED_MAX];
};

static enum rc
collect(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    struct unfinished *u = ctx;
    enum cycle_state state;
    TRY(cycle_fsm_state_of(cy->state, &state, e));
    if (u->count < UNFINISHED_MAX) {
        u->cycles[u->count].number = cy->number;
        u->cycles[u->count++].state = state;
    }
    return RC_OK;
}

/* The vault's storage is not trusted: what it lost, or brings forth, is said aloud and not only listed otherwise. */
static void PRINTF_LIKE(2, 3) raise_alarm(struct cycle_runner *r, const char *fmt, ...)
{
    char text[sizeof r->vault_problem];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    log_warning("the vault is not as it was left", LOG_TEXT("what", text));
    if (r->vault_problem[0] == '\0')
        memcpy(r->vault_problem, text, sizeof text);
}

const char *
cycle_vault_problem(const struct cycle_runner *r)
{
    return r->vault_problem;
}

/* Anybody who can write into the vault can sign a record, with a key of his own. */
static enum rc
check_signer(const struct cycle_runner *r, struct span record, bool *ours, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(4 * (size_t)LIMIT_RECORD);
    struct record_full full;
    struct keys_public own;
    *ours = true;
    if (r->options.signer == NULL)
        return RC_OK;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    TRY(keys_public_of(r->options.signer, &own, e));
    TRY(record_decode_full(record, arena, &full, e));
    *ours = memcmp(own.bytes, full.signing_key.bytes, KEYS_PUBLIC_SIZE) == 0;
    return RC_OK;
}

static enum rc
remember_if_ours(struct cycle_runner *r, uint64_t number, struct span record, struct error *e)
{
    bool ours;
    TRY(check_signer(r, record, &ours, e));
    if (!ours) {
        raise_alarm(r,
                    "full %" PRIu64
                    " is signed by another key than this controller's: it was put into "
                    "the vault by somebody else, and is left out of the lists",
                    number);
        return RC_OK;
    }
    TRY(cycle_seal_remember(r, record, e));
    log_info("full read from the vault into the catalogue", LOG_U64("full", number));
    return RC_OK;
}

/* A record that is damaged is for `vault verify` to report; it must not keep the controller from starting. */
static enum rc
learn_full(struct cycle_runner *r, uint64_t number, struct error *e)
{
    CLEANUP(buffer_free) struct buffer record = BUFFER_INIT(LIMIT_RECORD);
    bool has;
    TRY(catalogue_full_has(r->options.catalogue, number, &has, e));
    if (has)
        return RC_OK;
    enum rc rc = vault_read_full(r->options.vault, number, &record, e);
    if (rc == RC_OK)
        rc = remember_if_ours(r, number, buffer_span(&record), e);
    if (rc == RC_CORRUPT || rc == RC_UNSUPPORTED || rc == RC_INVALID) {
        log_error(e, "a full cannot be read and is left out of the lists", LOG_U64("full", number));
        return RC_OK;
    }
    return rc;
}

struct comparison {
    struct cycle_runner *runner;
    const struct vault_full *fulls; /* of the vault, ascending */
    size_t count;
    uint64_t *gone; /* of the catalogue only */
    size_t gone_count;
};

static int
by_number(const void *x, const void *y)
{
    const struct vault_full *a = x, *b = y;
    return a->number < b->number ? -1 : a->number > b->number;
}

static enum rc
compare(void *ctx, const struct catalogue_full *f, struct error *e)
{
    struct comparison *c = ctx;
    const struct vault_full key = {.number = f->number};
    const struct vault_full *there =
        c->count == 0 ? NULL : bsearch(&key, c->fulls, c->count, sizeof key, by_number);
    if (there != NULL && !id_equal(&there->name, &f->record))
        raise_alarm(c->runner,
                    "full %" PRIu64 " in the vault is another than the one that was committed",
                    f->number);
    if (there != NULL)
        return RC_OK;
    uint64_t *grown = reallocarray(c->gone, c->gone_count + 1, sizeof *grown);
    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "list of fulls");
    c->gone = grown;
    c->gone[c->gone_count++] = f->number;
    return RC_OK;
}

/* A vault that was set back to an older copy, or a record that somebody removed: nothing can be restored from it. */
static enum rc
forget_fulls(struct cycle_runner *r, struct comparison *c, struct error *e)
{
    struct catalogue *catalogue = r->options.catalogue;
    TRY(catalogue_full_each(catalogue, 0, UINT32_MAX, true, compare, c, e));
    for (size_t i = 0; i < c->gone_count; i++) {
        raise_alarm(r,
                    "full %" PRIu64
                    " was committed and is not in the vault any more: was an older copy "
                    "put in its place?",
                    c->gone[i]);
        TRY(catalogue_full_forget(catalogue, c->gone[i], e));
    }
    return RC_OK;
}

/* The catalogue is a copy: it lists what the vault holds, no less and no more. */
static enum rc
learn_fulls(struct cycle_runner *r, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    struct comparison c = {.runner = r};
    TRY(vault_fulls(r->options.vault, &fulls, &c.count, e));
    for (size_t i = 0; i < c.count; i++)
        TRY(learn_full(r, fulls[i].number, e));
    c.fulls = fulls;
    enum rc rc = forget_fulls(r, &c, e);
    free(c.gone);
    return rc;
}

struct transition {
    struct cycle_runner *r;
    uint64_t number;
    enum cycle_state state;
};

static enum rc
take(struct transition *t, enum cycle_event event, const char *problem, struct error *e)
{
    TRY(cycle_fsm_next(t->state, event, &t->state, e));
    return catalogue_cycle_state(t->r->options.catalogue, t->number, cycle_fsm_state_name(t->state),
                                 cycle_fsm_event_name(event), problem, cycle_fsm_is_final(t->state),
                                 clock_wall(), e);
}

static enum rc
find_good(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)e;
    *(bool *)ctx = f->good;
    return RC_OK;
}

/* The record is in the vault: whatever the catalogue says, the cycle was committed. */
static enum rc
complete(struct transition *t, struct error *e)
{
    bool good = false;
    TRY(catalogue_full_find(t->r->options.catalogue, t->number, find_good, &good, e));
    if (!cycle_fsm_is_committed(t->state)) {
        t->state =
            CYCLE_SEALING; /* also when the catalogue was set back, or could not be written then */
        TRY(take(t, CYCLE_COMMITTED, "", e));
    }
    if (t->state == CYCLE_RELEASING)
        TRY(take(t, CYCLE_RELEASED, "", e));
    return take(t, good ? CYCLE_VERIFIED_FULL : CYCLE_VERIFIED_INCOMPLETE,
                "the controller was stopped before the full was verified: see 'koffer full show'",
                e);
}

static enum rc
abandon(struct transition *t, struct error *e)
{
    const char *why = "the controller was stopped in the middle of the cycle; what was uploaded is "
                      "not sent twice";
    if (cycle_fsm_is_committed(t->state)) {
        why = "its record was committed and is not in the vault any more: was the vault set back?";
        t->state = CYCLE_SEALING;
    }
    TRY(take(t, CYCLE_RESTARTED, why, e));
    return cycle_fsm_is_final(t->state) ? RC_OK : take(t, CYCLE_UNWOUND_FAILED, why, e);
}

struct open_sources {
    struct cycle_runner *r;
    uint64_t number;
    bool committed;
};

/* No source of a cycle that is over may look as if something were still being done. */
static enum rc
close_source(void *ctx, const struct catalogue_cycle_source *s, struct error *e)
{
    const struct open_sources *open = ctx;
    if (s->finished.ns != 0)
        return RC_OK;
    struct catalogue_cycle_source closed = *s;
    bool done =
        open->committed && text_equal(s->state, cycle_source_state_name(CYCLE_SOURCE_SEALED));
    closed.state = cycle_source_state_name(done ? CYCLE_SOURCE_DONE : CYCLE_SOURCE_FAILED);
    if (!done)
        closed.problem = "the controller was stopped in the middle of the cycle";
    closed.finished = clock_wall();
    return catalogue_cycle_source_set(open->r->options.catalogue, open->number, &closed, e);
}

enum rc
cycle_recover(struct cycle_runner *r, struct error *e)
{
    struct unfinished u = {0};
    TRY(learn_fulls(r, e));
    TRY(catalogue_cycle_unfinished(r->options.catalogue, collect, &u, e));
    for (size_t i = 0; i < u.count; i++) {
        struct transition t = {.r = r, .number = u.cycles[i].number, .state = u.cycles[i].state};
        bool committed;
        TRY(catalogue_full_has(r->options.catalogue, t.number, &committed, e));
        TRY_IN(committed ? complete(&t, e) : abandon(&t, e), e, "recover cycle %llu",
               (unsigned long long)t.number);
        struct open_sources open = {.r = r, .number = t.number, .committed = committed};
        TRY(catalogue_cycle_sources(r->options.catalogue, t.number, close_source, &open, e));
        log_warning("cycle of an earlier controller ended", LOG_U64("cycle", t.number),
                    LOG_TEXT("state", cycle_fsm_state_name(t.state)));
    }
    return RC_OK;
}
