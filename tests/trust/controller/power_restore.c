/* power_restore.c -- lives of a restore to a directory: when unpack() has said OK, all is on the disk. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "tests/support/restored.h"
#include "tests/support/vault_kit.h"
#include "tests/trust/controller/power_lives.h"

enum { FILES = 5, LENGTH = 3000, NAME = 32, PATH = 256 };

enum promise { BEGUN, RESTORED };

static struct restored *r;
static uint8_t bytes[FILES][LENGTH];

static const char *
name_of(unsigned file, char out[static NAME])
{
    (void)snprintf(out, NAME, "d%u/f%u", file / 2, file);
    return out;
}

/* The tree is packed once, into memory. */
static void
prepare(const char *root)
{
    struct error e = ERROR_INIT;
    char name[NAME];

    (void)root;
    if (r != NULL)
        return;
    power_life_must(restored_new(&r, &e), &e);
    for (unsigned i = 0; i < FILES; i++) {
        for (size_t at = 0; at < LENGTH; at++)
            bytes[i][at] = (uint8_t)(at * at * (i + 1) >> 7);
        (void)snprintf(name, sizeof name, "d%u", i / 2);
        (void)mkdirat(r->source, name, 0750);
        power_life_must(
            restored_write(r, name_of(i, name), span_of(bytes[i], LENGTH - 500 * i), 0640, &e), &e);
    }
    power_life_must(restored_pack(r, &e), &e);
    vault_kit_remove(r->path); /* what is restored comes from memory */
}

static enum rc
restore(const char *root, enum unpack_existing existing, struct error *e)
{
    CLEANUP(own_closep) int target = -1;
    struct unpack_counts counts = {0};
    const struct unpack_options options = {.existing = existing, .counts = &counts};
    TRY(file_open_directory(AT_FDCWD, root, &target, e));
    return unpack(memstore_source(r->store), &r->root, target, &options, e);
}

static void
run(const char *root, struct power_trace *t)
{
    struct error e = ERROR_INIT;
    if (restore(root, UNPACK_KEEP, &e) == RC_OK)
        power_trace_ack(t, RESTORED, 0, NULL);
}

/* Who replaces what is there gives it up until that is done. */
static enum rc
again(const char *root, struct power_trace *t, struct error *e)
{
    power_trace_ack(t, BEGUN, 0, NULL);
    TRY(restore(root, UNPACK_REPLACE, e));
    power_trace_ack(t, RESTORED, 0, NULL);
    return RC_OK;
}

static enum rc
check_restored(const char *root, struct error *e)
{
    for (unsigned i = 0; i < FILES; i++) {
        char name[NAME], path[PATH];
        CLEANUP(buffer_free) struct buffer got = BUFFER_INIT(2 * LENGTH);
        (void)snprintf(path, sizeof path, "%s/%s", root, name_of(i, name));
        TRY(file_read(AT_FDCWD, path, &got, e));
        if (got.len != LENGTH - 500 * i || memcmp(got.data, bytes[i], got.len) != 0)
            return error_set(e, RC_CORRUPT, "%s is not what it was", name);
    }
    return RC_OK;
}

static enum rc
check(const char *root, const struct power_acks *acks, bool on, struct error *e)
{
    bool promised = false;
    const struct power_ack *ack;

    for (size_t n = 0; (ack = power_life_ack(acks, n)) != NULL; n++)
        promised = ack->what == RESTORED;
    if (promised)
        TRY_IN(check_restored(root, e), e, "promised");
    if (!on)
        return RC_OK;
    TRY_IN(restore(root, UNPACK_REPLACE, e), e, "once more");
    return check_restored(root, e);
}

const struct power_life power_restore = {"restore", prepare, run, again, check};
