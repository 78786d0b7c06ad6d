/* test_file.c -- what the file verbs promise when nothing fails but the caller's expectations. */
#include "common/sys/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/own.h"
#include "common/sys/beneath.h"
#include "common/sys/file_internal.h"
#include "tests/support/check.h"

struct place {
    char path[32];
    int fd;
};

static int
enter(void **state)
{
    static struct place place;
    place = (struct place){.path = "/tmp/koffer-file-XXXXXX"};
    if (mkdtemp(place.path) == NULL)
        return -1;
    place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &place;
    return place.fd < 0 ? -1 : 0;
}

static int
leave(void **state)
{
    struct place *place = *state;
    struct error e = ERROR_INIT;
    (void)close(place->fd);
    return file_remove_tree(AT_FDCWD, place->path, &e) == RC_OK ? 0 : -1;
}

static struct span
text(const char *s)
{
    return span_of(s, strlen(s));
}

static void
put(const struct place *place, const char *name, const char *content)
{
    struct error e = ERROR_INIT;
    CHECK_OK(file_write_new(place->fd, name, text(content), 0600, &e), &e);
}

static void
check_content(const struct place *place, const char *name, const char *want)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(4096);
    CHECK_OK(file_read(place->fd, name, &b, &e), &e);
    assert_int_equal(b.len, strlen(want));
    assert_memory_equal(b.data == NULL ? (const uint8_t *)"" : b.data, want, b.len);
}

static unsigned
mode_of(const struct place *place, const char *name)
{
    struct stat about;
    assert_int_equal(fstatat(place->fd, name, &about, AT_SYMLINK_NOFOLLOW), 0);
    return about.st_mode & 07777;
}

static void
a_file_as_large_as_the_limit_is_read_a_larger_one_is_not(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    put(place, "x", "12345");
    CLEANUP(buffer_free) struct buffer exact = BUFFER_INIT(5);
    CLEANUP(buffer_free) struct buffer small = BUFFER_INIT(4);
    CHECK_OK(file_read(place->fd, "x", &exact, &e), &e);
    CHECK_OK(file_read(place->fd, "x", &exact, &e), &e); /* cleared first */
    assert_int_equal(exact.len, 5);
    CHECK_RC(file_read(place->fd, "x", &small, &e), RC_INVALID);
    put(place, "empty", "");
    check_content(place, "empty", "");
}

static void
only_regular_files_are_read_and_a_fifo_blocks_nobody(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(100);
    assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
    CHECK_RC(file_read(place->fd, "fifo", &b, &e), RC_INVALID);
    CHECK_RC(file_read(place->fd, ".", &b, &e), RC_INVALID);
    CHECK_RC(file_read(place->fd, "absent", &b, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "absent"));
}

static void
new_files_are_new_and_have_their_mode_whatever_the_umask(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    mode_t before = umask(077);
    CHECK_OK(file_write_new(place->fd, "x", text("a"), 0644, &e), &e);
    CHECK_OK(file_make_directory(place->fd, "d", 0755, &e), &e);
    (void)umask(before);
    assert_int_equal(mode_of(place, "x"), 0644);
    assert_int_equal(mode_of(place, "d"), 0755);
    CHECK_RC(file_write_new(place->fd, "x", text("b"), 0644, &e), RC_EXISTS);
    check_content(place, "x", "a");
    assert_int_equal(symlinkat("elsewhere", place->fd, "link"), 0);
    CHECK_RC(file_write_new(place->fd, "link", text("b"), 0644, &e), RC_EXISTS);
}

static void
replace_makes_or_replaces_and_clears_leftovers(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    bool found = true;
    put(place, "x.new", "torn");
    CHECK_OK(file_replace(place->fd, "x", text("one"), 0600, &e), &e);
    check_content(place, "x", "one");
    CHECK_OK(file_replace(place->fd, "x", text("two"), 0640, &e), &e);
    check_content(place, "x", "two");
    assert_int_equal(mode_of(place, "x"), 0640);
    CHECK_OK(file_exists(place->fd, "x.new", &found, &e), &e);
    assert_false(found);
}

