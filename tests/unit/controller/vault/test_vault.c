/* test_vault.c -- what was put is there, what was refused was refused in words. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/sys/file.h"
#include "controller/vault/vault.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/vault_kit.h"

struct world {
    char parent[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 8];
    struct record_vault_id id;
    struct vault *vault;
    struct vault_kit kit;
    struct buffer blob, record;
};

static void
reopen(struct world *w)
{
    struct error e = ERROR_INIT;
    if (w->vault != NULL)
        vault_close(TAKE(w->vault));
    CHECK_OK(vault_open(w->path, &(struct vault_options){.reserve = 1 << 20}, &w->vault, &e), &e);
}

static int
begin(void **state)
{
    static struct world w;
    struct error e = ERROR_INIT;

    w = (struct world){.blob = BUFFER_INIT(LIMIT_BLOB), .record = BUFFER_INIT(LIMIT_RECORD)};
    vault_kit_fast_directory(w.parent);
    vault_kit_begin(&w.kit);
    (void)snprintf(w.path, sizeof w.path, "%s/vault", w.parent);
    CHECK_OK(vault_create(w.path, false, &w.id, &e), &e);
    reopen(&w);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    vault_close(w->vault);
    vault_kit_end(&w->kit);
    buffer_free(&w->blob);
    buffer_free(&w->record);
    vault_kit_remove(w->parent);
    return 0;
}

static struct id
put(struct world *w, struct vault_session *s, uint32_t seed, size_t len, struct id *children,
    size_t count)
{
    struct error e = ERROR_INIT;
    struct id id;
    bool known;

    vault_kit_blob(&w->blob, &id, seed, len, children, count);
    CHECK_OK(vault_session_put(s, &id, buffer_span(&w->blob), &known, &e), &e);
    return id;
}

/* A root over `leaves` data blobs, flushed. */
static struct id
put_tree(struct world *w, uint32_t seed, size_t leaves)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct id children[64];

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    for (size_t i = 0; i < leaves; i++)
        children[i] = put(w, s, seed + (uint32_t)i, 500, NULL, 0);
    struct id root = put(w, s, seed, 100, children, leaves);
    CHECK_OK(vault_session_flush(s, &e), &e);
    return root;
}

static enum rc
commit(struct world *w, uint64_t number, const struct id *previous, const struct id *root,
       struct id *name, struct error *e)
{
    vault_kit_record(&w->kit, &w->id, number, previous, root, &w->record);
    return vault_commit_full(w->vault, buffer_span(&w->record), name, e);
}

static bool
has(struct world *w, const struct id *id)
{
    struct error e = ERROR_INIT;
    bool found;
    CHECK_OK(vault_has(w->vault, id, &found, &e), &e);
    return found;
}

/* ---- blobs */

static void
what_was_flushed_is_there_and_stays(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    CLEANUP(buffer_free) struct buffer got = BUFFER_INIT(LIMIT_BLOB);
    struct error e = ERROR_INIT;
    struct id id;
    bool known;

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    vault_kit_blob(&w->blob, &id, 1, 1000, NULL, 0);
    CHECK_OK(vault_session_put(s, &id, buffer_span(&w->blob), &known, &e), &e);
    assert_false(known);
    assert_false(has(w, &id));
    CHECK_OK(vault_session_put(s, &id, buffer_span(&w->blob), &known, &e), &e);
    assert_true(known);
    CHECK_OK(vault_session_flush(s, &e), &e);
    assert_true(has(w, &id));
    assert_int_equal(vault_session_counted(s).blobs, 1);
    assert_int_equal(vault_session_counted(s).known, 1);

    for (int turn = 0; turn < 2; turn++) {
        CHECK_OK(vault_get(w->vault, &id, &got, &e), &e);
        assert_int_equal(got.len, w->blob.len);
        assert_memory_equal(got.data, w->blob.data, got.len);
        vault_session_free(TAKE(s));
        reopen(w);
    }
    struct blob_source *source = vault_source(w->vault);
    CHECK_OK(source->get(source, &id, &got, &e), &e);
}

