/*
 * record_internal.h -- what the two kinds of record share, and their structure without signatures (for
 * fuzzing: no fuzzer finds a signature).
 *
 * Layer: common/record.
 */
#ifndef COMMON_RECORD_RECORD_INTERNAL_H
#define COMMON_RECORD_RECORD_INTERNAL_H

#include "common/base/wire.h"
#include "common/record/record.h"

enum { RECORD_MAGIC_SIZE = 4, RECORD_VERSION = 2, RECORD_REASON_MAX = 1024 };

/* Everything but the signature is checked; `name` stays zero. */
enum rc record_parse_archive(struct span bytes, struct arena *arena, struct record_archive *out,
                             struct error *e);
enum rc
record_parse_full(struct span bytes, struct arena *arena, struct record_full *out, struct error *e);

void record_put_head(struct wire_writer *w, const char *magic, uint16_t version,
                     const struct record_vault_id *vault);
/* *version: the newest one known, then the one found; RC_UNSUPPORTED names one that is not ours. */
enum rc record_take_head(struct wire_reader *r, const char *magic, uint16_t *version,
                         struct record_vault_id *vault, struct error *e);
void record_put_text(struct wire_writer *w, const char *text);
/* A text of at most `max` bytes without NUL, copied into the arena. */
enum rc record_take_text(struct wire_reader *r, size_t max, struct arena *arena, const char **out,
                         struct error *e);
struct keys_public record_take_key(struct wire_reader *r);

/* Append the signer's public key and the signature over all before it; name the record. */
enum rc record_sign(struct buffer *out, const char *context, const struct keys_private *signer,
                    struct keys_public *key, struct id *name, struct error *e);
/* `bytes` has passed the parser, so key and signature are there.  RC_CORRUPT if they do not fit. */
enum rc record_check_signature(struct span bytes, const char *context,
                               const struct keys_public *key, struct id *name, struct error *e);

#endif
