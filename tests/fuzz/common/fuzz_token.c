/* fuzz_token.c -- any text is a token or is refused; what is decoded encodes to a token again. */
#include <stdlib.h>
#include <string.h>

#include "common/crypto/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct token t, again;
    char text[TOKEN_TEXT_SIZE];
    char *input = strndup((const char *)data, len);
    if (input == NULL)
        return 0;
    if (token_decode(input, &t, &e) == RC_OK &&
        (token_encode(&t, text, &e) != RC_OK || token_decode(text, &again, &e) != RC_OK))
        abort();
    free(input);
    return 0;
}
