/*
 * cache_tables.h -- which tables hold nothing but caches, from an exact list.
 *
 * A name counts only in a database that is what the list was made for: one with Roundcube's own
 * tables, or with the Kolab SMTP policy's.  A table `session` elsewhere is somebody's data, and an
 * unknown table is always kept.
 *
 * Pure.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_CACHE_TABLES_H
#define AGENT_SOURCE_MARIADB_CACHE_TABLES_H

#include <stdbool.h>
#include <stddef.h>

/* `tables`: all names of the database; is `name`, one of them, a cache? */
bool cache_tables_has(const char *const *tables, size_t count, const char *name);

#endif
