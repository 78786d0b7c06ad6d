/* power_catalogue.c -- lives of a catalogue: cycles begun, transitions taken.  See power_life.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/catalogue/catalogue.h"
#include "controller/catalogue/catalogue_internal.h"
#include "tests/trust/controller/power_lives.h"

enum { STEPS = 6, PATH = 256 };
enum promise { OPENED, STEP_TAKEN };

static const struct wall now = {1000};

static enum rc
open_catalogue(const char *root, struct catalogue **c, struct error *e)
{
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s/catalogue.db", root);
    return catalogue_open(path, c, e);
}

/* Transitions are numbered by their problem; how many follow each other without a gap, and how many are there? */
static enum rc
count_steps(struct catalogue *c, uint64_t *ordered, uint64_t *all, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    char want[24];

    *ordered = *all = 0;
    TRY(sql_query(c->db, &rows, e, "SELECT problem FROM transition WHERE event='e' ORDER BY rowid",
                  ""));
    for (bool more;;) {
        TRY(sql_next(rows, &more, e));
        if (!more)
            return RC_OK;
        (void)snprintf(want, sizeof want, "%" PRIu64, *ordered + 1);
        *ordered += strcmp(sql_text(rows, 0), want) == 0;
        ++*all;
    }
}

static enum rc
take_step(struct catalogue *c, uint64_t step, struct error *e)
{
    char text[24];
    uint64_t number = 1;

    (void)snprintf(text, sizeof text, "%" PRIu64, step);
    if (step == 1)
        TRY(catalogue_cycle_new(c, 0, "root", now, &number, e));
    return catalogue_cycle_state(c, 1, "checking", "e", text, false, now, e);
}

static enum rc
live(const char *root, struct power_trace *t, struct error *e)
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    uint64_t begun, all;

    TRY(open_catalogue(root, &c, e));
    power_trace_ack(t, OPENED, 0, NULL);
    TRY(count_steps(c, &begun, &all, e));
    /* What a start finds, it acts on. */
    power_trace_ack(t, STEP_TAKEN, begun, NULL);
    for (uint64_t step = begun + 1; step <= begun + STEPS; step++) {
        TRY(take_step(c, step, e));
        power_trace_ack(t, STEP_TAKEN, step, NULL);
    }
    return RC_OK;
}

static void
run(const char *root, struct power_trace *t)
{
    struct error e = ERROR_INIT;
    (void)live(root, t, &e);
}

static enum rc
check_whole(struct catalogue *c, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    bool more;
    TRY(sql_query(c->db, &rows, e, "PRAGMA integrity_check", ""));
    TRY(sql_next(rows, &more, e));
    if (!more || strcmp(sql_text(rows, 0), "ok") != 0)
        return error_set(e, RC_CORRUPT, "integrity_check: %s",
                         more ? sql_text(rows, 0) : "nothing");
    return RC_OK;
}

static enum rc
check(const char *root, const struct power_acks *acks, bool on, struct error *e)
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    uint64_t ordered, all, promised = 0;
    const struct power_ack *ack;

    for (size_t n = 0; (ack = power_life_ack(acks, n)) != NULL; n++) {
        if (ack->what == STEP_TAKEN && ack->number > promised)
            promised = ack->number;
    }
    TRY_IN(open_catalogue(root, &c, e), e, "open");
    TRY(check_whole(c, e));
    TRY(count_steps(c, &ordered, &all, e));
    if (ordered != all || ordered < promised)
        return error_set(e, RC_CORRUPT,
                         "%" PRIu64 " steps are there, %" PRIu64 " in order, %" PRIu64
                         " were promised",
                         all, ordered, promised);
    return on ? take_step(c, ordered + 1, e) : RC_OK;
}

const struct power_life power_catalogue = {"catalogue", NULL, run, live, check};
