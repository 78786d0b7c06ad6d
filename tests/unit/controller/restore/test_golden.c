/*
 * test_golden.c -- the golden vaults are readable for ever: see tests/golden/vault-1/README.md, which says
 * what the lines of expected.txt mean, and those of the others.  A failure here is a fault of the code, never of the vault.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/sys/file.h"
#include "common/tree/tree.h"
#include "controller/restore/archive.h"
#include "tests/support/check.h"

enum { TEXT_MAX = 1 << 20, LINES_MAX = 4096, PATH_SIZE = 4096, STEP = 1 << 20 };

struct lines {
    const char *at[LINES_MAX];
    size_t count;
};

struct golden {
    const char *folder;
    struct vault *vault;
    struct keys_private *key;
    struct tree_reader *reader;
    struct arena *arena;
    struct lines expected, found;
    struct buffer text, path;
    uint8_t *content; /* STEP */
};

static const char *
in_folder(const struct golden *g, const char *name, char out[static PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, TESTS_GOLDEN "/%s/%s", g->folder, name);
    return out;
}

static struct keys_private *
read_key(struct golden *g, const char *name)
{
    char path[PATH_SIZE];
    struct keys_private *key = NULL;
    struct error e = ERROR_INIT;
    CHECK_OK(file_read(AT_FDCWD, in_folder(g, name, path), &g->text, &e), &e);
    CHECK_OK(buffer_append(&g->text, span_of("", 1), &e), &e);
    CHECK_OK(keys_from_paper((const char *)g->text.data, &key, &e), &e);
    return key;
}

static int
set_up(void **state, const char *folder)
{
    char path[PATH_SIZE];
    struct error e = ERROR_INIT;
    struct golden *g = calloc(1, sizeof *g);
    const struct vault_options read_only = {.read_only = true};
    assert_non_null(g);
    g->folder = folder;
    g->text = BUFFER_INIT(TEXT_MAX);
    g->path = BUFFER_INIT(PATH_SIZE);
    g->content = malloc(STEP);
    g->arena = arena_new(4 * TEXT_MAX + ARCHIVE_ARENA);
    assert_true(g->content != NULL && g->arena != NULL);
    CHECK_OK(vault_open(in_folder(g, "vault", path), &read_only, &g->vault, &e), &e);
    CHECK_OK(tree_reader_new(vault_source(g->vault), &g->reader, &e), &e);
    g->key = read_key(g, "recovery-key.txt");
    *state = g;
    return 0;
}

static int
set_up_1(void **state)
{
    return set_up(state, "vault-1");
}

static int
set_up_2(void **state)
{
    return set_up(state, "vault-2");
}

static int
set_up_3(void **state)
{
    return set_up(state, "vault-3");
}

static int
golden_teardown(void **state)
{
    struct golden *g = *state;
    tree_reader_free(g->reader);
    vault_close(g->vault);
    keys_private_free(g->key);
    arena_free(g->arena);
    buffer_free(&g->text);
    buffer_free(&g->path);
    free(g->content);
    free(g);
    return 0;
}

static void
lines_add(struct lines *lines, const char *line)
{
    assert_non_null(line);
    assert_true(lines->count < LINES_MAX);
    lines->at[lines->count++] = line;
}

static int
compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
lines_sort(struct lines *lines)
{
    qsort(lines->at, lines->count, sizeof *lines->at, compare_lines);
}

/* The lines of expected.txt that are about this full, without their first field. */
static void
read_expected(struct golden *g, unsigned full)
{
    struct error e = ERROR_INIT;
    char path[PATH_SIZE];
    CHECK_OK(file_read(AT_FDCWD, in_folder(g, "expected.txt", path), &g->text, &e), &e);
    CHECK_OK(buffer_append(&g->text, span_of("", 1), &e), &e);
    char *next = (char *)g->text.data, *line;
    while ((line = strsep(&next, "\n")) != NULL && *line != '\0') {
        char *fields = line;
        const char *numbers = strsep(&fields, "\t");
        assert_non_null(fields);
        if (strchr(numbers, (int)('0' + full)) != NULL)
            lines_add(&g->expected, fields);
    }
    lines_sort(&g->expected);
}

