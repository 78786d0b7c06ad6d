/* test_tree.c -- a directory of a million entries: its blobs stay small, its listing is complete. */
#include "common/tree/tree.h"

#include <stdio.h>

#include "tests/support/check.h"
#include "tests/support/memstore.h"

enum { ENTRIES = 1000000, BLOB_MAX = 1 << 20 };

struct measuring {
    struct blob_sink sink;
    struct blob_sink *inner;
    size_t largest;
};

static enum rc
measure(struct blob_sink *sink, const struct id *id, struct span blob, struct error *e)
{
    struct measuring *m = (struct measuring *)sink;
    if (blob.len > m->largest)
        m->largest = blob.len;
    return m->inner->put(m->inner, id, blob, e);
}

static void
add_million(struct tree_builder *b)
{
    struct error e = ERROR_INIT;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        char name[16];
        struct node_piece piece = {.kind = NODE_DATA, .offset = i % 1000, .length = 7};
        uint32_t bundle = i / 100; /* as in a spool: a hundred messages to a bundle */
        memcpy(piece.ref.id.bytes, &bundle, sizeof bundle);
        (void)snprintf(name, sizeof name, "%u.", i + ENTRIES);
        const struct node_entry entry = {
            .name = span_of(name, strlen(name)),
            .type = NODE_FILE,
            .mode = 0600,
            .mtime = i,
            .size = 7,
            .pieces = &piece,
            .piece_count = 1,
        };
        CHECK_OK(tree_builder_add(b, &entry, &e), &e);
    }
}

static enum rc
count_in_order(void *ctx, const struct node_entry *entry, struct error *e)
{
    uint32_t *count = ctx;
    (void)e;
    assert_int_equal(entry->mtime, *count);
    ++*count;
    return RC_OK;
}

static void
a_million_entries_are_many_small_leaves(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct blob_domain domain = {.id = {1}, .secret = {{2}}};
    struct memstore *store = memstore_new();
    struct measuring m = {.sink.put = measure, .inner = memstore_sink(store)};
    CLEANUP(blob_sealer_freep) struct blob_sealer *sealer = NULL;
    CLEANUP(tree_builder_freep) struct tree_builder *builder = NULL;
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    struct blob_ref ref;
    CHECK_OK(blob_sealer_new(&domain, 1, &sealer, &e), &e);
    CHECK_OK(tree_builder_new(sealer, &m.sink, &builder, &e), &e);
    CHECK_OK(tree_reader_new(memstore_source(store), &reader, &e), &e);
    add_million(builder);
    CHECK_OK(tree_builder_finish(builder, &ref, &e), &e);
    assert_true(m.largest < BLOB_MAX);
    assert_true(memstore_count(store) > ENTRIES / 4096 && memstore_count(store) < ENTRIES / 256);

    uint32_t count = 0;
    CHECK_OK(tree_list(reader, &ref, (struct span){0}, count_in_order, &count, &e), &e);
    assert_int_equal(count, ENTRIES);
    memstore_free(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_entries_are_many_small_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
