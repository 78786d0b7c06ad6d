/*
 * sheet.h -- the recovery sheet: what is printed once, when a recovery key is made.
 *
 *     TRY(sheet_print(&(struct sheet){.cluster = ..., ...}, key, stdout, e));
 *
 * Whoever prints it holds the only copy of the key; it goes to the printer and is wiped.
 * Layer: common/crypto.
 */
#ifndef COMMON_CRYPTO_SHEET_H
#define COMMON_CRYPTO_SHEET_H

#include <stdio.h>

#include "common/base/clock.h"
#include "common/crypto/keys.h"

struct sheet {
    const char *cluster, *label, *vault;   /* vault: its path */
    const char *vault_id, *controller_key; /* hexadecimal */
    struct wall made;
};

/* An error when the printing failed: nobody has the key then. */
enum rc
sheet_print(const struct sheet *s, const struct keys_private *key, FILE *out, struct error *e);

#endif
