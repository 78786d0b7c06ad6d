/*
 * database.h -- a connection to a MariaDB server, and questions that answer in rows of text.
 *
 *     TRY(database_connect(defaults_file, &db, e));             // CLEANUP(database_freep)
 *     TRY(database_query(db, "SELECT ...", visit, ctx, e));       // texts in it: database_quote
 *
 * The option file's [client] section says who and where; without a file: root (whoever we run as)
 * over the standard socket.  Time limits: 10 s to connect, 60 s an answer.
 * A failed statement is RC_DENIED, RC_TIMEOUT (the server gave up waiting), RC_AGAIN (the connection is gone) or RC_IO.
 * Threads: one connection, one thread.  Layer: agent/source; uses libmariadb.
 */
#ifndef AGENT_SOURCE_MARIADB_DATABASE_H
#define AGENT_SOURCE_MARIADB_DATABASE_H

#include "common/base/arena.h"
#include "common/base/error.h"

struct database;
/* RC_AGAIN: nobody answers; RC_DENIED: refused, with the remedy. */
enum rc database_connect(const char *defaults_file, struct database **out, struct error *e);
void database_free(struct database *db);
DEFINE_FREEP(database)

/* One row; NULL for SQL's NULL.  Texts live until the next row. */
typedef enum rc
database_visit(void *ctx, const char *const *row, unsigned columns, struct error *e);
enum rc database_query(struct database *db, const char *sql, database_visit *visit, void *ctx,
                       struct error *e);
/* For answers whose columns differ from version to version: their names come first. */
typedef void database_column(void *ctx, const char *name, unsigned at);
enum rc database_table(struct database *db, const char *sql, database_column *column,
                       void *column_ctx, database_visit *visit, void *ctx, struct error *e);
/* Rows are dropped.  Of a compound statement the first result only: what it does after that it does while we go on. */
enum rc database_execute(struct database *db, const char *sql, struct error *e);
/* First column of the first row, in the arena; NULL when there is none. */
enum rc database_value(struct database *db, const char *sql, struct arena *a, const char **out,
                       struct error *e);
/* 'text' in quotes, escaped for this connection; NULL when out of memory. */
const char *database_quote(struct database *db, const char *text, struct arena *a);
int database_socket(const struct database *db); /* stays the connection's */

#endif
