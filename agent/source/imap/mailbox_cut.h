/*
 * mailbox_cut.h -- the list of mailboxes as it was at the cut.
 *
 *     TRY(mailbox_cut_prepare(step, conf, &path, e));     // an imapd.conf to run ctl_mboxlist with
 *
 * Cyrus's tools cannot read a database of a read-only snapshot: they lock it, and repair it where the
 * cut came in the middle of a write.  So the database is copied out of the snapshot into staging, in a folder
 * of Cyrus's user, beside an imapd.conf that says the same as the server's and points there (tried with Cyrus 3.6.1:
 * `mboxlist_db_path` and `configdirectory`).  What it makes is removed with the staging directory.
 *
 * RC_NOT_FOUND when the snapshot holds no such database.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_IMAP_MAILBOX_CUT_H
#define AGENT_SOURCE_IMAP_MAILBOX_CUT_H

#include "agent/source/imap/imap_conf.h"
#include "agent/source/source.h"

/* *conf_path lives in the report's arena. */
enum rc mailbox_cut_prepare(const struct source_step *step, const struct imap_conf *conf,
                            const char **conf_path, struct error *e);

#endif
