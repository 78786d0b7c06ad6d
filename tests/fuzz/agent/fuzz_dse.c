/* fuzz_dse.c -- any bytes are a configuration with backends, or are refused. */
#include <stdlib.h>

#include "agent/source/ldap/dse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    CLEANUP(arena_freep) struct arena *a = arena_new(DSE_ARENA);
    const struct dse *dse;
    if (a == NULL || dse_parse("/etc/dirsrv/slapd-x", span_of(data, len), a, &dse, &e) != RC_OK)
        return 0;
    if (dse->backend_count == 0)
        abort();
    for (size_t i = 0; i < dse->backend_count; i++) {
        const char *suffix = dse->backends[i].suffix;
        if (!dse_suffix_equal(suffix, suffix))
            abort();
    }
    return 0;
}
