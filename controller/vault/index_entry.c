/* index_entry.c -- see index_entry.h. */
#include "controller/vault/index_entry.h"

#include <endian.h>

#include "common/base/wire.h"

/* FNV-1a: enough to notice a flipped bit in a cache. */
static uint32_t
checksum(struct span key, struct span value)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < key.len; i++)
        hash = (uint32_t)((hash ^ key.data[i]) * UINT64_C(16777619));
    for (size_t i = 0; i < value.len; i++)
        hash = (uint32_t)((hash ^ value.data[i]) * UINT64_C(16777619));
    return hash;
}

static uint8_t *
store_u32(uint8_t *at, uint32_t v)
{
    v = htole32(v);
    memcpy(at, &v, sizeof v);
    return at + sizeof v;
}

static uint8_t *
store_u64(uint8_t *at, uint64_t v)
{
    v = htole64(v);
    memcpy(at, &v, sizeof v);
    return at + sizeof v;
}

void
index_entry_encode_blob(const struct pack_place *place, uint32_t pack,
                        uint8_t out[static INDEX_ENTRY_BLOB_SIZE])
{
    uint8_t *at = store_u32(out, pack);
    at = store_u32(at, place->offset);
    at = store_u32(at, place->len);
    at = store_u32(at, place->plain_len);
    at = store_u32(at, place->children);
    struct span key = span_of(place->id.bytes, ID_SIZE);
    (void)store_u32(at, checksum(key, span_of(out, (size_t)(at - out))));
}

enum rc
index_entry_decode_blob(struct span key, struct span value, struct pack_place *place,
                        uint32_t *pack, struct error *e)
{
    if (key.len != ID_SIZE || value.len != INDEX_ENTRY_BLOB_SIZE)
        return error_set(e, RC_CORRUPT, "index: an entry of %zu bytes", value.len);

    struct wire_reader wire = wire_reader_of(value);
    memcpy(place->id.bytes, key.data, ID_SIZE);
    *pack = wire_u32(&wire);
    place->offset = wire_u32(&wire);
    place->len = wire_u32(&wire);
    place->plain_len = wire_u32(&wire);
    place->children = wire_u32(&wire);
    if (wire_u32(&wire) != checksum(key, span_of(value.data, value.len - sizeof(uint32_t))))
        return error_set(e, RC_CORRUPT,
                         "index: a damaged entry; stop the controller and delete "
                         "the vault's index/, it will be rebuilt");
    return RC_OK;
}

void
index_entry_encode_pack(const struct index_entry_pack *pack,
                        uint8_t out[static INDEX_ENTRY_PACK_SIZE])
{
    memcpy(out, pack->name.bytes, ID_SIZE);
    uint8_t *at = store_u64(out + ID_SIZE, pack->size);
    (void)store_u32(at, pack->blobs);
}

enum rc
index_entry_decode_pack(struct span value, struct index_entry_pack *out, struct error *e)
{
    struct wire_reader wire = wire_reader_of(value);
    out->name = wire_id(&wire);
    out->size = wire_u64(&wire);
    out->blobs = wire_u32(&wire);
    return wire_done(&wire) ? RC_OK : error_set(e, RC_CORRUPT, "index: a damaged pack entry");
}

void
index_entry_encode_meta(const struct index_entry_meta *meta,
                        uint8_t out[static INDEX_ENTRY_META_SIZE])
{
    uint8_t *at = store_u32(out, INDEX_ENTRY_FORMAT);
    memcpy(at, meta->vault.bytes, sizeof meta->vault.bytes);
    at = store_u64(at + sizeof meta->vault.bytes, meta->epoch);
    at = store_u64(at, meta->bytes_blobs);
    at = store_u64(at, meta->bytes_plain);
    at = store_u64(at, meta->bytes_packs);
    (void)store_u32(at, meta->last_pack);
}

enum rc
index_entry_decode_meta(struct span value, struct index_entry_meta *out, struct error *e)
{
    struct wire_reader wire = wire_reader_of(value);
    uint32_t format = wire_u32(&wire);
    struct span vault = wire_bytes(&wire, sizeof out->vault.bytes);
    out->epoch = wire_u64(&wire);
    out->bytes_blobs = wire_u64(&wire);
    out->bytes_plain = wire_u64(&wire);
    out->bytes_packs = wire_u64(&wire);
    out->last_pack = wire_u32(&wire);
    if (!wire_done(&wire) || format != INDEX_ENTRY_FORMAT)
        return error_set(e, RC_CORRUPT, "index: of another format");
    memcpy(out->vault.bytes, vault.data, vault.len);
    return RC_OK;
}
