/* blob.c -- what can be said about a blob without any key.  See blob.h. */
#include "common/blob/blob.h"

#include "common/base/wire.h"
#include "common/crypto/digest.h"

enum { SUITE = 1 };
static const uint8_t magic[4] = {'K', 'F', 'B', '1'};

struct wire_header {
    struct span magic, domain;
    uint8_t suite, type, compression, flags;
    uint64_t plain_len, body_len;
    uint32_t children, zero;
};

static bool
read_header(struct wire_reader *r, struct wire_header *h)
{
    h->magic = wire_bytes(r, sizeof magic);
    h->suite = wire_u8(r);
    h->type = wire_u8(r);
    h->compression = wire_u8(r);
    h->flags = wire_u8(r);
    h->domain = wire_bytes(r, BLOB_DOMAIN_SIZE);
    h->plain_len = wire_u64(r);
    h->body_len = wire_u64(r);
    h->children = wire_u32(r);
    h->zero = wire_u32(r);
    return wire_ok(r) && memcmp(h->magic.data, magic, sizeof magic) == 0;
}

static enum rc
check_known(const struct wire_header *h, struct error *e)
{
    if (h->suite != SUITE || (h->type != BLOB_DATA && h->type != BLOB_NODE) ||
        h->compression > BLOB_ZSTD)
        return error_set(e, RC_UNSUPPORTED,
                         "blob of suite %u, type %u, compression %u; a later version of Koffer "
                         "wrote it",
                         h->suite, h->type, h->compression);
    if (h->type == BLOB_DATA && h->children != 0)
        return error_set(e, RC_UNSUPPORTED,
                         "data blob with a base; a later version of Koffer wrote it");
    return RC_OK;
}

static enum rc
check_bounds(const struct wire_header *h, size_t total, struct error *e)
{
    if (h->flags != 0 || h->zero != 0)
        return error_set(e, RC_CORRUPT, "blob: reserved bytes are not zero");
    if (h->plain_len > LIMIT_BLOB_PLAIN || h->children > LIMIT_BLOB_CHILDREN)
        return error_set(e, RC_CORRUPT, "blob: %ju bytes and %u children are over the limits",
                         (uintmax_t)h->plain_len, h->children);
    bool shorter = h->compression == BLOB_ZSTD ? h->body_len > 0 && h->body_len < h->plain_len
                                               : h->body_len == h->plain_len;
    if (!shorter)
        return error_set(e, RC_CORRUPT, "blob: a body of %ju bytes for %ju bytes of plain text",
                         (uintmax_t)h->body_len, (uintmax_t)h->plain_len);
    const size_t want =
        BLOB_HEADER_SIZE + (size_t)h->children * ID_SIZE + h->body_len + BLOB_TAG_SIZE;
    if (total != want)
        return error_set(e, RC_CORRUPT, "blob of %zu bytes announces %zu", total, want);
    return RC_OK;
}

static bool
ascending(struct span ids)
{
    for (size_t at = ID_SIZE; at < ids.len; at += ID_SIZE) {
        if (memcmp(ids.data + at - ID_SIZE, ids.data + at, ID_SIZE) >= 0)
            return false;
    }
    return true;
}

enum rc
blob_parse(struct span blob, struct blob_header *out, struct error *e)
{
    struct wire_reader r = wire_reader_of(blob);
    struct wire_header h;
    if (!read_header(&r, &h))
        return error_set(e, RC_CORRUPT, "%zu bytes that do not begin like a blob", blob.len);
    TRY(check_known(&h, e));
    TRY(check_bounds(&h, blob.len, e));
    struct span ids = wire_bytes(&r, (size_t)h.children * ID_SIZE);
    if (!ascending(ids))
        return error_set(e, RC_CORRUPT, "blob: its children are out of order");

    struct blob_header header = {
        .type = (enum blob_type)h.type,
        .compression = (enum blob_compression)h.compression,
        .plain_len = h.plain_len,
        .body_len = h.body_len,
        .children = h.children,
        .child_ids = ids.data,
    };
    memcpy(header.domain, h.domain.data, BLOB_DOMAIN_SIZE);
    *out = header;
    return RC_OK;
}

enum rc
blob_check(struct span blob, const struct id *id, struct error *e)
{
    struct id found;
    TRY(digest_sha256(blob, &found, e));
    if (id_equal(&found, id))
        return RC_OK;
    char want[ID_TEXT_SIZE], got[ID_TEXT_SIZE];
    return error_set(e, RC_CORRUPT, "blob %s: its %zu bytes hash to %s", id_text(id, want),
                     blob.len, id_text(&found, got));
}
