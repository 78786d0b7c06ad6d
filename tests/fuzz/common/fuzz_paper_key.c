/* fuzz_paper_key.c -- any text is a paper key or is refused; a key prints as one that reads back. */
#include <stdlib.h>
#include <string.h>

#include "common/crypto/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = NULL;
    CLEANUP(keys_private_freep) struct keys_private *again = NULL;
    CLEANUP(own_freep) char *input = strndup((const char *)data, len);
    char text[KEYS_PAPER_SIZE];
    if (input == NULL || keys_from_paper(input, &k, &e) != RC_OK)
        return 0;
    if (keys_to_paper(k, text, &e) != RC_OK || keys_from_paper(text, &again, &e) != RC_OK)
        abort();
    return 0;
}
