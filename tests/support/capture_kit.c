/* capture_kit.c -- see capture_kit.h. */
#include "tests/support/capture_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "common/tree/unpack.h"
#include "tests/support/check.h"
#include "tests/support/describe.h"

enum { ARENA = 64 * 1024 * 1024 };

static enum rc
count_call(struct capture_kit_store *s, struct span blob, struct error *e)
{
    s->calls++;
    if (s->on_call != NULL)
        s->on_call(s->kit, blob);
    return s->fail_at != 0 && s->calls == s->fail_at ? error_set(e, RC_IO, "the store fails")
                                                     : RC_OK;
}

static enum rc
store_have(struct capture_store *store, const struct id *ids, size_t count, bool *known,
           struct error *e)
{
    struct capture_kit_store *s = (struct capture_kit_store *)store;
    TRY(count_call(s, span_of(NULL, 0), e));
    s->asked += count;
    for (size_t i = 0; i < count; i++)
        known[i] = memstore_has(s->blobs, &ids[i]);
    return RC_OK;
}

static enum rc
store_put(struct capture_store *store, const struct id *id, struct span blob, struct error *e)
{
    struct capture_kit_store *s = (struct capture_kit_store *)store;
    TRY(count_call(s, blob, e));
    s->puts++;
    s->put_bytes += blob.len;
    struct blob_sink *sink = memstore_sink(s->blobs);
    return sink->put(sink, id, blob, e);
}

struct capture_kit *
capture_kit_new(void)
{
    char directory[] = "/tmp/koffer-capture-XXXXXX";
    assert_non_null(mkdtemp(directory));
    return capture_kit_new_at(directory);
}

struct capture_kit *
capture_kit_new_at(const char *directory)
{
    struct capture_kit *kit = calloc(1, sizeof *kit);
    assert_non_null(kit);
    (void)snprintf(kit->directory, sizeof kit->directory, "%s", directory);
    (void)snprintf(kit->source, sizeof kit->source, "%s/src", kit->directory);
    (void)snprintf(kit->memory, sizeof kit->memory, "%s/memory", kit->directory);
    assert_true(mkdir(kit->source, 0755) == 0 || errno == EEXIST);
    kit->fd = open(kit->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kit->source_fd = open(kit->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(kit->fd >= 0 && kit->source_fd >= 0);
    kit->arena = arena_new(ARENA);
    kit->store.kit = kit;
    kit->store.blobs = memstore_new();
    assert_true(kit->arena != NULL && kit->store.blobs != NULL);
    kit->store.store = (struct capture_store){.have = store_have, .put = store_put};
    memset(kit->domain.id, 'd', sizeof kit->domain.id);
    memset(kit->domain.secret.bytes, 's', ID_SIZE);
    kit->options = (struct capture_options){.memory_path = kit->memory,
                                            .epoch = 1,
                                            .domain = &kit->domain,
                                            .level = 1,
                                            .threads = 3,
                                            .store = &kit->store.store,
                                            .report = &kit->report,
                                            .progress = &kit->progress};
    return kit;
}

void
capture_kit_free(struct capture_kit *kit)
{
    if (kit == NULL)
        return;
    struct error e = ERROR_INIT;
    (void)close(kit->fd);
    (void)close(kit->source_fd);
    if (!kit->keep)
        CHECK_OK(file_remove_tree(AT_FDCWD, kit->directory, &e), &e);
    memstore_free(kit->store.blobs);
    arena_free(kit->arena);
    free(kit);
}

static enum rc
deliver(struct capture_kit *kit, struct source_collector *c, struct error *e)
{
    if (kit->deliver != NULL)
        return kit->deliver(kit, c, e);
    return c->path(c, kit->source, kit->cross, kit->exclude, kit, e);
}

enum rc
capture_kit_run(struct capture_kit *kit, struct error *e)
{
    CLEANUP(capture_freep) struct capture *c = NULL;
    arena_reset(kit->arena);
    memset(&kit->report, 0, sizeof kit->report);
    memset(&kit->progress, 0, sizeof kit->progress);
    kit->report.arena = kit->arena;
    kit->store.asked = kit->store.puts = kit->store.put_bytes = kit->store.calls = 0;
    if (kit->limits.names_bytes > 0)
        TRY(capture_limits_begin(&kit->options, &kit->limits, &c, e));
    else
        TRY(capture_begin(&kit->options, &c, e));
    TRY(deliver(kit, capture_collector(c), e));
    TRY(capture_finish(c, &kit->result, e));
    return kit->forget ? RC_OK : capture_remember(c, e);
}

enum rc
capture_kit_find(struct capture_kit *kit, const char *path, bool *found, struct node_entry *entry,
                 struct error *e)
{
    CLEANUP(tree_reader_freep) struct tree_reader *r = NULL;
    TRY(tree_reader_new(memstore_source(kit->store.blobs), &r, e));
    return tree_find(r, &kit->result.root, path, kit->arena, found, entry, e);
}

enum rc
capture_kit_unpack(struct capture_kit *kit, struct error *e)
{
    char path[128];
    struct node_entry entry;
    bool found;
    TRY(file_remove_tree(kit->fd, "out", e));
    if (mkdirat(kit->fd, "out", 0755) != 0)
        return error_errno(e, "make 'out'");
    (void)snprintf(path, sizeof path, "fs%s", kit->source);
    TRY(capture_kit_find(kit, path, &found, &entry, e));
    if (!found)
        return error_set(e, RC_NOT_FOUND, "'%s' is not in the archive", path);
    CLEANUP(own_closep) int out = openat(kit->fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct unpack_counts counts = {0};
    const struct unpack_options options = {.existing = UNPACK_REPLACE, .counts = &counts};
    return unpack(memstore_source(kit->store.blobs), &entry, out, &options, e);
}

struct id
capture_kit_source_id(struct capture_kit *kit)
{
    struct error e = ERROR_INIT;
    char path[128];
    struct node_entry entry;
    bool found;
    (void)snprintf(path, sizeof path, "fs%s", kit->source);
    CHECK_OK(capture_kit_find(kit, path, &found, &entry, &e), &e);
    assert_true(found);
    return entry.directory.id;
}

void
capture_kit_check_equal(struct capture_kit *kit)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_closep) int out = openat(kit->fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(describe_compare(kit->source_fd, out, &e), &e);
}

void
capture_kit_write(struct capture_kit *kit, const char *name, struct span bytes)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_closep)
    int fd = openat(kit->source_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    CHECK_OK(file_write_all(fd, bytes, &e), &e);
}

void
capture_kit_write_text(struct capture_kit *kit, const char *name, const char *text)
{
    capture_kit_write(kit, name, span_of(text, strlen(text)));
}

/* The event waited for is the clock's: file times of "now" must lie a while before it. */
void
capture_kit_settle(struct capture_kit *kit)
{
    enum { STEP_MS = 5, FINE_MS = 60, COARSE_MS = 2100 };
    capture_kit_write_text(kit, "../settled", "now");
    struct stat st;
    assert_int_equal(fstatat(kit->fd, "settled", &st, 0), 0);
    int64_t window = st.st_ctim.tv_nsec == 0 ? COARSE_MS : FINE_MS;
    struct wall until = {st.st_ctim.tv_sec * CLOCK_NS_PER_SECOND + st.st_ctim.tv_nsec +
                         window * CLOCK_NS_PER_MS};
    while (clock_wall().ns <= until.ns)
        (void)poll(NULL, 0, STEP_MS);
}
