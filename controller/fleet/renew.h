/*
 * renew.h -- a new certificate for a peer that has one: same name, new key, over the connection that the old one made.
 *
 *     TRY(renew_certificate(&renew, &event->tls, request_pem, &pem, e));
 *
 * The catalogue knows of it, durably, before it is given; the old one counts until the new one is used (fleet_admit).  So a
 * crash at any point, on either side, leaves the peer with a certificate that counts.
 * Threads: one (the controller's loop).  Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_RENEW_H
#define CONTROLLER_FLEET_RENEW_H

#include "controller/audit/audit.h"
#include "controller/catalogue/catalogue.h"
#include "proto/tls.h"

struct renew {
    struct catalogue *catalogue; /* borrowed, as all below */
    struct audit *audit; /* holds an agent's renewal before it is made; the api keeps operators' */
    const struct keys_private *ca_key;
    const char *ca_pem;
    int64_t seconds; /* life of the certificates */
};

/* *pem is malloc'ed.  RC_DENIED for another name than the peer's; RC_INVALID for its old key. */
enum rc renew_certificate(const struct renew *r, const struct tls_peer *peer, const char *request,
                          char **pem, struct error *e);

#endif
