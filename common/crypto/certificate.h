/*
 * certificate.h -- the cluster's own small PKI: one CA, leaf certificates whose name is a URI.
 *
 * Names: "koffer://controller/<name>", "koffer://agent/<name>", "koffer://operator/<name>": exactly
 * one URI SAN, common name ignored.  All keys Ed25519.  Controller leaves carry serverAuth, the
 * others clientAuth.  Profile: RFC 5280, RFC 8410; serial numbers are 127 random bits.
 * PEM texts are malloc'ed NUL-terminated strings, owned by the caller.
 * Layer: common/crypto.
 */
#ifndef COMMON_CRYPTO_CERTIFICATE_H
#define COMMON_CRYPTO_CERTIFICATE_H

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/span.h"
#include "common/crypto/keys.h"

enum certificate_role { CERTIFICATE_CONTROLLER, CERTIFICATE_AGENT, CERTIFICATE_OPERATOR };
enum { CERTIFICATE_NAME_MAX = 64, CERTIFICATE_URI_MAX = 128 };

struct certificate_identity {
    enum certificate_role role;
    char name[CERTIFICATE_NAME_MAX + 1];
};

const char *certificate_role_name(enum certificate_role role); /* "agent" */
/* RC_INVALID unless it is exactly a koffer:// URI of a known role with a good name. */
enum rc certificate_parse_uri(const char *uri, struct certificate_identity *out, struct error *e);
/* Returns `out`. */
const char *
certificate_uri(const struct certificate_identity *identity, char out[static CERTIFICATE_URI_MAX]);

struct certificate_facts {
    struct certificate_identity identity;
    struct wall not_before, not_after;
    struct id spki; /* SHA-256 of the SubjectPublicKeyInfo */
};

/*
 * Self-signed CA, valid from an hour before `now` (peers' clocks differ) until `days` after it; it
 * may sign leaves only.  RC_INVALID for a bad cluster name.
 */
enum rc certificate_make_ca(const struct keys_private *key, const char *cluster, struct wall now,
                            unsigned days, char **pem, struct error *e);
/* PKCS#10 request for a key and name; proves possession of the key. */
enum rc
certificate_make_request(const struct keys_private *key, const struct certificate_identity *name,
                         char **pem, struct error *e);
/*
 * Checks the request's own signature and that it asks for exactly `name`; issues a leaf.
 * RC_DENIED if the request is for another name, RC_INVALID if it is no request, or if the CA is
 * not ours or has expired.  Valid from an hour before `now`, never longer than the CA.
 */
enum rc certificate_issue(const struct keys_private *ca_key, const char *ca_pem,
                          const char *request_pem, const struct certificate_identity *name,
                          struct wall now, unsigned days, char **pem, struct error *e);
/* The same, for a life in seconds. */
enum rc certificate_issue_for(const struct keys_private *ca_key, const char *ca_pem,
                              const char *request_pem, const struct certificate_identity *name,
                              struct wall now, int64_t seconds, char **pem, struct error *e);
/* What a certificate says; RC_INVALID if it is not one of ours. */
enum rc certificate_inspect(const char *pem, struct certificate_facts *out, struct error *e);
/* When two thirds of its life, which begins an hour after not_before, are over: time for a new one. */
struct wall certificate_renewal(const struct certificate_facts *facts);
/* The same for DER, as a TLS peer sends it. */
enum rc certificate_inspect_der(struct span der, struct certificate_facts *out, struct error *e);

#endif