static void
publish_moves_between_directories(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    CHECK_OK(file_make_directory(place->fd, "tmp", 0700, &e), &e);
    CHECK_OK(file_make_directory(place->fd, "a/b", 0700, &e), &e);
    put(place, "tmp/x", "content");
    CHECK_OK(file_publish(place->fd, "tmp/x", place->fd, "a/b/y", &e), &e);
    check_content(place, "a/b/y", "content");
    CHECK_RC(file_publish(place->fd, "tmp/x", place->fd, "a/b/z", &e), RC_NOT_FOUND);
}

static void
reading_at_an_offset_stops_at_the_end(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    char bytes[8];
    size_t got = 0;
    put(place, "x", "0123456789");
    CLEANUP(own_closep) int fd = openat(place->fd, "x", O_RDONLY | O_CLOEXEC);
    CHECK_OK(file_read_at(fd, 3, bytes, 4, &got, &e), &e);
    assert_int_equal(got, 4);
    assert_memory_equal(bytes, "3456", 4);
    CHECK_OK(file_read_at(fd, 8, bytes, 8, &got, &e), &e);
    assert_int_equal(got, 2);
    CHECK_OK(file_read_at(fd, 100, bytes, 8, &got, &e), &e);
    assert_int_equal(got, 0);
    CHECK_RC(file_read_at(fd, UINT64_MAX - 2, bytes, 8, &got, &e), RC_INVALID);
}

static void
directories_are_made_on_the_way_and_may_exist(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    char absolute[64];
    for (int i = 0; i < 2; i++)
        CHECK_OK(file_make_directory(place->fd, "a//b/c/", 0700, &e), &e);
    (void)snprintf(absolute, sizeof absolute, "%s/d/e", place->path);
    CHECK_OK(file_make_directory(AT_FDCWD, absolute, 0750, &e), &e);
    assert_int_equal(mode_of(place, "d/e"), 0750);
    put(place, "f", "");
    CHECK_RC(file_make_directory(place->fd, "f", 0700, &e), RC_INVALID);
    CHECK_RC(file_make_directory(place->fd, "", 0700, &e), RC_INVALID);
    int fd = -1;
    assert_int_equal(symlinkat("a", place->fd, "link"), 0);
    assert_true(file_open_directory(place->fd, "link", &fd, &e) != RC_OK);
    assert_int_equal(fd, -1);
}

/* Puts a link in the place of every directory "new" that appears, until its parent has gone. */
_Noreturn static void
replace_by_links(int dirfd)
{
    while (faccessat(dirfd, "race", F_OK, 0) == 0)
        if (unlinkat(dirfd, "race/new", AT_REMOVEDIR) == 0)
            (void)symlinkat("../target", dirfd, "race/new");
    _exit(0);
}