static void
what_was_not_flushed_is_forgotten(void **state)
{
    struct world *w = *state;
    struct vault_session *s = NULL;
    struct error e = ERROR_INIT;

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    struct id id = put(w, s, 1, 1000, NULL, 0);
    vault_session_free(s);
    assert_false(has(w, &id));
    assert_int_equal(vault_kit_count(w->path, "packs"), 0);
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
}

static void
bytes_that_are_not_their_id_are_refused_and_the_session_lives_on(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct id id;
    bool known = false;

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    vault_kit_blob(&w->blob, &id, 1, 1000, NULL, 0);
    w->blob.data[60] ^= 1;
    CHECK_RC(vault_session_put(s, &id, buffer_span(&w->blob), &known, &e), RC_CORRUPT);
    assert_false(known);
    struct id good = put(w, s, 2, 10, NULL, 0);
    CHECK_OK(vault_session_flush(s, &e), &e);
    assert_true(has(w, &good));
    assert_false(has(w, &id));
}

static void
a_long_session_writes_several_packs(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct vault_stats stats;
    struct error e = ERROR_INIT;
    struct id ids[9];

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    for (uint32_t i = 0; i < 9; i++)
        ids[i] = put(w, s, i, 8000000, NULL, 0);
    CHECK_OK(vault_session_flush(s, &e), &e);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < 9; i++)
            assert_true(has(w, &ids[i]));
        CHECK_OK(vault_stats(w->vault, &stats, &e), &e);
        assert_int_equal(stats.packs, 3);
        assert_int_equal(stats.blobs, 9);
        assert_int_equal(stats.bytes_plain, 9 * 8000000);
        assert_int_equal(stats.bytes_blobs, 9 * (8000000 + 64));
        assert_true(stats.bytes_packs > stats.bytes_blobs);
        vault_session_free(TAKE(s));
        reopen(w);
    }
}

struct stream {
    struct world *w;
    uint32_t seed;
    struct id ids[40];
};

static void *
run_stream(void *arg)
{
    struct stream *t = arg;
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    struct error e = ERROR_INIT;
    bool known, found;

    CHECK_OK(vault_session_begin(t->w->vault, &s, &e), &e);
    for (uint32_t i = 0; i < 40; i++) {
        /* Half of the blobs are those of the neighbour. */
        vault_kit_blob(&blob, &t->ids[i], i % 2 == 0 ? i : t->seed + i, 3000, NULL, 0);
        CHECK_OK(vault_session_put(s, &t->ids[i], buffer_span(&blob), &known, &e), &e);
        if (i % 10 == 9)
            CHECK_OK(vault_session_flush(s, &e), &e);
        CHECK_OK(vault_has(t->w->vault, &t->ids[i / 2], &found, &e), &e);
    }
    CHECK_OK(vault_session_flush(s, &e), &e);
    for (uint32_t i = 0; i < 40; i++)
        CHECK_OK(vault_get(t->w->vault, &t->ids[i], &blob, &e), &e);
    return NULL;
}

static void
streams_write_side_by_side(void **state)
{
    struct world *w = *state;
    static struct stream streams[4];
    pthread_t threads[4];
    struct vault_verify_counts counts;
    struct error e = ERROR_INIT;

    for (uint32_t i = 0; i < 4; i++) {
        streams[i] = (struct stream){.w = w, .seed = 1000 * (i + 1)};
        assert_int_equal(pthread_create(&threads[i], NULL, run_stream, &streams[i]), 0);
    }
    CHECK_OK(vault_verify(w->vault, &(struct vault_verify_options){0}, &counts, &e), &e);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    CHECK_OK(vault_verify(w->vault, &(struct vault_verify_options){0}, &counts, &e), &e);
    assert_int_equal(counts.damaged, 0);
    assert_int_equal(counts.blobs, 20 + 4 * 20);
}

