/* memory_record.c -- the codec.  See memory_record.h. */
#include "agent/capture/memory_record.h"

#include "common/base/wire.h"

enum flag { FLAG_CHECK = 1, FLAG_HASH = 2, FLAG_XATTRS = 4, FLAGS_ALL = 7 };

static void
put_ref(struct wire_writer *w, struct memory_ring *ring, const struct blob_ref *ref,
        uint64_t bundle)
{
    size_t kept = ring->count < MEMORY_RING ? ring->count : MEMORY_RING;
    for (size_t back = 1; back <= kept; back++) {
        size_t at = (ring->count - back) % MEMORY_RING;
        if (id_equal(&ring->refs[at].id, &ref->id) && ring->bundles[at] == bundle) {
            wire_put_varint(w, back);
            return;
        }
    }
    wire_put_varint(w, 0);
    wire_put_id(w, &ref->id);
    wire_put_id(w, &ref->key);
    wire_put_varint(w, bundle);
    ring->refs[ring->count % MEMORY_RING] = *ref;
    ring->bundles[ring->count++ % MEMORY_RING] = bundle;
}

static void
put_time(struct wire_writer *w, struct memory_time t)
{
    wire_put_i64(w, t.seconds);
    wire_put_varint(w, t.ns);
}

static void
put_pieces(struct wire_writer *w, const struct memory_record *r, struct memory_ring *ring)
{
    wire_put_varint(w, r->piece_count);
    for (size_t i = 0; i < r->piece_count; i++) {
        const struct node_piece *piece = &r->pieces[i];
        wire_put_varint(w, piece->kind);
        if (piece->kind != NODE_HOLE)
            put_ref(w, ring, &piece->ref, r->bundle);
        if (piece->kind == NODE_DATA)
            wire_put_varint(w, piece->offset);
        wire_put_varint(w, piece->length);
    }
}

static void
put_file(struct wire_writer *w, const struct memory_record *r, struct memory_ring *ring)
{
    wire_put_u8(w, (uint8_t)((r->check ? FLAG_CHECK : 0) | (r->hashed ? FLAG_HASH : 0) |
                             (r->xattr_count > 0 ? FLAG_XATTRS : 0)));
    wire_put_varint(w, r->size);
    wire_put_varint(w, r->device);
    wire_put_varint(w, r->inode);
    put_time(w, r->mtime);
    put_time(w, r->ctime);
    if (r->hashed)
        wire_put_bytes(w, span_of(r->hash.bytes, MEMORY_HASH_SIZE));
    if (r->xattr_count > 0)
        wire_put_varint(w, r->xattr_count);
    for (size_t i = 0; i < r->xattr_count; i++) {
        wire_put_varbytes(w, r->xattrs[i].name);
        wire_put_varbytes(w, r->xattrs[i].value);
    }
    put_pieces(w, r, ring);
}

enum rc
memory_record_encode(const struct memory_record *record, struct memory_ring *ring,
                     struct buffer *out, struct error *e)
{
    struct wire_writer w = wire_writer_to(out, e);
    wire_put_u8(&w, (uint8_t)record->kind);
    if (record->kind != MEMORY_LEAVE)
        wire_put_varbytes(&w, record->name);
    if (record->kind == MEMORY_FILE)
        put_file(&w, record, ring);
    return wire_writer_finish(&w);
}

static bool
get_ref(struct wire_reader *r, struct memory_ring *ring, struct blob_ref *ref, uint64_t *bundle)
{
    uint64_t back = wire_varint(r);
    size_t kept = ring->count < MEMORY_RING ? ring->count : MEMORY_RING;
    if (!wire_ok(r) || back > kept)
        return false;
    size_t at = (ring->count - (size_t)back) % MEMORY_RING;
    if (back == 0) {
        ring->refs[at].id = wire_id(r);
        ring->refs[at].key = wire_id(r);
        ring->bundles[at] = wire_varint(r);
        ring->count++;
    }
    *ref = ring->refs[at];
    *bundle = ring->bundles[at];
    return wire_ok(r);
}

static struct memory_time
get_time(struct wire_reader *r)
{
    struct memory_time t = {.seconds = wire_i64(r)};
    uint64_t ns = wire_varint(r);
    if (ns >= 1000000000U)
        r->failed = true;
    else
        t.ns = (uint32_t)ns;
    return t;
}

