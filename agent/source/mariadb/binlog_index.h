/*
 * binlog_index.h -- the list of binary logs, such that it is right wherever the data directory lies.
 *
 *     TRY(binlog_index_move(old, &out, e));    // "/var/lib/mysql/binlog.000007\n" -> "./binlog.000007\n"
 *
 * With an absolute `log-bin` the server writes absolute names into its index.  A server started on a copy of the data directory
 * then opens, writes to and purges the binary logs of the server that the copy was made of.  "./" is taken as the
 * directory of `log-bin` of whoever reads it.  Pure.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_BINLOG_INDEX_H
#define AGENT_SOURCE_MARIADB_BINLOG_INDEX_H

#include "common/base/buffer.h"

/* Appends to `out`.  RC_CORRUPT: not a list of names. */
enum rc binlog_index_move(struct span old, struct buffer *out, struct error *e);

#endif