static void
a_missing_blob_is_not_found(void **state)
{
    struct world *w = *state;
    CLEANUP(buffer_free) struct buffer got = BUFFER_INIT(LIMIT_BLOB);
    struct error e = ERROR_INIT;
    CHECK_RC(vault_get(w->vault, &(struct id){{9}}, &got, &e), RC_NOT_FOUND);
}

/* ---- reach and fulls */

static void
reach_counts_each_blob_once_and_names_the_first_missing(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct vault_reach reach;
    struct error e = ERROR_INIT;

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    struct id leaf = put(w, s, 1, 10, NULL, 0);
    struct id absent = {{0xee}};
    struct id left = put(w, s, 2, 0, &leaf, 1);
    struct id two[] = {leaf, left};
    struct id top = put(w, s, 3, 0, two, 2);
    struct id hole = put(w, s, 4, 0, &absent, 1);
    CHECK_OK(vault_session_flush(s, &e), &e);

    struct id roots[] = {top, left, hole};
    CHECK_OK(vault_reach(w->vault, roots, 2, &reach, &e), &e);
    assert_int_equal(reach.blobs, 3);
    assert_int_equal(reach.missing, 0);
    CHECK_OK(vault_reach(w->vault, roots, 3, &reach, &e), &e);
    assert_int_equal(reach.blobs, 4);
    assert_int_equal(reach.missing, 1);
    assert_true(id_equal(&reach.first_missing, &absent));
}

static void
fulls_form_a_chain_that_is_read_back(void **state)
{
    struct world *w = *state;
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    CLEANUP(buffer_free) struct buffer record = BUFFER_INIT(LIMIT_RECORD);
    struct error e = ERROR_INIT;
    struct id root = put_tree(w, 1, 5), first, second;
    size_t count;

    CHECK_OK(commit(w, 3, &(struct id){{0}}, &root, &first, &e), &e);
    CHECK_OK(commit(w, 9, &first, &root, &second, &e), &e);
    reopen(w);
    CHECK_OK(vault_fulls(w->vault, &fulls, &count, &e), &e);
    assert_int_equal(count, 2);
    assert_int_equal(fulls[0].number, 3);
    assert_true(id_equal(&fulls[1].name, &second));
    CHECK_OK(vault_read_full(w->vault, 9, &record, &e), &e);
    assert_memory_equal(record.data, w->record.data, record.len);
    CHECK_RC(vault_read_full(w->vault, 4, &record, &e), RC_NOT_FOUND);
}

static void
a_full_that_is_not_complete_or_not_next_is_refused(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id root = put_tree(w, 1, 3), name, none = {{0}}, absent = {{0xdd}};

    CHECK_RC(commit(w, 1, &none, &absent, &name, &e), RC_NOT_FOUND);
    CHECK_RC(commit(w, 1, &root, &root, &name, &e), RC_INVALID);
    CHECK_OK(commit(w, 2, &none, &root, &name, &e), &e);
    CHECK_RC(commit(w, 2, &name, &root, &name, &e), RC_INVALID);
    CHECK_RC(commit(w, 3, &none, &root, &name, &e), RC_INVALID);
    struct record_vault_id other = {{1}};
    vault_kit_record(&w->kit, &other, 3, &name, &root, &w->record);
    CHECK_RC(vault_commit_full(w->vault, buffer_span(&w->record), &name, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "refused: it belongs to another vault"));
    CHECK_RC(vault_commit_full(w->vault, span_of("record", 6), &name, &e), RC_INVALID);
    assert_int_equal(vault_kit_count(w->path, "fulls"), 1);
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
}

/* ---- opening */

