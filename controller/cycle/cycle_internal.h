/* cycle_internal.h -- what the files of the cycle share.  Layer: controller/cycle. */
#ifndef CONTROLLER_CYCLE_CYCLE_INTERNAL_H
#define CONTROLLER_CYCLE_CYCLE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "controller/cycle/cycle.h"

struct cycle_runner {
    struct cycle_options options;
    struct fleet *fleet;
    struct cycle *running;   /* NULL: none */
    pthread_t worker;        /* valid while running->working */
    struct cycle_work *work; /* the worker's, while running->working */
    uint64_t doubts;         /* of the vault, when the cycle began that was committed last */
    char vault_problem[256]; /* the first that cycle_recover found */
    _Atomic(bool) stop;      /* the controller ends: a verification need not go on */
};

/* cycle.c: take an event, write it down, then act on the new state. */
void cycle_take(struct cycle_runner *r, enum cycle_event event, const char *problem);
/* Look at the sources and do what the state asks for. */
void cycle_advance(struct cycle_runner *r);

/*
 * At most `most` steps at a time per agent, for sources in `from`.  All orders are on their way before the catalogue
 * hears of any: at a cut every disk write between two of them is skew.
 */
void cycle_order_some(struct cycle_runner *r, enum cycle_source_state from, Koffer__StepVerb verb,
                      size_t most);
const char *cycle_first_problem(const struct cycle *c);

/* cycle_barrier.c: what these two states do; true: an event was taken, look again. */
bool cycle_do_readying(struct cycle_runner *r);
bool cycle_do_cutting(struct cycle_runner *r);
/* What an agent says of the instants of its cut, in the result of a step. */
void cycle_barrier_note(struct cycle_runner *r, struct cycle_source *s,
                        const Koffer__StepResult *result);
/* The archive record, signed, is the last word about them; and warns when clocks make them doubtful. */
void
cycle_barrier_seal(struct cycle_runner *r, struct cycle_source *s, const struct record_archive *a);

/* cycle_source.c */
enum rc cycle_sources_choose(struct cycle_runner *r, struct cycle *c, const char *const *selection,
                             size_t count, struct error *e);
void cycle_sources_free(struct cycle *c);
/* The vault need no longer keep for us what was captured: a record names it, or it is given up. */
void cycle_sources_release(struct cycle_runner *r, struct cycle *c);
void cycle_source_fail(struct cycle_runner *r, struct cycle_source *s, const char *problem,
                       const char *remedy);
void cycle_source_save(struct cycle_runner *r, const struct cycle_source *s);
bool cycle_source_is_lost(const struct cycle_source *s); /* failed, cancelled or skipped */
size_t cycle_sources_in(const struct cycle *c, enum cycle_source_state state);

/* cycle_step.c: orders out, results in.  The order is not in the catalogue yet: s->unsaved. */
void cycle_step_order(struct cycle_runner *r, struct cycle_source *s, Koffer__StepVerb verb);
/* A remark about a source, for people. */
void cycle_note(struct cycle_runner *r, const struct cycle_source *s, bool fact, const char *name,
                const char *value);
void cycle_step_cancel(struct cycle_runner *r, struct cycle_source *s);
/* The step in flight came to nothing. */
void cycle_step_give_up(struct cycle_runner *r, struct cycle_source *s, const char *problem,
                        const char *remedy);
void cycle_step_result(void *runner, const char *agent, const Koffer__StepResult *result);
void cycle_step_progress(void *runner, const char *agent, const Koffer__Progress *progress);
/* cycle_agent.c */
void cycle_step_up(void *runner, const char *agent, const uint64_t *jobs, size_t count);
void cycle_step_lost(void *runner, const char *agent);
void cycle_step_watch(struct cycle_runner *r, struct mono now); /* deadlines */

/* cycle_seal.c: the two things done on a thread of their own. */
void cycle_seal_commit(struct cycle_runner *r);
void cycle_seal_verify(struct cycle_runner *r);

void cycle_seal_stop(struct cycle_runner *r); /* waits for the worker and frees what it had */

/* Copy a committed record's facts into the catalogue. */
enum rc cycle_seal_remember(struct cycle_runner *r, struct span record, struct error *e);

#endif