static bool
get_piece(struct wire_reader *r, struct memory_ring *ring, struct node_piece *piece,
          uint64_t *bundle)
{
    uint64_t tag = wire_varint(r);
    if (tag > NODE_PIECES)
        return false;
    piece->kind = (enum node_piece_kind)tag;
    if (piece->kind != NODE_HOLE && !get_ref(r, ring, &piece->ref, bundle))
        return false;
    if (piece->kind == NODE_DATA)
        piece->offset = wire_varint(r);
    piece->length = wire_varint(r);
    return wire_ok(r) && piece->length > 0;
}

/* The pieces must cover exactly the file: a record that is used stands in for its content. */
static enum rc
get_pieces(struct wire_reader *r, struct memory_ring *ring, struct arena *arena,
           struct memory_record *out, struct error *e)
{
    uint64_t count = wire_varint(r), covered = 0;
    if (!wire_ok(r) || count > TREE_INLINE_PIECES)
        return error_set(e, RC_CORRUPT, "memory: a file with too many pieces");
    struct node_piece *pieces = arena_alloc(arena, (size_t)count * sizeof *pieces + 1);
    if (pieces == NULL)
        return error_set(e, RC_NO_MEMORY, "memory: pieces of a file");
    for (size_t i = 0; i < count; i++) {
        if (!get_piece(r, ring, &pieces[i], &out->bundle) || pieces[i].length > out->size - covered)
            return error_set(e, RC_CORRUPT, "memory: a bad piece");
        covered += pieces[i].length;
    }
    if (covered != out->size)
        return error_set(e, RC_CORRUPT, "memory: pieces do not add up to a file's size");
    out->pieces = pieces;
    out->piece_count = (size_t)count;
    return RC_OK;
}

static enum rc
get_xattrs(struct wire_reader *r, struct arena *arena, struct memory_record *out, struct error *e)
{
    uint64_t count = wire_varint(r);
    if (!wire_ok(r) || count == 0 || count > LIMIT_XATTR_COUNT)
        return error_set(e, RC_CORRUPT, "memory: a file with too many attributes");
    struct node_xattr *xattrs = arena_alloc(arena, (size_t)count * sizeof *xattrs);
    if (xattrs == NULL)
        return error_set(e, RC_NO_MEMORY, "memory: attributes of a file");
    for (size_t i = 0; i < count; i++) {
        xattrs[i].name = wire_varbytes(r, LIMIT_NAME);
        xattrs[i].value = wire_varbytes(r, LIMIT_XATTR_VALUE);
    }
    out->xattrs = xattrs;
    out->xattr_count = (size_t)count;
    return RC_OK;
}

static enum rc
get_file(struct wire_reader *r, struct memory_ring *ring, struct arena *arena,
         struct memory_record *out, struct error *e)
{
    unsigned flags = wire_u8(r);
    if ((flags & ~(unsigned)FLAGS_ALL) != 0)
        return error_set(e, RC_CORRUPT, "memory: unknown flags");
    out->check = (flags & FLAG_CHECK) != 0;
    out->hashed = (flags & FLAG_HASH) != 0;
    out->size = wire_varint(r);
    out->device = wire_varint(r);
    out->inode = wire_varint(r);
    out->mtime = get_time(r);
    out->ctime = get_time(r);
    if (out->hashed) {
        struct span hash = wire_bytes(r, MEMORY_HASH_SIZE);
        if (hash.len == MEMORY_HASH_SIZE)
            memcpy(out->hash.bytes, hash.data, MEMORY_HASH_SIZE);
    }
    if ((flags & FLAG_XATTRS) != 0)
        TRY(get_xattrs(r, arena, out, e));
    return get_pieces(r, ring, arena, out, e);
}

enum rc
memory_record_decode(struct span body, struct memory_ring *ring, struct arena *arena,
                     struct memory_record *out, struct error *e)
{
    struct wire_reader r = wire_reader_of(body);
    unsigned kind = wire_u8(&r);
    if (kind < MEMORY_ENTER || kind > MEMORY_FILE)
        return error_set(e, RC_CORRUPT, "memory: a record of unknown kind %u", kind);
    struct memory_record record = {.kind = (enum memory_kind)kind};
    if (record.kind != MEMORY_LEAVE) {
        record.name = wire_varbytes(&r, LIMIT_NAME);
        if (!wire_ok(&r) || !node_name_is_good(record.name))
            return error_set(e, RC_CORRUPT, "memory: a bad name");
    }
    if (record.kind == MEMORY_FILE)
        TRY(get_file(&r, ring, arena, &record, e));
    if (!wire_done(&r))
        return error_set(e, RC_CORRUPT, "memory: a record of the wrong length");
    *out = record;
    return RC_OK;
}
