/* test_tree.c -- directories and long files, built into a store and read back. */
#include "common/tree/tree.h"

#include <stdio.h>

#include "common/tree/tree_cut.h"
#include "tests/support/check.h"
#include "tests/support/memstore.h"

enum { MANY = 30000, MEMORY = 1 << 20, CUT = 256 };

struct fixture {
    struct memstore *store;
    struct blob_sealer *sealer;
    struct tree_builder *builder;
    struct tree_content *content;
    struct tree_reader *reader;
    struct arena *arena;
};

static int
set_up(void **state)
{
    static struct fixture f;
    struct error e = ERROR_INIT;
    const struct blob_domain domain = {.id = {1}, .secret = {{2}}};
    f = (struct fixture){.store = memstore_new(), .arena = arena_new(MEMORY)};
    *state = &f;
    return f.store == NULL || f.arena == NULL ||
           blob_sealer_new(&domain, 1, &f.sealer, &e) != RC_OK ||
           tree_builder_new(f.sealer, memstore_sink(f.store), &f.builder, &e) != RC_OK ||
           tree_content_new(f.sealer, memstore_sink(f.store), &f.content, &e) != RC_OK ||
           tree_reader_new(memstore_source(f.store), &f.reader, &e) != RC_OK;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    tree_reader_free(f->reader);
    tree_content_free(f->content);
    tree_builder_free(f->builder);
    blob_sealer_free(f->sealer);
    memstore_free(f->store);
    arena_free(f->arena);
    return 0;
}

static void
add(struct fixture *f, const char *name)
{
    struct error e = ERROR_INIT;
    const struct node_entry entry = {.name = span_of(name, strlen(name)), .type = NODE_FIFO};
    CHECK_OK(tree_builder_add(f->builder, &entry, &e), &e);
}

/* A directory of names "00000000." "00000001." ... without `without`. */
static struct blob_ref
build(struct fixture *f, unsigned count, unsigned without)
{
    struct error e = ERROR_INIT;
    struct blob_ref ref;
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%08u.", i);
        if (i != without)
            add(f, name);
    }
    CHECK_OK(tree_builder_finish(f->builder, &ref, &e), &e);
    return ref;
}

static enum rc
count_entry(void *ctx, const struct node_entry *entry, struct error *e)
{
    unsigned *count = ctx;
    (void)e;
    assert_int_equal(entry->type, NODE_FIFO);
    (*count)++;
    return RC_OK;
}

static unsigned
list_after(struct fixture *f, const struct blob_ref *ref, const char *after)
{
    struct error e = ERROR_INIT;
    unsigned count = 0;
    CHECK_OK(tree_list(f->reader, ref, span_of(after, strlen(after)), count_entry, &count, &e), &e);
    return count;
}

static void
empty_directory_is_one_empty_leaf(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct node_entry entry;
    bool found = true;
    struct blob_ref ref = build(f, 0, 0);
    assert_int_equal(memstore_count(f->store), 1);
    assert_int_equal(list_after(f, &ref, ""), 0);
    CHECK_OK(tree_lookup(f->reader, &ref, span_of("x", 1), f->arena, &found, &entry, &e), &e);
    assert_false(found);
}

static void
large_directory_is_cut_and_every_name_found(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct blob_ref ref = build(f, MANY, MANY);
    size_t blobs = memstore_count(f->store);
    assert_true(blobs > MANY / 4096 + 1 && blobs < MANY / 256);
    assert_int_equal(list_after(f, &ref, ""), MANY);
    assert_int_equal(list_after(f, &ref, "00012344."), MANY - 12345);
    assert_int_equal(list_after(f, &ref, "00029999."), 0);
    assert_int_equal(list_after(f, &ref, "0001234"), MANY - 12340);
    for (unsigned i = 0; i < MANY; i += 997) {
        char name[16];
        struct node_entry entry;
        bool found = false;
        (void)snprintf(name, sizeof name, "%08u.", i);
        CHECK_OK(tree_lookup(f->reader, &ref, span_of(name, 9), f->arena, &found, &entry, &e), &e);
        assert_true(found);
        assert_memory_equal(entry.name.data, name, 9);
        CHECK_OK(tree_lookup(f->reader, &ref, span_of(name, 8), f->arena, &found, &entry, &e), &e);
        assert_false(found);
    }
}