static void
a_deleted_index_is_rebuilt_and_equal(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct id root = put_tree(w, 1, 20);
    struct vault_reach before, after;
    struct vault_stats stats_before, stats_after;
    char index[128];

    uint64_t epoch = vault_epoch(w->vault);
    CHECK_OK(vault_reach(w->vault, &root, 1, &before, &e), &e);
    CHECK_OK(vault_stats(w->vault, &stats_before, &e), &e);
    reopen(w);
    assert_true(vault_epoch(w->vault) == epoch);
    vault_close(TAKE(w->vault));
    (void)snprintf(index, sizeof index, "%s/index", w->path);
    vault_kit_remove(index);
    reopen(w);
    assert_false(vault_epoch(w->vault) == epoch);
    CHECK_OK(vault_reach(w->vault, &root, 1, &after, &e), &e);
    CHECK_OK(vault_stats(w->vault, &stats_after, &e), &e);
    assert_int_equal(before.blobs, 21);
    assert_memory_equal(&before, &after, sizeof before);
    stats_after.free = stats_before.free;
    assert_memory_equal(&stats_before, &stats_after, sizeof stats_before);
}

static void
overwrite(const char *path, const char *name, size_t len, int fill)
{
    char full[256], bytes[8192];
    (void)snprintf(full, sizeof full, "%s/%s", path, name);
    int fd = open(full, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    memset(bytes, fill, sizeof bytes);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(close(fd), 0);
}

static void
a_damaged_index_is_rebuilt(void **state)
{
    struct world *w = *state;
    struct id root = put_tree(w, 1, 20);
    const size_t lengths[] = {0, 10, 4096, 8192};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (int fill = 0; fill < 256; fill += 255) {
            vault_close(TAKE(w->vault));
            overwrite(w->path, "index/data.mdb", lengths[i], fill);
            reopen(w);
            assert_true(has(w, &root));
        }
    }
    vault_close(TAKE(w->vault));
    char data[256];
    (void)snprintf(data, sizeof data, "%s/index/data.mdb", w->path);
    assert_int_equal(truncate(data, 8192), 0);
    reopen(w);
    assert_true(has(w, &root));
}

static void
an_index_that_mentions_a_lost_pack_is_not_believed(void **state)
{
    struct world *w = *state;
    struct id kept = put_tree(w, 1, 3), lost;
    struct vault_stats stats;
    struct error e = ERROR_INIT;
    char packs[128];

    vault_close(TAKE(w->vault));
    (void)snprintf(packs, sizeof packs, "%s/packs", w->path);
    char saved[128];
    (void)snprintf(saved, sizeof saved, "%s/saved", w->parent);
    assert_int_equal(rename(packs, saved), 0);
    assert_int_equal(mkdir(packs, 0700), 0);
    reopen(w);
    assert_false(has(w, &kept));
    lost = put_tree(w, 100, 3);
    vault_close(TAKE(w->vault));
    vault_kit_remove(packs);
    assert_int_equal(rename(saved, packs), 0);
    reopen(w);
    assert_true(has(w, &kept));
    assert_false(has(w, &lost));
    CHECK_OK(vault_stats(w->vault, &stats, &e), &e);
    assert_int_equal(stats.packs, 1);
}

static void
a_second_writer_is_told_who_holds_the_vault(void **state)
{
    struct world *w = *state;
    struct vault *second = NULL;
    struct error e = ERROR_INIT;
    char pid[32];

    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    CHECK_RC(vault_open(w->path, &(struct vault_options){0}, &second, &e), RC_AGAIN);
    assert_non_null(strstr(e.text, pid));
    assert_non_null(strstr(e.text, w->path));
}

static void
reading_only_needs_no_lock_and_changes_nothing(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_closep) struct vault *reader = NULL;
    CLEANUP(buffer_free) struct buffer got = BUFFER_INIT(LIMIT_BLOB);
    struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct id root = put_tree(w, 1, 3), name;

    CHECK_OK(vault_open(w->path, &(struct vault_options){.read_only = true}, &reader, &e), &e);
    CHECK_OK(vault_get(reader, &root, &got, &e), &e);
    CHECK_RC(vault_session_begin(reader, &s, &e), RC_DENIED);
    CHECK_RC(vault_commit_full(reader, span_of("x", 1), &name, &e), RC_DENIED);
}

