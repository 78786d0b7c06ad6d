/*
 * dump_capture.h -- a whole server by dumps: position, databases, accounts, then every database.
 *
 *     TRY(dump_capture(step, collector, inventory, e));
 *
 * Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_DUMP_CAPTURE_H
#define AGENT_SOURCE_MARIADB_DUMP_CAPTURE_H

#include "agent/source/mariadb/inventory.h"
#include "agent/source/source.h"

enum rc dump_capture(struct source_step *step, struct source_collector *c,
                     const struct inventory *v, struct error *e);

/* export/mariadb/server/position.txt: a remark, and a line for each name whose value is neither NULL nor empty; facts, too. */
struct dump_position {
    const char *name, *value;
};
enum rc
dump_capture_position(struct source_step *step, struct source_collector *c, const char *remark,
                      const struct dump_position *positions, size_t count, struct error *e);

#endif
