/* test_pack_writer.c -- a pack is all or nothing, and its bytes are those of the document. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/crypto/digest.h"
#include "common/sys/file.h"
#include "controller/vault/pack_writer.h"
#include "tests/support/vault_kit.h"

struct world {
    char path[VAULT_KIT_PATH_SIZE];
    int vault;
    struct record_vault_id id;
    struct buffer blob;
};

static int
begin(void **state)
{
    static struct world w;
    struct error e = ERROR_INIT;

    vault_kit_fast_directory(w.path);
    w.vault = open(w.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    w.blob = BUFFER_INIT(LIMIT_BLOB);
    for (uint8_t i = 0; i < sizeof w.id.bytes; i++)
        w.id.bytes[i] = i;
    CHECK_OK(file_make_directory(w.vault, "tmp", 0700, &e), &e);
    CHECK_OK(file_make_directory(w.vault, "packs", 0700, &e), &e);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    (void)close(w->vault);
    buffer_free(&w->blob);
    vault_kit_remove(w->path);
    return 0;
}

static enum rc
add(struct world *w, struct pack_writer *p, uint32_t seed, size_t len, struct error *e)
{
    struct id id;
    vault_kit_blob(&w->blob, &id, seed, len, NULL, 0);
    return pack_writer_add(p, &id, buffer_span(&w->blob), e);
}

/* The name was computed by a Python script written from docs/formats/pack.md and blob.md alone. */
static void
bytes_are_those_of_the_document(void **state)
{
    static const char golden[] = "948180b36d6e602a12d3270a0fefad4534d4fdd393c2f550a27cd710981d0d78";
    struct world *w = *state;
    CLEANUP(pack_writer_freep) struct pack_writer *p = NULL;
    struct error e = ERROR_INIT;
    struct id data, node, name;
    char text[ID_TEXT_SIZE];

    CHECK_OK(pack_writer_begin(w->vault, &w->id, &p, &e), &e);
    vault_kit_blob(&w->blob, &data, 1, 5, NULL, 0);
    CHECK_OK(pack_writer_add(p, &data, buffer_span(&w->blob), &e), &e);
    struct id child = data;
    vault_kit_blob(&w->blob, &node, 2, 0, &child, 1);
    CHECK_OK(pack_writer_add(p, &node, buffer_span(&w->blob), &e), &e);
    assert_int_equal(pack_writer_size(p), 405);
    CHECK_OK(pack_writer_commit(p, &name, &e), &e);

    assert_string_equal(id_text(&name, text), golden);
    assert_int_equal(pack_writer_count(p), 2);
    assert_int_equal(pack_writer_places(p)[0].offset, 60);
    assert_int_equal(pack_writer_places(p)[0].plain_len, 5);
    assert_int_equal(pack_writer_places(p)[1].children, 1);
}

static void
a_pack_is_named_by_its_bytes_and_private(void **state)
{
    struct world *w = *state;
    CLEANUP(pack_writer_freep) struct pack_writer *p = NULL;
    CLEANUP(buffer_free) struct buffer file = BUFFER_INIT(LIMIT_PACK);
    struct error e = ERROR_INIT;
    struct id name, hash;
    char path[PACK_PATH_SIZE];
    struct stat st;

    CHECK_OK(pack_writer_begin(w->vault, &w->id, &p, &e), &e);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_OK(add(w, p, i, 700000, &e), &e);
    uint64_t size = pack_writer_size(p);
    CHECK_OK(pack_writer_commit(p, &name, &e), &e);

    CHECK_OK(file_read(w->vault, pack_format_path(&name, path), &file, &e), &e);
    CHECK_OK(digest_sha256(buffer_span(&file), &hash, &e), &e);
    assert_true(id_equal(&hash, &name));
    assert_int_equal(file.len, size);
    assert_int_equal(fstatat(w->vault, path, &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
}

static void
freeing_without_commit_leaves_nothing(void **state)
{
    struct world *w = *state;
    CLEANUP(pack_writer_freep) struct pack_writer *p = NULL;
    struct error e = ERROR_INIT;

    CHECK_OK(pack_writer_begin(w->vault, &w->id, &p, &e), &e);
    CHECK_OK(add(w, p, 1, 2000000, &e), &e);
    assert_int_equal(vault_kit_count(w->path, "tmp"), 1);
    pack_writer_free(TAKE(p));
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
}

static void
two_writers_work_side_by_side(void **state)
{
    struct world *w = *state;
    CLEANUP(pack_writer_freep) struct pack_writer *a = NULL;
    CLEANUP(pack_writer_freep) struct pack_writer *b = NULL;
    struct error e = ERROR_INIT;
    struct id first, second;

    CHECK_OK(pack_writer_begin(w->vault, &w->id, &a, &e), &e);
    CHECK_OK(pack_writer_begin(w->vault, &w->id, &b, &e), &e);
    CHECK_OK(add(w, a, 11, 10, &e), &e);
    CHECK_OK(add(w, b, 12, 10, &e), &e);
    CHECK_OK(pack_writer_commit(a, &first, &e), &e);
    CHECK_OK(pack_writer_commit(b, &second, &e), &e);
    assert_false(id_equal(&first, &second));
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
}

static void
an_empty_pack_is_refused(void **state)
{
    struct world *w = *state;
    CLEANUP(pack_writer_freep) struct pack_writer *p = NULL;
    struct error e = ERROR_INIT;
    struct id name;

    CHECK_OK(pack_writer_begin(w->vault, &w->id, &p, &e), &e);
    CHECK_RC(pack_writer_commit(p, &name, &e), RC_INVALID);
    assert_false(pack_writer_broken(p));
}

static void
what_is_no_blob_is_refused_and_the_pack_lives_on(void **state)
{
    struct world *w = *state;
    CLEANUP(pack_writer_freep) struct pack_writer *p = NULL;
    struct error e = ERROR_INIT;
    struct id name = {{0}};

    CHECK_OK(pack_writer_begin(w->vault, &w->id, &p, &e), &e);
    CHECK_RC(pack_writer_add(p, &name, span_of("mail", 4), &e), RC_INVALID);
    CHECK_OK(add(w, p, 21, 10, &e), &e);
    CHECK_OK(pack_writer_commit(p, &name, &e), &e);
}

static void
a_pack_never_grows_past_its_limit(void **state)
{
    struct world *w = *state;
    CLEANUP(pack_writer_freep) struct pack_writer *p = NULL;
    struct error e = ERROR_INIT;
    size_t len = LIMIT_BLOB_PLAIN;

    CHECK_OK(pack_writer_begin(w->vault, &w->id, &p, &e), &e);
    for (uint32_t i = 0; pack_writer_fits(p, len + BLOB_HEADER_SIZE + BLOB_TAG_SIZE); i++)
        CHECK_OK(add(w, p, i, len, &e), &e);
    assert_int_equal(pack_writer_count(p), 3);
    CHECK_RC(add(w, p, 99, len, &e), RC_INVALID);
    assert_true(pack_writer_size(p) <= LIMIT_PACK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_the_document),
        cmocka_unit_test(a_pack_is_named_by_its_bytes_and_private),
        cmocka_unit_test(freeing_without_commit_leaves_nothing),
        cmocka_unit_test(two_writers_work_side_by_side),
        cmocka_unit_test(an_empty_pack_is_refused),
        cmocka_unit_test(what_is_no_blob_is_refused_and_the_pack_lives_on),
        cmocka_unit_test(a_pack_never_grows_past_its_limit),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
