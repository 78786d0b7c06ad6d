/* test_verify.c -- no damage goes unnoticed, and what is whole is not accused. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/vault/vault.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/vault_kit.h"

enum { LEAVES = 4, FILES_MAX = 16, TEXT_MAX = 4096 };

struct world {
    char path[VAULT_KIT_PATH_SIZE];
    struct record_vault_id id;
    struct vault *vault;
    struct vault_kit kit;
    struct buffer blob, record;
    struct id shared, roots[4], fulls[4], names[FILES_MAX]; /* names: of the packs */
    struct file {
        char path[256];
    } packs[FILES_MAX], records[FILES_MAX];
    size_t pack_count, record_count;
};

struct heard {
    unsigned kinds[VAULT_BAD_INDEX + 1];
    char text[TEXT_MAX]; /* all findings, a line each */
};

static void
hear(void *ctx, const struct vault_finding *f)
{
    struct heard *h = ctx;
    size_t used = strlen(h->text);
    h->kinds[f->kind]++;
    (void)snprintf(h->text + used, sizeof h->text - used, "%s\n", f->text);
}

static struct vault_verify_counts
verify(struct world *w, uint64_t only, struct heard *heard)
{
    struct vault_verify_counts counts;
    struct error e = ERROR_INIT;

    *heard = (struct heard){0};
    const struct vault_verify_options o = {.finding = hear, .ctx = heard, .only_full = only};
    CHECK_OK(vault_verify(w->vault, &o, &counts, &e), &e);
    return counts;
}

static void
open_vault(struct world *w)
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

    vault_kit_blob(&w->blob, &id, seed, 60, children, count);
    CHECK_OK(vault_session_put(s, &id, buffer_span(&w->blob), &known, &e), &e);
    return id;
}

/* A pack and a full: a root over leaves of its own and one leaf that every full shares. */
static void
add_full(struct world *w, uint32_t which)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct id children[LEAVES], previous = {{0}};

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    w->shared = children[0] = put(w, s, 7, NULL, 0);
    for (uint32_t i = 1; i < LEAVES; i++)
        children[i] = put(w, s, 100 * which + i, NULL, 0);
    w->roots[which] = put(w, s, 100 * which + 50, children, LEAVES);
    CHECK_OK(vault_session_flush(s, &e), &e);
    if (which > 0)
        previous = w->fulls[which - 1];
    vault_kit_record(&w->kit, &w->id, which + 1, &previous, &w->roots[which], &w->record);
    CHECK_OK(vault_commit_full(w->vault, buffer_span(&w->record), &w->fulls[which], &e), &e);
}

static struct file
file_at(const char *path, const char *relative)
{
    struct file f;
    (void)snprintf(f.path, sizeof f.path, "%s/%s", path, relative);
    return f;
}

static enum rc
note_pack(void *ctx, const struct id *name, struct error *e)
{
    struct world *w = ctx;
    char path[PACK_PATH_SIZE];
    (void)e;
    w->names[w->pack_count] = *name;
    w->packs[w->pack_count++] = file_at(w->path, pack_format_path(name, path));
    return RC_OK;
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
    open_vault(&w);
    for (uint32_t i = 0; i < 2; i++) {
        char name[VAULT_FULL_NAME_SIZE], relative[VAULT_FULL_NAME_SIZE + 8];
        add_full(&w, i);
        const struct vault_full full = {.number = i + 1, .name = w.fulls[i]};
        (void)snprintf(relative, sizeof relative, "fulls/%s", vault_full_name(&full, name));
        w.records[w.record_count++] = file_at(w.path, relative);
    }
    CHECK_OK(vault_each_pack(w.vault->dir, note_pack, &w, &e), &e);
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
    vault_kit_remove(w->path);
    return 0;
}

static uint64_t
size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

static void
a_whole_vault_is_whole(void **state)
{
    struct world *w = *state;
    struct heard heard;

    for (int turn = 0; turn < 2; turn++) {
        struct vault_verify_counts c = verify(w, 0, &heard);
        assert_string_equal(heard.text, "");
        assert_int_equal(c.fulls, 2);
        assert_int_equal(c.archives, 2);
        assert_int_equal(c.packs, 2);
        assert_int_equal(c.blobs, 2 * LEAVES + 1);
        assert_int_equal(c.bytes, size_of(w->packs[0].path) + size_of(w->packs[1].path));
        assert_int_equal(c.damaged + c.missing + c.unreferenced, 0);
        c = verify(w, 2, &heard);
        assert_string_equal(heard.text, "");
        assert_int_equal(c.fulls, 1);
        assert_int_equal(c.blobs, LEAVES + 1);
        open_vault(w);
    }
}

