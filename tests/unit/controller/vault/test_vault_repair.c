/* test_vault_repair.c -- damaged packs go aside, what is whole in them stays, and fulls that are hit are named. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/file.h"
#include "controller/vault/vault.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/vault_kit.h"

enum { PATH_SIZE = 256, TEXT_SIZE = 8192, LEAVES = 3 };

struct world {
    char path[VAULT_KIT_PATH_SIZE], said[TEXT_SIZE];
    struct record_vault_id id;
    struct vault *vault;
    struct vault_kit kit;
    struct buffer blob, record;
    struct id leaves[2][LEAVES], roots[2], shared, last;
};

static void
reopen(struct world *w)
{
    struct error e = ERROR_INIT;
    if (w->vault != NULL)
        vault_close(TAKE(w->vault));
    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &w->vault, &e), &e);
}

static struct id
put(struct world *w, struct vault_session *s, uint32_t seed, struct id *children, size_t count)
{
    struct error e = ERROR_INIT;
    struct id id;
    bool known;
    vault_kit_blob(&w->blob, &id, seed, 300, children, count);
    CHECK_OK(vault_session_put(s, &id, buffer_span(&w->blob), &known, &e), &e);
    return id;
}

/* A pack and a full of it; the second full shares a leaf with the first. */
static void
add_full(struct world *w, uint32_t which)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct id children[LEAVES + 1];

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    children[0] = w->shared = put(w, s, 7, NULL, 0);
    for (uint32_t i = 0; i < LEAVES; i++)
        children[i + 1] = w->leaves[which][i] = put(w, s, 100 * (which + 1) + i, NULL, 0);
    w->roots[which] = put(w, s, 100 * (which + 1) + 50, children, LEAVES + 1);
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_kit_record(&w->kit, &w->id, which + 1, &w->last, &w->roots[which], &w->record);
    CHECK_OK(vault_commit_full(w->vault, buffer_span(&w->record), &w->last, &e), &e);
}

static int
begin(void **state)
{
    static struct world w;
    struct error e = ERROR_INIT;

    w = (struct world){.blob = BUFFER_INIT(LIMIT_BLOB), .record = BUFFER_INIT(LIMIT_RECORD)};
    vault_kit_fast_directory(w.path);
    vault_kit_begin(&w.kit);
    CHECK_OK(vault_create(w.path, false, &w.id, &e), &e);
    reopen(&w);
    add_full(&w, 0);
    add_full(&w, 1);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    vault_close(w->vault);
    vault_kit_remove(w->path);
    vault_kit_end(&w->kit);
    buffer_free(&w->blob);
    buffer_free(&w->record);
    return 0;
}

static void
hear(void *ctx, const struct vault_finding *f)
{
    struct world *w = ctx;
    size_t used = strlen(w->said);
    (void)snprintf(w->said + used, sizeof w->said - used, "%s\n", f->text);
}

static struct vault_repair_counts
repair(struct world *w)
{
    const struct vault_repair_options o = {.finding = hear, .ctx = w};
    struct vault_repair_counts counts;
    struct error e = ERROR_INIT;
    w->said[0] = '\0';
    CHECK_OK(vault_repair(w->vault, &o, &counts, &e), &e);
    return counts;
}

static struct vault_verify_counts
verify(struct world *w)
{
    const struct vault_verify_options o = {.finding = hear, .ctx = w};
    struct vault_verify_counts counts;
    struct error e = ERROR_INIT;
    w->said[0] = '\0';
    CHECK_OK(vault_verify(w->vault, &o, &counts, &e), &e);
    return counts;
}

static bool
can_be_read(struct world *w, const struct id *id)
{
    struct error e = ERROR_INIT;
    return vault_get(w->vault, id, &w->blob, &e) == RC_OK;
}

static uint32_t
place_of(struct world *w, const struct id *id, char path[static PATH_SIZE])
{
    struct error e = ERROR_INIT;
    char relative[PACK_PATH_SIZE];
    struct pack_place place;
    struct id name;
    uint32_t pack;
    bool found;
    CHECK_OK(vault_index_find(w->vault->index, id, &found, &place, &pack, &e), &e);
    assert_true(found);
    CHECK_OK(vault_index_pack(w->vault->index, pack, &name, &e), &e);
    (void)snprintf(path, PATH_SIZE, "%s/%s", w->path, pack_format_path(&name, relative));
    return place.offset;
}

static void
damage(struct world *w, const struct id *id)
{
    char path[PATH_SIZE];
    uint32_t at = place_of(w, id, path);
    vault_kit_flip(path, at + 100, 1);
}

