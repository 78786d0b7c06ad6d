/*
 * renew.h -- a new certificate for a peer that has one: same name, new key, over the connection that the old one made.
 *
 *     TRY(renew_certificate(&renew, &event->tls, request_pem, &pem, e));
 *
 * The catalogue knows of it, durably, before it is given; the old one counts until the new one is used (fleet_admit).  So a
 * crash at any point, on either side, leaves the peer with a certificate that counts.
 *
 * One costs a signature, a synced write of the catalogue and one of the audit log; so a peer gets at most RENEW_PER_LIFE of
 * them in a certificate's life, and who asks before that costs nothing.
 * Threads: one (the controller's loop).  Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_RENEW_H
#define CONTROLLER_FLEET_RENEW_H

#include "controller/audit/audit.h"
#include "controller/catalogue/catalogue.h"
#include "proto/tls.h"

enum { RENEW_PER_LIFE = 20 };

struct renew {
    struct catalogue *catalogue; /* borrowed, as all below */
    struct audit *audit;         /* holds a renewal before it is made */
    const struct keys_private *ca_key;
    const char *ca_pem;
    int64_t seconds; /* life of the certificates */
};

/*
 * *pem is malloc'ed; `role`: the peer's, for the audit log.  RC_DENIED for another name than the peer's; RC_INVALID for its old
 * key; RC_AGAIN, and when, so soon after the last one.
 */
enum rc renew_certificate(const struct renew *r, const struct tls_peer *peer, const char *role,
                          const char *request, struct wall now, char **pem, struct error *e);

#endif
