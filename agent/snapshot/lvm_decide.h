/*
 * lvm_decide.h -- the two decisions that must never be wrong: may this volume be removed, and how large shall a snapshot be.
 *
 *     rc = lvm_decide_removal(&report, volume, &claim, e);      // RC_OK: it is ours and nobody's data
 *     TRY(lvm_decide_size(&room, &bytes, e));                   // RC_NO_SPACE with the remedy
 *
 * Pure: no clock, no command, no file.  Layer: agent/snapshot, internal.
 */
#ifndef AGENT_SNAPSHOT_LVM_DECIDE_H
#define AGENT_SNAPSHOT_LVM_DECIDE_H

#include "agent/snapshot/ledger.h"
#include "agent/snapshot/lvm_report.h"

/* In whose name a removal is asked for. */
struct lvm_claim {
    const char *mark;   /* of our ledger, LEDGER_MARK_TEXT_SIZE */
    const char *origin; /* as the ledger says; NULL: the ledger does not know it any more */
    bool mounted;       /* the volume stands in the table of mounts: it is somebody's source */
};

/*
 * May `v`, one of the report's, be removed?  Only when all of this holds:
 *   its name is koffer_<cycle>_<what>_<serial>; it has the tags koffer, koffer_cycle_<that cycle>, koffer_agent_<mark>;
 *   nothing in its group is a snapshot of it, lies in it, or names it as its pool;
 *   it is a snapshot of `origin` (classic or thin), or a plain volume without origin or pool: what a killed lvcreate leaves;
 *   it is not mounted (RC_DENIED, as all above) and not open (RC_AGAIN: somebody looks at it).
 */
enum rc lvm_decide_removal(const struct lvm_report *report, const struct lvm_volume *v,
                           const struct lvm_claim *claim, struct error *e);

/* The cycle and serial that a name of ours says; false: it is not ours. */
bool lvm_decide_name(const char *name, uint64_t *cycle, uint64_t *serial);

struct lvm_room {
    const char *group, *name; /* of the origin, for the text */
    uint64_t origin, extent;
    uint64_t free, total; /* of the group; `free` without what is promised to others */
    uint64_t churned;     /* bytes that the last snapshot of it took; 0: never measured */
    uint64_t wanted;      /* as configured; 0: decide */
};
/*
 * The whole origin where there is room, for such a snapshot cannot overflow; otherwise the larger of 15 % of the origin and twice
 * what the last one took, and never less than 10 %; always a reserve of 5 % of the group stays free, so that snapshots can grow.
 */
enum rc lvm_decide_size(const struct lvm_room *room, uint64_t *out, struct error *e);

/* A thin pool takes no new snapshot above 80 % of data or metadata; one that has reached 90 % gets back what ours hold. */
enum { LVM_POOL_START_MAX = 800, LVM_POOL_LOST = 900 };
enum rc lvm_decide_pool(const struct lvm_volume *pool, struct error *e);

/* A classic snapshot grows at 60 %, by half of what it has; 0: it needs not. */
enum { LVM_GROW_AT = 600 };
uint64_t lvm_decide_growth(const struct lvm_status *status, uint64_t extent);

#endif