static bool
is_whole(struct world *w, uint64_t full)
{
    CLEANUP(own_freep) struct vault_verdict *verdicts = NULL;
    struct error e = ERROR_INIT;
    size_t count;
    CHECK_OK(vault_judge(w->vault, &verdicts, &count, &e), &e);
    for (size_t i = 0; i < count; i++)
        if (verdicts[i].full == full)
            return verdicts[i].whole;
    fail_msg("no verdict on full %d", (int)full);
    return false;
}

/* ---- repair */

static void
a_whole_vault_is_left_as_it_is(void **state)
{
    struct world *w = *state;
    struct vault_repair_counts n = repair(w);
    assert_int_equal(n.packs, 2);
    assert_int_equal(n.damaged + n.saved + n.lost + n.unread, 0);
    assert_string_equal(w->said, "");
    assert_int_equal(vault_kit_count(w->path, "quarantine"), 0);
}

static void
a_damaged_pack_goes_aside_and_what_is_whole_in_it_stays(void **state)
{
    struct world *w = *state;
    struct vault_repair_counts n;
    struct stat st;
    char path[PATH_SIZE];

    (void)place_of(w, &w->leaves[0][1], path);
    damage(w, &w->leaves[0][1]);
    n = repair(w);
    assert_int_equal(n.damaged, 1);
    assert_int_equal(n.saved, LEAVES + 1);
    assert_int_equal(n.lost, 1);
    assert_non_null(strstr(w->said, "is lost"));
    assert_non_null(strstr(w->said, "quarantine/"));
    assert_non_null(strstr(w->said, strstr(path, "packs/")));
    assert_int_equal(vault_kit_count(w->path, "quarantine"), 1);
    assert_int_not_equal(stat(path, &st), 0);
    for (int turn = 0; turn < 2; turn++) {
        assert_false(can_be_read(w, &w->leaves[0][1]));
        assert_true(can_be_read(w, &w->leaves[0][0]));
        assert_true(can_be_read(w, &w->roots[0]));
        assert_true(can_be_read(w, &w->shared));
        struct vault_verify_counts c = verify(w);
        assert_int_equal(c.damaged, 0);
        assert_int_equal(c.missing, 1);
        reopen(w);
    }
    assert_int_equal(repair(w).damaged, 0);
}

/* The next capture brings it, and everything is whole. */
static void
what_was_lost_is_stored_again_by_the_next_capture(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;

    damage(w, &w->leaves[0][1]);
    assert_int_equal(repair(w).lost, 1);
    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    (void)put(w, s, 101, NULL, 0);
    assert_int_equal(vault_session_counted(s).known, 0);
    CHECK_OK(vault_session_flush(s, &e), &e);
    (void)verify(w);
    assert_string_equal(w->said, "");
    assert_true(is_whole(w, 1));
}

