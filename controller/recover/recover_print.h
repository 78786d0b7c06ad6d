/* recover_print.h -- what list and show share: words for states and keys, and JSON.  Layer: controller/recover. */
#ifndef CONTROLLER_RECOVER_RECOVER_PRINT_H
#define CONTROLLER_RECOVER_RECOVER_PRINT_H

#include <jansson.h>

#include "controller/recover/recover.h"

const char *recover_print_state(enum record_full_state state);
/* 64 hexadecimal digits.  Returns `out`. */
const char *recover_print_key(const struct keys_public *key, char out[static ID_TEXT_SIZE]);
/* " (as on the sheet)", " FOREIGN", or "" when no controller key was given. */
const char *recover_print_verdict(const struct recover *r, const struct record_full *full);
struct record_totals recover_print_sum(const struct archive_set *set);

/* The vault's id as a JSON text; a full as an object, with its archives when `whole`.  NULL: no memory. */
json_t *recover_print_vault(const struct recover *r);
json_t *recover_print_json(const struct recover *r, const struct archive_set *set, bool whole);
/* Takes the reference; NULL is RC_NO_MEMORY. */
enum rc recover_print_document(json_t *document, struct error *e);

#endif