static void
every_flipped_byte_of_a_pack_is_found(void **state)
{
    struct world *w = *state;
    struct heard heard;

    for (size_t p = 0; p < w->pack_count; p++) {
        uint64_t size = size_of(w->packs[p].path);
        for (uint64_t at = p; at < size; at += 5) {
            vault_kit_flip(w->packs[p].path, at, (uint8_t)(1 << at % 8));
            struct vault_verify_counts c = verify(w, 0, &heard);
            vault_kit_flip(w->packs[p].path, at, (uint8_t)(1 << at % 8));
            assert_true(c.damaged > 0);
            assert_int_equal(heard.kinds[VAULT_BAD_PACK], 1);
            assert_int_equal(heard.kinds[VAULT_BAD_INDEX], 0);
            assert_non_null(strstr(heard.text, w->packs[p].path + strlen(w->path) + 1));
        }
    }
    (void)verify(w, 0, &heard);
    assert_string_equal(heard.text, "");
}

static void
every_flipped_byte_of_a_record_is_found(void **state)
{
    struct world *w = *state;
    struct heard heard;

    for (size_t r = 0; r < w->record_count; r++) {
        uint64_t size = size_of(w->records[r].path);
        for (uint64_t at = r; at < size; at += 3) {
            vault_kit_flip(w->records[r].path, at, (uint8_t)(1 << at % 8));
            (void)verify(w, 0, &heard);
            vault_kit_flip(w->records[r].path, at, (uint8_t)(1 << at % 8));
            assert_int_equal(heard.kinds[VAULT_BAD_RECORD], 1);
            assert_non_null(strstr(heard.text, w->records[r].path + strlen(w->path) + 1));
        }
    }
}

static uint64_t
offset_of(struct world *w, const struct id *id, char path[static 256])
{
    struct pack_place place;
    struct error e = ERROR_INIT;
    struct id name;
    char relative[PACK_PATH_SIZE];
    uint32_t pack;
    bool found;

    CHECK_OK(vault_index_find(w->vault->index, id, &found, &place, &pack, &e), &e);
    assert_true(found);
    CHECK_OK(vault_index_pack(w->vault->index, pack, &name, &e), &e);
    (void)snprintf(path, 256, "%s/%s", w->path, pack_format_path(&name, relative));
    return place.offset;
}

static void
a_damaged_blob_is_named_with_every_full_it_hits(void **state)
{
    struct world *w = *state;
    struct heard heard;
    char path[256], id[ID_TEXT_SIZE], offset[32];
    uint64_t at = offset_of(w, &w->shared, path);

    vault_kit_flip(path, at + 80, 4);
    struct vault_verify_counts c = verify(w, 0, &heard);
    assert_int_equal(heard.kinds[VAULT_BAD_BLOB], 1);
    assert_non_null(strstr(heard.text, id_text(&w->shared, id)));
    (void)snprintf(offset, sizeof offset, "at offset %ju:", (uintmax_t)at);
    assert_non_null(strstr(heard.text, offset));
    assert_non_null(strstr(heard.text, "fulls hit: 1, 2\n"));
    assert_int_equal(c.missing, 0);
    (void)verify(w, 2, &heard);
    assert_int_equal(heard.kinds[VAULT_BAD_BLOB], 1);
    vault_kit_flip(path, at + 80, 4);

    at = offset_of(w, &w->roots[1], path);
    vault_kit_flip(path, at + 60, 4);
    (void)verify(w, 0, &heard);
    assert_non_null(strstr(heard.text, "fulls hit: 2\n"));
    vault_kit_flip(path, at + 60, 4);
}

static bool
has(struct world *w, const struct id *id)
{
    struct error e = ERROR_INIT;
    bool there;
    CHECK_OK(vault_has(w->vault, id, &there, &e), &e);
    return there;
}

static uint64_t
missing_below(struct world *w, const struct id *root)
{
    struct error e = ERROR_INIT;
    struct vault_reach reach;
    CHECK_OK(vault_reach(w->vault, root, 1, &reach, &e), &e);
    return reach.missing;
}

