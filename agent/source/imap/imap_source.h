/*
 * imap_source.h -- the kind `imap`: everything a Cyrus imapd.conf names, and the list of mailboxes.
 *
 * What is read, what is not, and why: docs/architecture/sources.md.  Facts about the server were tried
 * with Cyrus 3.6.1.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_IMAP_IMAP_SOURCE_H
#define AGENT_SOURCE_IMAP_IMAP_SOURCE_H

#include "agent/source/source.h"

extern const struct source_kind imap_source_kind;

#define IMAP_SOURCE_KEYS                                                                           \
    {.name = "imapd-conf",                                                                         \
     .type = CONFIG_PATH,                                                                          \
     .fallback = "/etc/imapd.conf",                                                                \
     .help = "Cyrus's configuration; it says where everything is."},                               \
        {.name = "cyrus-conf",                                                                     \
         .type = CONFIG_PATH,                                                                      \
         .fallback = "/etc/cyrus.conf",                                                            \
         .help = "Cyrus's list of services and events."},                                          \
        {.name = "cyrus-user",                                                                     \
         .type = CONFIG_TEXT,                                                                      \
         .fallback = "cyrus",                                                                      \
         .help = "The user that Cyrus's tools run as."},                                           \
    {                                                                                              \
        .name = "tools-directory", .type = CONFIG_PATH,                                            \
        .help = "Where ctl_mboxlist is.  Without it: /usr/lib/cyrus/bin, /usr/lib/cyrus-imapd, "   \
                "/usr/sbin, the first that has it."                                                \
    }

#endif
