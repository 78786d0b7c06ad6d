/*
 * choice.h -- by which of three methods a server is read.
 *
 *     TRY(choice_make(step->config, db, rights, arena, &choice, e));
 *
 * `method = auto`: a healthy read-only replica is stopped for the cut; another server is snapshotted where its files are on this host and
 * the account may lock it; otherwise it is dumped, and `why` says why.  A replica that is broken or lags is refused,
 * not read by another method: its data is old, and nobody would notice.  Whether the volumes can be snapshotted is found out
 * later, by whoever plans snapshots.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_CHOICE_H
#define AGENT_SOURCE_MARIADB_CHOICE_H

#include "agent/source/mariadb/datadir.h"
#include "agent/source/mariadb/rights.h"
#include "common/config/config.h"

enum choice_method { CHOICE_AUTO, CHOICE_SNAPSHOT, CHOICE_REPLICA, CHOICE_DUMP };

struct choice {
    enum choice_method method; /* never CHOICE_AUTO */
    bool automatic;            /* the configuration left it to us */
    struct datadir *files;     /* what a snapshot would hold; NULL: it cannot be one */
    const char *why;           /* nothing better was possible, and the remedy; NULL */
};

/* Which of the NULL-ended names the configuration has. */
unsigned
choice_index(const struct config_section *config, const char *key, const char *const *names);

enum rc
choice_make(const struct config_section *config, struct database *db, const struct rights *rights,
            struct arena *a, struct choice *out, struct error *e);

#endif
