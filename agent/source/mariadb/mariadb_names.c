/* mariadb_names.c -- words of the keys, apart from all code: the network side reads a configuration without it. */
#include "agent/source/mariadb/mariadb_source.h"

const char *const mariadb_source_methods[] = {"auto", "snapshot", "replica", "dump", NULL};
const char *const mariadb_source_locks[] = {"auto", "backup-stage", "read-lock", NULL};