static void
no_vault_is_said_with_its_remedy(void **state)
{
    struct world *w = *state;
    struct vault *v = NULL;
    struct error e = ERROR_INIT;

    CHECK_RC(vault_open("/nonexistent/vault", &(struct vault_options){0}, &v, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "'/nonexistent/vault': is its file system mounted?"));
    CHECK_RC(vault_open(w->parent, &(struct vault_options){0}, &v, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "is its file system mounted?"));
    assert_null(v);
}

static void
another_format_is_refused_as_such(void **state)
{
    struct world *w = *state;
    struct vault *v = NULL;
    struct error e = ERROR_INIT;
    char path[256];

    vault_close(TAKE(w->vault));
    (void)snprintf(path, sizeof path, "%s/format", w->path);
    vault_kit_flip(path, strlen("koffer-vault "), '1' ^ '2');
    CHECK_RC(vault_open(w->path, &(struct vault_options){0}, &v, &e), RC_UNSUPPORTED);
    vault_kit_flip(path, 0, 1);
    CHECK_RC(vault_open(w->path, &(struct vault_options){0}, &v, &e), RC_CORRUPT);
    vault_kit_flip(path, 0, 1);
    vault_kit_flip(path, strlen("koffer-vault "), '1' ^ '2');
    vault_kit_flip(path, strlen("koffer-vault 1\nid "), 0x80);
    CHECK_RC(vault_open(w->path, &(struct vault_options){0}, &v, &e), RC_CORRUPT);
    vault_kit_flip(path, strlen("koffer-vault 1\nid "), 0x80);
    for (size_t i = 0; i < 2 * RECORD_VAULT_ID_SIZE;
         i++) { /* capitals say the same and are damage */
        vault_kit_flip(path, strlen("koffer-vault 1\nid ") + i, 0x20);
        CHECK_RC(vault_open(w->path, &(struct vault_options){0}, &v, &e), RC_CORRUPT);
        vault_kit_flip(path, strlen("koffer-vault 1\nid ") + i, 0x20);
    }
    reopen(w);
}

