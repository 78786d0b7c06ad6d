/*
 * test_vault_degraded.c -- a sync that failed, a disk that is full, a file system that cannot do what is needed, a
 * directory that was replaced: writes are refused in words, reading goes on, and nothing lost is answered for.
 */
#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/file.h"
#include "controller/vault/pack_reader.h"
#include "controller/vault/vault.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/fault_io.h"
#include "tests/support/vault_kit.h"

enum { PATH_SIZE = 256 };

struct world {
    char parent[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 8];
    struct record_vault_id id;
    struct vault *vault;
    struct vault_kit kit;
    struct buffer blob, record;
    bool mounted;
};

static void
reopen(struct world *w)
{
    struct error e = ERROR_INIT;
    if (w->vault != NULL)
        vault_close(TAKE(w->vault));
    CHECK_OK(vault_open(w->path, &(struct vault_options){.reserve = 1}, &w->vault, &e), &e);
}

static void
make_vault(struct world *w)
{
    struct error e = ERROR_INIT;
    (void)snprintf(w->path, sizeof w->path, "%s/vault", w->parent);
    CHECK_OK(vault_create(w->path, false, &w->id, &e), &e);
    reopen(w);
}

static int
begin(void **state)
{
    static struct world w;
    w = (struct world){.blob = BUFFER_INIT(LIMIT_BLOB), .record = BUFFER_INIT(LIMIT_RECORD)};
    vault_kit_begin(&w.kit);
    vault_kit_fast_directory(w.parent);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    vault_close(w->vault);
    if (w->mounted)
        assert_int_equal(umount2(w->parent, MNT_DETACH), 0);
    vault_kit_remove(w->parent);
    vault_kit_end(&w->kit);
    buffer_free(&w->blob);
    buffer_free(&w->record);
    return 0;
}

static enum rc
store(struct world *w, uint32_t seed, size_t len, struct id *id, struct error *e)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    bool known;
    vault_kit_blob(&w->blob, id, seed, len, NULL, 0);
    TRY(vault_session_begin(w->vault, &s, e));
    TRY(vault_session_put(s, id, buffer_span(&w->blob), &known, e));
    return vault_session_flush(s, e);
}

static bool
has(struct world *w, const struct id *id)
{
    struct error e = ERROR_INIT;
    bool there;
    CHECK_OK(vault_has(w->vault, id, &there, &e), &e);
    return there;
}

static bool
exists(const struct world *w, const char *name)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", w->path, name);
    return access(path, F_OK) == 0;
}

static struct pack_place
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
    return place;
}

static enum rc
commit(struct world *w, uint64_t number, const struct id *previous, const struct id *root,
       struct id *name, struct error *e)
{
    vault_kit_record(&w->kit, &w->id, number, previous, root, &w->record);
    return vault_commit_full(w->vault, buffer_span(&w->record), name, e);
}

/* ---- a failed sync */

static void
break_by_a_sync(struct world *w)
{
    struct error e = ERROR_INIT;
    struct id lost;
    fault_io_arm(3, EIO, false); /* the file made, written, synced */
    CHECK_RC(store(w, 4242, 100, &lost, &e), RC_IO);
    fault_io_disarm();
    assert_true(vault_is_degraded(w->vault));
}

/* What the disk lost of a pack that was acknowledged before shows when it is read again, and is not answered for. */
static void
after_a_failed_sync_the_next_start_reads_the_last_packs_before_it_answers(void **state)
{
    struct world *w = *state;
    char path[PATH_SIZE], problem[VAULT_PROBLEM_SIZE];
    struct error e = ERROR_INIT;
    struct id lost, kept, more;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &lost, &e), &e);
    CHECK_OK(store(w, 2, 1000, &kept, &e), &e);
    struct pack_place place = place_of(w, &lost, path);
    break_by_a_sync(w);
    CHECK_RC(store(w, 3, 100, &more, &e), RC_IO);
    CHECK_RC(vault_check_ready(w->vault, &e), RC_IO);
    assert_non_null(strstr(vault_problem(w->vault, problem), "failed sync"));
    assert_true(exists(w, VAULT_DEGRADED_NAME));
    CHECK_OK(vault_get(w->vault, &kept, &w->blob, &e), &e);

    vault_kit_flip(path, place.offset + 70,
                   1); /* the page that was marked clean and never written */
    reopen(w);
    assert_false(exists(w, VAULT_DEGRADED_NAME));
    assert_false(vault_is_degraded(w->vault));
    assert_string_equal(vault_problem(w->vault, problem), "");
    assert_false(has(w, &lost));
    assert_true(has(w, &kept));
    CHECK_OK(store(w, 1, 1000, &lost, &e), &e);
    assert_true(has(w, &lost));
}

