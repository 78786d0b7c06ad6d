/*
 * secrets.h -- koffer-priv's directory (`private-directory`): which file is what.  Root's, 0700; the network side cannot enter.
 *
 *     keys/signing.key    Ed25519, signs archive records
 *     keys/receiving.key  X25519, opens restore orders
 *     keys/domain         32 secret bytes: same content, same blob (docs/formats/blob.md)
 *     host                lines "name", "vault", "domain", "controller" (its signing key): what enrolment told
 *     memory/<source>     of the last committed capture (docs/formats/memory.md)
 *     receipt             the host's last committed record
 *
 * Enrolling again makes new keys and keeps the domain: deduplication goes on.  It is looked for in keys, in keys.old (a crash in
 * secrets_commit), and where an agent of one process kept it; that directory may be the network side's, so no link is followed
 * there, and only a file of our own, closed to others, is believed.
 *
 *     TRY(secrets_make(s, &secrets, e));              // in keys.new; what was there before stays untouched
 *     TRY(secrets_commit(s, &secrets, e));            // `host` last: with it, and only then, they count
 *     TRY(secrets_load(s, &secrets, e));              // RC_NOT_FOUND, with the remedy, when not enrolled
 *
 * Layer: agent.
 */
#ifndef AGENT_DAEMON_SECRETS_H
#define AGENT_DAEMON_SECRETS_H

#include "agent/daemon/settings.h"
#include "common/base/own.h"
#include "common/blob/blob.h"
#include "common/crypto/keys.h"
#include "common/record/record.h"

struct secrets {
    struct keys_private *signing, *receiving;
    struct blob_domain domain;
    char host[LIMIT_LABEL + 1];
    struct record_vault_id vault;
    struct keys_public controller;
};

enum rc secrets_make(const struct settings *s, struct secrets *out, struct error *e);
/* With host, vault and controller filled in. */
enum rc secrets_commit(const struct settings *s, const struct secrets *secrets, struct error *e);
enum rc secrets_load(const struct settings *s, struct secrets *out, struct error *e);
void secrets_clear(struct secrets *s); /* for CLEANUP */

#endif
