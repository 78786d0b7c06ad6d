/* recover_browse.c -- koffer-recover ls, koffer-recover cat.  See recover.h. */
#include <inttypes.h>

#include "common/base/table.h"
#include "common/base/text.h"
#include "controller/recover/recover.h"

enum { CAT_PIECE = 128 * 1024 };
#define BROWSE_ARENA (ARCHIVE_ARENA + 4 * (size_t)LIMIT_BLOB_PLAIN)

static const char letters[] = {
    [NODE_FILE] = '-',         [NODE_DIRECTORY] = 'd', [NODE_SYMLINK] = 'l',
    [NODE_FIFO] = 'p',         [NODE_SOCKET] = 's',    [NODE_CHARACTER_DEVICE] = 'c',
    [NODE_BLOCK_DEVICE] = 'b',
};

static void
put_owner(struct table *t, struct span name, uint32_t number)
{
    if (name.len > 0)
        table_put(t, "%.*s", (int)name.len, (const char *)name.data);
    else
        table_put(t, "%" PRIu32, number);
}

static enum rc
put_entry(void *ctx, const struct node_entry *entry, struct error *e)
{
    struct table *t = ctx;
    char mode[TEXT_MODE_SIZE];
    (void)e;
    table_put(t, "%s", text_mode(letters[entry->type], entry->mode, mode));
    put_owner(t, entry->user, entry->uid);
    put_owner(t, entry->group, entry->gid);
    table_put(t, "%" PRIu64, entry->size);
    table_put_time(t, entry->mtime * CLOCK_NS_PER_SECOND + entry->mtime_ns);
    if (entry->type == NODE_SYMLINK)
        table_put(t, "%.*s -> %.*s", (int)entry->name.len, (const char *)entry->name.data,
                  (int)entry->target.len, (const char *)entry->target.data);
    else
        table_put(t, "%.*s", (int)entry->name.len, (const char *)entry->name.data);
    return RC_OK;
}

static enum rc
list_directory(struct recover *r, struct arena *arena, struct error *e)
{
    static const char *const titles[] = {"MODE", "USER", "GROUP", ">SIZE", "CHANGED", "NAME", NULL};
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    CLEANUP(table_freep) struct table *t = NULL;
    struct node_entry entry;
    TRY(table_new(titles, &t, e));
    TRY(tree_reader_new(vault_source(r->vault), &reader, e));
    TRY(recover_entry(r, reader, arena, &entry, e));
    if (entry.type == NODE_DIRECTORY)
        TRY(tree_list(reader, &entry.directory, (struct span){0}, put_entry, t, e));
    else
        TRY(put_entry(t, &entry, e));
    return table_print(t, stdout, e);
}

enum rc
recover_ls(struct recover *r, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(BROWSE_ARENA);
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "listing");
    return r->place.source[0] == '\0' ? recover_show(r, e) : list_directory(r, arena, e);
}

/* ---- cat */

static enum rc
write_out(const uint8_t *bytes, size_t len, bool terminal, struct error *e)
{
    for (size_t i = 0; terminal && i < len; i++) {
        bool plain = bytes[i] == '\n' || bytes[i] == '\t' || (bytes[i] >= 0x20 && bytes[i] < 0x7f);
        (void)printf(plain ? "%c" : "\\x%02x", bytes[i]);
    }
    if (terminal || fwrite(bytes, 1, len, stdout) == len)
        return RC_OK;
    return error_errno(e, "standard output");
}

enum rc
recover_cat(struct recover *r, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(BROWSE_ARENA);
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    CLEANUP(own_freep) uint8_t *piece = malloc(CAT_PIECE);
    bool terminal = isatty(STDOUT_FILENO) == 1;
    struct node_entry entry;
    if (arena == NULL || piece == NULL)
        return error_set(e, RC_NO_MEMORY, "content");
    TRY(tree_reader_new(vault_source(r->vault), &reader, e));
    TRY(recover_entry(r, reader, arena, &entry, e));
    if (entry.type != NODE_FILE)
        return error_set(e, RC_INVALID, "that is no file; see 'ls', or restore it");
    size_t got = 0;
    for (uint64_t offset = 0; offset < entry.size; offset += got) {
        TRY(tree_read(reader, &entry, offset, piece, CAT_PIECE, &got, e));
        if (got == 0)
            return error_set(e, RC_CORRUPT, "the file ends before its size");
        TRY(write_out(piece, got, terminal, e));
    }
    return RC_OK;
}
