/* algorithms.c -- a lookup costs more than hashing a short input, so it happens once.  See
 * algorithms.h. */
#include "common/crypto/algorithms.h"

#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

static struct algorithms table;
static bool complete;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static EVP_MAC_CTX *
fetch_hmac(void)
{
    char name[] = "SHA2-256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac); /* the context holds its own reference */
    if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) == 1)
        return ctx;
    /* not covered: OpenSSL fails here for want of memory only */
    EVP_MAC_CTX_free(ctx);
    return NULL; /* not covered: likewise */
}

static void
fetch_all(void)
{
    table.sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    table.hmac_sha256 = fetch_hmac();
    table.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    table.aes_128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    complete = table.sha256 != NULL && table.hmac_sha256 != NULL && table.aes_256_gcm != NULL &&
               table.aes_128_gcm != NULL;
}

enum rc
algorithms_get(const struct algorithms **out, struct error *e)
{
    if (pthread_once(&once, fetch_all) != 0 || !complete) {
        /* not covered: Debian's OpenSSL has them all */
        return error_set(e, RC_UNSUPPORTED,
                         "OpenSSL offers no SHA-256, HMAC or AES-GCM here; see its openssl.cnf");
    }
    *out = &table;
    return RC_OK;
}

enum rc
algorithms_failed(struct error *e, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    enum rc rc = ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? RC_NO_MEMORY : RC_IO;

    ERR_clear_error();
    return error_set(e, rc, "OpenSSL: %s: %s", what, reason == NULL ? "failed" : reason);
}
