/* tls_setup.c -- what a listener or dialler presents and demands.  See tls_engine.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/own.h"
#include "proto/tls_engine.h"

struct tls_setup {
    nng_tls_config *nng;
    nng_tls_engine_config *engine; /* lives as long as `nng` is held */
};

void
tls_setup_free(struct tls_setup *s)
{
    if (s == NULL)
        return;
    if (s->nng != NULL)
        nng_tls_config_free(s->nng);
    free(s);
}

nng_tls_config *
tls_setup_config(const struct tls_setup *s)
{
    return s->nng;
}

static enum rc
rc_of(int nng_error)
{
    switch (nng_error) {
    case NNG_EPEERAUTH:
        return RC_DENIED;
    case NNG_EPERM:
        return RC_DENIED;
    case NNG_ECRYPTO:
    case NNG_EPROTO:
    case NNG_EMSGSIZE:
        return RC_PROTOCOL;
    case NNG_ENOMEM:
    case NNG_ENOFILES:
        return RC_NO_MEMORY;
    case NNG_EADDRINUSE:
        return RC_EXISTS;
    case NNG_EINVAL:
    case NNG_EADDRINVAL:
    case NNG_ENOTSUP:
        return RC_INVALID;
    default:
        return RC_AGAIN;
    }
}

enum rc
tls_setup_explain(struct tls_setup *s, int nng_error, const char *what, struct error *e)
{
    struct error why = ERROR_INIT;

    if (s != NULL) {
        (void)pthread_mutex_lock(&s->engine->lock);
        why = s->engine->why;
        s->engine->why = ERROR_INIT;
        (void)pthread_mutex_unlock(&s->engine->lock);
    }
    if (why.code != RC_OK)
        return error_set(e, why.code, "%s: %s", what, why.text);
    return error_set(e, rc_of(nng_error), "%s: %s", what, nng_strerror(nng_error));
}

static enum rc
make(nng_tls_mode mode, const struct tls_identity *identity, struct tls_setup **out,
     struct error *e)
{
    CLEANUP(tls_setup_freep) struct tls_setup *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(e, RC_NO_MEMORY, "TLS configuration");
    int error = nng_tls_config_alloc(&s->nng, mode);
    if (error != 0)
        return error_set(e, RC_NO_MEMORY, "TLS configuration: %s", nng_strerror(error));
    s->engine = tls_context_newest();
    if (s->engine == NULL)
        return error_set(e, RC_UNSUPPORTED, "TLS is not started: call tls_start first");
    if (identity->ca != NULL)
        error = nng_tls_config_ca_chain(s->nng, identity->ca, NULL);
    if (error == 0 && identity->certificate != NULL && identity->key != NULL)
        error = nng_tls_config_own_cert(s->nng, identity->certificate, identity->key, NULL);
    if (error != 0)
        return tls_setup_explain(s, error, "TLS configuration", e);
    *out = TAKE(s);
    return RC_OK;
}

static enum rc
parse_expectation(const char *expect, struct tls_rules *rules, struct error *e)
{
    struct certificate_identity ignored;

    if (strncmp(expect, "pin:", 4) == 0)
        return id_parse(expect + 4, &rules->pin, e);
    TRY(certificate_parse_uri(expect, &ignored, e));
    (void)snprintf(rules->expect, sizeof rules->expect, "%s", expect);
    return RC_OK;
}

enum rc
tls_setup_client(const struct tls_identity *identity, const char *expect, struct tls_setup **out,
                 struct error *e)
{
    CLEANUP(tls_setup_freep) struct tls_setup *s = NULL;

    TRY(make(NNG_TLS_MODE_CLIENT, identity, &s, e));
    TRY_IN(parse_expectation(expect, &s->engine->rules, e), e, "whom to expect");
    if (s->engine->rules.expect[0] != '\0' && identity->ca == NULL)
        return error_set(e, RC_INVALID, "a CA certificate is needed to recognise %s", expect);
    *out = TAKE(s);
    return RC_OK;
}

enum rc
tls_setup_server(const struct tls_identity *identity, enum tls_demand demand,
                 struct tls_setup **out, struct error *e)
{
    CLEANUP(tls_setup_freep) struct tls_setup *s = NULL;

    if (identity->certificate == NULL || identity->key == NULL)
        return error_set(e, RC_INVALID, "a listener needs a certificate and its key");
    if (demand == TLS_DEMAND_CERTIFICATE && identity->ca == NULL)
        return error_set(e, RC_INVALID, "a listener needs the CA to recognise its clients");
    TRY(make(NNG_TLS_MODE_SERVER, identity, &s, e));
    s->engine->rules.demand = demand;
    if (demand == TLS_DEMAND_NOTHING)
        SSL_CTX_set_verify(s->engine->context, SSL_VERIFY_NONE, NULL);
    *out = TAKE(s);
    return RC_OK;
}
