/* pack_reader.c -- table from the tail, everything within bounds.  See pack_reader.h. */
#include "controller/vault/pack_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/wire.h"
#include "common/blob/blob.h"
#include "common/crypto/digest.h"
#include "common/sys/file.h"

enum {
    BLOB_MIN = BLOB_HEADER_SIZE + BLOB_TAG_SIZE,
    PACK_MIN =
        PACK_HEADER_SIZE + PACK_ENTRY_SIZE + BLOB_MIN + PACK_TABLE_ENTRY_SIZE + PACK_TAIL_SIZE,
    HASH_STEP = 1 << 18,
};

struct pack_reader {
    int file;  /* borrowed unless `owned` */
    int owned; /* the same, or -1 */
    uint64_t size;
    bool salvaged;
    struct record_vault_id vault;
    struct pack_place *places;
    size_t count, capacity;
};

static enum rc
read_exactly(int file, uint64_t offset, size_t len, struct buffer *out, struct error *e)
{
    size_t got;

    buffer_clear(out);
    TRY(buffer_reserve(out, len, e));
    TRY(file_read_at(file, offset, out->data, len, &got, e));
    if (got != len)
        return error_set(e, RC_CORRUPT, "the file ends at %llu, %zu bytes were expected at %llu",
                         (unsigned long long)(offset + got), len, (unsigned long long)offset);
    out->len = len;
    return RC_OK;
}

static enum rc
note_place(struct pack_reader *r, const struct pack_place *place, struct error *e)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity == 0 ? 64 : 2 * r->capacity;
        struct pack_place *grown = reallocarray(r->places, capacity, sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "table of a pack with %zu blobs", capacity);
        r->places = grown;
        r->capacity = capacity;
    }
    r->places[r->count++] = *place;
    return RC_OK;
}

static enum rc
read_head(struct pack_reader *r, struct error *e)
{
    CLEANUP(buffer_free) struct buffer head = BUFFER_INIT(PACK_HEADER_SIZE);

    TRY(read_exactly(r->file, 0, PACK_HEADER_SIZE, &head, e));
    struct wire_reader wire = wire_reader_of(buffer_span(&head));
    struct span magic = wire_bytes(&wire, PACK_MAGIC_SIZE);
    uint32_t zero = wire_u32(&wire);
    if (memcmp(magic.data, PACK_MAGIC, PACK_MAGIC_SIZE) != 0 || zero != 0)
        return error_set(e, RC_CORRUPT, "the head is not that of a pack");
    memcpy(r->vault.bytes, wire.rest.data, sizeof r->vault.bytes);
    return RC_OK;
}

struct tail {
    uint32_t count;
    struct id table_hash;
};

static enum rc
read_tail(const struct pack_reader *r, struct tail *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(PACK_TAIL_SIZE);

    TRY(read_exactly(r->file, r->size - PACK_TAIL_SIZE, PACK_TAIL_SIZE, &bytes, e));
    struct wire_reader wire = wire_reader_of(buffer_span(&bytes));
    out->count = wire_u32(&wire);
    out->table_hash = wire_id(&wire);
    uint32_t zero = wire_u32(&wire);
    if (zero != 0 || memcmp(wire.rest.data, PACK_TAIL_MAGIC, PACK_TAIL_MAGIC_SIZE) != 0)
        return error_set(e, RC_CORRUPT, "the tail is not that of a pack");
    uint64_t most = (r->size - PACK_HEADER_SIZE - PACK_TAIL_SIZE) /
                    (PACK_ENTRY_SIZE + BLOB_MIN + PACK_TABLE_ENTRY_SIZE);
    if (out->count == 0 || out->count > most)
        return error_set(e, RC_CORRUPT, "a count of %u blobs is impossible", out->count);
    return RC_OK;
}

static bool
is_possible(const struct pack_place *place)
{
    return place->len >= BLOB_MIN && place->len <= LIMIT_BLOB &&
           place->plain_len <= LIMIT_BLOB_PLAIN && place->children <= LIMIT_BLOB_CHILDREN &&
           place->len - BLOB_MIN >= place->children * (uint64_t)ID_SIZE;
}

static enum rc
decode_table(struct pack_reader *r, struct span table, uint64_t table_offset, struct error *e)
{
    struct wire_reader wire = wire_reader_of(table);
    uint64_t end = PACK_HEADER_SIZE;

    while (wire.rest.len > 0) {
        struct pack_place place = {.id = wire_id(&wire)};
        place.offset = wire_u32(&wire);
        place.len = wire_u32(&wire);
        place.plain_len = wire_u32(&wire);
        place.children = wire_u32(&wire);
        if (place.offset != end + PACK_ENTRY_SIZE || !is_possible(&place))
            return error_set(e, RC_CORRUPT, "row %zu of the table is impossible", r->count);
        end = (uint64_t)place.offset + place.len;
        if (end > table_offset)
            return error_set(e, RC_CORRUPT, "row %zu of the table leaves the pack", r->count);
        TRY(note_place(r, &place, e));
    }
    if (end != table_offset)
        return error_set(e, RC_CORRUPT, "the entries end at %llu, the table begins at %llu",
                         (unsigned long long)end, (unsigned long long)table_offset);
    return RC_OK;
}

