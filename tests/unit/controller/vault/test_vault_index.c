/* test_vault_index.c -- the cache: grows, refuses what is not its own, keeps the first place of a blob. */
#include "tests/support/check.h"

#include <stdio.h>

#include "controller/vault/id_map.h"
#include "controller/vault/vault_index.h"
#include "tests/support/vault_kit.h"

enum { PACKS = 40, BLOBS = 2000 };

struct world {
    char path[VAULT_KIT_PATH_SIZE];
    struct record_vault_id vault;
    struct vault_index *index;
};

static void
reopen(struct world *w)
{
    struct error e = ERROR_INIT;
    vault_index_free(TAKE(w->index));
    CHECK_OK(vault_index_open(w->path, &w->vault, true, &w->index, &e), &e);
}

static int
begin(void **state)
{
    static struct world w;
    w = (struct world){.vault = {{5}}};
    vault_kit_fast_directory(w.path);
    reopen(&w);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    vault_index_free(w->index);
    vault_kit_remove(w->path);
    return 0;
}

/* Spread like hashes, so that every page of the index is touched. */
static struct id
id_of(uint32_t kind, uint32_t n)
{
    struct id id = {{0}};
    uint64_t word = (UINT64_C(0x9e3779b97f4a7c15) * (n + 1)) ^ kind;
    for (size_t i = 0; i < ID_SIZE; i += sizeof word) {
        word = word * UINT64_C(6364136223846793005) + 1442695040888963407U;
        memcpy(id.bytes + i, &word, sizeof word);
    }
    return id;
}

static void
add_pack(struct world *w, uint32_t number)
{
    static struct pack_place places[BLOBS];
    struct error e = ERROR_INIT;
    struct id name = id_of(1, number);

    for (uint32_t i = 0; i < BLOBS; i++)
        places[i] = (struct pack_place){.id = id_of(2, number * BLOBS + i),
                                        .offset = 60 + i,
                                        .len = 100,
                                        .plain_len = 50,
                                        .children = i % 3};
    CHECK_OK(vault_index_add(w->index, &name, 1000, places, BLOBS, &e), &e);
}

static void
it_grows_past_its_first_map_and_keeps_everything(void **state)
{
    struct world *w = *state;
    struct vault_index_totals totals;
    struct pack_place place;
    struct error e = ERROR_INIT;
    uint32_t pack;
    bool found;

    for (uint32_t i = 0; i < PACKS; i++)
        add_pack(w, i);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < PACKS * BLOBS; i += 7) {
            struct id id = id_of(2, i), name, want = id_of(1, i / BLOBS);
            CHECK_OK(vault_index_find(w->index, &id, &found, &place, &pack, &e), &e);
            assert_true(found);
            assert_int_equal(place.offset, 60 + i % BLOBS);
            assert_int_equal(place.children, i % BLOBS % 3);
            CHECK_OK(vault_index_pack(w->index, pack, &name, &e), &e);
            assert_true(id_equal(&name, &want));
        }
        CHECK_OK(vault_index_total(w->index, &totals, &e), &e);
        assert_int_equal(totals.packs, PACKS);
        assert_int_equal(totals.blobs, PACKS * BLOBS);
        assert_int_equal(totals.bytes_plain, 50 * PACKS * BLOBS);
        reopen(w);
    }
}

static void
assert_same(const struct vault_index_totals *a, const struct vault_index_totals *b)
{
    assert_int_equal(a->packs, b->packs);
    assert_int_equal(a->blobs, b->blobs);
    assert_int_equal(a->bytes_packs, b->bytes_packs);
    assert_int_equal(a->bytes_blobs, b->bytes_blobs);
    assert_int_equal(a->bytes_plain, b->bytes_plain);
    assert_int_equal(a->next_pack, b->next_pack);
}

static void
a_pack_added_twice_and_a_blob_known_already_change_nothing(void **state)
{
    struct world *w = *state;
    struct vault_index_totals before, after;
    struct error e = ERROR_INIT;
    struct id blob = id_of(2, 5), other = id_of(3, 0);
    struct pack_place place = {.id = blob, .offset = 9999, .len = 100}, got;
    uint32_t pack;
    bool found;

    add_pack(w, 0);
    CHECK_OK(vault_index_total(w->index, &before, &e), &e);
    add_pack(w, 0);
    CHECK_OK(vault_index_total(w->index, &after, &e), &e);
    assert_same(&before, &after);
    CHECK_OK(vault_index_add(w->index, &other, 500, &place, 1, &e), &e);
    CHECK_OK(vault_index_find(w->index, &blob, &found, &got, &pack, &e), &e);
    assert_int_equal(got.offset, 65);
    CHECK_OK(vault_index_total(w->index, &after, &e), &e);
    assert_int_equal(after.packs, 2);
    assert_int_equal(after.bytes_blobs, before.bytes_blobs);
}

static struct id
add_one(struct world *w, uint32_t pack, const struct id *blob, uint32_t offset)
{
    struct error e = ERROR_INIT;
    struct id name = id_of(3, pack);
    const struct pack_place place = {.id = *blob, .offset = offset, .len = 100, .plain_len = 50};
    CHECK_OK(vault_index_add(w->index, &name, 500, &place, 1, &e), &e);
    return name;
}

static uint32_t
offset_of(struct world *w, const struct id *blob)
{
    struct error e = ERROR_INIT;
    struct pack_place place = {0};
    uint32_t pack;
    bool found;
    CHECK_OK(vault_index_find(w->index, blob, &found, &place, &pack, &e), &e);
    return found ? place.offset : 0;
}

