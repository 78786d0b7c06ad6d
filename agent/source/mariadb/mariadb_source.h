/*
 * mariadb_source.h -- the kind `mariadb`: every database by mariadb-dump, accounts and grants, position.
 *
 * What is dumped, what is not, and why: docs/architecture/sources.md.  Facts about the server were
 * tried with MariaDB 10.11.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_MARIADB_SOURCE_H
#define AGENT_SOURCE_MARIADB_MARIADB_SOURCE_H

#include "agent/source/source.h"

extern const struct source_kind mariadb_source_kind;

#define MARIADB_SOURCE_KEYS                                                                        \
    {.name = "defaults-file",                                                                      \
     .type = CONFIG_PATH,                                                                          \
     .help = "Option file whose [client] section has user, password and socket or host, "          \
             "readable by root only.  Without it: root over the standard socket."},                \
        {.name = "schema-only",                                                                    \
         .type = CONFIG_LIST,                                                                      \
         .help = "More tables, as \"database.table\", whose rows are not worth keeping."},         \
    {                                                                                              \
        .name = "cache-rows", .type = CONFIG_BOOL, .fallback = "no",                               \
        .help = "Keep the rows of the known cache tables of Roundcube and Kolab as well."          \
    }

#endif
