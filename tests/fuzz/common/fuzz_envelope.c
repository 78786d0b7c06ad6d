/* fuzz_envelope.c -- the structure of an envelope is decoded totally; no signature stands in the fuzzer's way. */
#include <stdlib.h>

#include "common/record/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct envelope envelope;
    CLEANUP(arena_freep) struct arena *arena = arena_new(1024 * 1024);
    if (arena == NULL)
        return 0;
    enum rc rc = envelope_parse(span_of(data, len), arena, &envelope, &e);
    if (rc != RC_OK && rc != RC_CORRUPT && rc != RC_UNSUPPORTED)
        abort();
    return 0;
}