static void
every_copy_is_remembered_and_another_may_take_the_place(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id blob = id_of(2, 1), other = id_of(2, 2);
    struct pack_place place;
    uint32_t pack = 0, from = 0, offsets[2] = {0};
    bool found = true, added;

    add_one(w, 1, &blob, 61);
    add_one(w, 2, &other, 99);
    add_one(w, 3, &blob, 63);
    add_one(w, 4, &blob, 64);
    for (size_t i = 0; i < 2; i++, from = pack + 1) {
        CHECK_OK(vault_index_next_copy(w->index, &blob, from, &found, &place, &pack, &e), &e);
        assert_true(found);
        offsets[i] = place.offset;
    }
    assert_int_equal(offsets[0], 63);
    assert_int_equal(offsets[1], 64);
    CHECK_OK(vault_index_doubt(w->index, &blob, &added, &e), &e);
    CHECK_OK(vault_index_move(w->index, &place, pack, &e), &e);
    assert_int_equal(offset_of(w, &blob), 64);
    CHECK_OK(vault_index_has(w->index, &blob, &found, &e), &e);
    assert_true(found); /* no doubt about the new place */
    CHECK_OK(vault_index_next_copy(w->index, &blob, from, &found, &place, &pack, &e), &e);
    assert_false(found);
    CHECK_OK(vault_index_next_copy(w->index, &other, 0, &found, &place, &pack, &e), &e);
    assert_false(found);
}

static void
a_pack_that_goes_leaves_its_blobs_to_their_copies(void **state)
{
    struct world *w = *state;
    struct vault_index_totals before, after;
    struct error e = ERROR_INIT;
    struct id alone = id_of(2, 1), twice = id_of(2, 2);
    struct pack_place both[] = {{.id = alone, .offset = 60, .len = 100, .plain_len = 50},
                                {.id = twice, .offset = 160, .len = 100, .plain_len = 50}};
    struct id first = id_of(3, 1), second;
    bool found, added;

    CHECK_OK(vault_index_add(w->index, &first, 500, both, 2, &e), &e);
    CHECK_OK(vault_index_total(w->index, &before, &e), &e);
    second = add_one(w, 2, &twice, 77);
    CHECK_OK(vault_index_doubt(w->index, &alone, &added, &e), &e);
    CHECK_OK(vault_index_remove(w->index, &first, &found, &e), &e);
    assert_true(found);
    assert_int_equal(offset_of(w, &alone), 0);
    assert_int_equal(offset_of(w, &twice), 77);
    CHECK_OK(vault_index_total(w->index, &after, &e), &e);
    assert_int_equal(after.packs, 1);
    assert_int_equal(after.blobs, 1);
    assert_int_equal(after.bytes_blobs, before.bytes_blobs - 100);
    assert_int_equal(after.bytes_packs, 500);
    CHECK_OK(vault_index_has_pack(w->index, &first, &found, &e), &e);
    assert_false(found);
    CHECK_OK(vault_index_remove(w->index, &first, &found, &e), &e);
    assert_false(found);
    /* A number once given is never given again: open files are remembered by it. */
    CHECK_OK(vault_index_remove(w->index, &second, &found, &e), &e);
    CHECK_OK(vault_index_total(w->index, &after, &e), &e);
    assert_int_equal(after.blobs + after.bytes_blobs + after.bytes_packs, 0);
    assert_int_equal(after.next_pack, 3);
}

static void
an_index_of_another_vault_is_refused(void **state)
{
    struct world *w = *state;
    struct vault_index *other = NULL;
    struct error e = ERROR_INIT;

    vault_index_free(TAKE(w->index));
    CHECK_RC(vault_index_open(w->path, &(struct record_vault_id){{6}}, false, &other, &e),
             RC_CORRUPT);
    reopen(w);
}

static void
what_was_not_added_is_not_there(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    bool found = true;

    CHECK_OK(vault_index_has(w->index, &(struct id){{1}}, &found, &e), &e);
    assert_false(found);
    CHECK_OK(vault_index_has_pack(w->index, &(struct id){{1}}, &found, &e), &e);
    assert_false(found);
}

static void
a_map_of_ids_keeps_the_first_number_of_each(void **state)
{
    CLEANUP(id_map_freep) struct id_map *map = NULL;
    struct error e = ERROR_INIT;
    bool added;

    (void)state;
    CHECK_OK(id_map_new(&map, &e), &e);
    for (uint64_t turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < 20000; i++) {
            struct id id = id_of(4, i);
            CHECK_OK(id_map_add(map, &id, i + 1 + turn, &added, &e), &e);
            assert_true(added == (turn == 0));
            assert_int_equal(*id_map_find(map, &id), i + 1);
        }
    }
    assert_int_equal(id_map_count(map), 20000);
    struct id zero = {{0}};
    assert_null(id_map_find(map, &zero));
    CHECK_OK(id_map_add(map, &zero, 1, &added, &e), &e);
    assert_true(added);
    id_map_clear(map);
    assert_null(id_map_find(map, &zero));
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(it_grows_past_its_first_map_and_keeps_everything),
        IN_A_WORLD(a_pack_added_twice_and_a_blob_known_already_change_nothing),
        IN_A_WORLD(every_copy_is_remembered_and_another_may_take_the_place),
        IN_A_WORLD(a_pack_that_goes_leaves_its_blobs_to_their_copies),
        IN_A_WORLD(an_index_of_another_vault_is_refused),
        IN_A_WORLD(what_was_not_added_is_not_there),
        cmocka_unit_test(a_map_of_ids_keeps_the_first_number_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
