/*
 * capture_probe.c -- how much memory a capture takes when its store is slow: capture_probe DIRECTORY
 *
 * Fills DIRECTORY with random files, long and short, and captures it and a random stream with four
 * threads.  The store takes nothing until the reader is AHEAD bytes ahead of it, again and again, so
 * all queues are full all the time.  Prints one line of "name value" pairs; for the release build.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/capture/capture.h"
#include "common/sys/file.h"

enum {
    MIB = 1024 * 1024,
    STREAM = 300 * MIB,
    LONG = 3 * MIB,
    LONG_COUNT = 100,
    SHORT = 120 * 1024,
    SHORT_COUNT = 500,
    /* Less than the queues take, by two of the longest chunks and a file: reached for certain. */
    AHEAD = 24 * MIB,
    PATIENCE_S = 60,
    ARENA = MIB,
    THREADS = 4,
};

struct probe {
    struct capture_store store; /* first */
    struct capture_progress progress;
    pthread_mutex_t mutex;
    pthread_cond_t read;     /* something was, or `ended` */
    uint64_t taken, waits;   /* by the store */
    uint64_t ahead_max;      /* of the reader, as the store saw it */
    uint64_t streamed, seed; /* of the stream */
    size_t walked;
    bool ended; /* the reader will not come further ahead */
};

static uint64_t
next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *seed ^ *seed >> 29;
}

static void
fill(uint8_t *out, size_t len, uint64_t *seed)
{
    for (size_t at = 0; at + sizeof(uint64_t) <= len; at += sizeof(uint64_t)) {
        const uint64_t word = next_random(seed);
        memcpy(out + at, &word, sizeof word);
    }
}

/* --- the reader ------------------------------------------------------------------------------ */

static void
tell(struct probe *p, bool ended)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->ended = p->ended || ended;
    (void)pthread_cond_signal(&p->read);
    (void)pthread_mutex_unlock(&p->mutex);
}

static enum rc
read_stream(void *ctx, void *out, size_t size, size_t *got, struct error *e)
{
    struct probe *p = ctx;
    (void)e;
    tell(p, false);
    *got = STREAM - p->streamed < size ? (size_t)(STREAM - p->streamed) : size;
    fill(out, *got, &p->seed);
    p->streamed += *got;
    return RC_OK;
}

/* Leaves nothing out; sees every file just before it is read. */
static bool
see(void *ctx, const char *path, const char *name, mode_t mode)
{
    struct probe *p = ctx;
    (void)path;
    (void)name;
    (void)mode;
    tell(p, ++p->walked == LONG_COUNT + SHORT_COUNT);
    return false;
}

/* --- the store ------------------------------------------------------------------------------- */

static enum rc
slow_have(struct capture_store *store, const struct id *ids, size_t count, bool *known,
          struct error *e)
{
    struct probe *p = (struct probe *)store;
    struct timespec until;
    int failure = 0;
    (void)ids;
    memset(known, 0, count * sizeof *known);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->ended && failure == 0 && atomic_load(&p->progress.bytes_read) < p->taken + AHEAD)
        failure = pthread_cond_timedwait(&p->read, &p->mutex, &until);
    const uint64_t read = atomic_load(&p->progress.bytes_read);
    if (read > p->taken && read - p->taken > p->ahead_max)
        p->ahead_max = read - p->taken;
    p->waits++;
    (void)pthread_mutex_unlock(&p->mutex);
    return failure == 0 ? RC_OK : error_set(e, RC_TIMEOUT, "the reader never came far ahead");
}

static enum rc
slow_put(struct capture_store *store, const struct id *id, struct span blob, struct error *e)
{
    struct probe *p = (struct probe *)store;
    (void)id;
    (void)e;
    (void)pthread_mutex_lock(&p->mutex);
    p->taken += blob.len;
    (void)pthread_mutex_unlock(&p->mutex);
    return RC_OK;
}

/* --- the probe ------------------------------------------------------------------------------- */

static enum rc
make_files(const char *directory, const char *prefix, int count, size_t len, struct error *e)
{
    CLEANUP(own_freep) uint8_t *bytes = malloc(len);
    if (bytes == NULL)
        return error_set(e, RC_NO_MEMORY, "content");
    for (int i = 0; i < count; i++) {
        char path[512];
        uint64_t seed = (uint64_t)i * LONG + len;
        (void)snprintf(path, sizeof path, "%s/%s%d", directory, prefix, i);
        CLEANUP(own_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
            return error_errno(e, "create '%s'", path);
        fill(bytes, len, &seed);
        TRY(file_write_all(fd, span_of(bytes, len), e));
    }
    return RC_OK;
}

/* A field of /proc/self/status, in KiB. */
static enum rc
memory_of(const char *field, long *out, struct error *e)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    if (status == NULL)
        return error_errno(e, "open /proc/self/status");
    *out = -1;
    while (*out < 0 && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            *out = strtol(line + strlen(field) + 1, NULL, 10);
    (void)fclose(status);
    return *out >= 0 ? RC_OK : error_set(e, RC_NOT_FOUND, "no %s in /proc/self/status", field);
}

static enum rc
capture(struct probe *p, const char *directory, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA);
    struct source_report report = {.arena = arena};
    struct blob_domain domain = {.id = "probe", .secret.bytes = "secret"};
    const struct capture_options options = {.domain = &domain,
                                            .level = BLOB_LEVEL_DEFAULT,
                                            .threads = THREADS,
                                            .store = &p->store,
                                            .report = &report,
                                            .progress = &p->progress};
    CLEANUP(capture_freep) struct capture *c = NULL;
    struct capture_result result;
    uint64_t size;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "report");
    TRY(capture_begin(&options, &c, e));
    struct source_collector *collector = capture_collector(c);
    TRY(collector->made(collector, "stream", read_stream, p, &size, e));
    TRY(collector->path(collector, directory, false, see, p, e));
    TRY(capture_finish(c, &result, e));
    (void)printf("files %" PRIu64 " incomplete %d", result.totals.files, result.incomplete);
    return RC_OK;
}

static enum rc
run(const char *directory, struct error *e)
{
    struct probe p = {.store = {.have = slow_have, .put = slow_put},
                      .mutex = PTHREAD_MUTEX_INITIALIZER,
                      .read = PTHREAD_COND_INITIALIZER};
    long before, most;
    TRY(make_files(directory, "long", LONG_COUNT, LONG, e));
    TRY(make_files(directory, "short", SHORT_COUNT, SHORT, e));
    TRY(memory_of("VmHWM", &before,
                  e)); /* what making the files took stays below what is measured */
    TRY(capture(&p, directory, e));
    TRY(memory_of("VmHWM", &most, e));
    (void)printf(" read %" PRIu64 " taken %" PRIu64 " waits %" PRIu64 " ahead %" PRIu64
                 " before_kib %ld most_kib %ld\n",
                 atomic_load(&p.progress.bytes_read), p.taken, p.waits, p.ahead_max, before, most);
    return RC_OK;
}

int
main(int argc, const char *argv[])
{
    struct error e = ERROR_INIT;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: capture_probe DIRECTORY\n");
        return 2;
    }
    if (run(argv[1], &e) == RC_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", e.text);
    return 1;
}
