/* fuzz_token.c -- any text is a token or is refused; what is decoded encodes to a token again.  The input is tried as a text, and
 * as the bytes of a token with the right check: no fuzzer finds a hash. */
#include <stdlib.h>
#include <string.h>

#include "common/crypto/base32.h"
#include "common/crypto/digest.h"
#include "common/crypto/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BYTES_MAX = 512, CHECK_SIZE = 4 };

static void
check_text(const char *text)
{
    struct error e = ERROR_INIT;
    struct token t, again;
    char printed[TOKEN_TEXT_SIZE];
    if (token_decode(text, &t, &e) == RC_OK &&
        (token_encode(&t, printed, &e) != RC_OK || token_decode(printed, &again, &e) != RC_OK))
        abort();
}

static void
check_bytes(struct span bytes)
{
    struct error e = ERROR_INIT;
    uint8_t whole[BYTES_MAX + CHECK_SIZE];
    char text[sizeof "KFT1-" + BASE32_CHARS(sizeof whole)] = "KFT1-";
    struct id check;
    if (bytes.len == 0 || bytes.len > BYTES_MAX || digest_sha256(bytes, &check, &e) != RC_OK)
        return;
    memcpy(whole, bytes.data, bytes.len);
    memcpy(whole + bytes.len, check.bytes, CHECK_SIZE);
    base32_encode(span_of(whole, bytes.len + CHECK_SIZE), text + strlen(text));
    check_text(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CLEANUP(own_freep) char *text = strndup((const char *)data, len);
    if (text == NULL)
        return 0;
    check_text(text);
    check_bytes(span_of(data, len));
    return 0;
}
