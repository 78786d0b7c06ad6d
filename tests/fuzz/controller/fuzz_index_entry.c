/* fuzz_index_entry.c -- the first byte chooses a kind of entry: any bytes decode or are corrupt, and what decodes encodes back. */
#include <stdlib.h>

#include "controller/vault/index_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
same(struct span value, const uint8_t *again, size_t len)
{
    if (value.len != len || memcmp(value.data, again, len) != 0)
        abort();
}

static enum rc
blob_entry(struct span bytes, struct error *e)
{
    struct pack_place place;
    uint32_t pack;
    uint8_t again[INDEX_ENTRY_BLOB_SIZE];
    size_t key = bytes.len < ID_SIZE ? bytes.len : ID_SIZE;
    struct span value = span_of(bytes.data + key, bytes.len - key);
    TRY(index_entry_decode_blob(span_of(bytes.data, key), value, &place, &pack, e));
    index_entry_encode_blob(&place, pack, again);
    same(value, again, sizeof again);
    return RC_OK;
}

static enum rc
pack_entry(struct span value, struct error *e)
{
    struct index_entry_pack pack;
    uint8_t again[INDEX_ENTRY_PACK_SIZE];
    TRY(index_entry_decode_pack(value, &pack, e));
    index_entry_encode_pack(&pack, again);
    same(value, again, sizeof again);
    return RC_OK;
}

static enum rc
meta_entry(struct span value, struct error *e)
{
    struct index_entry_meta meta;
    uint8_t again[INDEX_ENTRY_META_SIZE];
    TRY(index_entry_decode_meta(value, &meta, e));
    index_entry_encode_meta(&meta, again);
    same(value, again, sizeof again);
    return RC_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static enum rc (*const kinds[])(struct span, struct error *) = {blob_entry, pack_entry,
                                                                    meta_entry};
    struct error e = ERROR_INIT;
    if (len == 0)
        return 0;
    enum rc rc = kinds[data[0] % 3](span_of(data + 1, len - 1), &e);
    if (rc != RC_OK && rc != RC_CORRUPT)
        abort();
    return 0;
}