/* Permissions do not stop root, so the vault is opened by a child that is nobody. */
static void
a_vault_of_somebody_else_is_refused_with_its_path(void **state)
{
    struct world *w = *state;
    int status;

    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    assert_int_equal(chmod(w->parent, 0755), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct vault *v = NULL;
        struct error e = ERROR_INIT;
        bool good = setresuid(65534, 65534, 65534) == 0 &&
                    vault_open(w->path, &(struct vault_options){0}, &v, &e) == RC_DENIED &&
                    strstr(e.text, w->path) != NULL && strstr(e.text, "user") != NULL;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
without_space_a_session_is_refused_before_the_reserve_is_touched(void **state)
{
    struct world *w = *state;
    struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct id root = put_tree(w, 1, 3);
    CLEANUP(buffer_free) struct buffer got = BUFFER_INIT(LIMIT_BLOB);

    vault_close(TAKE(w->vault));
    const struct vault_options all = {.reserve = UINT64_MAX / 2};
    CHECK_OK(vault_open(w->path, &all, &w->vault, &e), &e);
    CHECK_RC(vault_session_begin(w->vault, &s, &e), RC_NO_SPACE);
    assert_non_null(strstr(e.text, w->path));
    CHECK_OK(vault_get(w->vault, &root, &got, &e), &e);
}

static void
network_file_systems_are_known(void **state)
{
    (void)state;
    assert_true(vault_is_network(0x6969));
    assert_true(vault_is_network(0x65735546));
    assert_true(vault_is_network(0x01021997));
    assert_false(vault_is_network(0xef53));
    assert_false(vault_is_network(0x58465342));
}

/* ---- creating */

static void
creating_refuses_what_is_not_empty_and_can_be_repeated(void **state)
{
    struct world *w = *state;
    struct record_vault_id id;
    struct error e = ERROR_INIT;
    char path[128];

    CHECK_RC(vault_create(w->path, false, &id, &e), RC_EXISTS);
    assert_non_null(strstr(e.text, "is a vault already"));
    CHECK_RC(vault_create(w->parent, false, &id, &e), RC_EXISTS);
    assert_non_null(strstr(e.text, "is not empty"));
    CHECK_RC(vault_create("/nonexistent/vault", false, &id, &e), RC_INVALID);
    (void)snprintf(path, sizeof path, "%s/new", w->parent);
    CHECK_OK(vault_create(path, false, &id, &e), &e);

    /* As if the power had gone before the last step. */
    (void)snprintf(path, sizeof path, "%s/new/format", w->parent);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/new", w->parent);
    CHECK_OK(vault_create(path, false, &id, &e), &e);
}

static void
a_vault_that_must_have_its_own_file_system_is_not_made_on_the_root(void **state)
{
    struct world *w = *state;
    struct record_vault_id id;
    struct error e = ERROR_INIT;
    struct stat root, parent;
    char path[128];
    assert_int_equal(stat("/", &root), 0);
    assert_int_equal(stat(w->parent, &parent), 0);
    (void)snprintf(path, sizeof path, "%s/mounted", w->parent);
    if (root.st_dev != parent.st_dev) { /* /tmp is a file system of its own on this machine */
        CHECK_OK(vault_create(path, true, &id, &e), &e);
        return;
    }
    CHECK_RC(vault_create(path, true, &id, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "mount"));
}

static void
a_vault_that_lost_its_format_is_not_made_anew(void **state)
{
    struct world *w = *state;
    struct record_vault_id id;
    struct error e = ERROR_INIT;
    char path[128], aside[128];

    (void)put_tree(w, 1, 3);
    (void)snprintf(path, sizeof path, "%s/format", w->path);
    (void)snprintf(aside, sizeof aside, "%s/format", w->parent);
    assert_int_equal(rename(path, aside), 0);
    CHECK_RC(vault_create(w->path, false, &id, &e), RC_EXISTS);
    assert_int_equal(rename(aside, path), 0);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(what_was_flushed_is_there_and_stays),
        IN_A_WORLD(what_was_not_flushed_is_forgotten),
        IN_A_WORLD(bytes_that_are_not_their_id_are_refused_and_the_session_lives_on),
        IN_A_WORLD(a_long_session_writes_several_packs),
        IN_A_WORLD(streams_write_side_by_side),
        IN_A_WORLD(a_missing_blob_is_not_found),
        IN_A_WORLD(reach_counts_each_blob_once_and_names_the_first_missing),
        IN_A_WORLD(fulls_form_a_chain_that_is_read_back),
        IN_A_WORLD(a_full_that_is_not_complete_or_not_next_is_refused),
        IN_A_WORLD(a_deleted_index_is_rebuilt_and_equal),
        IN_A_WORLD(a_damaged_index_is_rebuilt),
        IN_A_WORLD(an_index_that_mentions_a_lost_pack_is_not_believed),
        IN_A_WORLD(a_second_writer_is_told_who_holds_the_vault),
        IN_A_WORLD(reading_only_needs_no_lock_and_changes_nothing),
        IN_A_WORLD(no_vault_is_said_with_its_remedy),
        IN_A_WORLD(another_format_is_refused_as_such),
        IN_A_WORLD(a_vault_of_somebody_else_is_refused_with_its_path),
        IN_A_WORLD(without_space_a_session_is_refused_before_the_reserve_is_touched),
        IN_A_WORLD(network_file_systems_are_known),
        IN_A_WORLD(creating_refuses_what_is_not_empty_and_can_be_repeated),
        IN_A_WORLD(a_vault_that_must_have_its_own_file_system_is_not_made_on_the_root),
        IN_A_WORLD(a_vault_that_lost_its_format_is_not_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
