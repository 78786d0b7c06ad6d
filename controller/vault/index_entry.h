/*
 * index_entry.h -- the values in the index's databases, to and from bytes (docs/formats/pack.md).
 *
 * Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_INDEX_ENTRY_H
#define CONTROLLER_VAULT_INDEX_ENTRY_H

#include "common/base/error.h"
#include "common/base/span.h"
#include "common/record/record.h"
#include "controller/vault/pack_format.h"

enum {
    INDEX_ENTRY_BLOB_SIZE = 24,
    INDEX_ENTRY_PACK_SIZE = 44,
    INDEX_ENTRY_META_SIZE = 56,
    INDEX_ENTRY_FORMAT = 2, /* 2: with other copies of blobs */
};

struct index_entry_pack {
    struct id name;
    uint64_t size;
    uint32_t blobs;
};

struct index_entry_meta {
    struct record_vault_id vault;
    uint64_t epoch, bytes_blobs, bytes_plain, bytes_packs;
    uint32_t
        last_pack; /* number given last; one is never given twice, also when its pack is gone */
};

void index_entry_encode_blob(const struct pack_place *place, uint32_t pack,
                             uint8_t out[static INDEX_ENTRY_BLOB_SIZE]);
/* RC_CORRUPT when the check sum does not fit key and value. */
enum rc index_entry_decode_blob(struct span key, struct span value, struct pack_place *place,
                                uint32_t *pack, struct error *e);

void index_entry_encode_pack(const struct index_entry_pack *pack,
                             uint8_t out[static INDEX_ENTRY_PACK_SIZE]);
enum rc index_entry_decode_pack(struct span value, struct index_entry_pack *out, struct error *e);

void index_entry_encode_meta(const struct index_entry_meta *meta,
                             uint8_t out[static INDEX_ENTRY_META_SIZE]);
/* RC_CORRUPT also for another format. */
enum rc index_entry_decode_meta(struct span value, struct index_entry_meta *out, struct error *e);

#endif
