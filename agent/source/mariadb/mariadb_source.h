/*
 * mariadb_source.h -- the kind `mariadb`: a server by a snapshot under a lock, from a replica that stands still, or by dumps.
 *
 * What is read, what is not, and why: docs/architecture/sources.md.  Facts about the server were
 * tried with MariaDB 10.11.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_MARIADB_SOURCE_H
#define AGENT_SOURCE_MARIADB_MARIADB_SOURCE_H

#include "agent/source/source.h"

extern const struct source_kind mariadb_source_kind;
/* Names in the order of enum choice_method and enum lock_kind, NULL at the end. */
extern const char *const mariadb_source_methods[], *const mariadb_source_locks[];

#define MARIADB_SOURCE_KEYS                                                                        \
    {.name = "defaults-file",                                                                      \
     .type = CONFIG_PATH,                                                                          \
     .help = "Option file whose [client] section has user, password and socket or host, "          \
             "readable by root only.  Without it: root over the standard socket."},                \
        {.name = "method",                                                                         \
         .type = CONFIG_CHOICE,                                                                    \
         .fallback = "auto",                                                                       \
         .choices = mariadb_source_methods,                                                        \
         .help = "How it is read: snapshot (of its files, under a lock), replica (a read-only "    \
                 "replica whose applier stands still), dump (mariadb-dump), or auto: replica if "  \
                 "it is one, else snapshot if its files can be snapshotted, else dump."},          \
        {.name = "lock",                                                                           \
         .type = CONFIG_CHOICE,                                                                    \
         .fallback = "auto",                                                                       \
         .choices = mariadb_source_locks,                                                          \
         .help = "The lock of a snapshot: backup-stage (BACKUP STAGE, MariaDB 10.4), read-lock "   \
                 "(FLUSH TABLES WITH READ LOCK), or auto: the former where the server has it."},   \
        {.name = "lock-budget",                                                                    \
         .type = CONFIG_DURATION,                                                                  \
         .fallback = "5s",                                                                         \
         .min = 2,                                                                                 \
         .max = 60,                                                                                \
         .help = "How long writers may be kept waiting for a snapshot, in all; then agent and "    \
                 "server let go, each without the other, and the cut has failed."},                \
        {.name = "long-query",                                                                     \
         .type = CONFIG_DURATION,                                                                  \
         .fallback = "10s",                                                                        \
         .min = 1,                                                                                 \
         .max = 86400,                                                                             \
         .help = "With the read lock: statements that have run longer are waited for before "      \
                 "the cut."},                                                                      \
        {.name = "replica-lag",                                                                    \
         .type = CONFIG_DURATION,                                                                  \
         .fallback = "5m",                                                                         \
         .max = 604800,                                                                            \
         .help = "A replica that is further behind is refused."},                                  \
        {.name = "replica-hold",                                                                   \
         .type = CONFIG_DURATION,                                                                  \
         .fallback = "1h",                                                                         \
         .min = 5,                                                                                 \
         .max = 86400,                                                                             \
         .help = "How long a replica may stand still while it is dumped.  Then its server starts " \
                 "the applier by itself, and the dump has failed."},                               \
        {.name = "schema-only",                                                                    \
         .type = CONFIG_LIST,                                                                      \
         .help =                                                                                   \
             "More tables, as \"database.table\", whose rows are not worth keeping in a dump."},   \
    {                                                                                              \
        .name = "cache-rows", .type = CONFIG_BOOL, .fallback = "no",                               \
        .help = "Keep the rows of the known cache tables of Roundcube and Kolab in dumps as well." \
    }

#endif