static enum rc
read_table(struct pack_reader *r, struct error *e)
{
    CLEANUP(buffer_free) struct buffer table = BUFFER_INIT(LIMIT_PACK);
    struct tail tail;
    struct id hash;

    TRY(read_tail(r, &tail, e));
    size_t len = tail.count * (size_t)PACK_TABLE_ENTRY_SIZE;
    uint64_t offset = r->size - PACK_TAIL_SIZE - len;
    TRY(read_exactly(r->file, offset, len, &table, e));
    TRY(digest_sha256(buffer_span(&table), &hash, e));
    if (!id_equal(&hash, &tail.table_hash))
        return error_set(e, RC_CORRUPT, "the table does not fit its hash");
    return decode_table(r, buffer_span(&table), offset, e);
}

static enum rc
reader_new(int file, struct pack_reader **out, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *r = calloc(1, sizeof *r);
    struct stat st;

    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "pack reader");
    r->file = file;
    r->owned = -1;
    if (fstat(file, &st) != 0)
        return error_errno(e, "fstat");
    if (!S_ISREG(st.st_mode))
        return error_set(e, RC_CORRUPT, "not a regular file");
    r->size = (uint64_t)st.st_size;
    *out = TAKE(r);
    return RC_OK;
}

/* Every blob is shorter than a pack, so the limit holds for packs of a single blob too. */
static enum rc
check_size(const struct pack_reader *r, struct error *e)
{
    if (r->size < PACK_MIN || r->size > LIMIT_PACK)
        return error_set(e, RC_CORRUPT, "a pack of %llu bytes is impossible",
                         (unsigned long long)r->size);
    return RC_OK;
}

enum rc
pack_reader_of(int file, struct pack_reader **out, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;

    TRY(reader_new(file, &r, e));
    TRY(check_size(r, e));
    TRY(read_head(r, e));
    TRY(read_table(r, e));
    *out = TAKE(r);
    return RC_OK;
}

/* Read the entry at `at`; *more is false when no entry can be there. */
static enum rc
read_entry(const struct pack_reader *r, uint64_t at, struct pack_place *out, bool *more,
           struct error *e)
{
    CLEANUP(buffer_free) struct buffer head = BUFFER_INIT(PACK_ENTRY_SIZE);

    *more = false;
    if (at + PACK_ENTRY_SIZE + BLOB_MIN > r->size || at > UINT32_MAX - LIMIT_BLOB)
        return RC_OK;
    TRY(read_exactly(r->file, at, PACK_ENTRY_SIZE, &head, e));
    struct wire_reader wire = wire_reader_of(buffer_span(&head));
    out->len = wire_u32(&wire);
    out->id = wire_id(&wire);
    out->offset = (uint32_t)at + PACK_ENTRY_SIZE;
    *more = out->len >= BLOB_MIN && out->len <= LIMIT_BLOB &&
            (uint64_t)out->offset + out->len <= r->size;
    return RC_OK;
}

static bool
is_damage(enum rc rc)
{
    return rc == RC_CORRUPT || rc == RC_UNSUPPORTED || rc == RC_IO;
}

static enum rc
salvage_blob(struct pack_reader *r, struct pack_place *place, struct buffer *blob, struct error *e)
{
    struct blob_header header;
    enum rc rc = pack_reader_fetch(r->file, place, blob, e);

    if (rc == RC_OK)
        rc = blob_parse(buffer_span(blob), &header, e);
    if (rc == RC_OK) {
        place->plain_len = (uint32_t)header.plain_len;
        place->children = header.children;
        return note_place(r, place, e);
    }
    /* A blob that is not its id is lost and one of a later version is not for us; the next may be. */
    return is_damage(rc) ? RC_OK : rc;
}

/* The table is where lengths are safe from a damaged entry, behind which the walk would find nothing. */
static enum rc
salvage_by_table(struct pack_reader *r, struct buffer *blob, bool *done, struct error *e)
{
    enum rc rc = check_size(r, e);
    if (rc == RC_OK)
        rc = read_table(r, e);
    CLEANUP(own_freep) struct pack_place *table = TAKE(r->places);
    size_t count = r->count;

    r->count = r->capacity = 0;
    *done = rc == RC_OK;
    if (rc != RC_OK)
        return is_damage(rc) ? RC_OK : rc;
    for (size_t i = 0; i < count; i++)
        TRY(salvage_blob(r, &table[i], blob, e));
    return RC_OK;
}