static const char *
escaped(struct golden *g, struct span bytes)
{
    size_t size = 4 * bytes.len + 4;
    char *out = arena_alloc(g->arena, size);
    assert_non_null(out);
    return text_escape(bytes, out, size);
}

static const char *
in_hex(struct golden *g, struct span bytes)
{
    char *out = arena_alloc(g->arena, 2 * bytes.len + 1);
    assert_non_null(out);
    text_hex(bytes, out);
    return out;
}

static enum rc
hash_content(struct golden *g, const struct node_entry *file, struct id *out, struct error *e)
{
    CLEANUP(digest_freep) struct digest *digest = NULL;
    uint64_t offset = 0;
    size_t got = 0;
    TRY(digest_new(&digest, e));
    do {
        TRY(tree_read(g->reader, file, offset, g->content, STEP, &got, e));
        TRY(digest_update(digest, span_of(g->content, got), e));
        offset += got;
    } while (got == STEP);
    assert_int_equal(offset, file->size);
    return digest_final(digest, out, e);
}

static enum rc
say_content(struct golden *g, const struct node_entry *entry, const char **out, struct error *e)
{
    struct id hash;
    if (entry->type == NODE_SYMLINK) {
        *out = escaped(g, entry->target);
    } else if (entry->type != NODE_FILE) {
        *out = "-";
    } else if (entry->size == 0) {
        *out = "empty";
    } else {
        TRY(hash_content(g, entry, &hash, e));
        *out = in_hex(g, span_of(hash.bytes, sizeof hash.bytes));
    }
    return RC_OK;
}

static const char *
say_metadata(struct golden *g, const struct node_entry *entry, const char *content)
{
    int64_t ns = entry->mtime * 1000000000 + entry->mtime_ns;
    const char *line = arena_printf(
        g->arena, "%c\t%04" PRIo32 "\t%" PRIu32 ":%" PRIu32 "\t%" PRId64 "\t%" PRIu64 "\t%s\t%s",
        "?fdlpscb"[entry->type], entry -> mode, entry -> uid, entry -> gid, ns, entry -> size,
        content, escaped(g, buffer_span(&g->path)));
    if (entry->link != 0)
        line = arena_printf(g->arena, "%s\tlink=%016" PRIx64, line, entry->link);
    for (size_t i = 0; i < entry->xattr_count; i++)
        line = arena_printf(g->arena, "%s\t%s=%s", line, escaped(g, entry->xattrs[i].name),
                            in_hex(g, entry->xattrs[i].value));
    return line;
}

/* A line for the entry, then those of what is below it. */
static enum rc
visit(void *ctx, const struct node_entry *entry, struct error *e)
{
    struct golden *g = ctx;
    size_t above = g->path.len;
    const char *content;
    if (above > 0)
        TRY(buffer_append(&g->path, span_of("/", 1), e));
    TRY(buffer_append(&g->path, entry->name, e));
    TRY(say_content(g, entry, &content, e));
    lines_add(&g->found, say_metadata(g, entry, content));
    if (entry->type == NODE_DIRECTORY)
        TRY(tree_list(g->reader, &entry->directory, span_of("", 0), visit, g, e));
    g->path.len = above;
    return RC_OK;
}

static void
check_full(struct golden *g, unsigned number)
{
    struct error e = ERROR_INIT;
    struct archive_set set;
    const struct record_archive *archive;
    struct blob_ref root;
    CHECK_OK(archive_load(g->vault, number, g->arena, &set, &e), &e);
    CHECK_OK(archive_select(&set, "host1.data", &archive, &e), &e);
    CHECK_OK(archive_open_root(g->vault, &set, archive, g->key, &root, &e), &e);
    CHECK_OK(tree_list(g->reader, &root, span_of("", 0), visit, g, &e), &e);
    lines_sort(&g->found);
    read_expected(g, number);
    for (size_t i = 0; i < g->expected.count && i < g->found.count; i++)
        assert_string_equal(g->found.at[i], g->expected.at[i]);
    assert_int_equal(g->found.count, g->expected.count);
    assert_in_range(g->found.count, 1500, LINES_MAX);
}

static void
first_full_holds_what_it_was_given(void **state)
{
    check_full(*state, 1);
}

static void
second_full_holds_what_it_was_given(void **state)
{
    check_full(*state, 2);
}