/* All its blobs are whole: what is saved is the very same pack. */
static void
a_pack_with_a_damaged_tail_is_made_whole_under_its_own_name(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct stat st;
    char path[PATH_SIZE];

    (void)place_of(w, &w->roots[1], path);
    assert_int_equal(stat(path, &st), 0);
    CHECK_OK(truncate(path, st.st_size - 20) == 0 ? RC_OK : error_errno(&e, "truncate"), &e);
    struct vault_repair_counts n = repair(w);
    assert_int_equal(n.damaged, 1);
    assert_int_equal(n.lost, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(vault_kit_count(w->path, "quarantine"), 1);
    (void)verify(w);
    assert_string_equal(w->said, "");
    reopen(w);
    (void)verify(w);
    assert_string_equal(w->said, "");
}

/* The same blobs in the same order are the same pack; somebody's hard link keeps the damaged file alive. */
static void
a_pack_stored_again_is_read_from_its_new_file(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char path[PATH_SIZE], link_path[PATH_SIZE + 8];
    struct id alone;

    for (int turn = 0; turn < 2; turn++) {
        CLEANUP(vault_session_freep) struct vault_session *s = NULL;
        CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
        alone = put(w, s, 900, NULL, 0);
        CHECK_OK(vault_session_flush(s, &e), &e);
        if (turn == 1)
            break;
        damage(w, &alone);
        (void)place_of(w, &alone, path);
        (void)snprintf(link_path, sizeof link_path, "%s.kept", path);
        assert_int_equal(link(path, link_path), 0);
        assert_false(can_be_read(w, &alone));
    }
    assert_true(can_be_read(w, &alone));
    assert_int_equal(unlink(link_path), 0);
}

static void
what_another_pack_holds_whole_is_not_lost(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *a = NULL;
    CLEANUP(vault_session_freep) struct vault_session *b = NULL;
    struct error e = ERROR_INIT;

    CHECK_OK(vault_session_begin(w->vault, &a, &e), &e);
    CHECK_OK(vault_session_begin(w->vault, &b, &e), &e);
    struct id twice = put(w, a, 900, NULL, 0);
    (void)put(w, b, 901, NULL, 0);
    (void)put(w, b, 900, NULL, 0);
    CHECK_OK(vault_session_flush(a, &e), &e);
    CHECK_OK(vault_session_flush(b, &e), &e);
    damage(w, &twice);
    struct vault_repair_counts n = repair(w);
    assert_int_equal(n.damaged, 1);
    assert_int_equal(n.saved, 0);
    assert_int_equal(n.lost, 0);
    assert_true(can_be_read(w, &twice));
    (void)verify(w);
    assert_string_equal(w->said, "");
}

static void
nothing_in_quarantine_is_ever_replaced(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char path[PATH_SIZE], before[PATH_SIZE];
    struct stat st;

    (void)place_of(w, &w->roots[0], path);
    (void)snprintf(before, sizeof before, "%s/quarantine/%s", w->path, strrchr(path, '/') + 1);
    CHECK_OK(file_write_new(AT_FDCWD, before, span_of("evidence", 8), 0600, &e), &e);
    damage(w, &w->leaves[0][0]);
    (void)repair(w);
    assert_int_equal(stat(before, &st), 0);
    assert_int_equal(st.st_size, 8);
    assert_int_equal(vault_kit_count(w->path, "quarantine"), 2);
}

static void
repair_can_be_cancelled_and_is_refused_where_nothing_may_be_written(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_closep) struct vault *reader = NULL;
    const _Atomic(bool) cancel = true;
    struct vault_repair_counts n;
    struct error e = ERROR_INIT;

    CHECK_RC(vault_repair(w->vault, &(struct vault_repair_options){.cancel = &cancel}, &n, &e),
             RC_CANCELLED);
    CHECK_OK(vault_open(w->path, &(struct vault_options){.read_only = true}, &reader, &e), &e);
    CHECK_RC(vault_repair(reader, &(struct vault_repair_options){0}, &n, &e), RC_DENIED);
}

/* ---- which fulls are hit */

static void
damage_found_in_one_full_marks_every_full_that_shares_it(void **state)
{
    struct world *w = *state;
    const struct vault_verify_options first_only = {.only_full = 1};
    struct vault_verify_counts c;
    struct error e = ERROR_INIT;

    assert_true(is_whole(w, 1));
    assert_true(is_whole(w, 2));
    damage(w, &w->shared);
    uint64_t before = vault_doubts(w->vault);
    CHECK_OK(vault_verify(w->vault, &first_only, &c, &e), &e);
    assert_int_equal(c.damaged, 1);
    assert_true(vault_doubts(w->vault) > before);
    for (int turn = 0; turn < 2; turn++) {
        assert_false(is_whole(w, 1));
        assert_false(is_whole(w, 2));
        reopen(w);
        assert_true(vault_doubts(w->vault) > 0);
    }
}

static void
damage_below_one_full_leaves_the_other_good(void **state)
{
    struct world *w = *state;

    damage(w, &w->leaves[1][0]);
    assert_false(can_be_read(w, &w->leaves[1][0]));
    assert_true(is_whole(w, 1));
    assert_false(is_whole(w, 2));
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(a_whole_vault_is_left_as_it_is),
        IN_A_WORLD(a_damaged_pack_goes_aside_and_what_is_whole_in_it_stays),
        IN_A_WORLD(what_was_lost_is_stored_again_by_the_next_capture),
        IN_A_WORLD(a_pack_stored_again_is_read_from_its_new_file),
        IN_A_WORLD(a_pack_with_a_damaged_tail_is_made_whole_under_its_own_name),
        IN_A_WORLD(what_another_pack_holds_whole_is_not_lost),
        IN_A_WORLD(nothing_in_quarantine_is_ever_replaced),
        IN_A_WORLD(repair_can_be_cancelled_and_is_refused_where_nothing_may_be_written),
        IN_A_WORLD(damage_found_in_one_full_marks_every_full_that_shares_it),
        IN_A_WORLD(damage_below_one_full_leaves_the_other_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
