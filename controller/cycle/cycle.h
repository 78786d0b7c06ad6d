/*
 * cycle.h -- runs one cycle over all sources (docs/architecture/cycle.md).
 *
 *     TRY(cycle_runner_new(&options, &runner, e));
 *     fleet_owner = cycle_fleet_owner(runner);                 // results, progress, losses come in here
 *     TRY(cycle_recover(runner, e));                           // what an earlier controller left behind
 *     TRY(cycle_start(runner, selection, count, "root", &number, e));
 *     ... cycle_tick(runner) at least once a second ...
 *
 * The state of the cycle is in the catalogue before anything is done about it (cycle_fsm.h).  Agents work at
 * the same time; of one agent's sources one is captured at a time.  A source that fails, or whose agent stays away for
 * CYCLE_GRACE_MS in the middle of a step, is lost to this cycle; the others go on.  Between check and capture there is
 * the barrier (docs/architecture/cut.md): all get ready, then all that are ready are told to cut in one turn of the loop; a
 * required source that is not ready in time ends the cycle before anybody was cut.  Sources of an agent that knows no
 * barrier (FLEET_CUT) pass it at once and are read live.  A capture whose session with the vault
 * was over (vault.h: leases) is ordered again; what it had sent is not sent twice.  Committing and verifying run
 * on a thread of their own and come back through the mailbox.
 *
 * Threads: one (the controller's loop).  Layer: controller/cycle.
 */
#ifndef CONTROLLER_CYCLE_CYCLE_H
#define CONTROLLER_CYCLE_CYCLE_H

#include "controller/cycle/cycle_fsm.h"
#include "controller/fleet/data.h"
#include "controller/fleet/fleet.h"
#include "controller/fleet/mailbox.h"

enum {
    CYCLE_GRACE_MS = 60000, /* an agent that was lost in a step may come back within this */
    CYCLE_CHECK_S = 300,    /* preflight */
    CYCLE_CUT_S = 60,       /* locks have a budget of seconds; the rest is for tools that hang */
    CYCLE_SEAL_S = 120,     /* signing one record */
    CYCLE_RELEASE_S = 120,  /* removing staging */
    CYCLE_UNWIND_S = 60,    /* waiting for cancelled steps before letting go */
    CYCLE_RESTARTS = 3,     /* a capture whose session was over begins again so often */
    CYCLE_STEPS = 16,       /* in flight at one agent: less than HUB_OUTSTANDING */
};

struct cycle_runner;

struct cycle_options {
    struct catalogue *catalogue; /* borrowed, as all below */
    struct vault *vault;
    struct data *data;
    struct mailbox *mailbox;
    const struct keys_private *signer;
    uint32_t capture_seconds; /* deadline of one capture */
    uint32_t ready_seconds;   /* until all sources must be ready for the cut */
};

enum cycle_source_state {
    CYCLE_SOURCE_WAITING,
    CYCLE_SOURCE_CHECK,
    CYCLE_SOURCE_CHECKED,
    CYCLE_SOURCE_READYING,
    CYCLE_SOURCE_READY,
    CYCLE_SOURCE_CUTTING,
    CYCLE_SOURCE_CUT, /* or read live: through the barrier */
    CYCLE_SOURCE_CAPTURE,
    CYCLE_SOURCE_CAPTURED,
    CYCLE_SOURCE_SEAL,
    CYCLE_SOURCE_SEALED,
    CYCLE_SOURCE_DONE,
    CYCLE_SOURCE_FAILED,
    CYCLE_SOURCE_CANCELLED,
    CYCLE_SOURCE_SKIPPED, /* not asked for */
};

struct cycle_source {
    char agent[LIMIT_LABEL + 1], source[LIMIT_LABEL + 1], kind[LIMIT_LABEL + 1];
    bool required;
    enum cycle_source_state state;
    uint64_t job;           /* of the step in flight; 0: none */
    Koffer__StepVerb verb;  /* of that step */
    struct mono deadline;   /* when we stop waiting for it */
    struct mono lost_until; /* {0}: its agent is here */
    bool begun, released;   /* something to release; done with it */
    bool unsaved;           /* was ordered something, and the catalogue does not know yet */
    bool barrier;           /* it was told to get ready, and so will be told to cut */
    bool late;              /* it was not ready in time */
    bool snapshotted;       /* its cut counts for the skew */
    struct wall cut_from, cut_until; /* by its agent's clock; {0}: none so far, or read live */
    struct record_clock clock;       /* its agent's, as measured in this cycle so far */
    bool incomplete;
    char problem[ERROR_TEXT_MAX], remedy[256];
    struct wall started, finished;
    struct record_totals totals;
    struct catalogue_progress progress; /* phase points to `phase` */
    char phase[64];
    uint64_t sequence;
    struct id previous, record_name, root;
    struct buffer record;     /* signed, until committed */
    struct vault_fence fence; /* keeps in the vault what was captured, until the cycle is over */
    bool forget;              /* the vault lacks what its agent believes stored there */
    unsigned restarts; /* captures begun again because their session with the vault was over */
};

struct cycle {
    uint64_t number;
    enum cycle_state state;
    struct wall started;
    char started_by[LIMIT_LABEL + 32];
    char problem[ERROR_TEXT_MAX];
    bool cancelled, working; /* a worker thread is committing or verifying */
    bool forget;             /* blobs are missing or damaged: agents must not trust their memory */
    uint64_t doubts;         /* of the vault, when it began */
    struct mono ready_until; /* {0}: nobody was told to get ready yet */
    struct mono unwind_until;
    size_t count;
    struct cycle_source *sources;
};

enum rc
cycle_runner_new(const struct cycle_options *options, struct cycle_runner **out, struct error *e);
void cycle_runner_free(struct cycle_runner *r); /* waits for the worker thread */
DEFINE_FREEP(cycle_runner)
struct fleet_owner cycle_fleet_owner(struct cycle_runner *r);
/* The fleet needs the owner and the runner needs the fleet: given afterwards. */
void cycle_set_fleet(struct cycle_runner *r, struct fleet *fleet);

/*
 * `selection`: "agent.source", "agent" or "source"; none means everything.  RC_EXISTS while a cycle is running, RC_NOT_FOUND when
 * a selector matches nothing.
 */
enum rc cycle_start(struct cycle_runner *r, const char *const *selection, size_t count,
                    const char *started_by, uint64_t *number, struct error *e);
/* number 0: whatever runs.  RC_NOT_FOUND when it does not run, RC_INVALID once it is committed. */
enum rc cycle_cancel(struct cycle_runner *r, uint64_t number, uint64_t *cancelled, struct error *e);
void cycle_tick(struct cycle_runner *r);
enum rc cycle_recover(struct cycle_runner *r, struct error *e);
/*
 * What cycle_recover found in the vault that is not what was committed: a record gone, another in its place, or one
 * that this controller never signed.  "" when nothing; as long as the runner.
 */
const char *cycle_vault_problem(const struct cycle_runner *r);
/* The running cycle, or NULL. */
const struct cycle *cycle_running(const struct cycle_runner *r);
struct catalogue_cut cycle_source_cut(const struct cycle_source *s);
const char *cycle_source_state_name(enum cycle_source_state state);

#endif
