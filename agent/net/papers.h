/*
 * papers.h -- the network side's directory (`state-directory`): what it needs to meet the controller, and nothing else.
 *
 *     keys/tls.key        Ed25519, of the certificate
 *     agent.pem, ca.pem   certificates
 *     identity.pem        key and certificate in one, since they were renewed: counts instead of the two above
 *     controller          lines "name", "control", "data", "vault": what enrolment told
 *
 *     TRY(papers_save(directory, key, &result, e));     // enrolment: the certificate last, with it the rest counts
 *     TRY(papers_load(directory, &papers, e));
 *
 * The user of the network side owns it, 0700.  Layer: agent/net.
 */
#ifndef AGENT_NET_PAPERS_H
#define AGENT_NET_PAPERS_H

#include "common/crypto/certificate.h"
#include "proto/enroll.h"

struct papers {
    char *ca_pem, *certificate_pem, *tls_key_pem;
    struct certificate_facts certificate;
    char *controller_name, *control_url;
    struct record_vault_id vault;
};

enum rc papers_save(const char *directory, const struct keys_private *tls,
                    const struct enroll_result *result, struct error *e);
/* A renewed certificate with its key: one file, so that a crash leaves the old pair or the new one. */
enum rc papers_renew(const char *directory, const struct keys_private *tls, const char *certificate,
                     struct error *e);
enum rc papers_load(const char *directory, struct papers *out, struct error *e);
void papers_clear(struct papers *p); /* for CLEANUP */

#endif
