/*
 * cycle_fsm.h -- the life of one cycle, as a table.
 *
 *     planned -> checking -> readying -> cutting -> capturing -> sealing -> releasing -> verifying -> full | incomplete
 *        |          |           |          |           |            |
 *        +----------+-----------+----------+-----------+------------+--> unwinding -> failed | cancelled
 *
 * Readying and cutting are the barrier (docs/architecture/cut.md); a cycle whose sources are all read
 * live passes through both at once.  A source that fails does not stop the others: the cycle leaves
 * for `unwinding` only when nothing is left to capture, when a required source was not ready in time, when it is
 * cancelled, or when sealing fails.  Once the record is
 * committed there is no way back: a cancel is ignored, and what follows only tidies up.
 *
 * The machine only says what comes next; effects belong to cycle.c.  A pair that is not in the
 * table is a bug in the caller and is refused.  Pure: no clock, no I/O, no allocation.
 *
 * Layer: controller/cycle.
 */
#ifndef CONTROLLER_CYCLE_CYCLE_FSM_H
#define CONTROLLER_CYCLE_CYCLE_FSM_H

#include <stdbool.h>

#include "common/base/error.h"

enum cycle_state {
    CYCLE_PLANNED,
    CYCLE_CHECKING,  /* every agent preflights */
    CYCLE_READYING,  /* every agent does all that can be done before the cut */
    CYCLE_CUTTING,   /* lock, snapshot, unlock, everywhere at once */
    CYCLE_CAPTURING, /* agents read, seal and upload */
    CYCLE_SEALING,   /* archive records signed, full record committed */
    CYCLE_RELEASING, /* committed; staging and snapshots go */
    CYCLE_VERIFYING, /* committed; every blob of the full is read and hashed */
    CYCLE_UNWINDING, /* not committed; staging and snapshots go */
    CYCLE_FULL,
    CYCLE_INCOMPLETE, /* committed, but a required source is missing or not whole */
    CYCLE_FAILED,
    CYCLE_CANCELLED,
    CYCLE_STATE_COUNT_,
};

enum cycle_event {
    CYCLE_START,
    CYCLE_CHECKED,      /* every source has passed or failed its check */
    CYCLE_READY,        /* every source is ready or has failed */
    CYCLE_STRAGGLER,    /* a required source was not ready in time: nobody is cut */
    CYCLE_CUT,          /* every source has been cut or has failed */
    CYCLE_CAPTURED,     /* every source has been captured or has failed */
    CYCLE_NOTHING_LEFT, /* every source has failed */
    CYCLE_COMMITTED,    /* the full record is durable */
    CYCLE_SEAL_FAILED,
    CYCLE_RELEASED, /* every agent has released, or its time is over */
    CYCLE_VERIFIED_FULL,
    CYCLE_VERIFIED_INCOMPLETE, /* good blobs, but the record says incomplete; or damage was found */
    CYCLE_CANCEL,
    CYCLE_RESTARTED, /* the controller came back and found the cycle in this state */
    CYCLE_UNWOUND_FAILED,
    CYCLE_UNWOUND_CANCELLED,
    CYCLE_EVENT_COUNT_,
};

/* RC_INVALID, with *next untouched, when `event` has no meaning in `state`. */
enum rc cycle_fsm_next(enum cycle_state state, enum cycle_event event, enum cycle_state *next,
                       struct error *e);

bool cycle_fsm_is_final(enum cycle_state state);
/* Has the full record been committed? */
bool cycle_fsm_is_committed(enum cycle_state state);
const char *cycle_fsm_state_name(enum cycle_state state);
const char *cycle_fsm_event_name(enum cycle_event event);
/* RC_CORRUPT for a name that is no state (catalogue). */
enum rc cycle_fsm_state_of(const char *name, enum cycle_state *out, struct error *e);

#endif
