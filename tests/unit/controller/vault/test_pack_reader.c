/* test_pack_reader.c -- what was written is read; what was damaged is noticed, and the rest saved. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/vault/pack_reader.h"
#include "controller/vault/pack_writer.h"
#include "tests/support/vault_kit.h"

enum { BLOBS = 4 };

struct world {
    char path[VAULT_KIT_PATH_SIZE], pack_path[256];
    int vault;
    struct record_vault_id id;
    struct id ids[BLOBS], pack;
    struct pack_place places[BLOBS];
    uint64_t size;
};

static int
begin(void **state)
{
    static struct world w;
    CLEANUP(pack_writer_freep) struct pack_writer *p = NULL;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    struct error e = ERROR_INIT;
    char relative[PACK_PATH_SIZE];

    vault_kit_fast_directory(w.path);
    w.vault = open(w.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w.id.bytes[3] = 42;
    CHECK_OK(file_make_directory(w.vault, "tmp", 0700, &e), &e);
    CHECK_OK(pack_writer_begin(w.vault, &w.id, &p, &e), &e);
    for (uint32_t i = 0; i < BLOBS; i++) {
        vault_kit_blob(&blob, &w.ids[i], i, 100 * i, w.ids, 0);
        CHECK_OK(pack_writer_add(p, &w.ids[i], buffer_span(&blob), &e), &e);
        w.places[i] = pack_writer_places(p)[i];
    }
    w.size = pack_writer_size(p);
    CHECK_OK(pack_writer_commit(p, &w.pack, &e), &e);
    (void)snprintf(w.pack_path, sizeof w.pack_path, "%s/%s", w.path,
                   pack_format_path(&w.pack, relative));
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    (void)close(w->vault);
    vault_kit_remove(w->path);
    return 0;
}

/* Does reading everything there is to read notice that something is wrong? */
static enum rc
read_all(const struct world *w, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);

    TRY(pack_reader_open(w->vault, &w->pack, &r, e));
    if (pack_reader_count(r) != BLOBS)
        return error_set(e, RC_CORRUPT, "%zu blobs", pack_reader_count(r));
    for (size_t i = 0; i < BLOBS; i++) {
        TRY(pack_reader_get(r, &pack_reader_places(r)[i], &blob, e));
        if (!id_equal(&pack_reader_places(r)[i].id, &w->ids[i]))
            return error_set(e, RC_CORRUPT, "another blob");
    }
    return pack_reader_check(r, &w->pack, e);
}

static void
what_was_written_is_read(void **state)
{
    const struct world *w = *state;
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
    struct error e = ERROR_INIT;

    CHECK_OK(read_all(w, &e), &e);
    CHECK_OK(pack_reader_open(w->vault, &w->pack, &r, &e), &e);
    assert_memory_equal(pack_reader_vault(r)->bytes, w->id.bytes, sizeof w->id.bytes);
    assert_int_equal(pack_reader_size(r), w->size);
    for (size_t i = 0; i < BLOBS; i++) {
        assert_int_equal(pack_reader_places(r)[i].offset, w->places[i].offset);
        assert_int_equal(pack_reader_places(r)[i].plain_len, 100 * i);
    }
}

static void
every_flipped_byte_is_noticed(void **state)
{
    const struct world *w = *state;

    for (uint64_t at = 0; at < w->size; at++) {
        struct error e = ERROR_INIT;
        vault_kit_flip(w->pack_path, at, (uint8_t)(1 << at % 8));
        CHECK_RC(read_all(w, &e), RC_CORRUPT);
        vault_kit_flip(w->pack_path, at, (uint8_t)(1 << at % 8));
    }
    struct error e = ERROR_INIT;
    CHECK_OK(read_all(w, &e), &e);
}

static void
salvage_saves_every_whole_blob(void **state)
{
    const struct world *w = *state;
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
    struct error e = ERROR_INIT;

    vault_kit_flip(w->pack_path, w->size - 1, 0x20);
    vault_kit_flip(w->pack_path, w->places[1].offset + 70, 0x01);
    CHECK_RC(pack_reader_open(w->vault, &w->pack, &r, &e), RC_CORRUPT);
    CHECK_OK(pack_reader_salvage(w->vault, &w->pack, &r, &e), &e);
    assert_int_equal(pack_reader_count(r), BLOBS - 1);
    assert_true(id_equal(&pack_reader_places(r)[0].id, &w->ids[0]));
    assert_true(id_equal(&pack_reader_places(r)[1].id, &w->ids[2]));
    assert_int_equal(pack_reader_places(r)[2].offset, w->places[3].offset);
    vault_kit_flip(w->pack_path, w->size - 1, 0x20);
    vault_kit_flip(w->pack_path, w->places[1].offset + 70, 0x01);
}

/* Its table is whole, so what lies behind an entry whose length is damaged is found, and that blob itself. */
static void
a_damaged_length_costs_no_blob(void **state)
{
    const struct world *w = *state;
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    struct error e = ERROR_INIT;
    uint64_t length_of_the_second = w->places[1].offset - PACK_ENTRY_SIZE;

    for (unsigned byte = 0; byte < 4; byte++)
        vault_kit_flip(w->pack_path, length_of_the_second + byte, 0xff);
    CHECK_OK(pack_reader_salvage(w->vault, &w->pack, &r, &e), &e);
    assert_int_equal(pack_reader_count(r), BLOBS);
    for (size_t i = 0; i < BLOBS; i++) {
        assert_true(id_equal(&pack_reader_places(r)[i].id, &w->ids[i]));
        CHECK_OK(pack_reader_get(r, &pack_reader_places(r)[i], &blob, &e), &e);
    }
    for (unsigned byte = 0; byte < 4; byte++)
        vault_kit_flip(w->pack_path, length_of_the_second + byte, 0xff);
}

static void
every_truncation_is_noticed_and_salvaged(void **state)
{
    const struct world *w = *state;
    CLEANUP(buffer_free) struct buffer whole = BUFFER_INIT(LIMIT_PACK);
    CLEANUP(own_closep) int file = memfd_create("pack", MFD_CLOEXEC);
    struct error e = ERROR_INIT;

    CHECK_OK(file_read(AT_FDCWD, w->pack_path, &whole, &e), &e);
    CHECK_OK(file_write_all(file, buffer_span(&whole), &e), &e);
    for (size_t len = whole.len; len-- > 0;) {
        CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
        size_t left = 0;
        for (size_t i = 0; i < BLOBS; i++)
            left += (size_t)w->places[i].offset + w->places[i].len <= len;
        assert_int_equal(ftruncate(file, (off_t)len), 0);
        CHECK_RC(pack_reader_of(file, &r, &e), RC_CORRUPT);
        CHECK_OK(pack_reader_salvage_of(file, &r, &e), &e);
        assert_int_equal(pack_reader_count(r), left);
    }
}

static void
a_missing_pack_is_not_found(void **state)
{
    const struct world *w = *state;
    struct pack_reader *r = NULL;
    struct error e = ERROR_INIT;

    CHECK_RC(pack_reader_open(w->vault, &w->ids[0], &r, &e), RC_NOT_FOUND);
    assert_null(r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(every_flipped_byte_is_noticed),
        cmocka_unit_test(salvage_saves_every_whole_blob),
        cmocka_unit_test(a_damaged_length_costs_no_blob),
        cmocka_unit_test(every_truncation_is_noticed_and_salvaged),
        cmocka_unit_test(a_missing_pack_is_not_found),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
