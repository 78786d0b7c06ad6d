/* fuzz_ledger.c -- any bytes are a ledger or are refused; what is decoded encodes to the same bytes.  The hash is put right first: no
 * fuzzer finds one. */
#include <stdlib.h>
#include <string.h>

#include "agent/snapshot/ledger.h"
#include "common/crypto/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool good)
{
    if (!good)
        abort();
}

static void
check_bytes(struct span bytes)
{
    struct error e = ERROR_INIT;
    CLEANUP(ledger_image_free) struct ledger_image image = {0};
    CLEANUP(buffer_free) struct buffer again = BUFFER_INIT(LEDGER_FILE_MAX);
    if (ledger_decode(bytes, &image, &e) != RC_OK)
        return;
    for (size_t i = 0; i < image.count; i++)
        check(strncmp(image.entries[i].name, "koffer_", 7) == 0);
    check(ledger_encode(&image, &again, &e) == RC_OK);
    check(again.len == bytes.len && memcmp(again.data, bytes.data, bytes.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct id hash;
    check_bytes(span_of(data, len));
    CLEANUP(own_freep) uint8_t *whole = malloc(len + ID_SIZE);
    if (whole == NULL || len > LEDGER_FILE_MAX ||
        digest_sha256(span_of(data, len), &hash, &e) != RC_OK)
        return 0;
    if (len > 0)
        memcpy(whole, data, len);
    memcpy(whole + len, hash.bytes, ID_SIZE);
    check_bytes(span_of(whole, len + ID_SIZE));
    return 0;
}