/* The mark names them, although they are not among the newest any more. */
static void
a_pack_that_the_mark_names_is_read_again_however_old_it_looks(void **state)
{
    struct world *w = *state;
    char path[PATH_SIZE];
    struct error e = ERROR_INIT;
    struct id lost, other;
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &lost, &e), &e);
    for (uint32_t i = 0; i < VAULT_RECHECK_REBUILT; i++)
        CHECK_OK(store(w, 100 + i, 50, &other, &e), &e);
    struct pack_place place = place_of(w, &lost, path);
    break_by_a_sync(w);
    vault_kit_flip(path, place.offset + 70, 1);
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    reopen(w);
    assert_false(has(w, &lost));
    assert_true(has(w, &other));
}

static void
a_start_reads_the_newest_packs_again_although_nothing_failed(void **state)
{
    struct world *w = *state;
    char path[PATH_SIZE];
    struct error e = ERROR_INIT;
    struct id lost;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &lost, &e), &e);
    struct pack_place place = place_of(w, &lost, path);
    vault_close(TAKE(w->vault));
    vault_kit_flip(path, place.offset + 70, 1);
    reopen(w);
    assert_false(has(w, &lost));
    assert_int_equal(vault_doubts(w->vault), 1); /* agents are told to forget */
}

static void
a_mark_that_cannot_be_read_as_one_is_no_obstacle(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char path[PATH_SIZE];
    struct id id;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &id, &e), &e);
    (void)snprintf(path, sizeof path, "%s/%s", w->path, VAULT_DEGRADED_NAME);
    CHECK_OK(file_write_new(AT_FDCWD, path, span_of("pack \0zz\npack 12\n\n", 19), 0600, &e), &e);
    reopen(w);
    assert_true(has(w, &id));
    assert_false(exists(w, VAULT_DEGRADED_NAME));
}

/* A bad place on the disk must not keep everything else from being restored. */
static void
a_pack_that_the_disk_does_not_read_keeps_nothing_else_from_starting(void **state)
{
    struct world *w = *state;
    char path[PATH_SIZE];
    struct error e = ERROR_INIT;
    struct id unread, other;
    struct stat st;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &unread, &e), &e);
    CHECK_OK(store(w, 2, 1000, &other, &e), &e);
    (void)place_of(w, &unread, path);
    assert_int_equal(stat(path, &st), 0);
    fault_io_break(st.st_ino, 0, EIO);
    reopen(w);
    assert_false(has(w, &unread));
    assert_true(has(w, &other));
    assert_true(vault_doubts(w->vault) > 0);
    fault_io_break(0, 0, 0);
    CHECK_OK(vault_get(w->vault, &unread, &w->blob, &e), &e); /* its place is known still */
    CHECK_OK(store(w, 1, 1000, &unread, &e), &e);
    assert_true(has(w, &unread));
}

static void
break_pack_of(struct world *w, const struct id *id, off_t offset)
{
    char path[PATH_SIZE];
    struct stat st;
    (void)place_of(w, id, path);
    assert_int_equal(stat(path, &st), 0);
    fault_io_break(st.st_ino, offset, EIO);
}

static void
lose_index(struct world *w)
{
    struct error e = ERROR_INIT;
    char path[PATH_SIZE];
    vault_close(TAKE(w->vault));
    (void)snprintf(path, sizeof path, "%s/index", w->path);
    CHECK_OK(file_remove_tree(AT_FDCWD, path, &e), &e);
}

static void
a_pack_that_the_disk_does_not_read_keeps_no_lost_index_from_being_built(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id unread, other;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &unread, &e), &e);
    CHECK_OK(store(w, 2, 1000, &other, &e), &e);
    break_pack_of(w, &unread, 0);
    lose_index(w);
    reopen(w);
    assert_false(has(w, &unread));
    CHECK_OK(vault_get(w->vault, &other, &w->blob, &e), &e);
    fault_io_break(0, 0, 0);
    reopen(w); /* the disk reads again: so does the vault */
    CHECK_OK(vault_get(w->vault, &unread, &w->blob, &e), &e);
}

/* The way of koffer-recover: an index of its own, from the packs. */
static void
a_reader_of_a_damaged_disk_reads_what_is_left(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id unread, other;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &unread, &e), &e);
    CHECK_OK(store(w, 2, 1000, &other, &e), &e);
    break_pack_of(w, &unread, 0);
    vault_close(TAKE(w->vault));
    CHECK_OK(vault_open(w->path, &(struct vault_options){.read_only = true}, &w->vault, &e), &e);
    CHECK_OK(vault_get(w->vault, &other, &w->blob, &e), &e);
    CHECK_RC(vault_get(w->vault, &unread, &w->blob, &e), RC_NOT_FOUND);
    fault_io_break(0, 0, 0);
}