static void
store_again(struct world *w, uint32_t seed, struct id *children, size_t count)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    (void)put(w, s, seed, children, count);
    assert_int_equal(vault_session_counted(s).known, 0);
    CHECK_OK(vault_session_flush(s, &e), &e);
}

/* Else no later capture would ever be whole: all of them would be told that the vault has it. */
static void
what_is_found_damaged_is_stored_again_and_heals_every_full(void **state)
{
    struct world *w = *state;
    struct heard heard;
    char path[256];

    for (uint64_t only = 0; only < 2; only++) {
        uint64_t noted = vault_doubts(w->vault), at = offset_of(w, &w->shared, path);
        vault_kit_flip(path, at + 80, 4);
        assert_true(has(w, &w->shared));
        (void)verify(w, only, &heard);
        assert_int_equal(vault_doubts(w->vault), noted + 1);
        (void)verify(w, only, &heard);
        assert_int_equal(vault_doubts(w->vault), noted + 1);
        assert_false(has(w, &w->shared));
        assert_int_equal(missing_below(w, &w->roots[0]), 1);
        open_vault(w);
        assert_false(has(w, &w->shared));
        store_again(w, 7, NULL, 0);
        assert_true(has(w, &w->shared));
        assert_int_equal(missing_below(w, &w->roots[1]), 0);
        (void)verify(w, 1, &heard);
        (void)verify(w, 2, &heard);
        assert_string_equal(heard.text, "");
    }
}

static void
a_full_above_a_damaged_node_is_refused_as_incomplete_until_it_is_stored_again(void **state)
{
    struct world *w = *state;
    char path[256];

    uint64_t at = offset_of(w, &w->roots[1], path);
    vault_kit_flip(path, at + 60, 4);
    assert_int_equal(missing_below(w, &w->roots[1]), 1);
    assert_false(has(w, &w->roots[1]));
    struct id children[LEAVES] = {w->shared};
    for (uint32_t i = 1; i < LEAVES; i++)
        vault_kit_blob(&w->blob, &children[i], 100 + i, 60, NULL, 0);
    store_again(w, 150, children, LEAVES);
    assert_int_equal(missing_below(w, &w->roots[1]), 0);
}

static void
a_deleted_pack_is_missed(void **state)
{
    struct world *w = *state;
    struct heard heard;
    char path[256];

    (void)offset_of(w, &w->roots[1], path);
    assert_int_equal(unlink(path), 0);
    struct vault_verify_counts c = verify(w, 0, &heard);
    assert_int_equal(c.missing, 1); /* what is below the root is known to it alone */
    assert_int_equal(heard.kinds[VAULT_BAD_INDEX], 1);
    assert_non_null(strstr(heard.text, "fulls hit: 2\n"));
    /* Nor does one full look whole because the vault holds the file open. */
    c = verify(w, 2, &heard);
    assert_int_equal(c.damaged + c.missing, 1);
    open_vault(w);
    c = verify(w, 0, &heard);
    assert_int_equal(c.missing, 1);
    assert_int_equal(c.damaged, 0);
    (void)verify(w, 1, &heard);
    assert_string_equal(heard.text, "");
    c = verify(w, 2, &heard);
    assert_int_equal(c.missing, 1);
}

static void
a_truncated_pack_is_found_and_what_is_whole_still_counts(void **state)
{
    struct world *w = *state;
    struct heard heard;
    char path[256];

    uint64_t at = offset_of(w, &w->roots[0], path);
    assert_int_equal(truncate(path, (off_t)at), 0);
    for (int turn = 0; turn < 2; turn++) {
        struct vault_verify_counts c = verify(w, 0, &heard);
        assert_int_equal(heard.kinds[VAULT_BAD_PACK], 1);
        assert_int_equal(c.missing, 1);
        assert_int_equal(c.blobs, 2 * LEAVES);
        open_vault(w);
    }
}

static void
swapped_packs_are_found(void **state)
{
    struct world *w = *state;
    struct heard heard;
    char aside[256];

    (void)snprintf(aside, sizeof aside, "%s/aside", w->path);
    assert_int_equal(rename(w->packs[0].path, aside), 0);
    assert_int_equal(rename(w->packs[1].path, w->packs[0].path), 0);
    assert_int_equal(rename(aside, w->packs[1].path), 0);
    (void)verify(w, 0, &heard);
    assert_int_equal(heard.kinds[VAULT_BAD_PACK], 2);
}

