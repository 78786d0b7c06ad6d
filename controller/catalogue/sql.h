/*
 * sql.h -- SQLite with our errors: one call to run a statement, a small object to read rows.
 *
 *     TRY(sql_run(db, e, "UPDATE peer SET version=? WHERE name=?", "tt", version, name));
 *
 *     CLEANUP(sql_freep) struct sql *rows = NULL;
 *     TRY(sql_query(db, &rows, e, "SELECT name, seen FROM peer WHERE role=?", "i", (int64_t)role));
 *     for (bool more; ; ) { TRY(sql_next(rows, &more, e)); if (!more) break; sql_text(rows, 0) ... }
 *
 * Parameters by letter: t const char * (NULL allowed), i int64_t, b const struct span *.
 * Threads: those of the database handle (one).  Layer: controller/catalogue.
 */
#ifndef CONTROLLER_CATALOGUE_SQL_H
#define CONTROLLER_CATALOGUE_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/own.h"
#include "common/base/span.h"

struct sqlite3;
struct sql;

enum rc sql_query(struct sqlite3 *db, struct sql **out, struct error *e, const char *text,
                  const char *types, ...);
enum rc sql_run(struct sqlite3 *db, struct error *e, const char *text, const char *types, ...);
/* Several statements without parameters. */
enum rc sql_script(struct sqlite3 *db, const char *text, struct error *e);
enum rc sql_next(struct sql *rows, bool *more, struct error *e);
const char *sql_text(struct sql *rows, int column); /* never NULL; until the next row */
int64_t sql_int(struct sql *rows, int column);
/* Copies exactly `len` bytes, or zeros when the column has another length. */
void sql_bytes(struct sql *rows, int column, void *out, size_t len);
void sql_free(struct sql *rows);
DEFINE_FREEP(sql)

/* A transaction that rolls back unless committed:  CLEANUP(sql_rollback) struct sql_transaction t = {0}; */
struct sql_transaction {
    struct sqlite3 *open;
};
enum rc sql_begin(struct sqlite3 *db, struct sql_transaction *t, struct error *e);
enum rc sql_commit(struct sql_transaction *t, struct error *e);
void sql_rollback(struct sql_transaction *t);

#endif