static void
one_change_in_a_large_directory_makes_few_new_blobs(void **state)
{
    struct fixture *f = *state;
    struct blob_ref whole = build(f, MANY, MANY);
    size_t before = memstore_count(f->store);
    struct blob_ref again = build(f, MANY, MANY);
    assert_true(id_equal(&whole.id, &again.id));
    assert_int_equal(memstore_count(f->store), before);
    for (unsigned without = 0; without < MANY; without += MANY / 7) {
        size_t had = memstore_count(f->store);
        (void)build(f, MANY, without);
        assert_true(memstore_count(f->store) - had <= 4);
    }
}

/* Names at which a node may end, by themselves: every 256th, and the one after it. */
static void
cut_name(unsigned i, char out[static 32])
{
    unsigned suffix = 0;
    (void)snprintf(out, 32, "%08u", i);
    if (i % CUT != 0 && i % CUT != CUT - 1)
        return;
    do
        (void)snprintf(out, 32, "%08u.%u", i, suffix++);
    while (tree_cut_mark_of_name(span_of(out, strlen(out))) % 1024 != 0);
}

/* 256 leaves fill the first index: the next one makes a level above. */
static void
an_index_has_indexes_when_it_is_long(void **state)
{
    enum { COUNT = CUT * CUT + 2 * CUT };
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct blob_ref ref;
    char name[32];
    for (unsigned i = 0; i < COUNT; i++) {
        cut_name(i, name);
        add(f, name);
    }
    CHECK_OK(tree_builder_finish(f->builder, &ref, &e), &e);
    assert_int_equal(memstore_count(f->store), CUT + 2 + 2 + 1);
    assert_int_equal(list_after(f, &ref, ""), COUNT);
    cut_name(COUNT - 2, name);
    assert_int_equal(list_after(f, &ref, name), 1);
    for (unsigned i = CUT - 1; i < COUNT; i += CUT - 1) {
        struct node_entry entry;
        bool found = false;
        cut_name(i, name);
        CHECK_OK(
            tree_lookup(f->reader, &ref, span_of(name, strlen(name)), f->arena, &found, &entry, &e),
            &e);
        assert_true(found);
    }
}

static void
names_must_ascend(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    add(f, "b");
    struct node_entry entry = {.name = span_of("b", 1), .type = NODE_FIFO};
    CHECK_RC(tree_builder_add(f->builder, &entry, &e), RC_INVALID);
    entry.name = span_of("a", 1);
    CHECK_RC(tree_builder_add(f->builder, &entry, &e), RC_INVALID);
    entry.name = span_of("..", 2);
    CHECK_RC(tree_builder_add(f->builder, &entry, &e), RC_INVALID);
}

/* ---- paths ---- */

