/*
 * dump_trailer.h -- does a dump end with the line that mariadb-dump writes last?
 *
 *     struct dump_trailer t = DUMP_TRAILER_INIT;
 *     dump_trailer_feed(&t, bytes);  ...          // any slicing gives the same answer
 *     if (!dump_trailer_complete(&t)) ...
 *
 * The last line, without its end, must be "-- Dump completed" or begin with "-- Dump completed on ".  A row that holds
 * these words is no trailer: nothing may follow it.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_DUMP_TRAILER_H
#define AGENT_SOURCE_MARIADB_DUMP_TRAILER_H

#include <stdbool.h>

#include "common/base/span.h"

enum { DUMP_TRAILER_TAIL = 128 };

struct dump_trailer {
    uint8_t tail[DUMP_TRAILER_TAIL]; /* the last bytes seen */
    size_t len;
    uint64_t bytes;
};

#define DUMP_TRAILER_INIT ((struct dump_trailer){.len = 0})

void dump_trailer_feed(struct dump_trailer *t, struct span bytes);
bool dump_trailer_complete(const struct dump_trailer *t);

#endif
