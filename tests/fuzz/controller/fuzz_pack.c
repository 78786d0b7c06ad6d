/* fuzz_pack.c -- any file is a pack or refused; whatever a reader offers can be read or is corrupt. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CLEANUP(own_closep) int file = memfd_create("pack", MFD_CLOEXEC);
    CLEANUP(pack_reader_freep) struct pack_reader *whole = NULL;
    CLEANUP(pack_reader_freep) struct pack_reader *saved = NULL;
    struct error e = ERROR_INIT;

    if (file < 0 || file_write_all(file, span_of(data, len), &e) != RC_OK)
        return 0;
    enum rc rc = pack_reader_of(file, &whole, &e);
    if (rc == RC_OK)
        read_places(whole, len, &e);
    else if (rc != RC_CORRUPT)
        abort();
    if (pack_reader_salvage_of(file, &saved, &e) != RC_OK)
        abort();
    read_places(saved, len, &e);
    return 0;
}
