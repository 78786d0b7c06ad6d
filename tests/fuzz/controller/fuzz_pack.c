/* fuzz_pack.c -- any file is a pack or refused; whatever a reader offers can be read or is corrupt.  The input is tried as it is, and
 * with the hash of its table put right. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/wire.h"
#include "common/crypto/digest.h"
#include "common/sys/file.h"
#include "controller/vault/pack_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
read_places(const struct pack_reader *r, size_t len, struct error *e)
{
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);

    for (size_t i = 0; i < pack_reader_count(r); i++) {
        const struct pack_place *place = &pack_reader_places(r)[i];
        if ((uint64_t)place->offset + place->len > len)
            abort();
        enum rc rc = pack_reader_get(r, place, &blob, e);
        if (rc != RC_OK && rc != RC_CORRUPT && rc != RC_UNSUPPORTED)
            abort();
    }
}

static void
check_file(struct span bytes)
{
    CLEANUP(own_closep) int file = memfd_create("pack", MFD_CLOEXEC);
    CLEANUP(pack_reader_freep) struct pack_reader *whole = NULL;
    CLEANUP(pack_reader_freep) struct pack_reader *saved = NULL;
    struct error e = ERROR_INIT;

    if (file < 0 || file_write_all(file, bytes, &e) != RC_OK)
        return;
    enum rc rc = pack_reader_of(file, &whole, &e);
    if (rc == RC_OK)
        read_places(whole, bytes.len, &e);
    else if (rc != RC_CORRUPT)
        abort();
    if (pack_reader_salvage_of(file, &saved, &e) != RC_OK)
        abort();
    read_places(saved, bytes.len, &e);
}

/* The hash of as many rows as the tail counts; false when there is no room for them. */
static bool
repair(uint8_t *bytes, size_t len)
{
    struct error e = ERROR_INIT;
    struct id hash;
    if (len < PACK_TAIL_SIZE)
        return false;
    uint8_t *tail = bytes + len - PACK_TAIL_SIZE;
    struct wire_reader r = wire_reader_of(span_of(tail, PACK_TAIL_SIZE));
    size_t table = wire_u32(&r) * (size_t)PACK_TABLE_ENTRY_SIZE;
    if (table > len - PACK_TAIL_SIZE ||
        digest_sha256(span_of(tail - table, table), &hash, &e) != RC_OK)
        return false;
    memcpy(tail + 4, hash.bytes, ID_SIZE);
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CLEANUP(own_freep) uint8_t *repaired = malloc(len + 1);
    check_file(span_of(data, len));
    if (repaired == NULL || len == 0)
        return 0;
    memcpy(repaired, data, len);
    if (repair(repaired, len))
        check_file(span_of(repaired, len));
    return 0;
}