/* The blobs in front of a bad place are saved, although the table behind it is not read. */
static void
what_lies_before_a_bad_place_is_saved(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id ids[2];
    char path[PATH_SIZE];
    bool known;

    make_vault(w);
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    for (uint32_t i = 0; i < 2; i++) {
        vault_kit_blob(&w->blob, &ids[i], i, 1000, NULL, 0);
        CHECK_OK(vault_session_put(s, &ids[i], buffer_span(&w->blob), &known, &e), &e);
    }
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_session_free(TAKE(s));
    break_pack_of(w, &ids[0], (off_t)place_of(w, &ids[1], path).offset);
    lose_index(w);
    CHECK_OK(vault_open(w->path, &(struct vault_options){.read_only = true}, &w->vault, &e), &e);
    CHECK_OK(vault_get(w->vault, &ids[0], &w->blob, &e), &e);
    CHECK_RC(vault_get(w->vault, &ids[1], &w->blob, &e), RC_NOT_FOUND);
    fault_io_break(0, 0, 0);
}

static void
what_is_no_regular_file_keeps_nothing_else_from_being_read(void **state)
{
    struct world *w = *state;
    const struct vault_repair_options repair = {.finding = NULL};
    const struct vault_verify_options verify = {.finding = NULL};
    struct vault_verify_counts seen;
    struct vault_repair_counts counts;
    struct error e = ERROR_INIT;
    struct id gone, other;
    char path[PATH_SIZE];

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &gone, &e), &e);
    CHECK_OK(store(w, 2, 1000, &other, &e), &e);
    (void)place_of(w, &gone, path);
    vault_close(TAKE(w->vault));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    reopen(w);
    assert_false(has(w, &gone));
    CHECK_OK(vault_get(w->vault, &other, &w->blob, &e), &e);
    CHECK_OK(vault_verify(w->vault, &verify, &seen, &e), &e);
    CHECK_OK(vault_repair(w->vault, &repair, &counts, &e), &e);
    assert_int_equal(counts.damaged, 1);
    assert_false(access(path, F_OK) == 0);
}

static void
what_the_disk_did_not_read_is_stored_again(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id id;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &id, &e), &e);
    break_pack_of(w, &id, 0);
    CHECK_RC(vault_get(w->vault, &id, &w->blob, &e), RC_IO);
    assert_false(has(w, &id));
    assert_true(vault_doubts(w->vault) > 0);
    CHECK_OK(store(w, 1, 1000, &id, &e), &e);
    CHECK_OK(vault_get(w->vault, &id, &w->blob, &e), &e);
    fault_io_break(0, 0, 0);
}

static void
a_node_that_the_disk_does_not_read_is_a_finding_and_not_the_end(void **state)
{
    struct world *w = *state;
    const struct vault_verify_options one = {.only_full = 1}, all = {.only_full = 0};
    struct vault_verify_counts counts;
    struct vault_reach reach;
    struct error e = ERROR_INIT;
    struct id leaf, root, name;
    bool known;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &leaf, &e), &e);
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    vault_kit_blob(&w->blob, &root, 2, 100, &leaf, 1);
    CHECK_OK(vault_session_put(s, &root, buffer_span(&w->blob), &known, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_session_free(TAKE(s));
    CHECK_OK(commit(w, 1, &(struct id){{0}}, &root, &name, &e), &e);
    break_pack_of(w, &root, 0);
    CHECK_OK(vault_reach(w->vault, &root, 1, &reach, &e), &e);
    assert_int_equal(reach.missing, 1);
    CHECK_OK(vault_verify(w->vault, &one, &counts, &e), &e);
    assert_int_equal(counts.damaged, 1);
    CHECK_OK(vault_verify(w->vault, &all, &counts, &e), &e);
    assert_true(counts.damaged + counts.missing > 0);
    fault_io_break(0, 0, 0);
}

static void
a_pack_that_is_damaged_and_not_read_in_part_ends_neither_start_nor_repair(void **state)
{
    struct world *w = *state;
    const struct vault_repair_options repair = {.finding = NULL};
    struct vault_repair_counts counts;
    struct error e = ERROR_INIT;
    struct id bad, other;
    char path[PATH_SIZE];

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &bad, &e), &e);
    CHECK_OK(store(w, 2, 1000, &other, &e), &e);
    struct pack_place place = place_of(w, &bad, path);
    break_pack_of(w, &bad, (off_t)place.offset + 70);
    vault_kit_flip(path, 0, 1); /* the head is read, and is none */
    CHECK_OK(vault_repair(w->vault, &repair, &counts, &e), &e);
    assert_int_equal(counts.damaged, 1);
    assert_int_equal(counts.lost, 1);
    CHECK_OK(store(w, 3, 1000, &bad, &e), &e);
    place = place_of(w, &bad, path);
    break_pack_of(w, &bad, (off_t)place.offset + 70);
    vault_kit_flip(path, 0, 1);
    reopen(w);
    assert_false(has(w, &bad));
    assert_true(has(w, &other));
    fault_io_break(0, 0, 0);
}

