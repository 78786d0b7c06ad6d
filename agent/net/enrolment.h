/*
 * enrolment.h -- `koffer-agent enroll`: root keeps the token's secret and the long-lived keys, a copy of ourselves that has become
 * the user of the network side talks to the controller.
 *
 *     TRY(enrolment_run(&settings, &token, e));
 *
 * The copy makes the TLS key, dials, and asks root's half for a proof over the connection's binding and its request for a
 * certificate; it never sees the token's secret, the signing key or the domain.  Root's half never parses what came over the
 * network: from the copy it takes packets of fixed shape, and of the controller's answer only the vault's id.
 * What was there before stays untouched unless all goes well.
 * Layer: agent/net.
 */
#ifndef AGENT_NET_ENROLMENT_H
#define AGENT_NET_ENROLMENT_H

#include "agent/daemon/settings.h"
#include "common/crypto/token.h"

enum rc enrolment_run(const struct settings *s, const struct token *token, struct error *e);

#endif
