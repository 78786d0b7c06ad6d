/* power_memory.c -- lives of what an agent remembers of its last capture: whole, of one capture, or not there. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/capture/memory.h"
#include "tests/trust/controller/power_lives.h"

enum { CAPTURES = 3, FILES = 40, PATH = 256 };

static const struct memory_key key = {.epoch = 7};

static const char *
path_in(const char *root, char path[static PATH])
{
    (void)snprintf(path, PATH, "%s/memory", root);
    return path;
}

/* How many bytes its capture had, which is its number; 0: there is none. */
static enum rc
read_number(const char *root, uint64_t *out, struct error *e)
{
    CLEANUP(memory_freep) struct memory *m = NULL;
    struct memory_totals totals;
    char path[PATH];

    *out = 0;
    enum rc rc = memory_open(path_in(root, path), &key, &m, &totals, e);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    *out = totals.bytes;
    for (unsigned i = 0; i < FILES; i++) {
        char name[24];
        int len = snprintf(name, sizeof name, "file%03u", i);
        const struct memory_record *record = memory_find(m, span_of(name, (size_t)len));
        if (record == NULL || record->mtime.seconds != (int64_t)totals.bytes)
            return error_set(e, RC_CORRUPT, "%s is not of capture %" PRIu64, name, totals.bytes);
    }
    return RC_OK;
}

static enum rc
remember(const char *root, uint64_t number, struct error *e)
{
    CLEANUP(memory_writer_freep) struct memory_writer *w = NULL;
    const struct id tree = {{9}};
    char path[PATH];

    TRY(memory_writer_new(path_in(root, path), &key, &w, e));
    for (unsigned i = 0; i < FILES; i++) {
        char name[24];
        int len = snprintf(name, sizeof name, "file%03u", i);
        TRY(memory_writer_add(w,
                              &(struct memory_record){.kind = MEMORY_FILE,
                                                      .name = span_of(name, (size_t)len),
                                                      .mtime = {.seconds = (int64_t)number}},
                              e));
    }
    TRY(memory_writer_close(w, &tree, &(struct memory_totals){FILES, number}, e));
    return memory_writer_publish(w, e);
}

/* What a start reads, it goes by: files that did not change since are not read again. */
static enum rc
capture_again(const char *root, struct power_trace *t, struct error *e)
{
    uint64_t begun;

    TRY(read_number(root, &begun, e));
    for (uint64_t n = begun + 1; n <= begun + CAPTURES; n++) {
        TRY(remember(root, n, e));
        power_trace_ack(t, 0, n, NULL);
    }
    return RC_OK;
}

static void
capture(const char *root, struct power_trace *t)
{
    struct error e = ERROR_INIT;
    (void)capture_again(root, t, &e);
}

static enum rc
check(const char *root, const struct power_acks *acks, bool on, struct error *e)
{
    const struct power_ack *ack;
    uint64_t number, promised = 0;

    for (size_t n = 0; (ack = power_life_ack(acks, n)) != NULL; n++)
        promised = ack->number > promised ? ack->number : promised;
    TRY(read_number(root, &number, e));
    if (number < promised)
        return error_set(e, RC_CORRUPT,
                         "it is of capture %" PRIu64 ", and %" PRIu64 " was promised", number,
                         promised);
    return on ? remember(root, number + 1, e) : RC_OK;
}

const struct power_life power_memory = {"agent-memory", NULL, capture, capture_again, check};
