/* fuzz_record_full.c -- the structure of a full record is decoded totally; no signature stands in the fuzzer's way. */
#include <stdlib.h>

#include "common/record/record_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct record_full record;
    CLEANUP(arena_freep) struct arena *arena = arena_new(1024 * 1024);
    if (arena == NULL)
        return 0;
    enum rc rc = record_parse_full(span_of(data, len), arena, &record, &e);
    if (rc != RC_OK && rc != RC_CORRUPT && rc != RC_UNSUPPORTED)
        abort();
    return 0;
}
