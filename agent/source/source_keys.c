/* source_keys.c -- the table of keys of a source: it needs no kind's code, so the network side can read a configuration. */
#include "agent/source/source.h"

#include "agent/source/files/files_source.h"
#include "agent/source/imap/imap_source.h"
#include "agent/source/ldap/ldap_source.h"
#include "agent/source/mariadb/mariadb_source.h"

static const char *const kind_names[] = {"ldap", "imap", "mariadb", "files", NULL};

const char *const source_snapshot_names[] = {"auto", "none", "btrfs", "lvm", NULL};

#define COMMON_KEYS                                                                                \
    {.name = "kind",                                                                               \
     .type = CONFIG_CHOICE,                                                                        \
     .required = true,                                                                             \
     .choices = kind_names,                                                                        \
     .help = "What it is: ldap (389 Directory Server), imap (Cyrus), mariadb, files."},            \
        {.name = "required",                                                                       \
         .type = CONFIG_BOOL,                                                                      \
         .fallback = "yes",                                                                        \
         .help = "A cycle that misses this source is incomplete and never counts as a full."},     \
        {.name = "snapshot",                                                                       \
         .type = CONFIG_CHOICE,                                                                    \
         .choices = source_snapshot_names,                                                         \
         .help = "How the paths are frozen for the cut: as the key of the same name outside of "   \
                 "sources, which says it for all that do not."},                                   \
    {                                                                                              \
        .name = "description", .type = CONFIG_TEXT, .help = "A remark for the operator."           \
    }

const struct config_key source_keys[] = {
    COMMON_KEYS, LDAP_SOURCE_KEYS, IMAP_SOURCE_KEYS, MARIADB_SOURCE_KEYS, FILES_SOURCE_KEYS, {0},
};

const struct config_key source_common_keys[] = {COMMON_KEYS, {0}};
