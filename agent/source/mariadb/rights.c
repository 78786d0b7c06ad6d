/* rights.c -- see rights.h. */
#include "agent/source/mariadb/rights.h"

#include <stdio.h>

#include "common/base/text.h"

/* Without one of the first four the server shows less instead of refusing: something would be missing silently. */
static const struct {
    const char *name;
    enum rights_for purpose;
} table[] = {
    {"SELECT", RIGHTS_DUMP},
    {"SHOW VIEW", RIGHTS_DUMP},
    {"TRIGGER", RIGHTS_DUMP},
    {"EVENT", RIGHTS_DUMP},
    {"RELOAD", RIGHTS_LOCK},
    {"BINLOG MONITOR", RIGHTS_LOCK},
    {"PROCESS", RIGHTS_READ_LOCK},
    {"SLAVE MONITOR", RIGHTS_REPLICA},
    {"REPLICATION SLAVE ADMIN", RIGHTS_REPLICA},
};
enum { TABLE = sizeof table / sizeof *table };

static enum rc
note_right(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    (void)columns;
    (void)e;
    struct rights *r = ctx;
    for (size_t i = 0; i < TABLE; i++)
        if (row[0] != NULL && text_equal(row[0], table[i].name))
            r->held |= 1U << i;
    return RC_OK;
}

enum rc
rights_ask(struct database *db, struct arena *a, const struct rights **out, struct error *e)
{
    /* As information_schema writes it; a user's name may hold an '@', a host's cannot. */
    static const char account[] =
        "SELECT CONCAT('\\'', LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - 1 -"
        " CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1))), '\\'@\\'',"
        " SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '\\'')";
    struct rights *r = arena_alloc(a, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "privileges");
    TRY(database_value(db, account, a, &r->account, e));
    if (r->account == NULL)
        return error_set(e, RC_IO, "MariaDB does not say who we are");
    const char *quoted = database_quote(db, r->account, a);
    const char *sql = quoted == NULL
                          ? NULL
                          : arena_printf(a,
                                         "SELECT PRIVILEGE_TYPE FROM "
                                         "information_schema.USER_PRIVILEGES WHERE GRANTEE = %s",
                                         quoted);
    if (sql == NULL)
        return error_set(e, RC_NO_MEMORY, "privileges");
    TRY_IN(database_query(db, sql, note_right, r, e), e, "privileges");
    *out = r;
    return RC_OK;
}

static size_t
list_missing(const struct rights *r, unsigned purposes, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < TABLE && len < size; i++)
        if ((purposes & table[i].purpose) != 0 && (r->held & (1U << i)) == 0)
            len += (size_t)snprintf(out + len, size - len, "%s%s", len == 0 ? "" : ", ",
                                    table[i].name);
    return len;
}

bool
rights_has(const struct rights *r, unsigned purposes)
{
    char missing[160];
    return list_missing(r, purposes, missing, sizeof missing) == 0;
}

enum rc
rights_need(const struct rights *r, unsigned purposes, struct error *e)
{
    char missing[160];
    if (list_missing(r, purposes, missing, sizeof missing) == 0)
        return RC_OK;
    return error_set(e, RC_DENIED, "the account %s lacks %s%s; GRANT %s ON *.* TO %s", r->account,
                     missing, purposes == RIGHTS_DUMP ? ", so that parts would be missing" : "",
                     missing, r->account);
}
