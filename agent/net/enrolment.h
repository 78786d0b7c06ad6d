/*
 * enrolment.h -- `koffer-agent enroll`: root keeps the token's secret and the long-lived keys, a copy of ourselves that has become
 * the user of the network side talks to the controller.
 *
 *     CLEANUP(enrolment_close) struct enrolment n = ENROLMENT_INIT;
 *     TRY(enrolment_open(&settings, &n, e));      // the copy starts: nothing secret may be in our memory yet
 *     ... read the token ...
 *     TRY(enrolment_run(&n, &token, e));
 *
 * The copy makes the TLS key, dials, and asks root's half for a proof over the connection's binding and its request for a
 * certificate; neither the token's secret nor the signing key
 * nor the domain was ever in its memory: it starts before root's half reads or makes them, and gets the token without its secret.  Root's half never parses what came over the
 * network: from the copy it takes packets of fixed shape, and of the controller's answer only the vault's id.
 * What was there before stays untouched unless all goes well.
 * Layer: agent/net.
 */
#ifndef AGENT_NET_ENROLMENT_H
#define AGENT_NET_ENROLMENT_H

#include "agent/daemon/settings.h"
#include "common/crypto/token.h"
#include "common/sys/privilege.h"
#include "common/sys/process_half.h"

struct enrolment {
    const struct settings *settings; /* borrowed */
    struct privilege_account account;
    struct process_half half; /* pid 0: none */
};

#define ENROLMENT_INIT                                                                             \
    {                                                                                              \
        .settings = NULL, .half = {.fd = -1 }                                                      \
    }

enum rc enrolment_open(const struct settings *s, struct enrolment *out, struct error *e);
/* Once; the token is not kept. */
enum rc enrolment_run(struct enrolment *n, const struct token *token, struct error *e);
void enrolment_close(struct enrolment *n); /* for CLEANUP: ends a copy that still waits */

#endif