static void
print_finding(void *ctx, const struct vault_finding *finding)
{
    (void)ctx;
    print_message("%s\n", finding->text);
}

static void
golden_vault_verifies(void **state)
{
    struct golden *g = *state;
    struct error e = ERROR_INIT;
    struct vault_verify_counts counts;
    const struct vault_verify_options options = {.finding = print_finding};
    CHECK_OK(vault_verify(g->vault, &options, &counts, &e), &e);
    assert_int_equal(counts.damaged + counts.missing, 0);
    assert_int_equal(counts.fulls, 2);
    assert_int_equal(counts.packs, 2);
}

/* Its key came between the two fulls; the first key opens both by their records. */
static void
an_old_full_is_opened_by_its_envelope_only(void **state)
{
    struct golden *g = *state;
    struct error e = ERROR_INIT;
    struct archive_set set;
    struct blob_ref root;
    CLEANUP(keys_private_freep) struct keys_private *first = read_key(g, "first-key.txt");
    CHECK_OK(archive_load(g->vault, 1, g->arena, &set, &e), &e);
    CHECK_RC(record_open_root(&set.archives[0], g->key, &root, &e), RC_DENIED);
    CHECK_OK(record_open_root(&set.archives[0], first, &root, &e), &e);
    CHECK_OK(archive_load(g->vault, 2, g->arena, &set, &e), &e);
    CHECK_OK(record_open_root(&set.archives[0], g->key, &root, &e), &e);
}

static const char *
fact_of(const struct record_archive *a, const char *name)
{
    for (size_t i = 0; i < a->fact_count; i++)
        if (text_equal(a->facts[i].name, name))
            return a->facts[i].value;
    fail_msg("no fact '%s'", name);
    return NULL;
}

static void
each_full_says_when_it_was_cut_and_by_whose_clock(void **state)
{
    struct golden *g = *state;
    struct error e = ERROR_INIT;
    for (uint64_t number = 1; number <= 2; number++) {
        struct archive_set set;
        CHECK_OK(archive_load(g->vault, number, g->arena, &set, &e), &e);
        const struct record_archive *a = &set.archives[0];
        assert_int_equal(set.full.skew_ns, 0);
        assert_true(set.full.clocks[0].offset_ns != RECORD_CLOCK_UNKNOWN);
        assert_in_range(set.full.clocks[0].uncertainty_ns, 1, CLOCK_NS_PER_MS);
        assert_true(a->cut_from.ns > set.full.started.ns && a->cut_until.ns > a->cut_from.ns);
        assert_true(a->cut_until.ns < a->finished.ns);
        assert_true(record_archive_is_snapshot(a));
        assert_string_equal(fact_of(a, "cut.driver"), "btrfs");
        assert_string_equal(fact_of(a, "cut.volumes"), "1");
    }
}

static void
before_it_was_kept_everything_was_read_live(void **state)
{
    struct golden *g = *state;
    struct error e = ERROR_INIT;
    struct archive_set set;
    CHECK_OK(archive_load(g->vault, 1, g->arena, &set, &e), &e);
    assert_int_equal(set.full.skew_ns, -1);
    assert_true(set.full.clocks[0].offset_ns == RECORD_CLOCK_UNKNOWN);
    assert_int_equal(set.archives[0].cut_until.ns, 0);
    assert_false(record_archive_is_snapshot(&set.archives[0]));
}

#define IN(n, f) cmocka_unit_test_setup_teardown(f, set_up_##n, golden_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN(1, first_full_holds_what_it_was_given),
        IN(1, second_full_holds_what_it_was_given),
        IN(1, golden_vault_verifies),
        IN(2, first_full_holds_what_it_was_given),
        IN(2, second_full_holds_what_it_was_given),
        IN(2, golden_vault_verifies),
        IN(2, an_old_full_is_opened_by_its_envelope_only),
        IN(2, before_it_was_kept_everything_was_read_live),
        IN(3, first_full_holds_what_it_was_given),
        IN(3, second_full_holds_what_it_was_given),
        IN(3, golden_vault_verifies),
        IN(3, an_old_full_is_opened_by_its_envelope_only),
        IN(3, each_full_says_when_it_was_cut_and_by_whose_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
