/*
 * certificate_internal.h -- what the parts of certificate.c share: scoped OpenSSL objects and PEM.
 *
 * Layer: common/crypto, internal.
 */
#ifndef COMMON_CRYPTO_CERTIFICATE_INTERNAL_H
#define COMMON_CRYPTO_CERTIFICATE_INTERNAL_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/crypto/certificate.h"

/* A certificate or request of ours has less than 1 KiB; whatever is longer is not ours. */
enum { CERTIFICATE_PEM_MAX = 65536 };

static inline void
certificate_x509_freep(X509 **x)
{
    X509_free(*x);
}

static inline void
certificate_req_freep(X509_REQ **r)
{
    X509_REQ_free(*r);
}

/* RC_INVALID when the text holds none; never asks for a passphrase. */
enum rc certificate_read_x509(const char *pem, X509 **out, struct error *e);
enum rc certificate_read_request(const char *pem, X509_REQ **out, struct error *e);
enum rc certificate_write_x509(X509 *x, char **pem, struct error *e);
enum rc certificate_write_request(X509_REQ *r, char **pem, struct error *e);

/* The one name in a list of SANs (NULL: no list); RC_INVALID unless it is exactly one URI of ours. */
enum rc
certificate_only_uri(const GENERAL_NAMES *names, struct certificate_identity *out, struct error *e);

#endif
