/* lives_backup.c -- a host's files into a vault and back.  See lives.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/sys/file.h"
#include "controller/restore/archive.h"
#include "tests/support/backup_kit.h"
#include "tests/support/check.h"
#include "tests/support/describe.h"
#include "tests/support/vault_kit.h"
#include "tests/trust/common/lives.h"

enum { LONG = 300 * 1024, TEXT = 1 << 20, PATH = 256 };

static struct backup_kit kit;

/* What a life was told. */
struct told {
    bool created;
    struct backup_kit_full full;
};

static struct told *
told_of(struct sweep_world *w)
{
    return (struct told *)(void *)w->told;
}

void
lives_begin(void)
{
    backup_kit_begin(&kit);
}

void
lives_end(void)
{
    backup_kit_end(&kit);
}

/* ---- trees */

static int
open_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void
write_file(int at, const char *name, size_t len, uint32_t seed)
{
    static uint8_t bytes[LONG];
    struct error e = ERROR_INIT;
    assert_true(len <= sizeof bytes);
    for (size_t i = 0; i < len; i++) {
        seed = (uint32_t)(seed * UINT64_C(1664525) + 1013904223);
        bytes[i] = (uint8_t)(seed >> 24);
    }
    CHECK_OK(file_remove_tree(at, name, &e), &e);
    CHECK_OK(file_write_new(at, name, span_of(bytes, len), 0640, &e), &e);
}

/* Of everything something. */
static void
make_tree(void)
{
    CLEANUP(own_closep) int at = open_directory(kit.source);
    assert_int_equal(mkdirat(at, "d", 0750), 0);
    assert_int_equal(mkdirat(at, "empty", 01777), 0);
    write_file(at, "d/one", 100, 1);
    write_file(at, "d/two", 5000, 2);
    write_file(at, "long", LONG, 3);
    write_file(at, "nothing", 0, 4);
    assert_int_equal(linkat(at, "d/one", at, "linked", 0), 0);
    assert_int_equal(symlinkat("d/two", at, "pointer"), 0);
    assert_int_equal(mkfifoat(at, "pipe", 0600), 0);
    assert_int_equal(fchmodat(at, "d/two", 04711, 0), 0);
    CLEANUP(own_closep) int fd = openat(at, "d/two", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsetxattr(fd, "user.note", "kept", 4, 0), 0);
}

static void
change_tree(void)
{
    CLEANUP(own_closep) int at = open_directory(kit.source);
    write_file(at, "d/two", 6000, 5);
    write_file(at, "d/three", 300, 6);
    assert_int_equal(unlinkat(at, "pipe", 0), 0);
    assert_int_equal(renameat(at, "nothing", at, "renamed"), 0);
}

/* ---- preparing */

static void
prepare_source(struct sweep_world *w)
{
    backup_kit_place(&kit, w->path);
    make_tree();
}

/* A vault with a full, and what is in it beside: "was". */
static void
prepare_full(struct sweep_world *w)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    struct backup_kit_full full;
    struct error e = ERROR_INIT;
    char was[PATH];
    prepare_source(w);
    CHECK_OK(backup_kit_create(&kit, &e), &e);
    CHECK_OK(backup_kit_open(&kit, &v, &e), &e);
    CHECK_OK(backup_kit_run(&kit, v, &full, &e), &e);
    CHECK_OK(backup_kit_restore_anew(&kit, v, full.number, &e), &e);
    (void)snprintf(was, sizeof was, "%s/was", w->path);
    assert_int_equal(rename(kit.target, was), 0);
    told_of(w)->created = true;
}

static void
prepare_change(struct sweep_world *w)
{
    prepare_full(w);
    change_tree();
}

/* Its index is lost, and its last writer left its work behind. */
static void
prepare_wreck(struct sweep_world *w)
{
    struct error e = ERROR_INIT;
    prepare_change(w);
    CLEANUP(own_closep) int at = open_directory(kit.vault);
    CHECK_OK(file_remove_tree(at, "index", &e), &e);
    assert_int_equal(mkdirat(at, "tmp/index", 0700), 0);
    CHECK_OK(file_write_new(at, "tmp/index/data.mdb", span_of("?", 1), 0600, &e), &e);
    CHECK_OK(file_write_new(at, "tmp/pack-0", span_of("?", 1), 0600, &e), &e);
}

