/* keys_paper.c -- the key on the recovery sheet, and help for who types it in.  See keys.h and
 * docs/formats/keys.md. */
#include "common/crypto/keys.h"

#include <strings.h>

#include "common/crypto/base32.h"
#include "common/crypto/digest.h"
#include "common/crypto/keys_internal.h"

#define PREFIX "KFR1"

enum {
    PAPER_VERSION = 1,
    CHECK_AT = 1 + KEYS_RAW_SIZE,
    CHECK_SIZE = 4,
    PAPER_BYTES = CHECK_AT + CHECK_SIZE,
    GROUP = 8,
    CHARS = BASE32_CHARS(PAPER_BYTES), /* 60 */
};

struct paper {
    uint8_t bytes[PAPER_BYTES];
};

static enum rc
check_of(const struct paper *p, uint8_t out[static CHECK_SIZE], struct error *e)
{
    struct id hash;
    TRY(digest_sha256(span_of(p->bytes, CHECK_AT), &hash, e));
    memcpy(out, hash.bytes, CHECK_SIZE);
    return RC_OK;
}

enum rc
keys_to_paper(const struct keys_private *k, char out[static KEYS_PAPER_SIZE], struct error *e)
{
    struct paper p = {{PAPER_VERSION}};
    char chars[CHARS + 1];
    if (k->kind != KEYS_RECEIVING)
        return error_set(e, RC_INVALID, "only receiving keys are printed");
    TRY(keys_raw_of(k, p.bytes + 1, e));
    TRY(check_of(&p, p.bytes + CHECK_AT, e));
    base32_encode(span_of(p.bytes, sizeof p.bytes), chars);

    size_t at = sizeof PREFIX - 1;
    memcpy(out, PREFIX, at);
    for (size_t i = 0; i < CHARS; i++) {
        if (i % GROUP == 0)
            out[at++] = '-';
        out[at++] = chars[i];
    }
    out[at] = '\0';
    keys_wipe(&p, sizeof p);
    keys_wipe(chars, sizeof chars);
    return RC_OK;
}

/* Behind "KFR1", however it was typed. */
static const char *
skip_prefix(const char *text)
{
    while (base32_value(*text) == BASE32_SKIP)
        text++;
    if (strncasecmp(text, PREFIX, sizeof PREFIX - 2) != 0 ||
        base32_value(text[sizeof PREFIX - 2]) != 1)
        return NULL;
    return text + sizeof PREFIX - 1;
}

/* The characters' values without dashes and blanks; exactly CHARS of them. */
static enum rc
collect(const char *text, uint8_t values[static CHARS], struct error *e)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        int value = base32_value(*text);
        if (value == BASE32_SKIP)
            continue;
        if (value == BASE32_BAD) {
            return error_set(e, RC_INVALID, "group %zu holds a character that is never printed",
                             n / GROUP + 1);
        }
        if (n < CHARS)
            values[n] = (uint8_t)value;
        n++;
    }
    if (n != CHARS) {
        return error_set(e, RC_INVALID, "it has %zu characters behind %s, not %d", n, PREFIX,
                         (int)CHARS);
    }
    return RC_OK;
}

/* Does the text with these values carry its own check? */
static enum rc
verify(const uint8_t values[static CHARS], struct paper *out, bool *good, struct error *e)
{
    uint8_t check[CHECK_SIZE];
    unsigned held = 0, bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < CHARS; i++) {
        held = (held << 5 | values[i]) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            out->bytes[n++] = (uint8_t)(held >> bits);
        }
    }
    TRY(check_of(out, check, e));
    *good =
        (held & ((1u << bits) - 1)) == 0 && memcmp(check, out->bytes + CHECK_AT, CHECK_SIZE) == 0;
    return RC_OK;
}

/* Is one other character at `at`, or a swap with the next, all it takes? */
static enum rc
explains(uint8_t values[static CHARS], size_t at, bool *out, struct error *e)
{
    struct paper p;
    bool good = false;
    uint8_t typed = values[at];
    for (uint8_t other = 0; other < 32 && !good; other++) {
        values[at] = other;
        TRY(verify(values, &p, &good, e));
    }
    values[at] = typed;
    if (!good && at + 1 < CHARS) {
        values[at] = values[at + 1];
        values[at + 1] = typed;
        TRY(verify(values, &p, &good, e));
        values[at + 1] = values[at];
        values[at] = typed;
    }
    keys_wipe(&p, sizeof p);
    *out = good;
    return RC_OK;
}

/* 60 x 33 hashes: cheaper than the operator's second look at every group. */
static enum rc
blame(uint8_t values[static CHARS], struct error *e)
{
    for (size_t at = 0; at < CHARS; at++) {
        bool found = false;
        TRY(explains(values, at, &found, e));
        if (found)
            return error_set(e, RC_INVALID, "group %zu is mistyped", at / GROUP + 1);
    }
    return error_set(e, RC_INVALID,
                     "the check fails and more than one character is wrong; "
                     "compare every group");
}

static enum rc
decode(uint8_t values[static CHARS], struct keys_private **out, struct error *e)
{
    struct paper p;
    bool good = false;
    enum rc rc = verify(values, &p, &good, e);
    if (rc == RC_OK && !good)
        rc = blame(values, e);
    else if (rc == RC_OK && p.bytes[0] != PAPER_VERSION)
        rc = error_set(e, RC_UNSUPPORTED, "version %u of paper keys is unknown", p.bytes[0]);
    else if (rc == RC_OK)
        rc = keys_from_raw(KEYS_RECEIVING, p.bytes + 1, out, e);
    keys_wipe(&p, sizeof p);
    return rc;
}

enum rc
keys_from_paper(const char *text, struct keys_private **out, struct error *e)
{
    uint8_t values[CHARS] = {0};
    const char *rest = skip_prefix(text);
    if (rest == NULL)
        return error_set(e, RC_INVALID, "paper key: it begins with %s-", PREFIX);
    enum rc rc = collect(rest, values, e);
    if (rc == RC_OK)
        rc = decode(values, out, e);
    keys_wipe(values, sizeof values);
    return rc == RC_OK ? RC_OK : error_context(e, "paper key");
}
