/* fuzz_paper_key.c -- any text is a paper key or is refused; a key prints as one that reads back.  The input is tried as a text,
 * and as version and key with the right check. */
#include <stdlib.h>
#include <string.h>

#include "common/crypto/base32.h"
#include "common/crypto/digest.h"
#include "common/crypto/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BYTES = 33, CHECK_SIZE = 4 };

static void
check_text(const char *input)
{
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = NULL;
    CLEANUP(keys_private_freep) struct keys_private *again = NULL;
    char text[KEYS_PAPER_SIZE];
    if (keys_from_paper(input, &k, &e) == RC_OK &&
        (keys_to_paper(k, text, &e) != RC_OK || keys_from_paper(text, &again, &e) != RC_OK))
        abort();
}

static void
check_bytes(const uint8_t *data)
{
    struct error e = ERROR_INIT;
    uint8_t whole[BYTES + CHECK_SIZE];
    char text[sizeof "KFR1-" + BASE32_CHARS(sizeof whole)] = "KFR1-";
    struct id check;
    if (digest_sha256(span_of(data, BYTES), &check, &e) != RC_OK)
        return;
    memcpy(whole, data, BYTES);
    memcpy(whole + BYTES, check.bytes, CHECK_SIZE);
    base32_encode(span_of(whole, sizeof whole), text + strlen(text));
    check_text(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CLEANUP(own_freep) char *input = strndup((const char *)data, len);
    if (input == NULL)
        return 0;
    check_text(input);
    if (len >= BYTES)
        check_bytes(data);
    return 0;
}
