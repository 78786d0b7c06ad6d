/* pack_writer.c -- gather, hash, write, sync, publish.  See pack_writer.h. */
#include "controller/vault/pack_writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/base/buffer.h"
#include "common/base/wire.h"
#include "common/blob/blob.h"
#include "common/crypto/digest.h"
#include "common/sys/file.h"

enum {
    WRITE_SIZE = 1 << 20, /* one write(2): long enough that its cost does not show */
    TEMPORARY_SIZE = 32,
    TEMPORARIES_MAX = 4096, /* writers at work in one vault: far more than data streams */
};

struct pack_writer {
    int vault;                      /* borrowed */
    int file;                       /* -1 when closed */
    char temporary[TEMPORARY_SIZE]; /* empty when there is none to remove */
    struct digest *digest;
    struct buffer pending; /* not yet hashed, not yet written; at most WRITE_SIZE */
    uint64_t end;          /* of the last entry */
    struct pack_place *places;
    size_t count, capacity;
    bool sync_failed;
};

/* Every byte of the file passes here once, so the name is the hash of what was written. */
static enum rc
write_pending(struct pack_writer *w, struct error *e)
{
    TRY(digest_update(w->digest, buffer_span(&w->pending), e));
    TRY(file_write_all(w->file, buffer_span(&w->pending), e));
    buffer_clear(&w->pending);
    return RC_OK;
}

static enum rc
put(struct pack_writer *w, struct span bytes, struct error *e)
{
    while (bytes.len > 0) {
        size_t room = WRITE_SIZE - w->pending.len;
        size_t piece = bytes.len < room ? bytes.len : room;
        TRY(buffer_append(&w->pending, span_of(bytes.data, piece), e));
        bytes = span_of(bytes.data + piece, bytes.len - piece);
        if (w->pending.len == WRITE_SIZE)
            TRY(write_pending(w, e));
    }
    return RC_OK;
}