/* ---- a full disk, a real one */

static void
mount_small_disk(struct world *w, const char *options)
{
    assert_int_equal(mount("tmpfs", w->parent, "tmpfs", 0, options), 0);
    w->mounted = true;
}

/* Fills the file system up to `leave` bytes. */
static void
fill(const struct world *w, uint64_t leave)
{
    struct error e = ERROR_INIT;
    char path[PATH_SIZE];
    uint64_t available;
    CLEANUP(own_closep) int dir = open(w->parent, O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(path, sizeof path, "%s/filler", w->parent);
    CLEANUP(own_closep) int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(dir >= 0 && file >= 0);
    CHECK_OK(file_free_space(dir, &available, &e), &e);
    off_t size = lseek(file, 0, SEEK_END);
    if (available > leave)
        assert_int_equal(fallocate(file, 0, size, (off_t)(available - leave)), 0);
}

static void
make_room(const struct world *w)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/filler", w->parent);
    assert_int_equal(unlink(path), 0);
}

static void
print_finding(void *ctx, const struct vault_finding *f)
{
    (void)ctx;
    print_error("%s\n", f->text);
}

static void
check_that_reading_goes_on(struct world *w, const struct id *root)
{
    const struct vault_verify_options o = {.finding = print_finding};
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    struct vault_verify_counts counts;
    struct error e = ERROR_INIT;
    size_t count;
    CHECK_OK(vault_get(w->vault, root, &w->blob, &e), &e);
    CHECK_OK(vault_fulls(w->vault, &fulls, &count, &e), &e);
    assert_int_equal(count, 1);
    CHECK_OK(vault_verify(w->vault, &o, &counts, &e), &e);
    assert_int_equal(counts.damaged + counts.missing, 0);
}

static void
on_a_full_disk_cycles_are_refused_reading_goes_on_and_room_is_enough(void **state)
{
    struct world *w = *state;
    char problem[VAULT_PROBLEM_SIZE];
    struct error e = ERROR_INIT;
    struct id root, more, full;

    mount_small_disk(w, "size=300m");
    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &root, &e), &e);
    CHECK_OK(commit(w, 1, &(struct id){{0}}, &root, &full, &e), &e);
    CHECK_OK(vault_check_ready(w->vault, &e), &e);
    assert_true(exists(w, VAULT_RESERVE_NAME));

    fill(w, VAULT_SPACE_SLACK + VAULT_SPACE_CYCLE / 2);
    CHECK_RC(vault_check_ready(w->vault, &e), RC_NO_SPACE);
    assert_non_null(strstr(vault_problem(w->vault, problem), "no cycle starts"));
    check_that_reading_goes_on(w, &root);
    fill(w, 0);
    CHECK_RC(store(w, 2, 1000, &more, &e), RC_NO_SPACE);
    CHECK_RC(commit(w, 2, &full, &root, &full, &e), RC_NO_SPACE);
    assert_false(vault_is_degraded(w->vault));
    check_that_reading_goes_on(w, &root);

    make_room(w);
    assert_string_equal(vault_problem(w->vault, problem), "");
    CHECK_OK(store(w, 2, 1000, &more, &e), &e);
}

/* Also when the index is lost: what was kept for it is given up, and made again when there is room. */
static void
a_start_on_a_full_disk_gives_up_the_reserve_and_can_be_read(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char index[PATH_SIZE];
    struct id root, full;

    for (int lost = 0; lost < 2; lost++) {
        if (lost == 0) {
            mount_small_disk(w, "size=300m");
            make_vault(w);
            CHECK_OK(store(w, 1, 1000, &root, &e), &e);
            CHECK_OK(commit(w, 1, &(struct id){{0}}, &root, &full, &e), &e);
        }
        vault_close(TAKE(w->vault));
        fill(w, 0);
        (void)snprintf(index, sizeof index, "%s/index", w->path);
        if (lost == 1)
            vault_kit_remove(index);
        fill(w, 0);
        assert_true(exists(w, VAULT_RESERVE_NAME));
        reopen(w);
        assert_false(exists(w, VAULT_RESERVE_NAME));
        check_that_reading_goes_on(w, &root);
        make_room(w);
        CHECK_OK(vault_check_ready(w->vault, &e), &e);
        assert_true(exists(w, VAULT_RESERVE_NAME));
    }
}

