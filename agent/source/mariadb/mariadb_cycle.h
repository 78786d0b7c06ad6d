/*
 * mariadb_cycle.h -- what the steps of one cycle share: the method, the lock, the replica that stands still.
 *
 *     paths   mariadb_cycle_paths     chooses the method, names the server's files
 *     ready   mariadb_cycle_ready     opens the session of the lock, waits for statements that run long
 *     freeze  mariadb_cycle_freeze    stops the applier, takes the lock
 *     thaw    mariadb_cycle_thaw      lets go; a replica that was snapshotted goes on
 *     capture mariadb_cycle_of, and what follows from its method
 *     release mariadb_cycle_release
 *
 * It hangs on step->memory.  Without ready and freeze (nobody calls them) a server is dumped.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_MARIADB_CYCLE_H
#define AGENT_SOURCE_MARIADB_MARIADB_CYCLE_H

#include "agent/source/mariadb/choice.h"
#include "agent/source/mariadb/lock.h"
#include "agent/source/mariadb/replica.h"
#include "agent/source/source.h"

struct mariadb_cycle {
    struct arena *arena;
    struct choice choice;
    struct lock *lock;            /* between ready and thaw */
    struct replica *replica;      /* while it stands still */
    const char *replica_position; /* gtid_slave_pos where it stood; NULL: it never did */
    const char *lock_kind;
    struct lock_position position;
    struct lock_times times;
    bool cut; /* the lock lasted until the snapshots were taken */
};

enum rc mariadb_cycle_paths(struct source_step *step, struct source_places *p, struct error *e);
enum rc mariadb_cycle_ready(struct source_step *step, struct error *e);
enum rc mariadb_cycle_freeze(struct source_step *step, struct error *e);
enum rc mariadb_cycle_thaw(struct source_step *step, struct error *e);
/* That of this cycle; NULL when nothing but a dump was prepared. */
struct mariadb_cycle *mariadb_cycle_of(const struct source_step *step);
/* For a dump of a replica: it stands still from here on, if it does not yet. */
enum rc mariadb_cycle_stop(struct source_step *step, struct mariadb_cycle *c, struct error *e);
enum rc mariadb_cycle_start(struct mariadb_cycle *c, struct error *e);
void mariadb_cycle_release(struct source_step *step);

#endif