static void
a_link_put_in_place_of_a_new_directory_is_not_followed(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    enum { ROUNDS = 3000 };
    int status = -1;
    CHECK_OK(file_make_directory(place->fd, "race", 0700, &e), &e);
    CHECK_OK(file_make_directory(place->fd, "target", 0700, &e), &e);
    pid_t pid = fork();
    if (pid == 0)
        replace_by_links(place->fd);
    for (int i = 0; i < ROUNDS; i++) {
        (void)!file_make_directory(place->fd, "race/new", 0755, &e);
        assert_int_equal(mode_of(place, "target"), 0700);
        (void)unlinkat(place->fd, "race/new", 0);
        (void)unlinkat(place->fd, "race/new", AT_REMOVEDIR);
    }
    CHECK_OK(file_remove_tree(place->fd, "race", &e), &e);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static enum rc
append_name(void *ctx, const char *name, struct error *e)
{
    return buffer_printf(ctx, e, "%s|", name);
}

static void
names_come_sorted_by_their_bytes(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(1000);
    static const char *const names[] = {"b", "a", "\xff", "B", "a b", ".h", "\n"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put(place, names[i], "");
    CHECK_OK(file_list(place->fd, ".", append_name, &b, &e), &e);
    static const char want[] = "\n|.h|B|a|a b|b|\xff|";
    assert_int_equal(b.len, sizeof want - 1);
    assert_memory_equal(b.data, want, b.len);
    CHECK_RC(file_list(place->fd, "absent", append_name, &b, &e), RC_NOT_FOUND);
}

static void
removing_a_tree_follows_no_link(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    bool found = true;
    put(place, "keep", "x");
    CHECK_OK(file_make_directory(place->fd, "kept", 0700, &e), &e);
    put(place, "kept/x", "x");
    CHECK_OK(file_make_directory(place->fd, "t/a/b", 0700, &e), &e);
    put(place, "t/a/b/x", "x");
    assert_int_equal(symlinkat("../keep", place->fd, "t/file"), 0);
    assert_int_equal(symlinkat("../../kept", place->fd, "t/a/dir"), 0);
    CHECK_OK(file_remove_tree(place->fd, "t", &e), &e);
    CHECK_OK(file_exists(place->fd, "t", &found, &e), &e);
    assert_false(found);
    check_content(place, "keep", "x");
    check_content(place, "kept/x", "x");
    CHECK_OK(file_remove_tree(place->fd, "t", &e), &e); /* a missing one is fine */
    CHECK_OK(file_remove_tree(place->fd, "keep", &e), &e);
}

static void
a_directory_setting_is_checked_with_its_remedy(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    char path[64];
    uint64_t bytes = 0;
    CHECK_OK(file_check_directory("vault", place->path, &e), &e);
    CHECK_RC(file_check_directory("vault", "/nonexistent/vault", &e), RC_INVALID);
    assert_non_null(strstr(e.text, "create it"));
    put(place, "x", "");
    (void)snprintf(path, sizeof path, "%s/x", place->path);
    CHECK_RC(file_check_directory("vault", path, &e), RC_INVALID);
    CHECK_OK(file_free_space(place->fd, &bytes, &e), &e);
    assert_true(bytes > 0);
}

static void
no_path_leads_out_of_its_directory(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    int fd = -1;
    CHECK_OK(file_make_directory(place->fd, "in/deep", 0700, &e), &e);
    put(place, "out", "secret");
    put(place, "in/deep/x", "fine");
    assert_int_equal(symlinkat("../out", place->fd, "in/up"), 0);
    assert_int_equal(symlinkat("/etc/passwd", place->fd, "in/abs"), 0);
    assert_int_equal(symlinkat("deep", place->fd, "in/side"), 0);
    assert_int_equal(symlinkat("/proc/self/root", place->fd, "in/magic"), 0);
    CLEANUP(own_closep) int in = openat(place->fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    static const char *const bad[] = {"../out", "deep/../../out", "/etc/passwd", "up",
                                      "abs",    "side/x",         "magic/etc",   ".."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_RC(beneath_open(in, bad[i], O_RDONLY, 0, &fd, &e), RC_DENIED);
        CHECK_RC(beneath_open(in, bad[i], O_WRONLY | O_CREAT, 0600, &fd, &e), RC_DENIED);
    }
    CHECK_RC(beneath_open(in, "absent", O_RDONLY, 0, &fd, &e), RC_NOT_FOUND);
    assert_int_equal(fd, -1);
    CHECK_OK(beneath_open(in, "deep/../deep/x", O_RDONLY, 0, &fd, &e), &e);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(close(fd), 0);
    CHECK_OK(beneath_open(in, "deep/new", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd, &e), &e);
    assert_int_equal(close(fd), 0);
}

static void
a_directory_that_others_can_change_is_refused(void **state)
{
    const struct place *place = *state;
    static const mode_t open_modes[] = {0720, 0702, 0777, 01777};
    struct error e = ERROR_INIT;
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", place->fd);
    assert_int_equal(fchmod(place->fd, 0755), 0);
    CHECK_OK(file_check_kept("state directory", path, &e), &e);
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        assert_int_equal(fchmod(place->fd, open_modes[i]), 0);
        CHECK_RC(file_check_kept("state directory", path, &e), RC_DENIED);
        assert_non_null(strstr(e.text, "chmod 700"));
    }
    assert_int_equal(fchmod(place->fd, 0700), 0);
    CHECK_RC(file_check_kept("state directory", "/nowhere/at/all", &e), RC_NOT_FOUND);
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

static void
paths_longer_than_the_system_takes_are_refused(void **state)
{
    static char path[PATH_MAX + 8];
    char out[PATH_MAX];
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    memset(path, 'a', sizeof path - 1);
    CHECK_RC(file_replace(place->fd, path, span_of("x", 1), 0600, &e), RC_INVALID);
    path[sizeof path - 2] = '/';
    CHECK_RC(file_directory_of(path, out, &e), RC_INVALID);
    CHECK_OK(file_directory_of("name", out, &e), &e);
    assert_string_equal(out, ".");
    CHECK_OK(file_directory_of("/name", out, &e), &e);
    assert_string_equal(out, "/");
}

static void
a_directory_of_somebody_else_is_refused(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    char path[96];
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    CHECK_OK(file_make_directory(place->fd, "theirs", 0700, &e), &e);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/theirs", place->fd);
    CHECK_OK(file_check_kept("directory", path, &e), &e);
    assert_int_equal(fchownat(place->fd, "theirs", 65534, 65534, 0), 0);
    CHECK_RC(file_check_kept("directory", path, &e), RC_DENIED);
    assert_non_null(strstr(e.text, "chown"));
}

/* In a child: become nobody, and check a directory that only root may use. */
static int
check_as_nobody(int fd)
{
    struct error e = ERROR_INIT;
    if (fchdir(fd) != 0 || setresuid(65534, 65534, 65534) != 0)
        return 2;
    return file_check_directory("state-directory", "closed", &e) == RC_DENIED &&
                   strstr(e.text, "65534") != NULL
               ? 0
               : 1;
}

static void
a_directory_that_we_cannot_write_to_is_refused(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    int status = -1;
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    CHECK_OK(file_make_directory(place->fd, "closed", 0755, &e), &e);
    assert_int_equal(fchmod(place->fd, 0755), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(check_as_nobody(place->fd));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
a_tree_deeper_than_the_limit_is_not_removed_halfway_down(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    CLEANUP(own_closep) int fd = dup(place->fd);
    CHECK_OK(file_make_directory(place->fd, "deep", 0700, &e), &e);
    for (unsigned i = 0; i < LIMIT_DEPTH + 2; i++) {
        const char *name = i == 0 ? "deep" : "d";
        assert_true(i == 0 || mkdirat(fd, name, 0700) == 0);
        int next = openat(fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        assert_true(next >= 0);
        own_closep(&fd);
        fd = next;
    }
    CHECK_RC(file_remove_tree(place->fd, "deep", &e), RC_INVALID);
    /* What lies at the limit is moved up, then all of it can go. */
    bool found = false;
    CHECK_OK(file_exists(place->fd, "deep/d/d", &found, &e), &e);
    assert_true(found);
    assert_int_equal(renameat(place->fd, "deep/d/d", place->fd, "lower"), 0);
    CHECK_OK(file_remove_tree(place->fd, "deep", &e), &e);
    CHECK_OK(file_remove_tree(place->fd, "lower", &e), &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_file_as_large_as_the_limit_is_read_a_larger_one_is_not),
        PLACE_TEST(only_regular_files_are_read_and_a_fifo_blocks_nobody),
        PLACE_TEST(new_files_are_new_and_have_their_mode_whatever_the_umask),
        PLACE_TEST(replace_makes_or_replaces_and_clears_leftovers),
        PLACE_TEST(publish_moves_between_directories),
        PLACE_TEST(reading_at_an_offset_stops_at_the_end),
        PLACE_TEST(directories_are_made_on_the_way_and_may_exist),
        PLACE_TEST(a_link_put_in_place_of_a_new_directory_is_not_followed),
        PLACE_TEST(names_come_sorted_by_their_bytes),
        PLACE_TEST(removing_a_tree_follows_no_link),
        PLACE_TEST(a_directory_setting_is_checked_with_its_remedy),
        PLACE_TEST(a_directory_that_others_can_change_is_refused),
        PLACE_TEST(a_tree_deeper_than_the_limit_is_not_removed_halfway_down),
        PLACE_TEST(a_directory_that_we_cannot_write_to_is_refused),
        PLACE_TEST(a_directory_of_somebody_else_is_refused),
        PLACE_TEST(paths_longer_than_the_system_takes_are_refused),
        PLACE_TEST(no_path_leads_out_of_its_directory),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