/* An entry that cannot be read ends it: where the next begins only that one says. */
static enum rc
salvage_by_walk(struct pack_reader *r, struct buffer *blob, struct error *e)
{
    struct pack_place place = {0};
    bool more;

    for (uint64_t at = PACK_HEADER_SIZE;; at = (uint64_t)place.offset + place.len) {
        enum rc rc = read_entry(r, at, &place, &more, e);
        if (is_damage(rc) || (rc == RC_OK && !more))
            return RC_OK;
        TRY(rc);
        TRY(salvage_blob(r, &place, blob, e));
    }
}

enum rc
pack_reader_salvage_of(int file, struct pack_reader **out, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    bool done;

    TRY(reader_new(file, &r, e));
    r->salvaged = true;
    TRY(salvage_by_table(r, &blob, &done, e));
    if (!done)
        TRY(salvage_by_walk(r, &blob, e));
    *out = TAKE(r);
    return RC_OK;
}

typedef enum rc reader_maker(int file, struct pack_reader **out, struct error *e);

static enum rc
open_by_name(int vault, const struct id *name, reader_maker *make, struct pack_reader **out,
             struct error *e)
{
    CLEANUP(own_closep) int file = -1;
    char path[PACK_PATH_SIZE];

    /* Not to wait for a writer, should somebody have put a pipe there. */
    file =
        openat(vault, pack_format_path(name, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return error_errno(e, "open '%s'", path);
    TRY_IN(make(file, out, e), e, "pack '%s'", path);
    (*out)->owned = file;
    file = -1;
    return RC_OK;
}

enum rc
pack_reader_open(int vault, const struct id *name, struct pack_reader **out, struct error *e)
{
    return open_by_name(vault, name, pack_reader_of, out, e);
}

enum rc
pack_reader_salvage(int vault, const struct id *name, struct pack_reader **out, struct error *e)
{
    return open_by_name(vault, name, pack_reader_salvage_of, out, e);
}

void
pack_reader_free(struct pack_reader *r)
{
    if (r == NULL)
        return;
    own_closep(&r->owned);
    free(r->places);
    free(r);
}

const struct record_vault_id *
pack_reader_vault(const struct pack_reader *r)
{
    return &r->vault;
}

uint64_t
pack_reader_size(const struct pack_reader *r)
{
    return r->size;
}

size_t
pack_reader_count(const struct pack_reader *r)
{
    return r->count;
}

const struct pack_place *
pack_reader_places(const struct pack_reader *r)
{
    return r->places;
}

enum rc
pack_reader_fetch(int file, const struct pack_place *place, struct buffer *out, struct error *e)
{
    TRY_IN(read_exactly(file, place->offset, place->len, out, e), e, "offset %u", place->offset);
    TRY_IN(blob_check(buffer_span(out), &place->id, e), e, "offset %u", place->offset);
    return RC_OK;
}

enum rc
pack_reader_get(const struct pack_reader *r, const struct pack_place *place, struct buffer *out,
                struct error *e)
{
    struct pack_place entry = *place;
    struct blob_header header;
    bool there = true;

    if (!r->salvaged)
        TRY(read_entry(r, place->offset - PACK_ENTRY_SIZE, &entry, &there, e));
    if (!there || entry.len != place->len || !id_equal(&entry.id, &place->id))
        return error_set(e, RC_CORRUPT, "offset %u: entry and table differ", place->offset);
    TRY(pack_reader_fetch(r->file, place, out, e));
    TRY_IN(blob_parse(buffer_span(out), &header, e), e, "offset %u", place->offset);
    if (header.plain_len != place->plain_len || header.children != place->children)
        return error_set(e, RC_CORRUPT, "offset %u: blob and table differ", place->offset);
    return RC_OK;
}

enum rc
pack_reader_check(const struct pack_reader *r, const struct id *name, struct error *e)
{
    CLEANUP(digest_freep) struct digest *digest = NULL;
    CLEANUP(own_freep) uint8_t *bytes = malloc(HASH_STEP);
    struct id hash;
    size_t got;

    if (bytes == NULL)
        return error_set(e, RC_NO_MEMORY, "hashing a pack");
    TRY(digest_new(&digest, e));
    (void)posix_fadvise(r->file, 0, 0, POSIX_FADV_DONTNEED);
    for (uint64_t at = 0; at < r->size; at += got) {
        TRY(file_read_at(r->file, at, bytes, HASH_STEP, &got, e));
        if (got == 0)
            return error_set(e, RC_CORRUPT, "the file became shorter while it was read");
        TRY(digest_update(digest, span_of(bytes, got), e));
    }
    TRY(digest_final(digest, &hash, e));
    if (!id_equal(&hash, name))
        return error_set(e, RC_CORRUPT, "the file's SHA-256 is not its name");
    return RC_OK;
}
