/* fuzz_request.c -- any text is a certificate request for the name that was agreed, or is refused. */
#include <stdlib.h>
#include <string.h>

#include "common/crypto/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct wall now = {INT64_C(1790000000) * CLOCK_NS_PER_SECOND};
static const struct certificate_identity agreed = {CERTIFICATE_AGENT, "imap1"};

/* Once: making a CA costs more than reading a request. */
static const char *
ca_of(struct keys_private **key)
{
    static struct keys_private *ca_key;
    static char *ca;
    struct error e = ERROR_INIT;
    if (ca == NULL && (keys_generate(KEYS_SIGNING, &ca_key, &e) != RC_OK ||
                       certificate_make_ca(ca_key, "fuzz", now, 10, &ca, &e) != RC_OK))
        abort();
    *key = ca_key;
    return ca;
}

static void
check_issued(const char *pem)
{
    struct error e = ERROR_INIT;
    struct certificate_facts facts;
    if (certificate_inspect(pem, &facts, &e) != RC_OK || facts.identity.role != agreed.role ||
        strcmp(facts.identity.name, agreed.name) != 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct keys_private *key;
    CLEANUP(own_freep) char *pem = NULL;
    CLEANUP(own_freep) char *text = strndup((const char *)data, len);
    const char *ca = ca_of(&key);
    if (text == NULL)
        return 0;
    enum rc rc = certificate_issue(key, ca, text, &agreed, now, 1, &pem, &e);
    if (rc == RC_OK)
        check_issued(pem);
    else if (rc != RC_DENIED && rc != RC_INVALID)
        abort();
    return 0;
}
