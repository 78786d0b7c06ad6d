/* test_capture_store.c -- a store that fails, is slow, or never answers until we are told to stop.
 * */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/capture/pipeline.h"
#include "tests/support/capture_kit.h"
#include "tests/support/check.h"

static size_t
entries_of(const char *directory)
{
    size_t count = 0;
    DIR *entries = opendir(directory);
    assert_non_null(entries);
    while (readdir(entries) != NULL)
        count++;
    (void)closedir(entries);
    return count;
}

static size_t
threads_alive(void)
{
    return entries_of("/proc/self/task");
}

static size_t
descriptors_open(void)
{
    return entries_of("/proc/self/fd");
}

/* A joined thread may still be seen for a moment while the kernel takes it away. */
static void
check_threads(size_t want)
{
    for (int i = 0; i < 1000 && threads_alive() != want; i++)
        (void)poll(NULL, 0, 1);
    assert_int_equal(threads_alive(), want);
}

static void
write_noise(struct capture_kit *kit, const char *name, size_t len, uint64_t seed)
{
    CLEANUP(buffer_free) struct buffer b = BUFFER_INIT(len);
    struct error e = ERROR_INIT;
    CHECK_OK(buffer_reserve(&b, len, &e), &e);
    for (; b.len < len; b.len++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        b.data[b.len] = (uint8_t)(seed >> 56);
    }
    capture_kit_write(kit, name, buffer_span(&b));
}

static void
any_single_failure_of_the_store_ends_the_capture_cleanly(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    char name[32];
    for (int i = 0; i < 12; i++) {
        (void)snprintf(name, sizeof name, "d%d", i);
        assert_int_equal(mkdirat(kit->source_fd, name, 0755), 0);
        (void)snprintf(name, sizeof name, "d%d/file", i);
        write_noise(kit, name, 200 * 1024, (uint64_t)i);
    }
    write_noise(kit, "long", 3 * 1024 * 1024, 99);
    struct error warm = ERROR_INIT; /* a sanitizer's own thread is counted, too */
    CHECK_OK(capture_kit_run(kit, &warm), &warm);
    assert_int_equal(unlinkat(kit->fd, "memory", 0), 0);
    size_t threads = threads_alive(), descriptors = descriptors_open(), failures = 0;
    for (enum rc rc = RC_IO; rc != RC_OK;) {
        struct error e = ERROR_INIT;
        memstore_free(kit->store.blobs);
        kit->store.blobs = memstore_new();
        kit->store.fail_at = failures + 1;
        rc = capture_kit_run(kit, &e);
        if (rc != RC_OK) {
            failures++;
            assert_string_equal(e.text, "the store fails");
            assert_int_equal(faccessat(kit->fd, "memory", F_OK, 0), -1);
        }
        assert_int_equal(faccessat(kit->fd, "memory.new", F_OK, 0), -1);
        check_threads(threads);
        assert_int_equal(descriptors_open(), descriptors);
    }
    assert_true(failures > 20);
}

/* --- slow ------------------------------------------------------------------------------------ */

enum { STREAM = 96 * 1024 * 1024 };

struct slow {
    uint64_t made;      /* of the stream; by the scanner's thread */
    uint64_t ahead_max; /* by the sender's */
};

static enum rc
read_noise(void *ctx, void *out, size_t size, size_t *got, struct error *e)
{
    (void)e;
    struct slow *slow = ctx;
    *got = STREAM - slow->made < size ? (size_t)(STREAM - slow->made) : size;
    uint8_t *at = out;
    uint64_t seed = slow->made + 1;
    for (size_t i = 0; i < *got / 8; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        const uint64_t word = seed ^ seed >> 29;
        memcpy(at + 8 * i, &word, sizeof word);
    }
    slow->made += *got;
    return RC_OK;
}

static enum rc
deliver_stream(struct capture_kit *kit, struct source_collector *c, struct error *e)
{
    uint64_t size;
    return c->made(c, "dump", read_noise, kit->test, &size, e);
}

