/* tls_context.c -- nng's configuration functions over SSL_CTX.  See tls_engine.h. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "proto/tls_engine.h"

/* A TLS record with its header and tag must fit into nng's ring of 16 KiB, or it is sent in two. */
enum { SEND_FRAGMENT = 16128 };

static __thread nng_tls_engine_config *newest;

nng_tls_engine_config *
tls_context_newest(void)
{
    return newest;
}

void
tls_context_note(nng_tls_engine_config *config, enum rc rc, const char *text)
{
    (void)pthread_mutex_lock(&config->lock);
    (void)error_set(&config->why, rc, "%s", text);
    (void)pthread_mutex_unlock(&config->lock);
}

/* A PEM text that OpenSSL does not like. */
static int
bad_pem(nng_tls_engine_config *config, const char *what)
{
    char text[256];
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    (void)snprintf(text, sizeof text, "%s: %s", what, reason == NULL ? "empty" : reason);
    tls_context_note(config, RC_INVALID, text);
    ERR_clear_error();
    return NNG_EINVAL;
}

static int
context_init(nng_tls_engine_config *config, nng_tls_mode mode)
{
    bool server = mode == NNG_TLS_MODE_SERVER;
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
        SSL_CTX_free(context);
        return NNG_ENOMEM;
    }
    /* No tickets, no resumption: every connection is verified. */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_max_send_fragment(context, SEND_FRAGMENT);
    SSL_CTX_set_verify_depth(context, 2);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, tls_verify_certificate, NULL);
    config->context = context;
    config->rules.server = server;
    (void)pthread_mutex_init(&config->lock, NULL);
    newest = config;
    return 0;
}

static void
context_fini(nng_tls_engine_config *config)
{
    SSL_CTX_free(config->context);
    (void)pthread_mutex_destroy(&config->lock);
    if (newest == config)
        newest = NULL;
}

/* The name comes from the URL; ours comes from tls_setup, and nothing else counts. */
static int
context_server(nng_tls_engine_config *config, const char *name)
{
    (void)config;
    (void)name;
    return 0;
}

/* nng asks for NONE when it makes a listener; tls_setup's demand is what counts. */
static int
context_auth(nng_tls_engine_config *config, nng_tls_auth_mode mode)
{
    (void)config;
    (void)mode;
    return 0;
}

static int
context_ca(nng_tls_engine_config *config, const char *pem, const char *crl)
{
    if (crl != NULL)
        return NNG_ENOTSUP;
    X509_STORE *store = SSL_CTX_get_cert_store(config->context);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *ca = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    bool added = ca != NULL && X509_STORE_add_cert(store, ca) == 1 &&
                 (!config->rules.server || SSL_CTX_add_client_CA(config->context, ca) == 1);
    X509_free(ca);
    BIO_free(bio);
    return added ? 0 : bad_pem(config, "CA certificate");
}

static int
context_own(nng_tls_engine_config *config, const char *certificate, const char *key,
            const char *password)
{
    (void)password;
    BIO *certificate_bio = BIO_new_mem_buf(certificate, -1), *key_bio = BIO_new_mem_buf(key, -1);
    X509 *own =
        certificate_bio == NULL ? NULL : PEM_read_bio_X509(certificate_bio, NULL, NULL, NULL);
    EVP_PKEY *own_key = key_bio == NULL ? NULL : PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
    bool used = own != NULL && own_key != NULL &&
                SSL_CTX_use_certificate(config->context, own) == 1 &&
                SSL_CTX_use_PrivateKey(config->context, own_key) == 1 &&
                SSL_CTX_check_private_key(config->context) == 1;
    X509_free(own);
    EVP_PKEY_free(own_key);
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    return used ? 0 : bad_pem(config, "own certificate and key");
}

static int
context_version(nng_tls_engine_config *config, nng_tls_version least, nng_tls_version most)
{
    (void)config;
    (void)least;
    return most == NNG_TLS_1_3 ? 0 : NNG_ENOTSUP;
}

const nng_tls_engine_config_ops tls_context_operations = {
    .size = sizeof(nng_tls_engine_config),
    .init = context_init,
    .fini = context_fini,
    .server = context_server,
    .auth = context_auth,
    .ca_chain = context_ca,
    .own_cert = context_own,
    .version = context_version,
};
