/* database.c -- see database.h. */
#include "agent/source/mariadb/database.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdio.h>

#include "common/sys/file.h"

enum { CONNECT_SECONDS = 10, ANSWER_SECONDS = 60 };

struct database {
    MYSQL *server;
};

static enum rc
refused(MYSQL *server, const char *defaults_file, struct error *e)
{
    unsigned code = mysql_errno(server);
    const char *words = mysql_error(server);
    switch (code) {
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
        if (defaults_file == NULL)
            return error_set(e, RC_DENIED,
                             "%s; set 'defaults-file' to a file with user and "
                             "password",
                             words);
        return error_set(e, RC_DENIED, "%s; correct user and password in '%s'", words,
                         defaults_file);
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_SERVER_LOST:
    case ER_SERVER_SHUTDOWN:
        return error_set(e, RC_AGAIN,
                         "cannot connect: %s; is the server running? systemctl start "
                         "mariadb",
                         words);
    case ER_CON_COUNT_ERROR:
        return error_set(e, RC_AGAIN, "%s", words);
    default:
        return error_set(e, RC_IO, "cannot connect: %s (error %u)", words, code);
    }
}

enum rc
database_connect(const char *defaults_file, struct database **out, struct error *e)
{
    const unsigned connect = CONNECT_SECONDS, answer = ANSWER_SECONDS;
    CLEANUP(database_freep) struct database *db = calloc(1, sizeof *db);
    if (db == NULL || (db->server = mysql_init(NULL)) == NULL)
        return error_set(e, RC_NO_MEMORY, "connection to MariaDB");
    if (defaults_file != NULL) {
        TRY(file_check_private("defaults-file", defaults_file, e));
        (void)mysql_options(db->server, MYSQL_READ_DEFAULT_FILE, defaults_file);
        (void)mysql_options(db->server, MYSQL_READ_DEFAULT_GROUP, "client");
    }
    (void)mysql_options(db->server, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    (void)mysql_options(db->server, MYSQL_OPT_READ_TIMEOUT, &answer);
    (void)mysql_options(db->server, MYSQL_OPT_WRITE_TIMEOUT, &answer);
    (void)mysql_options(db->server, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(db->server, NULL, NULL, NULL, NULL, 0, NULL, CLIENT_MULTI_RESULTS) ==
        NULL)
        return refused(db->server, defaults_file, e);
    *out = TAKE(db);
    return RC_OK;
}

void
database_free(struct database *db)
{
    if (db == NULL)
        return;
    if (db->server != NULL)
        mysql_close(db->server);
    free(db);
}

static enum rc
failed(struct database *db, const char *sql, struct error *e)
{
    unsigned code = mysql_errno(db->server);
    enum rc rc = RC_IO;
    if (code == ER_SPECIFIC_ACCESS_DENIED_ERROR || code == ER_TABLEACCESS_DENIED_ERROR ||
        code == ER_DBACCESS_DENIED_ERROR)
        rc = RC_DENIED;
    else if (code == ER_LOCK_WAIT_TIMEOUT || code == ER_STATEMENT_TIMEOUT)
        rc = RC_TIMEOUT;
    else if (code == CR_SERVER_LOST || code == CR_SERVER_GONE_ERROR ||
             code == ER_CONNECTION_KILLED || code == ER_SERVER_SHUTDOWN)
        rc = RC_AGAIN;
    return error_set(e, rc, "%s (error %u, asking: %.100s)", mysql_error(db->server), code, sql);
}

/* Rows beyond the first failing visit are read and dropped, so that the connection stays usable. */
static void
tell_columns(MYSQL_RES *rows, unsigned columns, database_column *column, void *ctx)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(rows);
    for (unsigned i = 0; column != NULL && i < columns; i++)
        column(ctx, fields[i].name, i);
}

enum rc
database_table(struct database *db, const char *sql, database_column *column, void *column_ctx,
               database_visit *visit, void *ctx, struct error *e)
{
    if (mysql_query(db->server, sql) != 0)
        return failed(db, sql, e);
    MYSQL_RES *rows = mysql_use_result(db->server);
    if (rows == NULL)
        return mysql_errno(db->server) == 0 ? RC_OK : failed(db, sql, e);
    enum rc rc = RC_OK;
    unsigned columns = mysql_num_fields(rows);
    tell_columns(rows, columns, column, column_ctx);
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(rows)) != NULL)
        if (rc == RC_OK)
            rc = visit(ctx, (const char *const *)row, columns, e);
    bool lost = mysql_errno(db->server) != 0;
    if (rc == RC_OK && lost)
        rc = failed(db, sql, e);
    mysql_free_result(rows);
    return rc;
}

enum rc
database_query(struct database *db, const char *sql, database_visit *visit, void *ctx,
               struct error *e)
{
    return database_table(db, sql, NULL, NULL, visit, ctx, e);
}

static enum rc
skip_row(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    (void)ctx;
    (void)row;
    (void)columns;
    (void)e;
    return RC_OK;
}

enum rc
database_execute(struct database *db, const char *sql, struct error *e)
{
    return database_query(db, sql, skip_row, NULL, e);
}

int
database_socket(const struct database *db)
{
    return mysql_get_socket(db->server);
}

struct value {
    struct arena *arena;
    const char *text;
    bool full;
};

static enum rc
keep_first(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    struct value *v = ctx;
    if (v->full || columns == 0)
        return RC_OK;
    v->full = true;
    if (row[0] == NULL)
        return RC_OK;
    v->text = arena_printf(v->arena, "%s", row[0]);
    return v->text == NULL ? error_set(e, RC_NO_MEMORY, "answer of MariaDB") : RC_OK;
}

enum rc
database_value(struct database *db, const char *sql, struct arena *a, const char **out,
               struct error *e)
{
    struct value value = {.arena = a};
    TRY(database_query(db, sql, keep_first, &value, e));
    *out = value.text;
    return RC_OK;
}

const char *
database_quote(struct database *db, const char *text, struct arena *a)
{
    size_t len = strlen(text);
    char *out = arena_alloc(a, 2 * len + 3);
    if (out == NULL)
        return NULL;
    out[0] = '\'';
    unsigned long used = mysql_real_escape_string(db->server, out + 1, text, len);
    out[1 + used] = '\'';
    return out;
}
