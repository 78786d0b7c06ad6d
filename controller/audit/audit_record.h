/*
 * audit_record.h -- one record of the audit log, to bytes and back (docs/formats/audit.md).
 *
 * Texts in a decoded record borrow from the bytes, through `struct audit_texts`.  Decoding is total: any bytes give a record
 * or RC_CORRUPT.
 *
 * Threads: any.  Layer: controller/audit.
 */
#ifndef CONTROLLER_AUDIT_AUDIT_RECORD_H
#define CONTROLLER_AUDIT_AUDIT_RECORD_H

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/crypto/keys.h"

enum {
    AUDIT_BODY_MAX = 4096,
    AUDIT_FRAME = 4 + ID_SIZE, /* around a body */
    AUDIT_BOOT_SIZE = 16,
    AUDIT_ROLE_MAX = 16,
    AUDIT_WHO_MAX = 64,
    AUDIT_ADDRESS_MAX = 64,
    AUDIT_VERB_MAX = 32,
    AUDIT_OBJECT_MAX = 256,
    AUDIT_WHY_MAX = 256,
};
#define AUDIT_CONTEXT "koffer/1/audit"

enum audit_kind { AUDIT_DEED = 1, AUDIT_HEAD };
enum audit_result { AUDIT_NO_RESULT, AUDIT_ALLOWED, AUDIT_REFUSED, AUDIT_FAILED };

struct audit_record {
    enum audit_kind kind;
    enum audit_result result;
    uint64_t sequence;
    struct id previous;
    uint8_t boot[AUDIT_BOOT_SIZE];
    struct wall wall;
    struct mono mono;
    char role[AUDIT_ROLE_MAX + 1], who[AUDIT_WHO_MAX + 1];
    struct id certificate;
    char address[AUDIT_ADDRESS_MAX + 1], verb[AUDIT_VERB_MAX + 1];
    char object[AUDIT_OBJECT_MAX + 1], why[AUDIT_WHY_MAX + 1];
    struct id parameters;
    struct keys_public signing_key;         /* head */
    uint8_t signature[KEYS_SIGNATURE_SIZE]; /* head */
};

/* The frame too; appended to `out`.  `hash` is the record's. */
enum rc audit_encode(const struct audit_record *record, struct buffer *out, struct id *hash,
                     struct error *e);
/* A body. */
enum rc audit_decode(struct span body, struct audit_record *out, struct error *e);

/* What a head's signature is over. */
enum { AUDIT_HEAD_SIZE = 8 + ID_SIZE };
void
audit_head_bytes(uint64_t sequence, const struct id *previous, uint8_t out[static AUDIT_HEAD_SIZE]);

/*
 * The next record of a file: *body borrows from it, *rest moves behind.  RC_NOT_FOUND at the end, RC_AGAIN when the bytes end
 * before the record does, RC_CORRUPT when the length is none or the hash is not the body's.
 */
enum rc audit_next(struct span *rest, struct span *body, struct id *hash, struct error *e);

const char *audit_result_name(enum audit_result result);

#endif
