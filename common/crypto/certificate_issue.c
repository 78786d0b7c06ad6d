/* certificate_issue.c -- the CA, requests to it, and the leaves it issues.  See certificate.h. */
#include "common/crypto/certificate.h"

#include <stdio.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "common/base/text.h"
#include "common/crypto/algorithms.h"
#include "common/crypto/certificate_internal.h"
#include "common/crypto/keys_internal.h"

enum { SECONDS_PER_DAY = 86400, CLOCK_SKEW = 3600, SERIAL_BITS = 127 };

struct extension {
    int nid;
    const char *value; /* in the syntax of x509v3_config(5) */
};

static void
extensions_freep(STACK_OF(X509_EXTENSION) * *list)
{
    sk_X509_EXTENSION_pop_free(*list, X509_EXTENSION_free);
}

static void
names_freep(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

static bool
set_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool good = n != NULL && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_add_word(n, 1) == 1 && /* RFC 5280: positive */
                BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return good;
}

static bool
set_common_name(X509_NAME *name, const char *text)
{
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool
set_validity(X509 *x, struct wall now, int64_t life)
{
    time_t t = (time_t)(now.ns / CLOCK_NS_PER_SECOND);
    return ASN1_TIME_set(X509_getm_notBefore(x), t - CLOCK_SKEW) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(x), t + (time_t)life) != NULL;
}

/* Everything but names and extensions. */
static X509 *
new_certificate(EVP_PKEY *subject, struct wall now, int64_t life)
{
    X509 *x = X509_new();
    if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
        set_validity(x, now, life) && X509_set_pubkey(x, subject) == 1)
        return x;
    /* not covered: OpenSSL fails here for want of memory only */
    X509_free(x);
    return NULL; /* not covered: likewise */
}

static bool
add_extensions(X509 *x, X509 *issuer, const struct extension *list, size_t count)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, list[i].nid, list[i].value);
        bool good = extension != NULL && X509_add_ext(x, extension, -1) == 1;
        X509_EXTENSION_free(extension);
        if (!good)
            return false;
    }
    return true;
}

static enum rc
check_signing(const struct keys_private *key, struct error *e)
{
    if (key->kind != KEYS_SIGNING)
        return error_set(e, RC_INVALID, "certificates are for signing keys");
    return RC_OK;
}

enum rc
certificate_make_ca(const struct keys_private *key, const char *cluster, struct wall now,
                    unsigned days, char **pem, struct error *e)
{
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
    };
    TRY(text_check_name("cluster name", cluster, e));
    TRY(check_signing(key, e));

    CLEANUP(certificate_x509_freep)
    X509 *x = new_certificate(key->pkey, now, (int64_t)days * SECONDS_PER_DAY);
    if (x == NULL || !set_common_name(X509_get_subject_name(x), cluster) ||
        X509_set_issuer_name(x, X509_get_subject_name(x)) != 1 ||
        !add_extensions(x, x, extensions, sizeof extensions / sizeof extensions[0]) ||
        X509_sign(x, key->pkey, NULL) <= 0)
        return algorithms_failed(e, "make a CA certificate");
    return certificate_write_x509(x, pem, e);
}

static void
san_text(const struct certificate_identity *name, char out[static CERTIFICATE_URI_MAX + 8])
{
    char uri[CERTIFICATE_URI_MAX];
    (void)snprintf(out, CERTIFICATE_URI_MAX + 8, "URI:%s", certificate_uri(name, uri));
}

/* The name goes into OpenSSL's configuration syntax, where commas and colons would mean more. */
static enum rc
check_identity(const struct certificate_identity *name, struct error *e)
{
    char uri[CERTIFICATE_URI_MAX];
    struct certificate_identity parsed;
    TRY_IN(certificate_parse_uri(certificate_uri(name, uri), &parsed, e), e, "certificate");
    return RC_OK;
}

static bool
request_san(X509_REQ *r, const char *san)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, NULL, NULL, r, NULL, 0);
    CLEANUP(extensions_freep)
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, san);
    if (list == NULL || extension == NULL || sk_X509_EXTENSION_push(list, extension) <= 0) {
        X509_EXTENSION_free(extension);
        return false;
    }
    return X509_REQ_add_extensions(r, list) == 1;
}

enum rc
certificate_make_request(const struct keys_private *key, const struct certificate_identity *name,
                         char **pem, struct error *e)
{
    char san[CERTIFICATE_URI_MAX + 8];
    TRY(check_identity(name, e));
    TRY(check_signing(key, e));
    san_text(name, san);

    CLEANUP(certificate_req_freep) X509_REQ *r = X509_REQ_new();
    if (r == NULL || X509_REQ_set_version(r, X509_REQ_VERSION_1) != 1 ||
        !set_common_name(X509_REQ_get_subject_name(r), name->name) ||
        X509_REQ_set_pubkey(r, key->pkey) != 1 || !request_san(r, san) ||
        X509_REQ_sign(r, key->pkey, NULL) <= 0)
        return algorithms_failed(e, "make a certificate request");
    return certificate_write_request(r, pem, e);
}

