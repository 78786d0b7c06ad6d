/*
 * capture_bench.c -- how long one capture takes, and how much memory: capture_bench MEMORY OUT
 * PATH [THREADS]
 *
 * Reads PATH with the memory file MEMORY (made when missing) and appends new blobs to the file
 * OUT; nothing is synced.  To be compared with peers in the same run, on a release build.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "agent/capture/capture.h"
#include "common/base/text.h"
#include "common/sys/file.h"

enum { BUCKETS = 1 << 20, ARENA = 16 * 1024 * 1024 };

struct bench_store {
    struct capture_store store; /* first */
    int fd;
    struct id *known; /* open hash; zero: free */
    size_t blobs;
};

static struct id *
place_of(struct bench_store *s, const struct id *id)
{
    size_t at;
    memcpy(&at, id->bytes, sizeof at);
    for (at %= BUCKETS; !id_is_zero(&s->known[at]) && !id_equal(&s->known[at], id);)
        at = (at + 1) % BUCKETS;
    return &s->known[at];
}

static enum rc
bench_have(struct capture_store *store, const struct id *ids, size_t count, bool *known,
           struct error *e)
{
    (void)e;
    for (size_t i = 0; i < count; i++)
        known[i] = !id_is_zero(place_of((struct bench_store *)store, &ids[i]));
    return RC_OK;
}

static enum rc
bench_put(struct capture_store *store, const struct id *id, struct span blob, struct error *e)
{
    struct bench_store *s = (struct bench_store *)store;
    if (++s->blobs > BUCKETS / 2)
        return error_set(e, RC_NO_MEMORY, "too many blobs for this bench");
    *place_of(s, id) = *id;
    return file_write_all(s->fd, blob, e);
}

static enum rc
run(const char *argv[], uint64_t threads, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA);
    CLEANUP(own_freep) struct id *known = calloc(BUCKETS, sizeof *known);
    CLEANUP(own_closep) int fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (arena == NULL || known == NULL || fd < 0)
        return error_errno(e, "prepare");
    struct bench_store store = {
        .store = {.have = bench_have, .put = bench_put}, .fd = fd, .known = known};
    struct blob_domain domain = {.id = "bench", .secret.bytes = "secret"};
    struct source_report report = {.arena = arena};
    struct capture_progress progress = {0};
    const struct capture_options options = {.memory_path = argv[1],
                                            .domain = &domain,
                                            .level = BLOB_LEVEL_DEFAULT,
                                            .threads = (unsigned)threads,
                                            .store = &store.store,
                                            .report = &report,
                                            .progress = &progress};
    CLEANUP(capture_freep) struct capture *c = NULL;
    struct capture_result result;
    struct mono begin = clock_mono();
    TRY(capture_begin(&options, &c, e));
    struct source_collector *collector = capture_collector(c);
    TRY(collector->path(collector, argv[3], false, NULL, NULL, e));
    TRY(capture_finish(c, &result, e));
    TRY(capture_remember(c, e));
    double seconds = (double)(clock_mono().ns - begin.ns) / 1e9;
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    char read[TEXT_SIZE_MAX], sent[TEXT_SIZE_MAX];
    (void)printf("%.2f s wall, %.2f s CPU, %" PRIu64 " files, %s read, %s sent in %zu blobs, "
                 "%ld MiB at most, %zu warnings\n",
                 seconds,
                 (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
                 result.totals.files, text_size(progress.bytes_read, read),
                 text_size(progress.bytes_sent, sent), store.blobs, used.ru_maxrss / 1024,
                 report.warning_count);
    return RC_OK;
}

int
main(int argc, const char *argv[])
{
    struct error e = ERROR_INIT;
    uint64_t threads = 0;
    if (argc < 4 || (argc > 4 && text_parse_u64(argv[4], 1, UINT8_MAX, &threads, &e) != RC_OK)) {
        (void)fprintf(stderr, "usage: capture_bench MEMORY OUT PATH [THREADS]\n");
        return 2;
    }
    if (run(argv, threads, &e) == RC_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", e.text);
    return 1;
}