/* ---- living */

static enum rc
next_full(struct sweep_world *w, struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    TRY(backup_kit_open(&kit, &v, e));
    return backup_kit_run(&kit, v, &told_of(w)->full, e);
}

static enum rc
first_full(struct sweep_world *w, struct error *e)
{
    TRY(backup_kit_create(&kit, e));
    told_of(w)->created = true;
    return next_full(w, e);
}

static enum rc
restore_into(const char *path, enum unpack_existing existing, struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    CLEANUP(own_closep) int target = -1;
    TRY(file_open_directory(AT_FDCWD, path, &target, e));
    TRY(vault_open(kit.vault, &(struct vault_options){.read_only = true}, &v, e));
    return backup_kit_restore(&kit, v, 1, target, existing, e);
}

static enum rc
restore(struct sweep_world *w, struct error *e)
{
    (void)w;
    return restore_into(kit.target, UNPACK_REPLACE, e);
}

/* ---- checking */

static void
check_same(const char *a, const char *b)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_closep) int first = open_directory(a);
    CLEANUP(own_closep) int second = open_directory(b);
    CHECK_OK(describe_compare(first, second, &e), &e);
}

static bool
is_incomplete(struct vault *v, uint64_t number)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    struct archive_set set;
    struct error e = ERROR_INIT;
    assert_non_null(arena);
    CHECK_OK(archive_load(v, number, arena, &set, &e), &e);
    return set.full.state == RECORD_INCOMPLETE;
}

/* Whatever the vault shows as a full, is one. */
static void
check_full(struct sweep_world *w, struct vault *v, uint64_t number)
{
    struct error e = ERROR_INIT;
    char was[PATH];
    (void)snprintf(was, sizeof was, "%s/was", w->path);
    bool old = number == 1 && faccessat(AT_FDCWD, was, F_OK, 0) == 0;
    if (is_incomplete(v, number))
        return;
    CHECK_OK(backup_kit_restore_anew(&kit, v, number, &e), &e);
    check_same(old ? was : kit.source, kit.target);
}

static void
say_finding(void *ctx, const struct vault_finding *f)
{
    (void)ctx;
    fail_msg("verification: %s", f->text);
}

static void
check_vault(struct vault *v)
{
    const struct vault_verify_options o = {.finding = say_finding};
    struct vault_verify_counts counts;
    struct error e = ERROR_INIT;
    CHECK_OK(vault_verify(v, &o, &counts, &e), &e);
    assert_int_equal(vault_kit_count(kit.vault, "tmp"), 0);
}

static void
check_fulls(struct sweep_world *w, struct vault *v)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    const struct told *told = told_of(w);
    struct error e = ERROR_INIT;
    size_t count;
    bool found = told->full.number == 0;
    CHECK_OK(vault_fulls(v, &fulls, &count, &e), &e);
    for (size_t i = 0; i < count; i++) {
        found = found || id_equal(&fulls[i].name, &told->full.name);
        check_full(w, v, fulls[i].number);
    }
    assert_true(found); /* what was acknowledged is there */
    assert_true(told->full.number != 0 || !w->ended || w->rc != RC_OK);
}

static void
check_next_run(struct vault *v)
{
    struct backup_kit_full full;
    struct error e = ERROR_INIT;
    enum rc rc = backup_kit_run(&kit, v, &full, &e);
    if (rc == RC_NOT_FOUND) {
        /* A blob that is doubted since is believed stored: the commit is refused, and the agent told to forget. */
        CHECK_OK(file_remove_tree(AT_FDCWD, kit.memory, &e), &e);
        rc = backup_kit_run(&kit, v, &full, &e);
    }
    CHECK_OK(rc, &e);
    assert_false(full.incomplete);
    CHECK_OK(backup_kit_restore_anew(&kit, v, full.number, &e), &e);
    check_same(kit.source, kit.target);
}

static void
check_backup(struct sweep_world *w)
{
    CLEANUP(vault_closep) struct vault *v = NULL;
    struct error e = ERROR_INIT;
    backup_kit_place(&kit, w->path);
    if (!told_of(w)->created) {
        /* Not made, or made and not told: it can be made again, or it is there. */
        enum rc rc = backup_kit_create(&kit, &e);
        if (rc != RC_EXISTS)
            CHECK_OK(rc, &e);
    }
    CHECK_OK(backup_kit_open(&kit, &v, &e), &e);
    check_fulls(w, v);
    check_vault(v);
    check_next_run(v);
}

