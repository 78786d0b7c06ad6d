/* base32.c -- see base32.h. */
#include "common/crypto/base32.h"

#include <stdbool.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
base32_encode(struct span bytes, char *out)
{
    unsigned held = 0, bits = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        held = (held << 8 | bytes.data[i]) & 0xffff;
        for (bits += 8; bits >= 5; bits -= 5)
            *out++ = alphabet[held >> (bits - 5) & 31];
    }
    if (bits > 0)
        *out++ = alphabet[held << (5 - bits) & 31];
    *out = '\0';
}

int
base32_value(char c)
{
    if (c == '-' || c == ' ' || c == '\t' || c == '\n' || c == '\r')
        return BASE32_SKIP;
    char upper = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    if (upper == 'O')
        return 0;
    if (upper == 'I' || upper == 'L')
        return 1;
    for (int i = 0; i < 32; i++) {
        if (alphabet[i] == upper)
            return i;
    }
    return BASE32_BAD;
}

enum rc
base32_decode(const char *text, uint8_t *out, size_t size, size_t *len, struct error *e)
{
    unsigned held = 0, bits = 0;
    size_t n = 0;
    for (const char *c = text; *c != '\0'; c++) {
        int value = base32_value(*c);
        if (value == BASE32_SKIP)
            continue;
        if (value == BASE32_BAD)
            return error_set(e, RC_INVALID, "character %zu cannot be part of it",
                             (size_t)(c - text) + 1);
        held = (held << 5 | (unsigned)value) & 0xfff;
        bits += 5;
        if (bits < 8)
            continue;
        if (n == size)
            return error_set(e, RC_INVALID, "it is too long");
        bits -= 8;
        out[n++] = (uint8_t)(held >> bits);
    }
    bool canonical = bits < 5 && (held & ((1u << bits) - 1)) == 0;
    if (!canonical)
        return error_set(e, RC_INVALID, "it is cut short, or its last character is wrong");
    *len = n;
    return RC_OK;
}
