/* sql.c -- see sql.h. */
#include "controller/catalogue/sql.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct sql {
    sqlite3_stmt *statement;
};

static enum rc
failed(sqlite3 *db, const char *text, struct error *e)
{
    int code = sqlite3_errcode(db) & 0xff;
    enum rc rc = code == SQLITE_FULL                               ? RC_NO_SPACE
                 : code == SQLITE_NOMEM                            ? RC_NO_MEMORY
                 : code == SQLITE_BUSY                             ? RC_AGAIN
                 : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? RC_CORRUPT
                                                                   : RC_IO;
    return error_set(e, rc, "catalogue: %s (in \"%.60s\")", sqlite3_errmsg(db), text);
}

static int
bind_one(sqlite3_stmt *s, int at, char type, va_list *args)
{
    if (type == 'i')
        return sqlite3_bind_int64(s, at, va_arg(*args, int64_t));
    if (type == 't')
        return sqlite3_bind_text(s, at, va_arg(*args, const char *), -1, SQLITE_TRANSIENT);
    const struct span *bytes = va_arg(*args, const struct span *);
    return sqlite3_bind_blob64(s, at, bytes->data, bytes->len, SQLITE_TRANSIENT);
}

static enum rc
prepare(sqlite3 *db, struct sql **out, struct error *e, const char *text, const char *types,
        va_list *args)
{
    CLEANUP(sql_freep) struct sql *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return error_set(e, RC_NO_MEMORY, "statement");
    if (sqlite3_prepare_v2(db, text, -1, &rows->statement, NULL) != SQLITE_OK)
        return failed(db, text, e);
    for (int i = 0; types[i] != '\0'; i++)
        if (bind_one(rows->statement, i + 1, types[i], args) != SQLITE_OK)
            return failed(db, text, e);
    *out = TAKE(rows);
    return RC_OK;
}

enum rc
sql_query(struct sqlite3 *db, struct sql **out, struct error *e, const char *text,
          const char *types, ...)
{
    va_list args;
    va_start(args, types);
    enum rc rc = prepare(db, out, e, text, types, &args);
    va_end(args);
    return rc;
}

enum rc
sql_run(struct sqlite3 *db, struct error *e, const char *text, const char *types, ...)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    va_list args;
    va_start(args, types);
    enum rc rc = prepare(db, &rows, e, text, types, &args);
    va_end(args);
    if (rc != RC_OK)
        return rc;
    int step = sqlite3_step(rows->statement);
    return step == SQLITE_DONE || step == SQLITE_ROW ? RC_OK : failed(db, text, e);
}

enum rc
sql_script(struct sqlite3 *db, const char *text, struct error *e)
{
    return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK ? RC_OK : failed(db, text, e);
}

enum rc
sql_next(struct sql *rows, bool *more, struct error *e)
{
    int step = sqlite3_step(rows->statement);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return failed(sqlite3_db_handle(rows->statement), sqlite3_sql(rows->statement), e);
    *more = step == SQLITE_ROW;
    return RC_OK;
}

const char *
sql_text(struct sql *rows, int column)
{
    const unsigned char *text = sqlite3_column_text(rows->statement, column);
    return text == NULL ? "" : (const char *)text;
}

int64_t
sql_int(struct sql *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

void
sql_bytes(struct sql *rows, int column, void *out, size_t len)
{
    const void *bytes = sqlite3_column_blob(rows->statement, column);
    if (bytes != NULL && (size_t)sqlite3_column_bytes(rows->statement, column) == len)
        memcpy(out, bytes, len);
    else
        memset(out, 0, len);
}

void
sql_free(struct sql *rows)
{
    if (rows == NULL)
        return;
    (void)sqlite3_finalize(rows->statement); /* repeats the error of the last step */
    free(rows);
}

enum rc
sql_begin(struct sqlite3 *db, struct sql_transaction *t, struct error *e)
{
    TRY(sql_script(db, "BEGIN IMMEDIATE", e));
    t->open = db;
    return RC_OK;
}

enum rc
sql_commit(struct sql_transaction *t, struct error *e)
{
    TRY(sql_script(t->open, "COMMIT", e));
    t->open = NULL;
    return RC_OK;
}

void
sql_rollback(struct sql_transaction *t)
{
    struct error ignored = ERROR_INIT;
    if (t->open != NULL)
        (void)sql_script(t->open, "ROLLBACK", &ignored);
    t->open = NULL;
}
