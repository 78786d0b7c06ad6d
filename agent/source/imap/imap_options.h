/*
 * imap_options.h -- the names that imapd.conf(5) of Cyrus 3.6.1 describes.
 *
 * Families of names (partition-<name>, sasl_<name>, <service>_<option>) are known by their form.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_IMAP_IMAP_OPTIONS_H
#define AGENT_SOURCE_IMAP_IMAP_OPTIONS_H

#include <stdbool.h>

bool imap_options_known(const char *name); /* in lower case */

#endif
