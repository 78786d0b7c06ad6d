/* verify_packs.c -- see verify_parts.h. */
#include <sys/stat.h>

#include "controller/vault/pack_reader.h"
#include "controller/vault/verify_parts.h"

/* A blob's number in the map: enum verify_blob, ordinal of the pack, offset. */
enum { ORDINAL_SHIFT = 2, OFFSET_SHIFT = 32 };

static uint64_t
place_number(size_t ordinal, uint32_t offset)
{
    return VERIFY_GOOD | (uint64_t)(ordinal & 0x3fffffff) << ORDINAL_SHIFT |
           (uint64_t)offset << OFFSET_SHIFT;
}

bool
verify_packs_is_good(const struct verify *y, const struct id *id)
{
    return id_map_find(y->blobs, id) != NULL;
}

bool
verify_packs_is_at(const struct verify *y, const struct id *id, const struct id *pack,
                   uint32_t offset)
{
    const uint64_t *number = id_map_find(y->blobs, id);

    if (number == NULL || (uint32_t)(*number >> OFFSET_SHIFT) != offset)
        return false;
    size_t ordinal = (size_t)(*number >> ORDINAL_SHIFT & 0x3fffffff);
    return id_equal(&y->packs[ordinal].name, pack);
}

/* ---- listing */

static enum rc
list_pack(void *ctx, const struct id *name, struct error *e)
{
    struct verify *y = ctx;
    char path[PACK_PATH_SIZE];
    struct stat st;

    if (y->pack_count == y->pack_capacity) {
        size_t capacity = y->pack_capacity == 0 ? 256 : 2 * y->pack_capacity;
        struct verify_pack *grown = reallocarray(y->packs, capacity, sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "list of %zu packs", capacity);
        y->packs = grown;
        y->pack_capacity = capacity;
    }
    y->packs[y->pack_count++] = (struct verify_pack){.name = *name};
    if (y->options->total != NULL &&
        fstatat(y->vault->dir, pack_format_path(name, path), &st, 0) == 0)
        *y->options->total += (uint64_t)st.st_size;
    return RC_OK;
}

enum rc
verify_packs_list(struct verify *y, struct error *e)
{
    struct vault_index_totals totals;

    TRY(vault_index_total(y->vault->index, &totals, e));
    y->index_limit = totals.next_pack;
    return vault_each_pack(y->vault->dir, list_pack, y, e);
}

void
verify_packs_release(struct verify *y)
{
    free(y->packs);
}

/* ---- reading one pack */

static void
find_bad_pack(struct verify *y, struct verify_pack *pack, const char *why)
{
    char path[PACK_PATH_SIZE];

    pack->damaged = true;
    verify_find(y, VAULT_BAD_PACK, 0, "'%s': %s", pack_format_path(&pack->name, path), why);
}

/* Good as far as the table goes; damage beyond is reported and does not end the verification. */
static enum rc
open_pack(struct verify *y, struct verify_pack *pack, struct pack_reader **out, struct error *e)
{
    static const char other_vault[] = "it was written for another vault";
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;

    enum rc rc = pack_reader_open(y->vault->dir, &pack->name, &r, e);
    if (rc == RC_CORRUPT) {
        find_bad_pack(y, pack, e->text);
        return pack_reader_salvage(y->vault->dir, &pack->name, out, e);
    }
    TRY(rc);
    rc = pack_reader_check(r, &pack->name, e);
    if (rc != RC_OK && rc != RC_CORRUPT)
        return rc;
    if (rc == RC_CORRUPT)
        find_bad_pack(y, pack, e->text);
    else if (memcmp(pack_reader_vault(r)->bytes, y->vault->id.bytes, RECORD_VAULT_ID_SIZE) != 0)
        find_bad_pack(y, pack, other_vault);
    *out = TAKE(r);
    return RC_OK;
}

static void
find_bad_entry(struct verify *y, const struct verify_pack *pack, const struct pack_place *place,
               const char *why)
{
    char path[PACK_PATH_SIZE], text[ID_TEXT_SIZE];

    verify_find(
        y, VAULT_BAD_INDEX, 0,
        "blob %s in '%s' at offset %u: %s; stop the controller and delete index/, it will be "
        "rebuilt",
        id_text(&place->id, text), pack_format_path(&pack->name, path), place->offset, why);
}

static enum rc
check_indexed(struct verify *y, const struct verify_pack *pack, const struct pack_place *place,
              struct error *e)
{
    struct pack_place entry;
    uint32_t number;
    bool found;

    enum rc rc = vault_index_find(y->vault->index, &place->id, &found, &entry, &number, e);
    if (rc == RC_CORRUPT)
        find_bad_entry(y, pack, place, e->text);
    else if (rc == RC_OK && !found)
        find_bad_entry(y, pack, place, "the index does not know it");
    else if (rc == RC_OK && (entry.len != place->len || entry.plain_len != place->plain_len ||
                             entry.children != place->children))
        find_bad_entry(y, pack, place, "the index has other lengths");
    return rc == RC_CORRUPT ? RC_OK : rc;
}

static enum rc
check_blob(struct verify *y, size_t ordinal, const struct pack_reader *r,
           const struct pack_place *place, struct buffer *blob, struct error *e)
{
    struct verify_pack *pack = &y->packs[ordinal];
    bool added;

    TRY(verify_check_cancel(y, e));
    enum rc rc = pack_reader_get(r, place, blob, e);
    if (rc == RC_CORRUPT || rc == RC_UNSUPPORTED)
        return verify_loss_note(y, &place->id, &pack->name, place->offset, e->text, e);
    TRY(rc);
    TRY(id_map_add(y->blobs, &place->id, place_number(ordinal, place->offset), &added, e));
    y->counts.blobs += added ? 1 : 0;
    return check_indexed(y, pack, place, e);
}

static enum rc
read_pack(struct verify *y, size_t ordinal, struct buffer *blob, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;

    TRY(open_pack(y, &y->packs[ordinal], &r, e));
    for (size_t i = 0; i < pack_reader_count(r); i++)
        TRY(check_blob(y, ordinal, r, &pack_reader_places(r)[i], blob, e));
    y->counts.packs++;
    y->counts.bytes += pack_reader_size(r);
    verify_advance(y, pack_reader_size(r));
    return RC_OK;
}

enum rc
verify_packs_read(struct verify *y, struct error *e)
{
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);

    for (size_t i = 0; i < y->pack_count; i++) {
        enum rc rc = read_pack(y, i, &blob, e);
        /* Gone or unreadable: said, and what it held will be missed. */
        if (rc != RC_NOT_FOUND && rc != RC_IO && rc != RC_DENIED && rc != RC_CORRUPT)
            TRY(rc);
        else if (!y->packs[i].damaged)
            find_bad_pack(y, &y->packs[i], e->text);
    }
    return RC_OK;
}
