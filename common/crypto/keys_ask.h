/*
 * keys_ask.h -- the key of a recovery sheet, from whoever holds the sheet.
 *
 *     TRY(keys_ask(NULL, &key, e));          // standard input; a terminal is asked, without echo
 *     TRY(keys_ask("key.txt", &key, e));     // a file that only its owner may read
 *
 * The key may stand anywhere in the text, so the whole sheet may be given; how forgiving the reading is, see
 * keys_from_paper().  Never from a command line, which every user of the host can read.
 * Layer: common/crypto.
 */
#ifndef COMMON_CRYPTO_KEYS_ASK_H
#define COMMON_CRYPTO_KEYS_ASK_H

#include "common/crypto/keys.h"

/* RC_INVALID when there is no good key in it; RC_DENIED for a file that others may read. */
enum rc keys_ask(const char *path, struct keys_private **out, struct error *e);

#endif
