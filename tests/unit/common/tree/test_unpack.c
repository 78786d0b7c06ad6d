/* test_unpack.c -- restores: everything comes back, nothing leads outside, nothing is damaged. */
#include "common/tree/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/restored.h"

static int
set_up(void **state)
{
    struct error e = ERROR_INIT;
    struct restored *r = NULL;
    enum rc rc = restored_new(&r, &e);
    *state = r;
    return rc != RC_OK;
}

static int
tear_down(void **state)
{
    restored_free(*state);
    return 0;
}

static void
write_file(struct restored *r, const char *path, const char *text, unsigned mode)
{
    struct error e = ERROR_INIT;
    CHECK_OK(restored_write(r, path, span_of(text, strlen(text)), mode, &e), &e);
}

static void
pack(struct restored *r)
{
    struct error e = ERROR_INIT;
    CHECK_OK(restored_pack(r, &e), &e);
}

static enum rc
restore(struct restored *r, enum unpack_existing existing)
{
    struct error e = ERROR_INIT;
    return restored_unpack(r, memstore_source(r->store), existing, false, NULL, &e);
}

static void
check_equal(struct restored *r)
{
    struct error e = ERROR_INIT;
    CHECK_OK(restored_describe(r, &e), &e);
    assert_string_equal((char *)r->target_text.data, (char *)r->source_text.data);
}

/* POSIX ACL as its attribute: user 1234 may read (acl(5), linux/posix_acl_xattr.h). */
static const uint8_t acl[] = {
    2,    0, 0, 0,                         /* version */
    1,    0, 6, 0, 0xff, 0xff, 0xff, 0xff, /* owner rw */
    2,    0, 4, 0, 0xd2, 4,    0,    0,    /* user 1234 r */
    4,    0, 4, 0, 0xff, 0xff, 0xff, 0xff, /* group r */
    0x10, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, /* mask rw */
    0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, /* others none */
};

static void
make_names(struct restored *r)
{
    char longest[LIMIT_NAME + 1];
    memset(longest, 'n', LIMIT_NAME);
    longest[LIMIT_NAME] = '\0';
    write_file(r, longest, "longest", 0644);
    write_file(r, "line\nbreak", "x", 0640);
    write_file(r, "\xff\xfe", "not UTF-8", 0400);
    write_file(r, "-rf", "", 0644);
    write_file(r, "setuid", "#!", 04755);
    write_file(r, "closed", "secret", 0000);
    write_file(r, "...", "three", 01666);
}