/* ---- a file system that cannot */

static void
what_the_file_system_cannot_do_is_named(void **state)
{
    static const char *const wanted[] = {"link a file", "rename a file over another",
                                         "sync a directory"};
    struct world *w = *state;
    struct vault *v = NULL;
    struct error e = ERROR_INIT;
    bool seen[sizeof wanted / sizeof *wanted] = {false};

    make_vault(w);
    vault_close(TAKE(w->vault));
    for (unsigned n = 1; n < 60; n++) {
        fault_io_arm(n, EOPNOTSUPP, false);
        enum rc rc = vault_open(w->path, &(struct vault_options){0}, &v, &e);
        fault_io_disarm();
        for (size_t i = 0; rc == RC_UNSUPPORTED && i < sizeof wanted / sizeof *wanted; i++)
            seen[i] = seen[i] || strstr(e.text, wanted[i]) != NULL;
        if (rc == RC_OK)
            vault_close(TAKE(v));
    }
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_true(seen[i]);
    reopen(w);
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
}

/* ---- another directory in its place */

static void
a_vault_whose_directory_was_replaced_is_not_written_to(void **state)
{
    struct world *w = *state;
    char aside[PATH_SIZE], problem[VAULT_PROBLEM_SIZE];
    struct record_vault_id other;
    struct error e = ERROR_INIT;
    struct id id, name;

    make_vault(w);
    CHECK_OK(store(w, 1, 1000, &id, &e), &e);
    (void)snprintf(aside, sizeof aside, "%s/aside", w->parent);
    assert_int_equal(rename(w->path, aside), 0);
    for (int copy = 0; copy < 2; copy++) {
        if (copy == 1)
            CHECK_OK(vault_create(w->path, false, &other, &e), &e);
        CHECK_RC(store(w, 2, 1000, &name, &e), RC_IO);
        CHECK_RC(commit(w, 1, &(struct id){{0}}, &id, &name, &e), RC_IO);
        assert_non_null(strstr(vault_problem(w->vault, problem), "is not the directory any more"));
        CHECK_OK(vault_get(w->vault, &id, &w->blob, &e), &e);
    }
    vault_kit_remove(w->path);
    assert_int_equal(rename(aside, w->path), 0);
    CHECK_OK(store(w, 2, 1000, &name, &e), &e);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(after_a_failed_sync_the_next_start_reads_the_last_packs_before_it_answers),
        IN_A_WORLD(a_pack_that_the_mark_names_is_read_again_however_old_it_looks),
        IN_A_WORLD(a_start_reads_the_newest_packs_again_although_nothing_failed),
        IN_A_WORLD(a_mark_that_cannot_be_read_as_one_is_no_obstacle),
        IN_A_WORLD(a_pack_that_the_disk_does_not_read_keeps_nothing_else_from_starting),
        IN_A_WORLD(a_pack_that_the_disk_does_not_read_keeps_no_lost_index_from_being_built),
        IN_A_WORLD(a_reader_of_a_damaged_disk_reads_what_is_left),
        IN_A_WORLD(what_lies_before_a_bad_place_is_saved),
        IN_A_WORLD(what_is_no_regular_file_keeps_nothing_else_from_being_read),
        IN_A_WORLD(what_the_disk_did_not_read_is_stored_again),
        IN_A_WORLD(a_node_that_the_disk_does_not_read_is_a_finding_and_not_the_end),
        IN_A_WORLD(a_pack_that_is_damaged_and_not_read_in_part_ends_neither_start_nor_repair),
        IN_A_WORLD(on_a_full_disk_cycles_are_refused_reading_goes_on_and_room_is_enough),
        IN_A_WORLD(a_start_on_a_full_disk_gives_up_the_reserve_and_can_be_read),
        IN_A_WORLD(what_the_file_system_cannot_do_is_named),
        IN_A_WORLD(a_vault_whose_directory_was_replaced_is_not_written_to),
    };
    /* Mounts of our own, which end with us. */
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        print_error("this test mounts small file systems: run it as root\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
