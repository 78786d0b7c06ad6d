/* fuzz_dump_trailer.c -- the answer does not depend on how the dump is sliced. */
#include <stdlib.h>

#include "agent/source/mariadb/dump_trailer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    size_t step = (size_t)data[0] + 1;
    struct dump_trailer whole = DUMP_TRAILER_INIT, sliced = DUMP_TRAILER_INIT;
    dump_trailer_feed(&whole, span_of(data + 1, len - 1));
    for (size_t at = 1; at < len; at += step)
        dump_trailer_feed(&sliced, span_of(data + at, len - at < step ? len - at : step));
    if (dump_trailer_complete(&whole) != dump_trailer_complete(&sliced))
        abort();
    return 0;
}
