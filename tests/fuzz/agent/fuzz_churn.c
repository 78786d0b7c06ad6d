/* fuzz_churn.c -- any bytes are a file of churn or are refused; what is decoded encodes to the same bytes.  The hash is put right first. */
#include <stdlib.h>
#include <string.h>

#include "agent/snapshot/churn.h"
#include "common/base/own.h"
#include "common/crypto/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_bytes(struct span bytes)
{
    struct error e = ERROR_INIT;
    static struct churn c;
    CLEANUP(buffer_free) struct buffer again = BUFFER_INIT(CHURN_FILE_MAX);
    if (churn_decode(bytes, &c, &e) != RC_OK)
        return;
    if (churn_encode(&c, &again, &e) != RC_OK || again.len != bytes.len ||
        memcmp(again.data, bytes.data, bytes.len) != 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct id hash;
    check_bytes(span_of(data, len));
    CLEANUP(own_freep) uint8_t *whole = malloc(len + ID_SIZE);
    if (whole == NULL || len > CHURN_FILE_MAX ||
        digest_sha256(span_of(data, len), &hash, &e) != RC_OK)
        return 0;
    if (len > 0)
        memcpy(whole, data, len);
    memcpy(whole + len, hash.bytes, ID_SIZE);
    check_bytes(span_of(whole, len + ID_SIZE));
    return 0;
}
