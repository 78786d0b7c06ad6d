/* fuzz_certificate.c -- names, PEM and DER from strangers. */
#include <stdlib.h>
#include <string.h>

#include "common/crypto/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_name(const struct certificate_identity *identity)
{
    struct error e = ERROR_INIT;
    struct certificate_identity again;
    char uri[CERTIFICATE_URI_MAX];
    if (certificate_parse_uri(certificate_uri(identity, uri), &again, &e) != RC_OK)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct certificate_identity identity;
    struct certificate_facts facts;
    CLEANUP(own_freep) char *text = strndup((const char *)data, len);
    if (text == NULL)
        return 0;
    if (certificate_parse_uri(text, &identity, &e) == RC_OK)
        check_name(&identity);
    if (certificate_inspect(text, &facts, &e) == RC_OK)
        check_name(&facts.identity);
    if (certificate_inspect_der(span_of(data, len), &facts, &e) == RC_OK)
        check_name(&facts.identity);
    return 0;
}
