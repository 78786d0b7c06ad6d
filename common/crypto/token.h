/*
 * token.h -- the one-time enrolment token: what a new agent or operator must know to meet the
 * controller for the first time, as one line to paste.
 *
 *     TRY(token_decode(line, &t, e));
 *     if (token_expired(&t, now)) ...                  // the caller decides what that means
 *
 * It holds a secret: it travels by stdin, never in an argument, and is wiped after use (keys_wipe).
 * Layout: docs/formats/keys.md.  Decoding is total: any text gives a token, RC_INVALID or
 * RC_UNSUPPORTED.  Layer: common/crypto.
 */
#ifndef COMMON_CRYPTO_TOKEN_H
#define COMMON_CRYPTO_TOKEN_H

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/crypto/certificate.h"

enum { TOKEN_URL_MAX = 255, TOKEN_TEXT_SIZE = 800 };

struct token {
    struct certificate_identity identity; /* agent or operator */
    uint64_t expiry;                      /* seconds since 1970 */
    struct id secret;
    struct id spki; /* SHA-256 of the controller's SubjectPublicKeyInfo */
    char controller[CERTIFICATE_NAME_MAX + 1];
    char url[TOKEN_URL_MAX + 1]; /* where to enrol: printable ASCII without blanks */
};

/* "KFT1-..." and a NUL.  RC_INVALID when a field breaks the rules above. */
enum rc token_encode(const struct token *t, char out[static TOKEN_TEXT_SIZE], struct error *e);
/* Forgiving about case, blanks and dashes; RC_INVALID when anything is missing or mistyped. */
enum rc token_decode(const char *text, struct token *out, struct error *e);

static inline bool
token_expired(const struct token *t, struct wall now)
{
    return now.ns / CLOCK_NS_PER_SECOND >= 0 &&
           (uint64_t)(now.ns / CLOCK_NS_PER_SECOND) >= t->expiry;
}

#endif