static void
make_special_files(struct restored *r)
{
    const struct timespec times[2] = {{1, 2}, {-5, 999999999}};
    assert_int_equal(symlinkat("../\xff nowhere", r->source, "link"), 0);
    assert_int_equal(fchownat(r->source, "link", 77, 78, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(utimensat(r->source, "link", times, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(mkfifoat(r->source, "fifo", 0620), 0);
    assert_int_equal(mknodat(r->source, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
    assert_int_equal(mknodat(r->source, "socket", S_IFSOCK | 0666, 0), 0);
    assert_int_equal(linkat(r->source, "fifo", r->source, "zz fifo again", 0), 0);
}

static void
make_directories(struct restored *r)
{
    const struct timespec times[2] = {{1, 2}, {123456789, 1}};
    assert_int_equal(mkdirat(r->source, "empty", 0711), 0);
    assert_int_equal(mkdirat(r->source, "d", 0755), 0);
    assert_int_equal(mkdirat(r->source, "d/e", 0), 0);
    write_file(r, "d/e/file", "deep", 0644);
    write_file(r, "d/first", "linked", 0644);
    assert_int_equal(linkat(r->source, "d/first", r->source, "d/e/second", 0), 0);
    assert_int_equal(linkat(r->source, "d/first", r->source, "a third", 0), 0);
    assert_int_equal(fchownat(r->source, "d/first", 1001, 1002, 0), 0);
    assert_int_equal(fchmodat(r->source, "d", 03770, 0), 0);
    assert_int_equal(utimensat(r->source, "d/e", times, 0), 0);
    assert_int_equal(utimensat(r->source, "d", times, 0), 0);
}

static void
make_attributes(struct restored *r)
{
    write_file(r, "attributes", "x", 0640);
    int fd = openat(r->source, "attributes", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsetxattr(fd, "user.koffer", "\0\xff", 2, 0), 0);
    assert_int_equal(fsetxattr(fd, "user.empty", "", 0, 0), 0);
    assert_int_equal(fsetxattr(fd, "system.posix_acl_access", acl, sizeof acl, 0), 0);
    (void)close(fd);
    fd = openat(r->source, "empty", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsetxattr(fd, "system.posix_acl_default", acl, sizeof acl, 0), 0);
    (void)close(fd);
    write_file(r, "empty/but one", "no ACL of its own", 0604);
    fd = openat(r->source, "empty/but one", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fremovexattr(fd, "system.posix_acl_access"), 0);
    assert_int_equal(fchmod(fd, 0604), 0);
    (void)close(fd);
}

static void
make_sparse(struct restored *r)
{
    int fd = openat(r->source, "sparse", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(pwrite(fd, "begin", 5, 1 << 20), 5);
    assert_int_equal(pwrite(fd, "end", 3, 5 << 20), 3);
    assert_int_equal(ftruncate(fd, 8 << 20), 0);
    (void)close(fd);
    static uint8_t noise[300000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * i >> 9);
    struct error e = ERROR_INIT;
    CHECK_OK(restored_write(r, "long", span_of(noise, sizeof noise), 0644, &e), &e);
}

static void
make_everything(struct restored *r)
{
    make_names(r);
    make_special_files(r);
    make_directories(r);
    make_attributes(r);
    make_sparse(r);
    pack(r);
}

static void
everything_comes_back_and_a_second_run_skips_it(void **state)
{
    struct restored *r = *state;
    make_everything(r);
    CHECK_RC(restore(r, UNPACK_KEEP), RC_OK);
    check_equal(r);
    assert_int_equal(r->reports, 0);
    uint64_t files = r->counts.files, others = r->counts.others;
    assert_int_equal(r->counts.directories, 3);
    assert_int_equal(others, 5); /* the socket is one of them */
    assert_int_equal(r->counts.skipped, 0);

    CHECK_RC(restore(r, UNPACK_KEEP), RC_OK);
    assert_int_equal(r->counts.skipped, files + others - 1);
    assert_int_equal(r->counts.files, 0);
    assert_int_equal(r->counts.bytes, 0);
    check_equal(r);
}

static void
dry_run_counts_the_same_and_writes_nothing(void **state)
{
    struct restored *r = *state;
    struct error e = ERROR_INIT;
    make_everything(r);
    CHECK_OK(restored_unpack(r, memstore_source(r->store), UNPACK_KEEP, true, NULL, &e), &e);
    struct unpack_counts dry = r->counts;
    CHECK_OK(restored_describe(r, &e), &e);
    assert_string_equal((char *)r->target_text.data, "");
    CHECK_RC(restore(r, UNPACK_KEEP), RC_OK);
    assert_int_equal(dry.files, r->counts.files);
    assert_int_equal(dry.bytes, r->counts.bytes);
    assert_int_equal(dry.directories, r->counts.directories);
    assert_int_equal(dry.others, r->counts.others);
}

static void
target_write(struct restored *r, const char *path, const char *text)
{
    struct error e = ERROR_INIT;
    CHECK_OK(file_write_new(r->target, path, span_of(text, strlen(text)), 0600, &e), &e);
}

static bool
target_holds(struct restored *r, const char *path, const char *text)
{
    struct error e = ERROR_INIT;
    struct buffer b = BUFFER_INIT(1024);
    bool holds = file_read(r->target, path, &b, &e) == RC_OK && b.len == strlen(text) &&
                 memcmp(b.data, text, b.len) == 0;
    buffer_free(&b);
    return holds;
}

static void
what_is_there_is_kept_or_replaced_as_told(void **state)
{
    struct restored *r = *state;
    assert_int_equal(mkdirat(r->source, "dir", 0700), 0);
    write_file(r, "dir/f", "new", 0644);
    write_file(r, "g", "new", 0644);
    pack(r);
    assert_int_equal(mkdirat(r->target, "dir", 0751), 0);
    target_write(r, "dir/f", "old");
    target_write(r, "dir/mine", "mine");
    CHECK_RC(restore(r, UNPACK_KEEP), RC_OK);
    assert_int_equal(r->counts.existing_kept, 1);
    assert_int_equal(r->reports, 1);
    CHECK_RC(r->last_report, RC_EXISTS);
    assert_true(target_holds(r, "dir/f", "old") && target_holds(r, "g", "new"));
    struct stat s;
    assert_int_equal(fstatat(r->target, "dir", &s, 0), 0);
    assert_int_equal(s.st_mode & 07777, 0751);

    CHECK_RC(restore(r, UNPACK_REPLACE), RC_OK);
    assert_true(target_holds(r, "dir/f", "new") && target_holds(r, "dir/mine", "mine"));
    assert_int_equal(fstatat(r->target, "dir", &s, 0), 0);
    assert_int_equal(s.st_mode & 07777, 0700);
}

static void
a_directory_never_gives_way_to_a_file(void **state)
{
    struct restored *r = *state;
    write_file(r, "f", "file", 0644);
    write_file(r, "g", "file", 0644);
    pack(r);
    assert_int_equal(mkdirat(r->target, "f", 0755), 0);
    target_write(r, "f/mine", "mine");
    CHECK_RC(restore(r, UNPACK_REPLACE), RC_IO);
    assert_int_equal(r->counts.failed, 1);
    assert_true(target_holds(r, "f/mine", "mine") && target_holds(r, "g", "file"));
}

static void
special_files_that_are_the_same_are_skipped(void **state)
{
    struct restored *r = *state;
    assert_int_equal(mknodat(r->source, "disk", S_IFBLK | 0600, makedev(7, 99)), 0);
    assert_int_equal(mknodat(r->source, "null", S_IFCHR | 0600, makedev(1, 3)), 0);
    assert_int_equal(mkfifoat(r->source, "fifo", 0600), 0);
    pack(r);
    CHECK_RC(restore(r, UNPACK_KEEP), RC_OK);
    check_equal(r);
    CHECK_RC(restore(r, UNPACK_REPLACE), RC_OK);
    assert_int_equal(r->counts.skipped, 3);
    assert_int_equal(unlinkat(r->target, "disk", 0), 0);
    assert_int_equal(mknodat(r->target, "disk", S_IFBLK | 0600, makedev(7, 98)), 0);
    CHECK_RC(restore(r, UNPACK_REPLACE), RC_OK);
    assert_int_equal(r->counts.skipped, 2);
    check_equal(r);
}

/* Of one file alone, without its directory. */
static void
one_file_alone_comes_back(void **state)
{
    struct restored *r = *state;
    struct error e = ERROR_INIT;
    struct tree_reader *reader = NULL;
    struct node_entry entry;
    bool found = false;
    write_file(r, "alone", "content", 0640);
    write_file(r, "other", "content", 0640);
    pack(r);
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    CHECK_OK(tree_reader_new(memstore_source(r->store), &reader, &e), &e);
    CHECK_OK(
        tree_lookup(reader, &r->root.directory, span_of("alone", 5), arena, &found, &entry, &e),
        &e);
    tree_reader_free(reader);
    assert_true(found);
    struct node_entry whole = r->root;
    r->root = entry;
    CHECK_RC(restore(r, UNPACK_KEEP), RC_OK);
    r->root = whole;
    assert_int_equal(r->counts.files, 1);
    assert_true(target_holds(r, "alone", "content"));
    assert_false(target_holds(r, "other", "content"));
}

static void
a_symbolic_link_in_the_target_is_not_followed(void **state)
{
    struct restored *r = *state;
    assert_int_equal(mkdirat(r->source, "sub", 0755), 0);
    write_file(r, "sub/f", "x", 0644);
    write_file(r, "top", "y", 0644);
    pack(r);
    assert_int_equal(mkdirat(r->top, "elsewhere", 0755), 0);
    assert_int_equal(symlinkat("../elsewhere", r->target, "sub"), 0);
    assert_int_equal(symlinkat("../elsewhere/f", r->target, "top"), 0);
    CHECK_RC(restore(r, UNPACK_KEEP), RC_IO);
    assert_int_equal(r->counts.failed, 1);
    assert_int_equal(r->counts.existing_kept, 1);
    assert_int_equal(unlinkat(r->top, "elsewhere", AT_REMOVEDIR), 0); /* it is empty */

    assert_int_equal(mkdirat(r->top, "elsewhere", 0755), 0);
    CHECK_RC(restore(r, UNPACK_REPLACE), RC_OK);
    check_equal(r);
    assert_int_equal(unlinkat(r->top, "elsewhere", AT_REMOVEDIR), 0);
}

/* The node is sealed by someone who holds the domain secret; only the decoder stands in the way. */
static void
crafted_names_write_nothing(void **state)
{
    struct restored *r = *state;
    static const char *const names[] = {"..", "../x", "a/b", "."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct error e = ERROR_INIT;
        const size_t len = strlen(names[i]);
        uint8_t plain[64] = {1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, (uint8_t)len};
        memcpy(plain + 12, names[i], len);
        plain[12 + len] = NODE_FIFO;
        struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
        struct blob_sink *sink = memstore_sink(r->store);
        r->root = (struct node_entry){.type = NODE_DIRECTORY};
        CHECK_OK(blob_seal(r->sealer, BLOB_NODE, NULL, 0, span_of(plain, 12 + len + 5 + 12), &blob,
                           &r->root.directory, &e),
                 &e);
        CHECK_OK(sink->put(sink, &r->root.directory.id, buffer_span(&blob), &e), &e);
        buffer_free(&blob);
        CHECK_RC(restore(r, UNPACK_REPLACE), RC_IO);
        CHECK_RC(r->last_report, RC_CORRUPT);
        CHECK_OK(restored_describe(r, &e), &e);
        assert_string_equal((char *)r->target_text.data, "");
    }
}

static void
a_missing_blob_costs_its_file_only(void **state)
{
    struct restored *r = *state;
    write_file(r, "a", "first", 0644);
    write_file(r, "b", "second", 0644);
    write_file(r, "c", "third", 0644);
    pack(r);
    struct error e = ERROR_INIT;
    struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    struct blob_ref ref;
    CHECK_OK(blob_seal(r->sealer, BLOB_DATA, NULL, 0, span_of("second", 6), &blob, &ref, &e), &e);
    buffer_free(&blob);
    memstore_drop(r->store, &ref.id);
    CHECK_RC(restore(r, UNPACK_KEEP), RC_IO);
    assert_int_equal(r->counts.failed, 1);
    CHECK_RC(r->last_report, RC_NOT_FOUND);
    assert_true(target_holds(r, "a", "first") && target_holds(r, "c", "third"));
    assert_int_equal(faccessat(r->target, "b", F_OK, 0), -1);
}

/* Somebody made the target with a default ACL; what is restored into it has none. */
static void
an_acl_of_the_target_is_not_inherited(void **state)
{
    struct restored *r = *state;
    assert_int_equal(mkdirat(r->source, "dir", 0750), 0);
    write_file(r, "dir/f", "x", 0644);
    write_file(r, "g", "y", 0600);
    pack(r);
    assert_int_equal(fsetxattr(r->target, "system.posix_acl_default", acl, sizeof acl, 0), 0);
    CHECK_RC(restore(r, UNPACK_KEEP), RC_OK);
    check_equal(r);
}

static void
what_failed_is_added_later_without_a_trace(void **state)
{
    struct restored *r = *state;
    assert_int_equal(mkdirat(r->source, "dir", 0750), 0);
    write_file(r, "dir/a", "first", 0644);
    write_file(r, "dir/b", "second", 0644);
    pack(r);
    memstore_fail_gets(r->store, 4, RC_CORRUPT);
    CHECK_RC(restore(r, UNPACK_KEEP), RC_IO);
    assert_int_equal(r->counts.failed, 1);
    memstore_fail_gets(r->store, 0, RC_OK);
    CHECK_RC(restore(r, UNPACK_KEEP), RC_OK);
    assert_int_equal(r->counts.files, 1);
    check_equal(r);
}

static void
a_store_that_does_not_answer_ends_it(void **state)
{
    struct restored *r = *state;
    write_file(r, "a", "first", 0644);
    write_file(r, "b", "second", 0644);
    pack(r);
    memstore_fail_gets(r->store, 3, RC_TIMEOUT);
    CHECK_RC(restore(r, UNPACK_KEEP), RC_TIMEOUT);
    assert_int_equal(r->counts.files, 1);
    assert_int_equal(r->counts.failed, 0);
}

/* In a process of its own, for it cannot become root again. */
static int
restore_as_nobody(struct restored *r)
{
    enum { NOBODY = 65534 };
    if (fchown(r->target, NOBODY, NOBODY) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return 1;
    struct stat s;
    if (restore(r, UNPACK_KEEP) != RC_OK || r->counts.owners_not_set != 2)
        return 2;
    if (fstatat(r->target, "setuid", &s, 0) != 0 || (s.st_mode & 07777) != 0755)
        return 3;
    return s.st_uid == NOBODY ? 0 : 4;
}

static void
nobody_gets_no_setuid_program(void **state)
{
    struct restored *r = *state;
    write_file(r, "plain", "x", 0644);
    write_file(r, "setuid", "x", 06755);
    pack(r);
    assert_int_equal(chmod(r->path, 0755), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(restore_as_nobody(r));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- somebody swaps a directory for a symbolic link while the restore runs ---- */

struct swapper {
    int target;
    _Atomic(bool) stop;
    unsigned swaps;
};

static void *
swap(void *ctx)
{
    struct swapper *s = ctx;
    while (!atomic_load(&s->stop)) {
        (void)!symlinkat("../elsewhere", s->target, "trap");
        if (renameat2(s->target, "sub", s->target, "trap", RENAME_EXCHANGE) == 0)
            s->swaps++;
    }
    return NULL;
}

static void
swapping_directories_for_links_leads_nowhere(void **state)
{
    enum { ROUNDS = 200 };
    struct restored *r = *state;
    assert_int_equal(mkdirat(r->source, "sub", 0755), 0);
    assert_int_equal(mkdirat(r->source, "sub/deep", 0755), 0);
    write_file(r, "sub/f", "x", 0644);
    write_file(r, "sub/deep/g", "y", 0644);
    assert_int_equal(mkfifoat(r->source, "sub/fifo", 0644), 0);
    pack(r);
    assert_int_equal(mkdirat(r->top, "elsewhere", 0753), 0);
    struct stat before, after;
    assert_int_equal(fstatat(r->top, "elsewhere", &before, 0), 0);

    struct swapper s = {.target = r->target};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, swap, &s), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        enum rc rc = restore(r, UNPACK_REPLACE);
        (void)rc; /* it may well fail; it may not lead outside */
    }
    atomic_store(&s.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(fstatat(r->top, "elsewhere", &after, 0), 0);
    assert_int_equal(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
    assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(unlinkat(r->top, "elsewhere", AT_REMOVEDIR), 0); /* it is empty */
    assert_true(s.swaps > 0);
}

/* What a second restore does while the first is reading. */
struct second {
    struct blob_source source; /* first: what the first restore reads from */
    struct restored *r;
    bool tried;
    enum rc rc;
};

static enum rc
get_and_restore_again(struct blob_source *source, const struct id *id, struct buffer *out,
                      struct error *e)
{
    struct second *s = (struct second *)source;
    struct blob_source *real = memstore_source(s->r->store);
    if (!s->tried) {
        s->tried = true;
        s->rc = restore(s->r, UNPACK_REPLACE);
    }
    return real->get(real, id, out, e);
}

static void
a_second_restore_into_the_same_directory_is_refused(void **state)
{
    struct restored *r = *state;
    struct error e = ERROR_INIT;
    struct second s = {.source = {.get = get_and_restore_again}, .r = r};
    write_file(r, "a", "content", 0644);
    pack(r);
    CHECK_OK(restored_unpack(r, &s.source, UNPACK_KEEP, false, NULL, &e), &e);
    assert_true(s.tried);
    assert_int_equal(s.rc, RC_AGAIN);
    check_equal(r);
    assert_int_equal(restore(r, UNPACK_KEEP), RC_OK);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(everything_comes_back_and_a_second_run_skips_it),
        WITH_FIXTURE(dry_run_counts_the_same_and_writes_nothing),
        WITH_FIXTURE(what_is_there_is_kept_or_replaced_as_told),
        WITH_FIXTURE(a_directory_never_gives_way_to_a_file),
        WITH_FIXTURE(special_files_that_are_the_same_are_skipped),
        WITH_FIXTURE(one_file_alone_comes_back),
        WITH_FIXTURE(a_symbolic_link_in_the_target_is_not_followed),
        WITH_FIXTURE(crafted_names_write_nothing),
        WITH_FIXTURE(a_missing_blob_costs_its_file_only),
        WITH_FIXTURE(an_acl_of_the_target_is_not_inherited),
        WITH_FIXTURE(what_failed_is_added_later_without_a_trace),
        WITH_FIXTURE(a_store_that_does_not_answer_ends_it),
        WITH_FIXTURE(nobody_gets_no_setuid_program),
        WITH_FIXTURE(a_second_restore_into_the_same_directory_is_refused),
        WITH_FIXTURE(swapping_directories_for_links_leads_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
