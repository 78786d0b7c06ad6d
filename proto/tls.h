/*
 * tls.h -- our OpenSSL TLS 1.3 engine for nng 1.5.2, and who is at the other end.
 *
 * Debian's libnng carries mbedTLS: TLS 1.2 at most, no peer identity, and two bugs that leak dead
 * connections and kill listeners.  tls_start() registers an engine that replaces it for the whole process: TLS 1.3 only,
 * mutual certificates, exactly one koffer:// URI SAN, no tickets, a handshake deadline of 10 s,
 * at most TLS_PENDING_MAX unfinished handshakes, and a work-around for both bugs (nng_stream_get_addr
 * on EAGAIN; it relies on nng_stream being the first member of nng's tls_conn, so tls_start()
 * refuses another nng major version and runs a self-test).
 *
 * A client always names the peer it expects: `expect` is either a URI ("koffer://controller/name",
 * checked with the CA) or "pin:<64 hex>" (SHA-256 of the SubjectPublicKeyInfo, no CA: enrolment).
 * Every refused handshake is logged on our side with the X.509 reason and the peer's claimed name.
 *
 * Threads: tls_start before any other call of proto/, from one thread; again it does nothing.  Layer: proto.
 */
#ifndef PROTO_TLS_H
#define PROTO_TLS_H

#include <string.h>

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/crypto/certificate.h"

enum { TLS_PENDING_MAX = 64, TLS_HANDSHAKE_MS = 10000 };

enum rc tls_start(struct error *e);

struct tls_identity { /* PEM texts, borrowed for the call they are given to */
    const char *ca, *certificate, *key;
};

/* What a listener demands of its clients. */
enum tls_demand { TLS_DEMAND_CERTIFICATE, TLS_DEMAND_NOTHING /* enrolment only */ };

struct tls_peer {
    bool verified; /* false: enrolment, or the local socket */
    bool local;    /* a data stream over the local socket: root, or who runs us */
    struct certificate_identity identity; /* when verified */
    struct id spki;
    uint8_t binding
        [32]; /* TLS exporter "EXPORTER-koffer-v1": the same at both ends of one connection */
    char address[64];
};

/* Of the same bearer, whatever certificate it has; those who showed none are the same. */
static inline bool
tls_peer_same(const struct tls_peer *a, const struct tls_peer *b)
{
    return a->verified == b->verified && a->identity.role == b->identity.role &&
           strcmp(a->identity.name, b->identity.name) == 0;
}

#endif