static void
a_deleted_record_breaks_the_chain_and_is_named_by_number(void **state)
{
    struct world *w = *state;
    struct heard heard;

    assert_int_equal(unlink(w->records[0].path), 0);
    struct vault_verify_counts c = verify(w, 0, &heard);
    assert_true(heard.kinds[VAULT_BROKEN_CHAIN] >= 1);
    assert_non_null(strstr(heard.text, "fulls hit: 1\n"));
    assert_int_equal(c.unreferenced, LEAVES);
}

/* One that was removed on purpose need not be complained of for ever; what comes later is. */
static void
a_gap_that_is_accepted_is_not_told_again_and_nothing_else_is_forgiven(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct heard heard;
    const struct wall now = {0};
    size_t gaps = 0;

    CHECK_RC(vault_accept_gap(w->vault, 2, "anna", now, &gaps, &e), RC_NOT_FOUND);
    assert_int_equal(unlink(w->records[0].path), 0);
    CHECK_RC(vault_accept_gap(w->vault, 1, "anna", now, &gaps, &e), RC_NOT_FOUND);
    CHECK_OK(vault_accept_gap(w->vault, 2, "anna", now, &gaps, &e), &e);
    assert_int_equal(gaps, 2); /* the full, and its host's archive */
    (void)verify(w, 0, &heard);
    assert_string_equal(heard.text, "");
    open_vault(w);
    (void)verify(w, 0, &heard);
    assert_string_equal(heard.text, "");
    CHECK_RC(vault_accept_gap(w->vault, 2, "anna", now, &gaps, &e), RC_NOT_FOUND);

    add_full(w, 2);
    add_full(w, 3);
    const struct vault_full third = {.number = 3, .name = w->fulls[2]};
    char path[300], name[VAULT_FULL_NAME_SIZE];
    (void)snprintf(path, sizeof path, "%s/fulls/%s", w->path, vault_full_name(&third, name));
    assert_int_equal(unlink(path), 0);
    (void)verify(w, 0, &heard);
    assert_int_equal(heard.kinds[VAULT_BROKEN_CHAIN], 2);
    assert_non_null(strstr(heard.text, "koffer vault accept-gap 4"));
    CHECK_OK(vault_accept_gap(w->vault, 4, "bela\n", now, &gaps, &e), &e);
    (void)verify(w, 0, &heard);
    assert_string_equal(heard.text, "");
}

static void
what_is_no_list_of_gaps_accepts_nothing(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct heard heard;
    char path[300];

    assert_int_equal(unlink(w->records[0].path), 0);
    (void)snprintf(path, sizeof path, "%s/gaps", w->path);
    CHECK_OK(file_write_new(AT_FDCWD, path, span_of("gap zz\n\0gap", 11), 0600, &e), &e);
    (void)verify(w, 0, &heard);
    assert_int_equal(heard.kinds[VAULT_BROKEN_CHAIN], 2);
}

/* A full may be whole and in its place, and lack what the host sealed in between. */
static void
an_archive_that_does_not_follow_its_hosts_last_one_is_found(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct heard heard;
    struct id name;

    w->kit.sequence++;
    vault_kit_record(&w->kit, &w->id, 3, &w->fulls[1], &w->roots[1], &w->record);
    CHECK_OK(vault_commit_full(w->vault, buffer_span(&w->record), &name, &e), &e);
    (void)verify(w, 0, &heard);
    assert_int_equal(heard.kinds[VAULT_BROKEN_CHAIN], 1);
    assert_non_null(strstr(heard.text, "archive 4 of host mail does not follow"));
}

/* An archive of the kit's host, as its next or the one after it. */
static void
encode_archive(struct world *w, const char *source, uint64_t sequence, const struct id *previous,
               struct record_archive *archive, struct buffer *out)
{
    static const struct record_recipient recipient = {.fingerprint = {{7}}};
    struct error e = ERROR_INIT;
    *archive = (struct record_archive){.vault = w->id,
                                       .host = "mail",
                                       .source = source,
                                       .kind = "imap",
                                       .cycle = 3,
                                       .sequence = sequence,
                                       .previous = *previous,
                                       .state = RECORD_COMPLETE,
                                       .root = w->roots[0],
                                       .recipients = &recipient,
                                       .recipient_count = 1};
    CHECK_OK(record_encode_archive(archive, w->kit.agent, out, &e), &e);
}