/* Every regular file of the target is one of those that it may be, to the nanosecond. */
static void
check_only_whole_files(const char *was, const char *before)
{
    CLEANUP(buffer_free) struct buffer now = BUFFER_INIT(TEXT);
    CLEANUP(buffer_free) struct buffer may = BUFFER_INIT(TEXT);
    CLEANUP(buffer_free) struct buffer more = BUFFER_INIT(TEXT);
    struct error e = ERROR_INIT;
    CLEANUP(own_closep) int first = open_directory(was);
    CLEANUP(own_closep) int second = open_directory(before);
    CLEANUP(own_closep) int target = open_directory(kit.target);
    CHECK_OK(describe(first, &may, &e), &e);
    CHECK_OK(describe(second, &more, &e), &e);
    CHECK_OK(buffer_append(&may, buffer_span(&more), &e), &e);
    CHECK_OK(buffer_append(&may, span_of("", 1), &e), &e);
    CHECK_OK(describe(target, &now, &e), &e);
    CHECK_OK(buffer_append(&now, span_of("", 1), &e), &e);
    char *rest = (char *)now.data, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *links = strstr(line, " links "); /* whose number grows as the restore goes on */
        bool draft = strstr(line, "/.koffer-") != NULL;
        if (strstr(line, " mode 100") == NULL || draft || links == NULL)
            continue;
        *links = '\0';
        if (strstr((char *)may.data, line) == NULL)
            fail_msg("not whole: %s", line);
    }
}

static void
check_restore(struct sweep_world *w)
{
    struct error e = ERROR_INIT;
    char was[PATH], before[PATH];
    (void)snprintf(was, sizeof was, "%s/was", w->path);
    (void)snprintf(before, sizeof before, "%s/before", w->path);
    backup_kit_place(&kit, w->path);
    if (w->ended && w->rc == RC_OK)
        check_same(was, kit.target);
    if (!w->ended) /* a detail that could not be set was told; a process that ended told nobody */
        check_only_whole_files(was, before);
    CHECK_OK(restore_into(kit.target, UNPACK_REPLACE, &e), &e);
    check_same(was, kit.target);
}

/* An empty place. */
static void
prepare_restore(struct sweep_world *w)
{
    char before[PATH];
    prepare_full(w);
    (void)snprintf(before, sizeof before, "%s/before", w->path);
    assert_int_equal(mkdir(kit.target, 0755), 0);
    assert_int_equal(mkdir(before, 0755), 0);
}

/* A place with other files of these names. */
static void
prepare_restore_over(struct sweep_world *w)
{
    prepare_restore(w);
    char before[PATH];
    (void)snprintf(before, sizeof before, "%s/before", w->path);
    const char *const places[] = {kit.target, before};
    const struct timespec times[2] = {{1000000001, 42}, {1000000001, 42}};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(own_closep) int at = open_directory(places[i]);
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        write_file(at, "d/two", 123, 9);
        write_file(at, "long", 1000, 8);
        assert_int_equal(utimensat(at, "d/two", times, 0), 0);
        assert_int_equal(utimensat(at, "long", times, 0), 0);
    }
}

static const struct sweep_life first = {
    .name = "first full", .prepare = prepare_source, .live = first_full, .check = check_backup};
static const struct sweep_life next = {
    .name = "next full", .prepare = prepare_change, .live = next_full, .check = check_backup};
static const struct sweep_life recovery = {
    .name = "recovery", .prepare = prepare_wreck, .live = next_full, .check = check_backup};
static const struct sweep_life restoring = {
    .name = "restore", .prepare = prepare_restore, .live = restore, .check = check_restore};
static const struct sweep_life restoring_over = {.name = "restore over other files",
                                                 .prepare = prepare_restore_over,
                                                 .live = restore,
                                                 .check = check_restore};
const struct sweep_life *const lives[] = {&first, &next, &recovery, &restoring, &restoring_over};
const size_t lives_count = sizeof lives / sizeof *lives;