/* Proof of possession, and the right kind of key. */
static enum rc
check_request_key(X509_REQ *r, struct error *e)
{
    EVP_PKEY *pkey = X509_REQ_get0_pubkey(r);
    bool kind = pkey != NULL && EVP_PKEY_is_a(pkey, "ED25519") == 1;
    bool proved = kind && X509_REQ_verify(r, pkey) == 1;
    ERR_clear_error();
    if (!kind)
        return error_set(e, RC_INVALID, "the request is not for an Ed25519 key");
    if (!proved)
        return error_set(e, RC_INVALID, "the request is not signed by the key it is for");
    return RC_OK;
}

static enum rc
check_request_name(X509_REQ *r, const struct certificate_identity *want, struct error *e)
{
    CLEANUP(extensions_freep) STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(r);
    CLEANUP(names_freep)
    GENERAL_NAMES *names = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
    struct certificate_identity asked;
    char want_uri[CERTIFICATE_URI_MAX], asked_uri[CERTIFICATE_URI_MAX];
    ERR_clear_error();
    TRY_IN(certificate_only_uri(names, &asked, e), e, "certificate request");
    if (!text_equal(certificate_uri(&asked, asked_uri), certificate_uri(want, want_uri)))
        return error_set(e, RC_DENIED, "the request is for '%s', not for '%s'", asked_uri,
                         want_uri);
    return RC_OK;
}

static enum rc
check_ca(X509 *ca, const struct keys_private *key, struct wall now, struct error *e)
{
    time_t t = (time_t)(now.ns / CLOCK_NS_PER_SECOND);
    bool ours = X509_check_private_key(ca, key->pkey) == 1 && X509_check_ca(ca) == 1;
    ERR_clear_error();
    if (!ours)
        return error_set(e, RC_INVALID, "the CA certificate does not belong to the CA key");
    if (X509_cmp_time(X509_get0_notAfter(ca), &t) <= 0)
        return error_set(e, RC_INVALID, "the CA certificate has expired");
    return RC_OK;
}

/* A leaf that outlives its CA would fail all at once, without a warning. */
static bool
clamp_to_ca(X509 *leaf, X509 *ca)
{
    int days, seconds;
    const ASN1_TIME *end = X509_get0_notAfter(ca);
    if (ASN1_TIME_diff(&days, &seconds, X509_get0_notAfter(leaf), end) != 1)
        return false;
    return days >= 0 && seconds >= 0 ? true : X509_set1_notAfter(leaf, end) == 1;
}

static X509 *
new_leaf(const struct keys_private *ca_key, X509 *ca, X509_REQ *request,
         const struct certificate_identity *name, struct wall now, int64_t life)
{
    char san[CERTIFICATE_URI_MAX + 8];
    san_text(name, san);
    const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, name->role == CERTIFICATE_CONTROLLER ? "serverAuth" : "clientAuth"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_subject_alt_name, san},
    };
    X509 *x = new_certificate(X509_REQ_get0_pubkey(request), now, life);
    if (x != NULL && clamp_to_ca(x, ca) &&
        X509_set_issuer_name(x, X509_get_subject_name(ca)) == 1 &&
        set_common_name(X509_get_subject_name(x), name->name) &&
        add_extensions(x, ca, extensions, sizeof extensions / sizeof extensions[0]) &&
        X509_sign(x, ca_key->pkey, NULL) > 0)
        return x;
    X509_free(x);
    return NULL;
}

enum rc
certificate_issue(const struct keys_private *ca_key, const char *ca_pem, const char *request_pem,
                  const struct certificate_identity *name, struct wall now, unsigned days,
                  char **pem, struct error *e)
{
    return certificate_issue_for(ca_key, ca_pem, request_pem, name, now,
                                 (int64_t)days * SECONDS_PER_DAY, pem, e);
}

enum rc
certificate_issue_for(const struct keys_private *ca_key, const char *ca_pem,
                      const char *request_pem, const struct certificate_identity *name,
                      struct wall now, int64_t seconds, char **pem, struct error *e)
{
    CLEANUP(certificate_x509_freep) X509 *ca = NULL;
    CLEANUP(certificate_x509_freep) X509 *leaf = NULL;
    CLEANUP(certificate_req_freep) X509_REQ *request = NULL;
    TRY(check_identity(name, e));
    TRY_IN(certificate_read_x509(ca_pem, &ca, e), e, "CA");
    TRY(check_ca(ca, ca_key, now, e));
    TRY(certificate_read_request(request_pem, &request, e));
    TRY(check_request_key(request, e));
    TRY(check_request_name(request, name, e));

    leaf = new_leaf(ca_key, ca, request, name, now, seconds);
    if (leaf == NULL)
        return algorithms_failed(e, "issue a certificate");
    return certificate_write_x509(leaf, pem, e);
}
