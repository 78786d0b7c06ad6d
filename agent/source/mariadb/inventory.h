/*
 * inventory.h -- what there is to dump on a MariaDB server: databases, tables, what is special about them.
 *
 *     TRY(inventory_take(db, &(struct inventory_wishes){...}, arena, &inventory, e));
 *     for (i < inventory->count) ... inventory->databases[i].name, .schema_only
 *
 * All databases except information_schema, performance_schema and sys.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_INVENTORY_H
#define AGENT_SOURCE_MARIADB_INVENTORY_H

#include "agent/source/mariadb/rights.h"
#include "common/config/config.h"

enum { INVENTORY_DATABASES_MAX = 4096, INVENTORY_TABLES_MAX = 100000 };

struct inventory_database {
    const char *name, *create; /* "CREATE DATABASE ..." */
    const char **tables;       /* base tables */
    size_t table_count;
    uint64_t rows;            /* the server's estimate */
    const char **schema_only; /* of tables; rows are left out */
    size_t schema_only_count;
    const char *unsafe; /* tables whose engine has no transactions, "a, b and 3 more"; NULL */
};

struct inventory {
    struct inventory_database *databases;
    size_t count;
    const char *version, *binlog_pos, *current_pos, *slave_pos;
    const struct rights *rights;
    const char *binlog_file, *binlog_offset; /* NULL without a binary log or without the right */
};

struct inventory_wishes {
    bool cache_rows;                     /* keep rows of cache tables */
    const struct config_section *config; /* for the list schema-only */
};

/* RC_DENIED names the missing privilege and the GRANT to give. */
enum rc inventory_take(struct database *db, const struct inventory_wishes *wishes, struct arena *a,
                       const struct inventory **out, struct error *e);

#endif
