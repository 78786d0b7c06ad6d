/* fuzz_blob.c -- any bytes parse or are refused; what parses names only bytes that are there. */
#include <stdint.h>
#include <stdlib.h>

#include "common/blob/blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct blob_header header;
    if (blob_parse(span_of(data, len), &header, &e) != RC_OK)
        return 0;
    size_t children = (size_t)header.children * ID_SIZE;
    if (header.child_ids != data + BLOB_HEADER_SIZE ||
        BLOB_HEADER_SIZE + children + header.body_len + BLOB_TAG_SIZE != len)
        abort();
    return 0;
}
