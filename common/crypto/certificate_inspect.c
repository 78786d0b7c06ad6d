/* certificate_inspect.c -- what a certificate says, if it is one of ours.  See certificate.h. */
#include "common/crypto/certificate.h"

#include <time.h>

#include <openssl/err.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/certificate_internal.h"
#include "common/crypto/digest.h"

static void
names_freep(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

enum rc
certificate_only_uri(const GENERAL_NAMES *names, struct certificate_identity *out, struct error *e)
{
    char uri[CERTIFICATE_URI_MAX];
    if (names == NULL || sk_GENERAL_NAME_num(names) != 1)
        return error_set(e, RC_INVALID, "it does not carry exactly one name");
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
    if (name->type != GEN_URI)
        return error_set(e, RC_INVALID, "its name is not a URI");
    const ASN1_IA5STRING *text = name->d.uniformResourceIdentifier;
    int len = ASN1_STRING_length(text);
    if (len < 0 || (size_t)len >= sizeof uri)
        return error_set(e, RC_INVALID, "its name is longer than ours are");
    if (len > 0)
        memcpy(uri, ASN1_STRING_get0_data(text), (size_t)len);
    uri[len] = '\0';
    /* "koffer://agent/a\0.evil" must not pass as agent a. */
    if (strlen(uri) != (size_t)len)
        return error_set(e, RC_INVALID, "its name holds a NUL");
    return certificate_parse_uri(uri, out, e);
}

static enum rc
read_identity(X509 *x, struct certificate_identity *out, struct error *e)
{
    CLEANUP(names_freep)
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    ERR_clear_error();
    return certificate_only_uri(names, out, e);
}

/* A controller is a server only, everyone else a client only. */
static enum rc
check_use(X509 *x, const struct certificate_identity *identity, struct error *e)
{
    uint32_t flags = X509_get_extension_flags(x);
    uint32_t want = identity->role == CERTIFICATE_CONTROLLER ? XKU_SSL_SERVER : XKU_SSL_CLIENT;
    if ((flags & (EXFLAG_INVALID | EXFLAG_CA | EXFLAG_CRITICAL)) != 0)
        return error_set(e, RC_INVALID, "its extensions are not those of a leaf");
    if ((flags & EXFLAG_XKUSAGE) == 0 || X509_get_extended_key_usage(x) != want) {
        return error_set(e, RC_INVALID, "its key usage is not that of the role %s",
                         certificate_role_name(identity->role));
    }
    const EVP_PKEY *pkey = X509_get0_pubkey(x);
    if (pkey == NULL || EVP_PKEY_is_a(pkey, "ED25519") != 1)
        return error_set(e, RC_INVALID, "its key is not Ed25519");
    return RC_OK;
}

static enum rc
read_time(const ASN1_TIME *time, struct wall *out, struct error *e)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return error_set(e, RC_INVALID, "its dates make no sense");
    int64_t seconds = timegm(&parts);
    /* Years until 9999 are legal there, and more than 64 bits of nanoseconds can say. */
    if (__builtin_mul_overflow(seconds, CLOCK_NS_PER_SECOND, &out->ns))
        out->ns = seconds < 0 ? INT64_MIN : INT64_MAX;
    return RC_OK;
}

static enum rc
spki_hash(X509 *x, struct id *out, struct error *e)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    if (len <= 0)
        return algorithms_failed(e, "encode a public key");
    enum rc rc = digest_sha256(span_of(der, (size_t)len), out, e);
    OPENSSL_free(der);
    return rc;
}

static enum rc
inspect(X509 *x, struct certificate_facts *out, struct error *e)
{
    struct certificate_facts facts;
    TRY(read_identity(x, &facts.identity, e));
    enum rc rc = check_use(x, &facts.identity, e);
    ERR_clear_error();
    TRY(rc);
    TRY(read_time(X509_get0_notBefore(x), &facts.not_before, e));
    TRY(read_time(X509_get0_notAfter(x), &facts.not_after, e));
    TRY(spki_hash(x, &facts.spki, e));
    *out = facts;
    return RC_OK;
}

enum rc
certificate_inspect(const char *pem, struct certificate_facts *out, struct error *e)
{
    CLEANUP(certificate_x509_freep) X509 *x = NULL;
    TRY(certificate_read_x509(pem, &x, e));
    TRY_IN(inspect(x, out, e), e, "this certificate is not ours");
    return RC_OK;
}

enum rc
certificate_inspect_der(struct span der, struct certificate_facts *out, struct error *e)
{
    if (der.len > CERTIFICATE_PEM_MAX)
        return error_set(e, RC_INVALID, "a certificate of %zu bytes is not ours", der.len);
    const unsigned char *at = der.data;
    CLEANUP(certificate_x509_freep) X509 *x = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (x == NULL || at != der.data + der.len)
        return error_set(e, RC_INVALID, "this is not a certificate in DER");
    TRY_IN(inspect(x, out, e), e, "this certificate is not ours");
    return RC_OK;
}

struct wall
certificate_renewal(const struct certificate_facts *facts)
{
    int64_t begin = facts->not_before.ns + INT64_C(3600) * CLOCK_NS_PER_SECOND;
    if (begin >= facts->not_after.ns) /* it began to live when it was dead, or our CA ends */
        return facts->not_before;
    return (struct wall){facts->not_after.ns - (facts->not_after.ns - begin) / 3};
}