/* The first blob is not taken before the reader has come as far as it can, which is the test. */
static void
take_when_stuck(struct capture_kit *kit, struct span blob)
{
    enum { LOOK_MS = 10, LOOKS = 10 };
    struct slow *slow = kit->test;
    if (blob.len == 0 || slow->ahead_max > 0)
        return;
    uint64_t before = 0;
    for (int still = 0; still < LOOKS;) {
        (void)poll(NULL, 0, LOOK_MS);
        const uint64_t now = kit->progress.bytes_read;
        still = now == before && now > PIPELINE_SEALED_MAX ? still + 1 : 0;
        before = now;
    }
    slow->ahead_max = before;
}

static void
a_slow_store_holds_the_reader_back(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    struct slow slow = {0};
    kit->test = &slow;
    kit->deliver = deliver_stream;
    kit->store.on_call = take_when_stuck;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    const uint64_t bound = PIPELINE_PLAIN_MAX + PIPELINE_SEALED_MAX + 12 * 1024 * 1024;
    if (slow.ahead_max > bound)
        fail_msg("%ju bytes ahead of the store, %ju are allowed", (uintmax_t)slow.ahead_max,
                 (uintmax_t)bound);
    assert_true(slow.ahead_max > 0);
}

/* --- cancelled ------------------------------------------------------------------------------- */

static _Atomic(bool) cancelled;

static void
cancel_at_first_blob(struct capture_kit *kit, struct span blob)
{
    (void)kit;
    if (blob.len > 0)
        atomic_store(&cancelled, true);
}

static void
a_cancel_ends_the_capture(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    struct slow slow = {0};
    size_t threads = threads_alive();
    kit->test = &slow;
    kit->deliver = deliver_stream;
    kit->store.on_call = cancel_at_first_blob;
    kit->options.cancel = &cancelled;
    atomic_store(&cancelled, false);
    CHECK_RC(capture_kit_run(kit, &e), RC_CANCELLED);
    check_threads(threads);
    assert_true(slow.made < STREAM);
}

/* --- changing -------------------------------------------------------------------------------- */

enum { RESTLESS = 64 * 1024 * 1024 }; /* more than fits between the reader and the store */

static void
append(struct capture_kit *kit, struct span blob)
{
    (void)blob;
    CLEANUP(own_closep)
    int fd = openat(kit->source_fd, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
}

static void
a_long_file_that_grows_while_it_is_read_keeps_a_prefix(void **state)
{
    (void)state;
    CLEANUP(capture_kit_freep) struct capture_kit *kit = capture_kit_new();
    struct error e = ERROR_INIT;
    write_noise(kit, "log", RESTLESS, 5);
    kit->store.on_call = append;
    kit->options.level = 1;
    CHECK_OK(capture_kit_run(kit, &e), &e);
    assert_int_equal(kit->result.totals.fuzzy, 1);
    assert_true(kit->progress.bytes_read >= (uint64_t)(1 + CAPTURE_REREADS) * RESTLESS);
    char path[128];
    struct node_entry entry;
    bool found;
    (void)snprintf(path, sizeof path, "fs%s/log", kit->source);
    CHECK_OK(capture_kit_find(kit, path, &found, &entry, &e), &e);
    assert_true(found && entry.size >= RESTLESS && (entry.flags & NODE_FUZZY) != 0);
    CLEANUP(tree_reader_freep) struct tree_reader *r = NULL;
    CHECK_OK(tree_reader_new(memstore_source(kit->store.blobs), &r, &e), &e);
    uint8_t was[4096], is[4096];
    size_t got;
    CLEANUP(own_closep) int fd = openat(kit->source_fd, "log", O_RDONLY | O_CLOEXEC);
    for (off_t at = 0; at < RESTLESS; at += RESTLESS / 16) {
        CHECK_OK(tree_read(r, &entry, (uint64_t)at, is, sizeof is, &got, &e), &e);
        assert_int_equal(pread(fd, was, sizeof was, at), sizeof was);
        assert_memory_equal(is, was, sizeof is);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_single_failure_of_the_store_ends_the_capture_cleanly),
        cmocka_unit_test(a_slow_store_holds_the_reader_back),
        cmocka_unit_test(a_cancel_ends_the_capture),
        cmocka_unit_test(a_long_file_that_grows_while_it_is_read_keeps_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
