/*
 * mailbox_list.h -- watch the output of `ctl_mboxlist -d` (one JSON object, a member for each mailbox) pass by.
 *
 *     TRY(mailbox_list_new(&list, e));                   // CLEANUP(mailbox_list_freep)
 *     TRY(mailbox_list_feed(list, bytes, e));  ...       // any slicing gives the same answer
 *     TRY(mailbox_list_end(list, &summary, e));          // complete?
 *
 * Each member is checked by itself (jansson), so that the list of a large site does not have to fit
 * into memory as a document: what is kept of a mailbox is its name and uniqueid.  Two mailboxes with
 * one uniqueid share one directory: Debian's Cyrus 3.6.1 can make such (its ids come from a clock).  Entries whose mbtype
 * ends in 'd' are tombstones of deleted names and share the id of what they became.
 *
 * Total over any bytes: RC_CORRUPT.  Layer: agent/source; uses jansson.
 */
#ifndef AGENT_SOURCE_IMAP_MAILBOX_LIST_H
#define AGENT_SOURCE_IMAP_MAILBOX_LIST_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/own.h"
#include "common/base/span.h"

enum {
    MAILBOX_LIST_ENTRY_MAX = 4 * 1024 * 1024, /* one mailbox: an ACL of thousands of users */
    MAILBOX_LIST_NAMES_MAX = 256 * 1024 * 1024,
};

struct mailbox_list;

struct mailbox_list_summary {
    uint64_t mailboxes, tombstones;
};

enum rc mailbox_list_new(struct mailbox_list **out, struct error *e);
enum rc mailbox_list_feed(struct mailbox_list *l, struct span bytes, struct error *e);
enum rc mailbox_list_end(struct mailbox_list *l, struct mailbox_list_summary *out, struct error *e);
void mailbox_list_free(struct mailbox_list *l);
DEFINE_FREEP(mailbox_list)

/* After the end: every pair of live mailboxes with the same uniqueid. */
typedef void
mailbox_list_twins(void *ctx, const char *one, const char *other, const char *uniqueid);
void mailbox_list_find_twins(struct mailbox_list *l, mailbox_list_twins *found, void *ctx);

#endif