/* Sources stand in the order of their names; which was sealed first, only the numbers say. */
static void
archives_of_one_host_follow_each_other_in_any_order(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct heard heard;
    struct id name;
    struct record_archive first, second;
    CLEANUP(buffer_free) struct buffer a = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(LIMIT_RECORD);
    uint64_t sequence = w->kit.sequence;
    encode_archive(w, "spool", sequence + 1, &w->kit.last_archive, &first, &b);
    encode_archive(w, "etc", sequence + 2, &first.name, &second, &a);
    const struct span archives[] = {buffer_span(&a), buffer_span(&b)};
    struct record_full full = {.vault = w->id,
                               .number = 3,
                               .previous = w->fulls[1],
                               .state = RECORD_FULL,
                               .skew_ns = -1,
                               .archives = archives,
                               .archive_count = 2};
    buffer_clear(&w->record);
    CHECK_OK(record_encode_full(&full, w->kit.controller, &w->record, &e), &e);
    CHECK_OK(vault_commit_full(w->vault, buffer_span(&w->record), &name, &e), &e);
    (void)verify(w, 0, &heard);
    assert_string_equal(heard.text, "");
}

static void
a_stray_file_among_the_records_is_found(void **state)
{
    struct world *w = *state;
    struct heard heard;
    char stray[300];

    (void)snprintf(stray, sizeof stray, "%s/fulls/0000000001.full", w->path);
    assert_int_equal(rename(w->records[1].path, stray), 0);
    (void)verify(w, 0, &heard);
    assert_int_equal(heard.kinds[VAULT_BAD_RECORD], 1);
}

static void
an_index_that_lies_is_found(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct heard heard;
    struct pack_place ghost = {.id = {{0xab}}, .offset = 60, .len = 64};

    CHECK_OK(vault_index_add(w->vault->index, &(struct id){{0xcd}}, 500, &ghost, 1, &e), &e);
    (void)verify(w, 0, &heard);
    assert_true(heard.kinds[VAULT_BAD_INDEX] >= 1);
    open_vault(w);
    (void)verify(w, 0, &heard);
    assert_string_equal(heard.text, "");
}

/* Its other half says so: of a blob that is there, it tells another length, or nothing. */
static void
a_blob_that_the_index_tells_otherwise_is_named(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct heard heard;
    struct pack_place lie = {.id = w->roots[0], .offset = 60, .len = 64};

    for (size_t i = 0; i < w->pack_count; i++) {
        bool found = false;
        CHECK_OK(vault_index_remove(w->vault->index, &w->names[i], &found, &e), &e);
        assert_true(found);
    }
    (void)verify(w, 0, &heard);
    assert_true(heard.kinds[VAULT_BAD_INDEX] >= 1);
    assert_non_null(strstr(heard.text, "the index does not know it"));
    CHECK_OK(vault_index_add(w->vault->index, &(struct id){{0xcd}}, 500, &lie, 1, &e), &e);
    (void)verify(w, 0, &heard);
    assert_non_null(strstr(heard.text, "the index has other lengths"));
    open_vault(w);
    (void)verify(w, 0, &heard);
    assert_string_equal(heard.text, "");
}

/* Two streams brought the same blob at once: two packs hold it.  Returns the places, the index's own first. */
static void
store_twice(struct world *w, uint32_t seed, struct id *id)
{
    CLEANUP(vault_session_freep) struct vault_session *a = NULL;
    CLEANUP(vault_session_freep) struct vault_session *b = NULL;
    struct error e = ERROR_INIT;
    CHECK_OK(vault_session_begin(w->vault, &a, &e), &e);
    CHECK_OK(vault_session_begin(w->vault, &b, &e), &e);
    *id = put(w, a, seed, NULL, 0);
    (void)put(w, b, seed, NULL, 0);
    (void)put(w, b, seed + 1, NULL, 0); /* else both packs would be the same */
    CHECK_OK(vault_session_flush(a, &e), &e);
    CHECK_OK(vault_session_flush(b, &e), &e);
}

