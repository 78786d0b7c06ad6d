/* cycle_fsm.c -- see cycle_fsm.h; docs/architecture/cycle.md draws this table. */
#include "controller/cycle/cycle_fsm.h"

#include <stdint.h>
#include <string.h>

/* Cells hold next state + 1, so that an absent cell is zero and means "no such transition". */
#define TO(state) ((uint8_t)(CYCLE_##state + 1))

/* clang-format off */
static const uint8_t table[CYCLE_STATE_COUNT_][CYCLE_EVENT_COUNT_] = {
    [CYCLE_PLANNED] = {
        [CYCLE_START]               = TO(CHECKING),
        [CYCLE_CANCEL]              = TO(CANCELLED),
        [CYCLE_RESTARTED]           = TO(FAILED),
    },
    [CYCLE_CHECKING] = {
        [CYCLE_CHECKED]             = TO(READYING),
        [CYCLE_NOTHING_LEFT]        = TO(UNWINDING),
        [CYCLE_CANCEL]              = TO(UNWINDING),
        [CYCLE_RESTARTED]           = TO(UNWINDING),
    },
    [CYCLE_READYING] = {
        [CYCLE_READY]               = TO(CUTTING),
        [CYCLE_STRAGGLER]           = TO(UNWINDING),
        [CYCLE_NOTHING_LEFT]        = TO(UNWINDING),
        [CYCLE_CANCEL]              = TO(UNWINDING),
        [CYCLE_RESTARTED]           = TO(UNWINDING),
    },
    [CYCLE_CUTTING] = {
        [CYCLE_CUT]                 = TO(CAPTURING),
        [CYCLE_NOTHING_LEFT]        = TO(UNWINDING),
        [CYCLE_CANCEL]              = TO(UNWINDING),
        [CYCLE_RESTARTED]           = TO(UNWINDING),
    },
    [CYCLE_CAPTURING] = {
        [CYCLE_CAPTURED]            = TO(SEALING),
        [CYCLE_NOTHING_LEFT]        = TO(UNWINDING),
        [CYCLE_CANCEL]              = TO(UNWINDING),
        [CYCLE_RESTARTED]           = TO(UNWINDING),
    },
    [CYCLE_SEALING] = {
        [CYCLE_COMMITTED]           = TO(RELEASING),
        [CYCLE_SEAL_FAILED]         = TO(UNWINDING),
        [CYCLE_NOTHING_LEFT]        = TO(UNWINDING),
        [CYCLE_CANCEL]              = TO(UNWINDING),
        [CYCLE_RESTARTED]           = TO(UNWINDING), /* unless the vault holds the record: COMMITTED */
    },
    [CYCLE_RELEASING] = {
        [CYCLE_RELEASED]            = TO(VERIFYING),
        [CYCLE_CANCEL]              = TO(RELEASING),
        [CYCLE_RESTARTED]           = TO(RELEASING),
    },
    [CYCLE_VERIFYING] = {
        [CYCLE_VERIFIED_FULL]       = TO(FULL),
        [CYCLE_VERIFIED_INCOMPLETE] = TO(INCOMPLETE),
        [CYCLE_CANCEL]              = TO(VERIFYING),
        [CYCLE_RESTARTED]           = TO(VERIFYING),
    },
    [CYCLE_UNWINDING] = {
        [CYCLE_CANCEL]              = TO(UNWINDING),
        [CYCLE_RESTARTED]           = TO(UNWINDING),
        [CYCLE_UNWOUND_FAILED]      = TO(FAILED),
        [CYCLE_UNWOUND_CANCELLED]   = TO(CANCELLED),
    },
};

static const char *const state_names[CYCLE_STATE_COUNT_] = {
    [CYCLE_PLANNED] = "planned",       [CYCLE_CHECKING] = "checking",   [CYCLE_READYING] = "readying",
    [CYCLE_CUTTING] = "cutting",
    [CYCLE_CAPTURING] = "capturing",   [CYCLE_SEALING] = "sealing",     [CYCLE_RELEASING] = "releasing",
    [CYCLE_VERIFYING] = "verifying",   [CYCLE_UNWINDING] = "unwinding", [CYCLE_FULL] = "full",
    [CYCLE_INCOMPLETE] = "incomplete", [CYCLE_FAILED] = "failed",       [CYCLE_CANCELLED] = "cancelled",
};

static const char *const event_names[CYCLE_EVENT_COUNT_] = {
    [CYCLE_START] = "start", [CYCLE_CHECKED] = "checked", [CYCLE_READY] = "ready", [CYCLE_STRAGGLER] = "straggler", [CYCLE_CUT] = "cut",
    [CYCLE_CAPTURED] = "captured", [CYCLE_NOTHING_LEFT] = "nothing-left",
    [CYCLE_COMMITTED] = "committed", [CYCLE_SEAL_FAILED] = "seal-failed",
    [CYCLE_RELEASED] = "released", [CYCLE_VERIFIED_FULL] = "verified-full",
    [CYCLE_VERIFIED_INCOMPLETE] = "verified-incomplete", [CYCLE_CANCEL] = "cancel",
    [CYCLE_RESTARTED] = "restarted", [CYCLE_UNWOUND_FAILED] = "unwound-failed",
    [CYCLE_UNWOUND_CANCELLED] = "unwound-cancelled",
};
/* clang-format on */

enum rc
cycle_fsm_next(enum cycle_state state, enum cycle_event event, enum cycle_state *next,
               struct error *e)
{
    uint8_t cell = table[state][event];
    if (cell == 0) {
        return error_set(e, RC_INVALID, "a cycle that is %s cannot take '%s'", state_names[state],
                         event_names[event]);
    }
    *next = (enum cycle_state)(cell - 1);
    return RC_OK;
}

bool
cycle_fsm_is_final(enum cycle_state state)
{
    return state == CYCLE_FULL || state == CYCLE_INCOMPLETE || state == CYCLE_FAILED ||
           state == CYCLE_CANCELLED;
}

bool
cycle_fsm_is_committed(enum cycle_state state)
{
    return state == CYCLE_RELEASING || state == CYCLE_VERIFYING || state == CYCLE_FULL ||
           state == CYCLE_INCOMPLETE;
}

const char *
cycle_fsm_state_name(enum cycle_state state)
{
    return state_names[state];
}

const char *
cycle_fsm_event_name(enum cycle_event event)
{
    return event_names[event];
}

enum rc
cycle_fsm_state_of(const char *name, enum cycle_state *out, struct error *e)
{
    for (unsigned s = 0; s < CYCLE_STATE_COUNT_; s++) {
        if (strcmp(state_names[s], name) == 0) {
            *out = (enum cycle_state)s;
            return RC_OK;
        }
    }
    return error_set(e, RC_CORRUPT, "'%.40s' is not a state of a cycle", name);
}
