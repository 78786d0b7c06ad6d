/*
 * cli_table.h -- aligned columns.
 *
 *     CLEANUP(cli_table_freep) struct cli_table *t = NULL;
 *     TRY(cli_table_new((const char *[]){"CYCLE", "STATE", ">SIZE", NULL}, &t, e));   // > aligns to the right
 *     cli_table_put(t, "%" PRIu64, number); ...                                        // cell by cell
 *     TRY(cli_table_print(t, stdout, e));
 *
 * Every cell is escaped, so foreign text may be put.  An empty table prints its titles.
 * Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_TABLE_H
#define CONTROLLER_CLI_CLI_TABLE_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/error.h"
#include "common/base/own.h"

struct cli_table;

/* `titles` ends with NULL and is borrowed. */
enum rc cli_table_new(const char *const *titles, struct cli_table **out, struct error *e);
void cli_table_free(struct cli_table *t);
DEFINE_FREEP(cli_table)

void cli_table_put(struct cli_table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void cli_table_put_size(struct cli_table *t, uint64_t bytes);
void cli_table_put_time(struct cli_table *t, int64_t ns);
/* RC_NO_MEMORY when a cell could not be kept. */
enum rc cli_table_print(const struct cli_table *t, FILE *out, struct error *e);

#endif
