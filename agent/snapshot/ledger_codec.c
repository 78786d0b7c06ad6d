/* ledger_codec.c -- the bytes of a ledger.  See ledger.h, docs/formats/ledger.md. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/snapshot/ledger.h"
#include "common/base/text.h"
#include "common/base/wire.h"
#include "common/crypto/digest.h"

enum { VERSION = 1, HEAD = 28, SMALLEST_ENTRY = 1 + 3 * 8 + 3 * 2 };

static const char magic[] = "KFLG";

void
ledger_image_free(struct ledger_image *image)
{
    free(image->entries);
    *image = (struct ledger_image){0};
}

bool
ledger_is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '+' && c != '_' && c != '.' && c != '-')
            return false;
    }
    return len > 0;
}

static void
put_entry(struct wire_writer *w, const struct ledger_entry *entry)
{
    wire_put_u8(w, (uint8_t)entry->driver);
    wire_put_u64(w, entry->serial);
    wire_put_u64(w, entry->cycle);
    wire_put_i64(w, entry->time.ns);
    wire_put_varbytes(w, span_of(entry->name, strlen(entry->name)));
    wire_put_varbytes(w, span_of(entry->volume, strlen(entry->volume)));
    wire_put_varbytes(w, span_of(entry->origin, entry->origin_len));
}

enum rc
ledger_encode(const struct ledger_image *image, struct buffer *out, struct error *e)
{
    struct id hash;
    struct wire_writer w = wire_writer_to(out, e);
    buffer_clear(out);
    wire_put_bytes(&w, span_of(magic, 4));
    wire_put_u32(&w, VERSION);
    wire_put_u64(&w, image->mark);
    wire_put_u64(&w, image->next);
    wire_put_u32(&w, (uint32_t)image->count);
    for (size_t i = 0; i < image->count; i++)
        put_entry(&w, &image->entries[i]);
    TRY(wire_writer_finish(&w));
    TRY(digest_sha256(buffer_span(out), &hash, e));
    return buffer_append(out, span_of(hash.bytes, ID_SIZE), e);
}

/* Into a field of `size` bytes with a NUL behind; no NUL within unless `binary`. */
static bool
take_field(struct wire_reader *r, void *field, size_t size, bool binary, size_t *len)
{
    struct span got = wire_varbytes(r, size - 1);
    if (!wire_ok(r) || got.len == 0 || (!binary && memchr(got.data, 0, got.len) != NULL))
        return false;
    memcpy(field, got.data, got.len);
    ((char *)field)[got.len] = '\0';
    *len = got.len;
    return true;
}

/* "koffer_<cycle>_" in front, "_<serial>" behind, and something between that is a name. */
static bool
name_agrees(const struct ledger_entry *entry)
{
    char front[40], back[24];
    int before = snprintf(front, sizeof front, "koffer_%" PRIu64 "_", entry->cycle);
    int behind = snprintf(back, sizeof back, "_%" PRIu64, entry->serial);
    size_t len = strlen(entry->name), taken = (size_t)before + (size_t)behind;
    return len > taken && len - taken <= LEDGER_WHAT_MAX && ledger_is_name(entry->name, len) &&
           strncmp(entry->name, front, (size_t)before) == 0 &&
           text_equal(entry->name + len - (size_t)behind, back);
}

static bool
take_entry(struct wire_reader *r, struct ledger_entry *entry)
{
    size_t ignored;
    uint8_t driver = wire_u8(r);
    entry->serial = wire_u64(r);
    entry->cycle = wire_u64(r);
    entry->time.ns = wire_i64(r);
    if (driver != LEDGER_BTRFS && driver != LEDGER_LVM)
        return false;
    entry->driver = driver;
    if (!take_field(r, entry->name, sizeof entry->name, false, &ignored) ||
        !take_field(r, entry->volume, sizeof entry->volume, false, &ignored) ||
        !take_field(r, entry->origin, sizeof entry->origin, driver == LEDGER_BTRFS,
                    &entry->origin_len))
        return false;
    bool origin = driver == LEDGER_BTRFS
                      ? entry->origin_len == LEDGER_FSID_SIZE
                      : ledger_is_name((const char *)entry->origin, entry->origin_len);
    return origin && name_agrees(entry);
}

static enum rc
take_entries(struct wire_reader *r, struct ledger_image *image, struct error *e)
{
    image->entries = calloc(image->count > 0 ? image->count : 1, sizeof *image->entries);
    if (image->entries == NULL)
        return error_set(e, RC_NO_MEMORY, "ledger of %zu snapshots", image->count);
    uint64_t last = 0;
    for (size_t i = 0; i < image->count; i++) {
        struct ledger_entry *entry = &image->entries[i];
        if (!take_entry(r, entry) || entry->serial <= last || entry->serial >= image->next)
            return error_set(e, RC_CORRUPT, "entry %zu of the ledger of snapshots is not one",
                             i + 1);
        last = entry->serial;
    }
    if (!wire_done(r))
        return error_set(e, RC_CORRUPT, "bytes follow the ledger of snapshots");
    return RC_OK;
}

static enum rc
take_head(struct span bytes, struct wire_reader *r, struct ledger_image *image, struct error *e)
{
    struct id hash;
    if (bytes.len < HEAD + ID_SIZE || memcmp(bytes.data, magic, 4) != 0)
        return error_set(e, RC_CORRUPT, "no ledger of snapshots");
    *r = wire_reader_of(span_of(bytes.data, bytes.len - ID_SIZE));
    (void)wire_bytes(r, 4);
    uint32_t version = wire_u32(r);
    if (version != VERSION)
        return error_set(e, RC_UNSUPPORTED, "a ledger of snapshots of version %u; known is %d",
                         version, VERSION);
    TRY(digest_sha256(span_of(bytes.data, bytes.len - ID_SIZE), &hash, e));
    if (memcmp(hash.bytes, bytes.data + bytes.len - ID_SIZE, ID_SIZE) != 0)
        return error_set(e, RC_CORRUPT, "the ledger of snapshots has a wrong checksum");
    image->mark = wire_u64(r);
    image->next = wire_u64(r);
    image->count = wire_u32(r);
    if (image->next == 0 || image->count > LEDGER_ENTRIES_MAX ||
        image->count > r->rest.len / SMALLEST_ENTRY)
        return error_set(e, RC_CORRUPT, "a ledger of %zu snapshots", image->count);
    return RC_OK;
}

enum rc
ledger_decode(struct span bytes, struct ledger_image *out, struct error *e)
{
    CLEANUP(ledger_image_free) struct ledger_image image = {0};
    struct wire_reader r;
    TRY(take_head(bytes, &r, &image, e));
    TRY(take_entries(&r, &image, e));
    *out = image;
    image.entries = NULL;
    return RC_OK;
}