static void
paths_lead_through_directories_only(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct node_entry entry = {.name = span_of("etc", 3), .type = NODE_DIRECTORY, .mode = 0700};
    bool found;
    add(f, "hosts");
    CHECK_OK(tree_builder_finish(f->builder, &entry.directory, &e), &e);
    CHECK_OK(tree_builder_add(f->builder, &entry, &e), &e);
    struct blob_ref root;
    CHECK_OK(tree_builder_finish(f->builder, &root, &e), &e);

    static const struct {
        const char *path;
        bool there;
    } cases[] = {{"", true},           {"etc", true},   {"etc/hosts", true}, {"/etc//hosts", true},
                 {"etc/host", false},  {"..", false},   {"etc/..", false},   {"etc/hosts/x", false},
                 {"etc/hosts/", true}, {"nope", false}, {".", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_OK(tree_find(f->reader, &root, cases[i].path, f->arena, &found, &entry, &e), &e);
        if (found != cases[i].there)
            fail_msg("path '%s'", cases[i].path);
    }
}

/* ---- content ---- */

static struct blob_ref
data_blob(struct fixture *f, struct span plain)
{
    struct error e = ERROR_INIT;
    struct blob_ref ref;
    struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    CHECK_OK(blob_seal(f->sealer, BLOB_DATA, NULL, 0, plain, &blob, &ref, &e), &e);
    CHECK_OK(memstore_sink(f->store)->put(memstore_sink(f->store), &ref.id, buffer_span(&blob), &e),
             &e);
    buffer_free(&blob);
    return ref;
}

static void
add_piece(struct fixture *f, struct node_piece piece)
{
    struct error e = ERROR_INIT;
    CHECK_OK(tree_content_add(f->content, &piece, &e), &e);
}

static struct node_entry
finish_file(struct fixture *f)
{
    struct error e = ERROR_INIT;
    struct node_entry file = {.name = span_of("f", 1), .type = NODE_FILE};
    CHECK_OK(tree_content_finish(f->content, &file.pieces, &file.piece_count, &file.size, &e), &e);
    return file;
}

static void
adjoining_pieces_become_one(void **state)
{
    struct fixture *f = *state;
    struct blob_ref blob = data_blob(f, span_of("0123456789", 10));
    add_piece(f, (struct node_piece){.kind = NODE_HOLE, .length = 5});
    add_piece(f, (struct node_piece){.kind = NODE_HOLE, .length = 7});
    add_piece(f, (struct node_piece){.kind = NODE_DATA, .offset = 0, .length = 4, .ref = blob});
    add_piece(f, (struct node_piece){.kind = NODE_DATA, .length = 0, .ref = blob});
    add_piece(f, (struct node_piece){.kind = NODE_DATA, .offset = 4, .length = 2, .ref = blob});
    add_piece(f, (struct node_piece){.kind = NODE_DATA, .offset = 7, .length = 2, .ref = blob});
    struct node_entry file = finish_file(f);
    assert_int_equal(file.piece_count, 3);
    assert_int_equal(file.size, 20);
    assert_int_equal(file.pieces[0].length, 12);
    assert_int_equal(file.pieces[1].length, 6);

    struct error e = ERROR_INIT;
    char text[32];
    size_t got;
    CHECK_OK(tree_read(f->reader, &file, 10, text, sizeof text, &got, &e), &e);
    assert_int_equal(got, 10);
    assert_memory_equal(text,
                        "\0\0"
                        "01234578",
                        10);
    file = finish_file(f);
    assert_int_equal(file.piece_count, 0);
}

/* 5 GiB in 1 MiB chunks and more have this shape; here every piece is one byte and a hole of one. */
static void
long_content_goes_into_lists_and_any_offset_is_read(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    enum { PIECES = 40000 };
    uint8_t all[251];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    struct blob_ref blob = data_blob(f, span_of(all, sizeof all));
    for (uint64_t i = 0; i < PIECES; i++) {
        add_piece(f, (struct node_piece){
                         .kind = NODE_DATA, .offset = i % sizeof all, .length = 1, .ref = blob});
        add_piece(f, (struct node_piece){.kind = NODE_HOLE, .length = 1});
    }
    struct node_entry file = finish_file(f);
    assert_true(file.piece_count <= TREE_INLINE_PIECES);
    assert_int_equal(file.pieces[0].kind, NODE_PIECES);
    assert_int_equal(file.size, 2 * PIECES);

    for (uint64_t at = 0; at < file.size; at += 7777) {
        uint8_t bytes[64];
        size_t got;
        CHECK_OK(tree_read(f->reader, &file, at, bytes, sizeof bytes, &got, &e), &e);
        assert_int_equal(got, file.size - at < sizeof bytes ? file.size - at : sizeof bytes);
        for (uint64_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], (at + i) % 2 == 0 ? (at + i) / 2 % sizeof all : 0);
    }
}

