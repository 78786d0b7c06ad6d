/*
 * ldap_source.h -- the kind `ldap`: every backend of the 389 Directory Server instances of this host.
 *
 * What is exported, what is not, and why: docs/architecture/sources.md.  Facts about the server were
 * tried with 389-ds 2.3.1.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_LDAP_LDAP_SOURCE_H
#define AGENT_SOURCE_LDAP_LDAP_SOURCE_H

#include "agent/source/source.h"

extern const struct source_kind ldap_source_kind;
extern const char *const ldap_source_replica_choices[];

/* The keys, as rows of a table: they stand in the kind's own table and in that of all kinds. */
#define LDAP_SOURCE_KEYS                                                                           \
    {.name = "config-directory",                                                                   \
     .type = CONFIG_PATH,                                                                          \
     .help = "Configuration directory of one instance, \"/etc/dirsrv/slapd-kolab\".  Without it: " \
             "every instance below /etc/dirsrv."},                                                 \
        {.name = "url",                                                                            \
         .type = CONFIG_TEXT,                                                                      \
         .help = "Where the instance listens, when not its own ldapi socket: "                     \
                 "\"ldap://localhost:389\".  Needs config-directory, bind-dn and password-file."}, \
        {.name = "bind-dn",                                                                        \
         .type = CONFIG_TEXT,                                                                      \
         .help = "Who to be; without it root is recognised over the ldapi socket (autobind)."},    \
        {.name = "password-file",                                                                  \
         .type = CONFIG_PATH,                                                                      \
         .help = "File with the password of bind-dn on its first line, readable by root only."},   \
    {                                                                                              \
        .name = "export-replica", .type = CONFIG_CHOICE, .fallback = "auto",                       \
        .choices = ldap_source_replica_choices,                                                    \
        .help = "Export replication state and tombstones: for replicated backends (auto), "        \
                "always (yes), never (no)."                                                        \
    }

#endif
