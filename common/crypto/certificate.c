/* certificate.c -- names, and the texts that certificates come in.  See certificate.h. */
#include "common/crypto/certificate.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/base/text.h"
#include "common/crypto/algorithms.h"
#include "common/crypto/certificate_internal.h"

#define SCHEME "koffer://"

static const char *const role_names[] = {
    [CERTIFICATE_CONTROLLER] = "controller",
    [CERTIFICATE_AGENT] = "agent",
    [CERTIFICATE_OPERATOR] = "operator",
};
enum { ROLE_COUNT = sizeof role_names / sizeof role_names[0] };

const char *
certificate_role_name(enum certificate_role role)
{
    return (unsigned)role < ROLE_COUNT ? role_names[role] : "unknown";
}

/* Behind "<role>/", or NULL. */
static const char *
skip_role(const char *text, enum certificate_role *out)
{
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        size_t len = strlen(role_names[role]);
        if (strncmp(text, role_names[role], len) == 0 && text[len] == '/') {
            *out = (enum certificate_role)role;
            return text + len + 1;
        }
    }
    return NULL;
}

enum rc
certificate_parse_uri(const char *uri, struct certificate_identity *out, struct error *e)
{
    struct certificate_identity identity = {.role = CERTIFICATE_CONTROLLER};
    const char *name = NULL;
    char shown[CERTIFICATE_URI_MAX];
    if (strncmp(uri, SCHEME, sizeof SCHEME - 1) == 0)
        name = skip_role(uri + sizeof SCHEME - 1, &identity.role);
    if (name == NULL) {
        return error_set(e, RC_INVALID, "'%s' is not a name of ours (koffer://<role>/<name>)",
                         text_escape(span_of(uri, strlen(uri)), shown, sizeof shown));
    }
    TRY(text_check_name("the name in a koffer:// URI", name, e));
    (void)snprintf(identity.name, sizeof identity.name, "%s", name);
    *out = identity;
    return RC_OK;
}

const char *
certificate_uri(const struct certificate_identity *identity, char out[static CERTIFICATE_URI_MAX])
{
    (void)snprintf(out, CERTIFICATE_URI_MAX, SCHEME "%s/%s", certificate_role_name(identity->role),
                   identity->name);
    return out;
}

/* PEM allows encryption; OpenSSL must not ask the terminal for a passphrase. */
static int
no_passphrase(char *out, int size, int writing, void *ctx)
{
    (void)out, (void)size, (void)writing, (void)ctx;
    return -1;
}

static BIO *
bio_of(const char *pem)
{
    size_t len = strnlen(pem, CERTIFICATE_PEM_MAX);
    return len == CERTIFICATE_PEM_MAX ? NULL : BIO_new_mem_buf(pem, (int)len);
}

enum rc
certificate_read_x509(const char *pem, X509 **out, struct error *e)
{
    BIO *bio = bio_of(pem);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (x == NULL)
        return error_set(e, RC_INVALID, "this is not a certificate in PEM");
    *out = x;
    return RC_OK;
}

enum rc
certificate_read_request(const char *pem, X509_REQ **out, struct error *e)
{
    BIO *bio = bio_of(pem);
    X509_REQ *r = bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (r == NULL)
        return error_set(e, RC_INVALID, "this is not a certificate request in PEM");
    *out = r;
    return RC_OK;
}

/* Takes the BIO, which may be NULL. */
static enum rc
text_of(BIO *bio, bool written, char **pem, struct error *e)
{
    char *data = NULL;
    long len = written ? BIO_get_mem_data(bio, &data) : 0;
    char *copy = len <= 0 ? NULL : strndup(data, (size_t)len);
    BIO_free(bio);
    if (len <= 0)
        return algorithms_failed(e, "write PEM");
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "PEM of %ld bytes", len);
    *pem = copy;
    return RC_OK;
}

enum rc
certificate_write_x509(X509 *x, char **pem, struct error *e)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return text_of(bio, bio != NULL && PEM_write_bio_X509(bio, x) == 1, pem, e);
}

enum rc
certificate_write_request(X509_REQ *r, char **pem, struct error *e)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return text_of(bio, bio != NULL && PEM_write_bio_X509_REQ(bio, r) == 1, pem, e);
}
