/*
 * lock.h -- a lock on a MariaDB server that lasts for a snapshot and never longer than its budget.
 *
 *     TRY(lock_open(&(struct lock_options){...}, arena, &lock, e));   // ready: connects; holds nothing
 *     TRY(lock_wait_for_others(lock, step, 10, e));                   // ready: statements that would make it wait
 *     TRY(lock_take(lock, &position, e));                             // freeze: commits stand still from here
 *     ... snapshots ...
 *     TRY(lock_release(lock, &times, e));                             // thaw: RC_STALE: it did not last so long
 *     lock_free(lock);                                                // ends the session, and with it any lock
 *
 * Two kinds.  `backup-stage` (MariaDB 10.4 and later): BACKUP STAGE START, FLUSH, BLOCK_DDL, BLOCK_COMMIT; waits for commits
 * only.  `read-lock`: FLUSH TABLES WITH READ LOCK; waits for every running statement, while new ones wait behind it.
 *
 * The budget begins with the first statement that makes others wait.  It is kept three times: each statement may wait until the
 * server gives up by itself (max_statement_time); a session that says nothing is ended by the server
 * (wait_timeout), so that a stopped or lost agent holds nothing; and a watchdog shuts the connection down, whatever the caller does.
 * The first two together end within the budget.
 *
 * Errors of lock_take: RC_TIMEOUT: not granted in time, with the statement that ran longest; nothing is held after any failure.
 * Threads: one at a time.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_LOCK_H
#define AGENT_SOURCE_MARIADB_LOCK_H

#include "agent/source/source.h"

enum { LOCK_BUDGET_MIN = 2, LOCK_BUDGET_MAX = 60, LOCK_BUDGET_DEFAULT = 5 };

enum lock_kind { LOCK_AUTO, LOCK_BACKUP_STAGE, LOCK_READ_LOCK };

struct lock_options {
    const char *defaults_file; /* as database_connect */
    enum lock_kind kind;       /* LOCK_AUTO: BACKUP STAGE where the server has it */
    unsigned budget;           /* seconds, LOCK_BUDGET_MIN..LOCK_BUDGET_MAX */
};

struct lock_position { /* as read under the lock; NULL: the server has none */
    const char *gtid_binlog, *gtid_slave, *binlog_file, *binlog_offset;
};

struct lock_times { /* microseconds */
    int64_t wait;   /* first blocking statement sent .. lock granted */
    int64_t hold;   /* granted .. released */
    int64_t stall;  /* first blocking statement sent .. released: what a writer may have waited */
};

struct lock;
enum rc
lock_open(const struct lock_options *options, struct arena *a, struct lock **out, struct error *e);
const char *lock_kind_name(const struct lock *lock); /* "backup-stage" or "read-lock" */
/* Until no statement is older than `seconds`, or the step's deadline: RC_TIMEOUT names it.  Only the read lock needs it. */
enum rc lock_wait_for_others(struct lock *lock, const struct source_step *step, unsigned seconds,
                             struct error *e);
enum rc lock_take(struct lock *lock, struct lock_position *position, struct error *e);
/* Without a lock (lock_take failed): RC_OK, and *times is {0}. */
enum rc lock_release(struct lock *lock, struct lock_times *times, struct error *e);
void lock_free(struct lock *lock);
DEFINE_FREEP(lock)

/* Has this version ("10.11.6-MariaDB-…") BACKUP STAGE? */
bool lock_version_has_stages(const char *version);

#endif
