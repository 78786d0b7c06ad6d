/*
 * table.h -- aligned columns.
 *
 *     CLEANUP(table_freep) struct table *t = NULL;
 *     TRY(table_new((const char *[]){"CYCLE", "STATE", ">SIZE", NULL}, &t, e));   // > aligns to the right
 *     table_put(t, "%" PRIu64, number); ...                                        // cell by cell
 *     TRY(table_print(t, stdout, e));
 *
 * Every cell is escaped, so foreign text may be put.  An empty table prints its titles.
 * Layer: common/base.
 */
#ifndef COMMON_BASE_TABLE_H
#define COMMON_BASE_TABLE_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/error.h"
#include "common/base/own.h"

struct table;

/* `titles` ends with NULL and is borrowed. */
enum rc table_new(const char *const *titles, struct table **out, struct error *e);
void table_free(struct table *t);
DEFINE_FREEP(table)

void table_put(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void table_put_size(struct table *t, uint64_t bytes);
void table_put_time(struct table *t, int64_t ns);
/* RC_NO_MEMORY when a cell could not be kept. */
enum rc table_print(const struct table *t, FILE *out, struct error *e);

#endif
