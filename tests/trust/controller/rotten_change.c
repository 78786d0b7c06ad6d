/* rotten_change.c -- what happens to files of the sample vault.  See rotten.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/check.h"
#include "tests/trust/controller/rotten.h"

enum { FULL_PATH = 2 * ROTTEN_PATH };

static void
must(bool done, const char *what)
{
    if (!done)
        fail_msg("'%s': %s", what, strerror(errno));
}

/* Part of a file, there already, as it should be or as somebody else's bytes. */
static void
write_at(const char *path, const uint8_t *bytes, uint64_t len, uint64_t offset)
{
    CLEANUP(own_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    must(fd >= 0 && pwrite(fd, bytes, len, (off_t)offset) == (ssize_t)len, path);
}

static uint64_t
block_len(const struct rotten_file *file, uint64_t offset)
{
    uint64_t left = file->size - offset;
    return left < ROTTEN_BLOCK ? left : ROTTEN_BLOCK;
}

static void
swap(const struct rotten_change *c, const char *path)
{
    uint64_t one = block_len(c->file, c->offset), two = block_len(c->file, c->other);
    uint64_t len = one < two ? one : two;
    write_at(path, c->file->bytes + c->other, len, c->offset);
    write_at(path, c->file->bytes + c->offset, len, c->other);
}

/* Another name of the same kind, in its folder. */
static void
other_name(const struct rotten_file *file, const char *vault, char out[static FULL_PATH])
{
    char name[PACK_PATH_SIZE], record[VAULT_FULL_NAME_SIZE];
    struct id id = file->pack;
    id.bytes[ID_SIZE - 1] ^= 1;
    if (file->is_pack) {
        (void)snprintf(out, FULL_PATH, "%s/%s", vault, pack_format_path(&id, name));
    } else if (file->is_record) {
        struct vault_full full = {.number = 0};
        must(vault_full_parse_name(file->name + strlen("fulls/"), &full), file->name);
        full.number += 100;
        (void)snprintf(out, FULL_PATH, "%s/fulls/%s", vault, vault_full_name(&full, record));
    } else {
        (void)snprintf(out, FULL_PATH, "%s/%s.old", vault, file->name);
    }
}

static void
replace(const char *path, const uint8_t *bytes, uint64_t len)
{
    CLEANUP(own_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, path);
}

static void
exchange(const struct rotten *r, const struct rotten_file *file, const char *vault)
{
    const struct rotten_file *next = file + 1;
    char path[FULL_PATH];
    if (next == r->files + r->file_count || next->is_pack != file->is_pack ||
        next->is_record != file->is_record)
        next = file - 1;
    (void)snprintf(path, sizeof path, "%s/%s", vault, file->name);
    replace(path, next->bytes, next->size);
    (void)snprintf(path, sizeof path, "%s/%s", vault, next->name);
    replace(path, file->bytes, file->size);
}

void
rotten_apply(const struct rotten *r, const struct rotten_change *c, const char *vault)
{
    static const uint8_t zeros[ROTTEN_BLOCK];
    char path[FULL_PATH], other[FULL_PATH];
    (void)snprintf(path, sizeof path, "%s/%s", vault, c->file->name);
    other_name(c->file, vault, other);
    switch (c->kind) {
    case ROTTEN_FLIP:
        vault_kit_flip(path, c->offset, c->mask);
        break;
    case ROTTEN_TRUNCATE:
        must(truncate(path, (off_t)c->offset) == 0, path);
        break;
    case ROTTEN_ZERO:
        write_at(path, zeros, block_len(c->file, c->offset), c->offset);
        break;
    case ROTTEN_SWAP:
        swap(c, path);
        break;
    case ROTTEN_DELETE:
        must(unlink(path) == 0, path);
        break;
    case ROTTEN_EMPTY:
        must(truncate(path, 0) == 0, path);
        break;
    case ROTTEN_DUPLICATE:
        replace(other, c->file->bytes, c->file->size);
        break;
    case ROTTEN_RENAME:
        must(rename(path, other) == 0, path);
        break;
    case ROTTEN_EXCHANGE:
        exchange(r, c->file, vault);
        break;
    case ROTTEN_KINDS_:
        break;
    }
}

void
rotten_undo(const struct rotten *r, const struct rotten_change *c)
{
    char path[FULL_PATH];
    (void)snprintf(path, sizeof path, "%s/%s", r->kit.vault, c->file->name);
    if (c->kind == ROTTEN_FLIP)
        write_at(path, c->file->bytes + c->offset, 1, c->offset);
    else
        write_at(path, c->file->bytes, c->file->size, 0);
}
