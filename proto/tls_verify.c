/* tls_verify.c -- who may talk to us: chain, purpose, exactly one koffer:// name, and the name we
 * expect.  See tls_engine.h. */
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "proto/tls_engine.h"

/* `x509_error` decides which alert the peer gets. */
static int
refuse(X509_STORE_CTX *store, struct tls_verdict *verdict, int x509_error, const char *reason)
{
    X509_STORE_CTX_set_error(store, x509_error);
    (void)snprintf(verdict->reason, sizeof verdict->reason, "%s", reason);
    return 0;
}

/* The only URI name of a certificate, or nothing. */
static bool
only_uri(X509 *certificate, char out[static CERTIFICATE_URI_MAX])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const ASN1_IA5STRING *uri = NULL;
    int uris = 0;

    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        uri = name->d.uniformResourceIdentifier;
        uris++;
    }
    if (uris == 1) {
        int len = ASN1_STRING_length(uri);
        const unsigned char *text = ASN1_STRING_get0_data(uri);
        if (len > 0 && len < CERTIFICATE_URI_MAX && memchr(text, '\0', (size_t)len) == NULL) {
            memcpy(out, text, (size_t)len);
            out[len] = '\0';
        }
    }
    GENERAL_NAMES_free(names);
    return out[0] != '\0';
}

static bool
key_hash(X509 *certificate, struct id *out)
{
    unsigned char *der = NULL;
    unsigned len = 0;
    int der_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool ok =
        der_len > 0 && EVP_Digest(der, (size_t)der_len, out->bytes, &len, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return ok && len == ID_SIZE;
}

static int
check_pin(X509_STORE_CTX *store, struct tls_verdict *verdict)
{
    if (!id_equal(&verdict->spki, &verdict->rules->pin))
        return refuse(store, verdict, X509_V_ERR_HOSTNAME_MISMATCH,
                      "its key is not the pinned one: check the fingerprint you were given");
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* A certificate without extended key usage is good for anything to OpenSSL, for nothing to us. */
static bool
has_purpose(X509 *certificate, bool of_client)
{
    uint32_t usage = X509_get_extended_key_usage(certificate);
    return usage != UINT32_MAX && (usage & (of_client ? XKU_SSL_CLIENT : XKU_SSL_SERVER)) != 0;
}

static int
check_name(X509_STORE_CTX *store, struct tls_verdict *verdict)
{
    const struct tls_rules *rules = verdict->rules;
    struct error e = ERROR_INIT;
    char reason[sizeof verdict->reason];

    if (certificate_parse_uri(verdict->claimed, &verdict->identity, &e) != RC_OK)
        return refuse(store, verdict, X509_V_ERR_HOSTNAME_MISMATCH,
                      "it does not carry exactly one koffer:// name");
    if (rules->server && verdict->identity.role == CERTIFICATE_CONTROLLER)
        return refuse(store, verdict, X509_V_ERR_HOSTNAME_MISMATCH,
                      "it is a controller's, an agent's or operator's is expected");
    if (!rules->server && !text_equal(verdict->claimed, rules->expect)) {
        (void)snprintf(reason, sizeof reason, "it is not %s", rules->expect);
        return refuse(store, verdict, X509_V_ERR_HOSTNAME_MISMATCH, reason);
    }
    return 1;
}

int
tls_verify_certificate(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_verdict *verdict = SSL_get_app_data(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(store);

    (void)only_uri(leaf, verdict->claimed);
    if (!key_hash(leaf, &verdict->spki))
        return refuse(store, verdict, X509_V_ERR_OUT_OF_MEM, "its key cannot be hashed");
    if (!verdict->rules->server && verdict->rules->expect[0] == '\0')
        return check_pin(store, verdict);
    if (X509_verify_cert(store) != 1) {
        int error = X509_STORE_CTX_get_error(store);
        return refuse(store, verdict, error, X509_verify_cert_error_string(error));
    }
    if (!has_purpose(leaf, verdict->rules->server))
        return refuse(store, verdict, X509_V_ERR_INVALID_PURPOSE,
                      "unsupported certificate purpose");
    return check_name(store, verdict);
}
