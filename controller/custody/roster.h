/*
 * roster.h -- the recipients: who fulls are sealed to, who they were sealed to once, and whose sheets can be read.
 *
 * STATE/recipients has a line for each: "[retired ]KEY LABEL", the key in 64 hexadecimal digits.  STATE/sheets-verified has a
 * line for each sheet that was typed back: fingerprint, time.  Both are replaced whole, so a crash leaves the old or the new
 * one.  New fulls are sealed to all that are not retired; a retired one stays listed, because what was sealed to it stays so.
 *
 *     TRY(roster_load(state, custody_key, &roster, e));
 *     count = roster_current(roster, keys);
 *     TRY(roster_add(roster, &public, "safe in Bern", e));         // durable, and in `roster`
 *
 * A recipient whose private key the controller keeps (custody) has no sheet.  At least one recipient with a sheet stays
 * current: a controller can burn down.
 * Threads: one.  Layer: controller/custody.
 */
#ifndef CONTROLLER_CUSTODY_ROSTER_H
#define CONTROLLER_CUSTODY_ROSTER_H

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/own.h"
#include "common/crypto/keys.h"

enum { ROSTER_MAX = 64 /* with the retired ones */, ROSTER_PATH_SIZE = 1024 };

struct roster_entry {
    struct keys_public key;
    struct id fingerprint;
    char label[LIMIT_LABEL + 1];    /* escaped, cut to fit */
    bool retired, kept;             /* kept: by the controller; no sheet */
    char verified[CLOCK_TEXT_SIZE]; /* when the sheet was typed back; "": it was not */
};

struct roster {
    char state[ROSTER_PATH_SIZE];
    struct keys_public custody; /* when has_custody */
    bool has_custody;
    struct roster_entry entries[ROSTER_MAX];
    size_t count;
};

/* `custody` NULL: the controller keeps none.  RC_INVALID names the line that is wrong, or says that nobody is current. */
enum rc roster_load(const char *state, const struct keys_private *custody, struct roster **out,
                    struct error *e);
void roster_free(struct roster *r);
DEFINE_FREEP(roster)
/* Read both files again: `koffer-controller key verify-paper` may have written. */
enum rc roster_reload(struct roster *r, struct error *e);

/* Returns how many. */
size_t roster_current(const struct roster *r, struct keys_public out[static LIMIT_RECIPIENTS]);
const struct roster_entry *roster_find(const struct roster *r, const struct id *fingerprint);

/* RC_EXISTS when it is there already, also as a retired one; RC_NO_SPACE at the limits; RC_INVALID for a bad label. */
enum rc
roster_add(struct roster *r, const struct keys_public *key, const char *label, struct error *e);
/* RC_DENIED for the last current one with a sheet. */
enum rc roster_retire(struct roster *r, const struct id *fingerprint, struct error *e);
enum rc roster_note_verified(struct roster *r, const struct id *fingerprint, struct wall now,
                             struct error *e);
/* The first current one whose sheet was not typed back; NULL: none. */
const struct roster_entry *roster_unverified(const struct roster *r);

/* The lines of a new controller's file. */
enum rc
roster_line(const struct keys_public *key, const char *label, struct buffer *out, struct error *e);

#endif
