/* test_names.c -- every name of a directory, once and in order, in bounded memory. */
#include "agent/capture/names.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/sys/file.h"
#include "tests/support/check.h"

struct place {
    char path[64];
    int fd;
};

static struct place
place_new(void)
{
    struct place p;
    (void)snprintf(p.path, sizeof p.path, "/tmp/koffer-names-XXXXXX");
    assert_non_null(mkdtemp(p.path));
    p.fd = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p.fd >= 0);
    return p;
}

static void
place_free(struct place *p)
{
    struct error e = ERROR_INIT;
    (void)close(p->fd);
    CHECK_OK(file_remove_tree(AT_FDCWD, p->path, &e), &e);
}

static void
make(const struct place *p, const char *name)
{
    int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

/* The number of runs it took; all `count` names came, ascending, within the limit. */
static size_t
read_all(const struct place *p, size_t limit, size_t count)
{
    CLEANUP(names_free) struct names names = NAMES_INIT(limit);
    struct error e = ERROR_INIT;
    char last[LIMIT_NAME + 1] = "";
    size_t seen = 0;
    for (bool more = true; more;) {
        CHECK_OK(names_next(&names, p->fd, &more, &e), &e);
        assert_true(names.bytes.len + names.offsets.len <= limit);
        assert_true(names.count > 0 || !more);
        for (size_t i = 0; i < names.count; i++, seen++) {
            assert_true(strcmp(last, names_at(&names, i)) < 0);
            (void)snprintf(last, sizeof last, "%s", names_at(&names, i));
        }
    }
    assert_int_equal(seen, count);
    return names.runs;
}

static void
what_does_not_fit_comes_in_several_runs(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    CLEANUP(place_free) struct place p = place_new();
    char name[LIMIT_NAME + 1];
    for (int i = 0; i < COUNT; i++) {
        int pad = i % 7 == 0 ? 240 : i % 20;
        (void)snprintf(name, sizeof name, "%x%0*d", (unsigned)(i * 7919 % COUNT), pad, i);
        make(&p, name);
    }
    assert_int_equal(read_all(&p, NAMES_BYTES_MAX, COUNT), 1);
    assert_in_range(read_all(&p, 64 * 1024, COUNT), 2, 30);
    assert_in_range(read_all(&p, NAMES_BYTES_MIN, COUNT), 30, COUNT);
}

static void
the_longest_names_fit_the_smallest_limit(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    CLEANUP(place_free) struct place p = place_new();
    char name[LIMIT_NAME + 1];
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "%0255d", i);
        make(&p, name);
    }
    assert_in_range(read_all(&p, NAMES_BYTES_MIN, COUNT), 2, COUNT);
}

static void
an_empty_directory_and_a_removed_one_have_no_names(void **state)
{
    (void)state;
    CLEANUP(place_free) struct place p = place_new();
    struct place inner = p;
    assert_int_equal(read_all(&p, NAMES_BYTES_MAX, 0), 1);
    assert_int_equal(mkdirat(p.fd, "gone", 0700), 0);
    inner.fd = openat(p.fd, "gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(unlinkat(p.fd, "gone", AT_REMOVEDIR), 0);
    assert_int_equal(read_all(&inner, NAMES_BYTES_MAX, 0), 1);
    (void)close(inner.fd);
}

static void
what_cannot_be_listed_is_an_error_and_asked_for_once(void **state)
{
    (void)state;
    CLEANUP(place_free) struct place p = place_new();
    CLEANUP(names_free) struct names names = NAMES_INIT(NAMES_BYTES_MAX);
    struct error e = ERROR_INIT;
    bool more = true;
    make(&p, "file");
    CLEANUP(own_closep) int fd = openat(p.fd, "file", O_RDONLY | O_CLOEXEC);
    CHECK_RC(names_next(&names, fd, &more, &e), RC_IO);
    assert_false(more);
    assert_int_equal(names.count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_comes_in_several_runs),
        cmocka_unit_test(the_longest_names_fit_the_smallest_limit),
        cmocka_unit_test(an_empty_directory_and_a_removed_one_have_no_names),
        cmocka_unit_test(what_cannot_be_listed_is_an_error_and_asked_for_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