static enum rc
create_temporary(struct pack_writer *w, struct error *e)
{
    for (int i = 0; i < TEMPORARIES_MAX; i++) {
        (void)snprintf(w->temporary, sizeof w->temporary, "tmp/pack-%d", i);
        w->file = openat(w->vault, w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (w->file >= 0)
            return RC_OK;
        if (errno != EEXIST)
            break;
    }
    /* Not ours: it must not be removed with the writer. */
    w->temporary[0] = '\0';
    return error_errno(e, "create a file in the vault's tmp/");
}

static enum rc
put_header(struct pack_writer *w, const struct record_vault_id *id, struct error *e)
{
    CLEANUP(buffer_free) struct buffer header = BUFFER_INIT(PACK_HEADER_SIZE);
    struct wire_writer wire = wire_writer_to(&header, e);

    wire_put_bytes(&wire, span_of(PACK_MAGIC, PACK_MAGIC_SIZE));
    wire_put_u32(&wire, 0);
    wire_put_bytes(&wire, span_of(id->bytes, sizeof id->bytes));
    TRY(wire_writer_finish(&wire));
    return put(w, buffer_span(&header), e);
}

enum rc
pack_writer_begin(int vault, const struct record_vault_id *id, struct pack_writer **out,
                  struct error *e)
{
    CLEANUP(pack_writer_freep) struct pack_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return error_set(e, RC_NO_MEMORY, "pack writer");
    w->vault = vault;
    w->file = -1;
    w->end = PACK_HEADER_SIZE;
    w->pending = BUFFER_INIT(WRITE_SIZE);

    TRY(digest_new(&w->digest, e));
    TRY(buffer_reserve(&w->pending, WRITE_SIZE, e));
    TRY(put_header(w, id, e));
    TRY_IN(create_temporary(w, e), e, "begin a pack");
    *out = TAKE(w);
    return RC_OK;
}

static enum rc
note_place(struct pack_writer *w, const struct pack_place *place, struct error *e)
{
    if (w->count == w->capacity) {
        size_t capacity = w->capacity == 0 ? 64 : 2 * w->capacity;
        struct pack_place *grown = reallocarray(w->places, capacity, sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "table of a pack with %zu blobs", capacity);
        w->places = grown;
        w->capacity = capacity;
    }
    w->places[w->count++] = *place;
    return RC_OK;
}

static enum rc
put_entry(struct pack_writer *w, const struct id *id, struct span blob, struct error *e)
{
    CLEANUP(buffer_free) struct buffer entry = BUFFER_INIT(PACK_ENTRY_SIZE);
    struct wire_writer wire = wire_writer_to(&entry, e);

    wire_put_u32(&wire, (uint32_t)blob.len);
    wire_put_id(&wire, id);
    TRY(wire_writer_finish(&wire));
    TRY(put(w, buffer_span(&entry), e));
    return put(w, blob, e);
}

enum rc
pack_writer_add(struct pack_writer *w, const struct id *id, struct span blob, struct error *e)
{
    char text[ID_TEXT_SIZE];
    struct blob_header header;

    if (blob_parse(blob, &header, e) != RC_OK)
        return error_set(e, RC_INVALID, "%s is not a blob", id_text(id, text));
    if (!pack_writer_fits(w, blob.len))
        return error_set(e, RC_INVALID, "a blob of %zu bytes does not fit the pack", blob.len);

    struct pack_place place = {
        .id = *id,
        .offset = (uint32_t)(w->end + PACK_ENTRY_SIZE),
        .len = (uint32_t)blob.len,
        .plain_len = (uint32_t)header.plain_len,
        .children = header.children,
    };
    TRY_IN(put_entry(w, id, blob, e), e, "pack '%s'", w->temporary);
    TRY(note_place(w, &place, e));
    w->end = (uint64_t)place.offset + place.len;
    return RC_OK;
}

bool
pack_writer_fits(const struct pack_writer *w, size_t len)
{
    uint64_t size = pack_writer_size(w) + PACK_ENTRY_SIZE + len + PACK_TABLE_ENTRY_SIZE;
    return len <= LIMIT_BLOB && (w->count == 0 || size <= LIMIT_PACK);
}

uint64_t
pack_writer_size(const struct pack_writer *w)
{
    return w->end + w->count * (uint64_t)PACK_TABLE_ENTRY_SIZE + PACK_TAIL_SIZE;
}

size_t
pack_writer_count(const struct pack_writer *w)
{
    return w->count;
}

const struct pack_place *
pack_writer_places(const struct pack_writer *w)
{
    return w->places;
}

static enum rc
encode_table(const struct pack_writer *w, struct buffer *out, struct error *e)
{
    struct wire_writer wire = wire_writer_to(out, e);

    for (size_t i = 0; i < w->count; i++) {
        const struct pack_place *place = &w->places[i];
        wire_put_id(&wire, &place->id);
        wire_put_u32(&wire, place->offset);
        wire_put_u32(&wire, place->len);
        wire_put_u32(&wire, place->plain_len);
        wire_put_u32(&wire, place->children);
    }
    return wire_writer_finish(&wire);
}

static enum rc
put_table_and_tail(struct pack_writer *w, struct error *e)
{
    CLEANUP(buffer_free)
    struct buffer table = BUFFER_INIT(w->count * PACK_TABLE_ENTRY_SIZE + PACK_TAIL_SIZE);
    struct id hash;

    TRY(encode_table(w, &table, e));
    TRY(digest_sha256(buffer_span(&table), &hash, e));
    struct wire_writer wire = wire_writer_to(&table, e);
    wire_put_u32(&wire, (uint32_t)w->count);
    wire_put_id(&wire, &hash);
    wire_put_u32(&wire, 0);
    wire_put_bytes(&wire, span_of(PACK_TAIL_MAGIC, PACK_TAIL_MAGIC_SIZE));
    TRY(wire_writer_finish(&wire));
    TRY(put(w, buffer_span(&table), e));
    return w->pending.len > 0 ? write_pending(w, e) : RC_OK;
}

static enum rc
close_file(struct pack_writer *w, struct error *e)
{
    int file = w->file;
    w->file = -1;
    if (close(file) != 0)
        return error_errno(e, "close");
    return RC_OK;
}

static enum rc
make_durable_and_visible(struct pack_writer *w, const struct id *name, struct error *e)
{
    char folder[PACK_FOLDER_SIZE], path[PACK_PATH_SIZE];

    TRY(file_sync(w->file, w->temporary, e));
    TRY(close_file(w, e));
    /* A crash up to here leaves a file in tmp/, removed at the next start. */
    TRY(file_make_directory(w->vault, pack_format_folder(name, folder), 0700, e));
    TRY(file_publish(w->vault, w->temporary, w->vault, pack_format_path(name, path), e));
    /* A crash from here on leaves a pack that the index does not know, found at the next start. */
    return RC_OK;
}

enum rc
pack_writer_commit(struct pack_writer *w, struct id *name, struct error *e)
{
    struct id hash;
    assert(w->file >= 0);

    if (w->count == 0)
        return error_set(e, RC_INVALID, "a pack without blobs");
    TRY_IN(put_table_and_tail(w, e), e, "pack '%s'", w->temporary);
    TRY(digest_final(w->digest, &hash, e));
    enum rc rc = make_durable_and_visible(w, &hash, e);
    if (rc != RC_OK) {
        /* A full disk costs this file, which is dropped; anything else may have cost more (D5). */
        w->sync_failed = rc != RC_NO_SPACE;
        return error_context(e, "commit a pack");
    }
    w->temporary[0] = '\0';
    *name = hash;
    return RC_OK;
}

bool
pack_writer_broken(const struct pack_writer *w)
{
    return w->sync_failed;
}

void
pack_writer_free(struct pack_writer *w)
{
    if (w == NULL)
        return;
    if (w->file >= 0)
        (void)close(w->file);
    if (w->temporary[0] != '\0')
        (void)unlinkat(w->vault, w->temporary, 0);
    digest_free(w->digest);
    buffer_free(&w->pending);
    free(w->places);
    free(w);
}
