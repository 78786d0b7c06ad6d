/* test_roundtrip.c -- random trees come back equal, also after random changes; PROP_SEED=n repeats
 * a run. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>

#include "common/sys/file.h"
#include "tests/support/capture_kit.h"
#include "tests/support/check.h"

enum { TREES = 50, CHANGES = 3, ENTRIES_MAX = 60, PLACES_MAX = 400 };

/* Many random operations hit what is not there; what counts is what there is afterwards. */
static void
may_fail(int result)
{
    (void)result;
}

static uint64_t prop_state;

static uint64_t
prop_rand(void)
{
    uint64_t z = prop_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t
below(uint64_t n)
{
    return prop_rand() % n;
}

/* What was made: paths below src/. */
struct world {
    struct capture_kit *kit;
    char *directories[PLACES_MAX], *files[PLACES_MAX];
    size_t directory_count, file_count;
};

static char *
any(char *const *list, size_t count)
{
    return list[below(count)];
}

static char *
new_path(struct world *w)
{
    static const char letters[] = "ab.-_ \n\x01\xc3\xbc\xff~0129AZ";
    char name[260], *path = NULL;
    size_t len = below(20) == 0 ? 200 + below(56) : 1 + below(6);
    for (size_t i = 0; i < len; i++)
        name[i] = letters[below(sizeof letters - 1)];
    name[len] = '\0';
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        name[0] = 'x';
    const char *in = any(w->directories, w->directory_count);
    assert_true(asprintf(&path, "%s/%s", in, name) > 0);
    return path;
}

static void
write_content(struct world *w, const char *path)
{
    static const size_t about[] = {1, 10, 5000, 300000, 3000000};
    struct error e = ERROR_INIT;
    size_t len = below(about[below(5)]);
    bool repetitive = below(3) == 0;
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(8 * 1024 * 1024);
    CHECK_OK(buffer_reserve(&b, len + 8, &e), &e);
    for (; b.len < len; b.len += 8) {
        uint64_t word = repetitive ? b.len / 4096 : prop_rand();
        memcpy(b.data + b.len, &word, sizeof word);
    }
    b.len = len;
    CLEANUP(own_closep)
    int fd = openat(w->kit->source_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC,
                    0644);
    if (fd < 0) /* something else of that name */
        return;
    CHECK_OK(file_write_all(fd, buffer_span(&b), &e), &e);
    if (below(6) == 0) { /* a hole, and perhaps something behind it */
        off_t end = (off_t)(len + below(4000000));
        assert_int_equal(ftruncate(fd, end), 0);
        if (below(2) == 0)
            assert_int_equal(pwrite(fd, "tail", 4, end), 4);
    }
}

static void
add_attributes(struct world *w, const char *path)
{
    char whole[8192], name[32], value[300];
    int at = w->kit->source_fd;
    memset(value, 'v', sizeof value);
    (void)snprintf(whole, sizeof whole, "%s/%s", w->kit->source, path);
    for (uint64_t n = below(4) == 0 ? 1 + below(5) : 0; n > 0; n--) {
        (void)snprintf(name, sizeof name, "user.a%ju", (uintmax_t)below(50));
        may_fail(lsetxattr(whole, name, value, below(sizeof value), 0));
    }
    if (below(3) == 0)
        may_fail(
            fchownat(at, path, (uid_t)below(3) * 1000, (gid_t)below(70000), AT_SYMLINK_NOFOLLOW));
    if (below(3) == 0)
        may_fail(fchmodat(at, path, (mode_t)below(010000), 0));
    if (below(3) == 0) {
        struct timespec t = {.tv_sec = (time_t)below(4000000000U) - 1000000000,
                             .tv_nsec = (long)below(1000000000)};
        may_fail(utimensat(at, path, (struct timespec[2]){t, t}, AT_SYMLINK_NOFOLLOW));
    }
}

static void
keep(char **list, size_t *count, char *path)
{
    if (*count < PLACES_MAX)
        list[(*count)++] = path;
    else
        free(path);
}

static void
add_entry(struct world *w)
{
    int at = w->kit->source_fd;
    char *path = new_path(w);
    switch (below(12)) {
    case 0:
    case 1:
        if (mkdirat(at, path, 0755) == 0) {
            keep(w->directories, &w->directory_count, path);
            return;
        }
        break;
    case 2:
        may_fail(symlinkat(below(2) == 0 ? "../somewhere" : "/", at, path));
        break;
    case 3:
        may_fail(mkfifoat(at, path, 0600));
        break;
    case 4:
        may_fail(mknodat(at, path, S_IFBLK | 0600, makedev((unsigned)below(500), 3)));
        break;
    case 5:
    case 6:
        if (w->file_count > 0)
            may_fail(linkat(at, any(w->files, w->file_count), at, path, 0));
        break;
    default:
        if (faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
            write_content(w, path);
            add_attributes(w, path);
            keep(w->files, &w->file_count, path);
            return;
        }
        break;
    }
    free(path);
}

static void
change_something(struct world *w)
{
    int at = w->kit->source_fd;
    const char *path = w->file_count > 0 ? any(w->files, w->file_count) : NULL;
    switch (below(6)) {
    case 0:
        if (path != NULL)
            may_fail(unlinkat(at, path, 0));
        break;
    case 1:
        if (path != NULL && faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            write_content(w, path);
        break;
    case 2:
        if (path != NULL)
            add_attributes(w, path);
        break;
    case 3:
        add_attributes(w, any(w->directories, w->directory_count));
        break;
    default:
        add_entry(w);
        break;
    }
}

static void
forget(struct world *w)
{
    while (w->directory_count > 0)
        free(w->directories[--w->directory_count]);
    while (w->file_count > 0)
        free(w->files[--w->file_count]);
}

static void
round_trip(struct capture_kit *kit)
{
    struct error e = ERROR_INIT;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->result.totals.unreadable + kit->result.totals.vanished, 0);
    CHECK_OK(capture_kit_unpack(kit, &e), &e);
    capture_kit_check_equal(kit);
}

static void
one_tree(uint64_t number)
{
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct world w = {.kit = kit};
    struct error e = ERROR_INIT;
    w.directories[w.directory_count++] = strdup(".");
    for (uint64_t n = below(ENTRIES_MAX); n > 0; n--)
        add_entry(&w);
    kit->options.threads = 1 + (unsigned)(number % 4);
    round_trip(kit);
    struct id before = capture_kit_source_id(kit);
    CHECK_OK(capture_kit_run(kit, &e), &e); /* with the memory: the same */
    struct id again = capture_kit_source_id(kit);
    assert_true(id_equal(&before, &again));
    for (int change = 0; change < CHANGES; change++) {
        for (uint64_t n = below(10); n > 0; n--)
            change_something(&w);
        if (below(4) == 0)
            may_fail(unlinkat(kit->fd, "memory", 0));
        round_trip(kit);
    }
    forget(&w);
}

static void
random_trees_come_back_equal(void **state)
{
    (void)state;
    const char *given = getenv("PROP_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    (void)printf("PROP_SEED=%" PRIu64 "\n", seed);
    for (uint64_t i = 0; i < TREES; i++) {
        prop_state = seed + i * 1000003;
        one_tree(i);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_trees_come_back_equal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
