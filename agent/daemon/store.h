/*
 * store.h -- the agent's state directory: which file is what.
 *
 *     keys/tls.key        Ed25519, of the certificate
 *     keys/signing.key    Ed25519, signs archive records
 *     keys/receiving.key  X25519, opens restore orders
 *     keys/domain         32 secret bytes: same content, same blob (docs/formats/blob.md)
 *     agent.pem, ca.pem   certificates
 *     controller          lines "name", "control", "data", "vault", "domain": what enrolment told
 *     memory/<source>     of the last committed capture (docs/formats/memory.md)
 *     receipt             the host's last committed record
 *
 * Enrolling again replaces the keys of the certificate, and keeps the domain: deduplication goes on.
 * Layer: agent.
 */
#ifndef AGENT_DAEMON_STORE_H
#define AGENT_DAEMON_STORE_H

#include "agent/daemon/settings.h"
#include "common/base/own.h"
#include "common/blob/blob.h"
#include "common/crypto/certificate.h"
#include "common/crypto/token.h"
#include "common/record/record.h"

struct store {
    struct keys_private *signing, *receiving;
    char *ca_pem, *certificate_pem, *tls_key_pem;
    struct certificate_facts certificate;
    char *controller_name, *control_url;
    struct record_vault_id vault;
    struct blob_domain domain;
};

/* Dials the controller that the token names; what was there before stays untouched unless all goes well. */
enum rc store_enroll(const struct settings *s, const struct token *token, struct error *e);
enum rc store_load(const struct settings *s, struct store *out, struct error *e);
void store_clear(struct store *store); /* for CLEANUP */

#endif
