/*
 * snapshot_capture.h -- a server by the snapshot of its files: everything that a new server needs to recover to the cut.
 *
 * Made: mariadb/server/position.txt (as read under the lock), mariadb/server/grants.sql (accounts, as they are now), and
 * mariadb/server/<name of the index of binary logs> (see binlog_index.h).  Read: the roots of datadir.h, and /etc/mysql
 * as it is now.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_SNAPSHOT_CAPTURE_H
#define AGENT_SOURCE_MARIADB_SNAPSHOT_CAPTURE_H

#include "agent/source/mariadb/mariadb_cycle.h"

enum rc snapshot_capture(struct source_step *step, struct source_collector *c,
                         struct mariadb_cycle *cycle, struct error *e);

#endif