/* Also when the index was built anew and met the damaged pack first: its tail says that all is well. */
static void
what_another_pack_holds_whole_is_not_lost(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char first[256], second[256], index[256];
    struct id twice;

    for (int rebuilt = 0; rebuilt < 2; rebuilt++) {
        store_twice(w, 5000 + 10 * (uint32_t)rebuilt, &twice);
        if (rebuilt == 1) {
            vault_close(TAKE(w->vault));
            (void)snprintf(index, sizeof index, "%s/index", w->path);
            vault_kit_remove(index);
            open_vault(w);
        }
        uint64_t at = offset_of(w, &twice, first);
        vault_kit_flip(first, at + 70, 1);
        assert_true(has(w, &twice));
        CHECK_OK(vault_get(w->vault, &twice, &w->blob, &e), &e);
        assert_true(has(w, &twice));
        uint64_t other = offset_of(w, &twice, second);
        assert_string_not_equal(first, second);
        vault_kit_flip(second, other + 70, 1); /* now it is */
        CHECK_RC(vault_get(w->vault, &twice, &w->blob, &e), RC_CORRUPT);
        assert_false(has(w, &twice));
        vault_kit_flip(second, other + 70, 1);
        vault_kit_flip(first, at + 70, 1);
    }
}

static void
garbage_is_counted_and_not_accused(void **state)
{
    struct world *w = *state;
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct heard heard;

    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    (void)put(w, s, 999, NULL, 0);
    CHECK_OK(vault_session_flush(s, &e), &e);
    struct vault_verify_counts c = verify(w, 0, &heard);
    assert_string_equal(heard.text, "");
    assert_int_equal(c.unreferenced, 1);
}

static void
it_can_be_cancelled_and_says_how_far_it_is(void **state)
{
    struct world *w = *state;
    struct vault_verify_counts counts;
    struct error e = ERROR_INIT;
    _Atomic(bool) cancel = true;
    _Atomic(uint64_t) done = 0, total = 0;
    struct vault_verify_options o = {.cancel = &cancel, .done = &done, .total = &total};

    CHECK_RC(vault_verify(w->vault, &o, &counts, &e), RC_CANCELLED);
    cancel = false;
    total = done = 0;
    CHECK_OK(vault_verify(w->vault, &o, &counts, &e), &e);
    assert_int_equal(done, total);
    assert_int_equal(done, counts.bytes);
    o.only_full = 1;
    total = done = 0;
    CHECK_OK(vault_verify(w->vault, &o, &counts, &e), &e);
    assert_int_equal(done, total);
    o.only_full = 77;
    CHECK_RC(vault_verify(w->vault, &o, &counts, &e), RC_NOT_FOUND);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(a_whole_vault_is_whole),
        IN_A_WORLD(every_flipped_byte_of_a_pack_is_found),
        IN_A_WORLD(every_flipped_byte_of_a_record_is_found),
        IN_A_WORLD(a_damaged_blob_is_named_with_every_full_it_hits),
        IN_A_WORLD(what_is_found_damaged_is_stored_again_and_heals_every_full),
        IN_A_WORLD(a_full_above_a_damaged_node_is_refused_as_incomplete_until_it_is_stored_again),
        IN_A_WORLD(a_deleted_pack_is_missed),
        IN_A_WORLD(a_truncated_pack_is_found_and_what_is_whole_still_counts),
        IN_A_WORLD(swapped_packs_are_found),
        IN_A_WORLD(a_deleted_record_breaks_the_chain_and_is_named_by_number),
        IN_A_WORLD(a_gap_that_is_accepted_is_not_told_again_and_nothing_else_is_forgiven),
        IN_A_WORLD(what_is_no_list_of_gaps_accepts_nothing),
        IN_A_WORLD(an_archive_that_does_not_follow_its_hosts_last_one_is_found),
        IN_A_WORLD(a_stray_file_among_the_records_is_found),
        IN_A_WORLD(an_index_that_lies_is_found),
        IN_A_WORLD(a_blob_that_the_index_tells_otherwise_is_named),
        IN_A_WORLD(archives_of_one_host_follow_each_other_in_any_order),
        IN_A_WORLD(what_another_pack_holds_whole_is_not_lost),
        IN_A_WORLD(garbage_is_counted_and_not_accused),
        IN_A_WORLD(it_can_be_cancelled_and_says_how_far_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