static void
many_short_files_of_one_bundle_open_it_once(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    static uint8_t bundle[1 << 20];
    struct blob_ref blob = data_blob(f, span_of(bundle, sizeof bundle));
    for (uint64_t i = 0; i < 1000; i++) {
        struct node_piece piece = {
            .kind = NODE_DATA, .offset = i * 1000, .length = 1000, .ref = blob};
        struct node_entry file = {
            .type = NODE_FILE, .size = 1000, .pieces = &piece, .piece_count = 1};
        char text[1001];
        size_t got;
        CHECK_OK(tree_read(f->reader, &file, 0, text, sizeof text, &got, &e), &e);
        assert_int_equal(got, 1000);
    }
    assert_int_equal(memstore_gets(f->store), 1);
}

static void
a_cached_blob_still_needs_its_key(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct node_piece piece = {.kind = NODE_DATA, .length = 3};
    struct span bytes;
    piece.ref = data_blob(f, span_of("abc", 3));
    CHECK_OK(tree_slice(f->reader, &piece, &bytes, &e), &e);
    piece.ref.key.bytes[0] ^= 1;
    CHECK_RC(tree_slice(f->reader, &piece, &bytes, &e), RC_CORRUPT);
    piece.ref.key.bytes[0] ^= 1;
    piece.length = 4;
    CHECK_RC(tree_slice(f->reader, &piece, &bytes, &e), RC_CORRUPT);
}

static void
a_missing_blob_is_not_found_and_named(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct blob_ref ref = build(f, 3, 3);
    char text[ID_TEXT_SIZE];
    unsigned count = 0;
    memstore_drop(f->store, &ref.id);
    CHECK_RC(tree_list(f->reader, &ref, span_of("", 0), count_entry, &count, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, id_text(&ref.id, text)));
}

/* A data blob where a directory belongs, and an index that lies about its parts. */
static void
wrong_shapes_are_corrupt(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    unsigned count = 0;
    struct blob_ref data = data_blob(f, span_of("abc", 3));
    CHECK_RC(tree_list(f->reader, &data, span_of("", 0), count_entry, &count, &e), RC_CORRUPT);

    struct blob_ref leaf = build(f, 3, 3);
    struct node_part lies[] = {{span_of("00000000.", 9), leaf, 4},
                               {span_of("0000000", 7), leaf, 3}};
    for (size_t i = 0; i < 2; i++) {
        const struct node node = {NODE_INDEX, 1, 1, {.parts = &lies[i]}};
        struct buffer plain = BUFFER_INIT(LIMIT_BLOB_PLAIN), blob = BUFFER_INIT(LIMIT_BLOB);
        const struct id *ids;
        size_t n;
        struct blob_ref ref;
        CHECK_OK(node_encode(&node, f->arena, &plain, &ids, &n, &e), &e);
        CHECK_OK(blob_seal(f->sealer, BLOB_NODE, ids, n, buffer_span(&plain), &blob, &ref, &e), &e);
        struct blob_sink *sink = memstore_sink(f->store);
        CHECK_OK(sink->put(sink, &ref.id, buffer_span(&blob), &e), &e);
        CHECK_RC(tree_list(f->reader, &ref, span_of("", 0), count_entry, &count, &e), RC_CORRUPT);
        buffer_free(&plain);
        buffer_free(&blob);
    }
    assert_int_equal(count, 0);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(empty_directory_is_one_empty_leaf),
        WITH_FIXTURE(large_directory_is_cut_and_every_name_found),
        WITH_FIXTURE(one_change_in_a_large_directory_makes_few_new_blobs),
        WITH_FIXTURE(names_must_ascend),
        WITH_FIXTURE(an_index_has_indexes_when_it_is_long),
        WITH_FIXTURE(paths_lead_through_directories_only),
        WITH_FIXTURE(adjoining_pieces_become_one),
        WITH_FIXTURE(long_content_goes_into_lists_and_any_offset_is_read),
        WITH_FIXTURE(many_short_files_of_one_bundle_open_it_once),
        WITH_FIXTURE(a_cached_blob_still_needs_its_key),
        WITH_FIXTURE(a_missing_blob_is_not_found_and_named),
        WITH_FIXTURE(wrong_shapes_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
