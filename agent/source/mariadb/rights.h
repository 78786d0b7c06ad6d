/*
 * rights.h -- does the account hold what is needed, and what to GRANT if not?
 *
 *     TRY(rights_ask(db, &rights, e));
 *     TRY(rights_need(&rights, RIGHTS_DUMP, e));
 *
 * Global privileges that are the account's own; the server does not show what it holds through a role.
 * Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_RIGHTS_H
#define AGENT_SOURCE_MARIADB_RIGHTS_H

#include "agent/source/mariadb/database.h"

enum rights_for {
    RIGHTS_DUMP = 1, /* to see every database whole */
    RIGHTS_LOCK = 2, /* to lock the server and read its position */
    RIGHTS_READ_LOCK =
        4,              /* to see the statements that FLUSH TABLES WITH READ LOCK would wait for */
    RIGHTS_REPLICA = 8, /* to see how replication is, and to stop and start its applier */
};

struct rights {
    const char *account; /* 'user'@'host', as in GRANT */
    unsigned held;       /* a bit for each line of the table in rights.c */
};

/* Texts live in the arena. */
enum rc
rights_ask(struct database *db, struct arena *a, const struct rights **out, struct error *e);
/* RC_DENIED: names what is missing, what for, and the GRANT; `purposes` are joined by |. */
enum rc rights_need(const struct rights *r, unsigned purposes, struct error *e);
/* The same as an answer. */
bool rights_has(const struct rights *r, unsigned purposes);

#endif
