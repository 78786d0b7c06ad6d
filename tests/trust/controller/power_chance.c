/* power_chance.c -- stands in front of libcrypto's function, in that program only.  See power_chance.h. */
#include "tests/trust/controller/power_chance.h"

#include <stddef.h>

/* openssl/rand.h is for common/crypto; this much of it is needed. */
int RAND_bytes_ex(void *ctx, unsigned char *out, size_t len, unsigned strength);

static uint64_t state;

void
power_chance_begin(uint64_t seed)
{
    state = seed;
}

int
RAND_bytes_ex(void *ctx, unsigned char *out, size_t len, unsigned strength)
{
    (void)ctx;
    (void)strength;
    for (size_t i = 0; i < len; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (unsigned char)(state >> 56);
    }
    return 1;
}
