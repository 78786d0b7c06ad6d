/*
 * dump.h -- one run of mariadb-dump, streamed to the collector and judged at its end.
 *
 *     TRY(dump_database(&dump, c, "roundcube", schema_only, count, &bytes, e));   // mariadb/roundcube.sql
 *     TRY(dump_accounts(&dump, c, e));                                            // mariadb/server/grants.sql
 *
 * Good only when the tool exits with 0 and its last line is the trailer; the collector drops the file
 * otherwise.  Rows are read in one transaction (--single-transaction); two dumps are two transactions.
 * Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_DUMP_H
#define AGENT_SOURCE_MARIADB_DUMP_H

#include "agent/source/source.h"

struct dump {
    struct source_step *step;
    const char *tool;          /* dump_find_tool */
    const char *defaults_file; /* NULL: root over the standard socket */
};

enum rc dump_find_tool(const char **out, struct error *e);
enum rc
dump_database(const struct dump *d, struct source_collector *c, const char *database,
              const char *const *schema_only, size_t count, uint64_t *bytes, struct error *e);
enum rc dump_accounts(const struct dump *d, struct source_collector *c, struct error *e);

#endif
