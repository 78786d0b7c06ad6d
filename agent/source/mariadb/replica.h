/*
 * replica.h -- a read-only replica that stands still for a while, and goes on whatever happens to us.
 *
 *     TRY(replica_look(db, arena, &state, e));                 // replicates? healthy? how far behind?
 *     TRY(replica_need(&state, 300, e));                       // RC_AGAIN, RC_INVALID: why its data is no good source
 *     TRY(replica_stop(defaults_file, 60, arena, &r, e));      // the applier has stopped; r->position
 *     ...
 *     TRY(replica_start(r, e));                                // RC_IO: it did not stand still all the time
 *     replica_free(r);                                         // starts it if nobody has
 *
 * Who starts the applier when the agent dies: the server.  Before it is stopped, a second session, the guard, runs one compound
 * statement that waits and then starts it.  The server notices within five seconds that a guard's client is gone and stops waiting, and
 * then, too, starts the applier; a client that stands still is not waited for longer than `seconds`.  A process of ours that
 * watches would have to survive what kills us (a unit's stop kills all of its processes), and would need an account, too.
 *
 * Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_REPLICA_H
#define AGENT_SOURCE_MARIADB_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/source/mariadb/database.h"

struct replica_state {
    size_t count; /* of configured masters; 0: no replica */
    bool read_only;
    const char *trouble; /* of the first master that does not work; NULL: all do */
    uint64_t lag;        /* seconds, of the slowest */
};
/* RC_DENIED without the right to ask. */
enum rc
replica_look(struct database *db, struct arena *a, struct replica_state *out, struct error *e);
enum rc replica_need(const struct replica_state *state, uint64_t lag_limit, struct error *e);

struct replica;
/* `seconds`: how long it may stand still, whatever happens. */
enum rc replica_stop(const char *defaults_file, unsigned seconds, struct arena *a,
                     struct replica **out, struct error *e);
const char *replica_position(const struct replica *r); /* gtid_slave_pos where it stands */
enum rc replica_start(struct replica *r, struct error *e);
void replica_free(struct replica *r);
DEFINE_FREEP(replica)

#endif
