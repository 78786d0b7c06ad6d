/* cli_full_here.c -- look into a full with a key that stays on this machine.  See cli_full.h. */
#include "common/tree/tree.h"
#include "controller/cli/cli_full.h"
#include "controller/cli/cli_json.h"
#include "controller/cli/cli_ticket.h"

enum { PIECE = 1 << 20, JSON_PIECE = 128 * 1024 };

struct looking {
    struct cli_ticket ticket;
    struct arena *arena;
    struct tree_reader *reader;
    struct node_entry entry;
};

static enum rc
find(struct cli *cli, const struct cli_place *place, struct looking *l, struct error *e)
{
    struct blob_ref root;
    bool found;
    const char *path = place->path + strspn(place->path, "/");
    l->arena = arena_new(4 * (size_t)LIMIT_BLOB_PLAIN);
    if (l->arena == NULL)
        return error_set(e, RC_NO_MEMORY, "tree");
    TRY(cli_ticket_connect(cli, &l->ticket, e));
    TRY(cli_ticket_root(&l->ticket, l->ticket.ticket->roots[0], &root, e));
    TRY(tree_reader_new(fetch_source(l->ticket.fetch), &l->reader, e));
    TRY(tree_find(l->reader, &root, path, l->arena, &found, &l->entry, e));
    if (!found)
        return error_set(e, RC_NOT_FOUND, "there is no '%s' in it; see 'koffer full ls'",
                         CLI_SAFE(path));
    return RC_OK;
}

/* The controller is told how it ended; what it says to that changes nothing. */
static void
stop_looking(struct cli *cli, struct looking *l, enum rc rc, const struct error *why)
{
    Koffer__RestoreReport report;
    struct error ignored = ERROR_INIT;
    bool cancelled;
    koffer__restore_report__init(&report);
    report.final = true;
    report.code = (uint32_t)rc;
    report.text = message_text(rc == RC_OK ? "looked at" : why->text);
    if (l->ticket.ticket != NULL &&
        cli_ticket_report(cli, &l->ticket, &report, &cancelled, &ignored) != RC_OK)
        (void)fprintf(stderr, "koffer: %s\n", ignored.text);
    tree_reader_free(l->reader);
    arena_free(l->arena);
    cli_ticket_clear(&l->ticket);
}

static enum rc
look(struct cli *cli, const struct cli_place *place,
     enum rc (*use)(struct cli *cli, struct looking *l, void *ctx, struct error *e), void *ctx,
     struct error *e)
{
    struct looking l = {.arena = NULL};
    enum rc rc = cli_ticket_get(cli, place, &(struct cli_ticket_ask){.target = "", .browse = true},
                                &l.ticket, e);
    if (rc == RC_OK)
        rc = find(cli, place, &l, e);
    if (rc == RC_OK)
        rc = use(cli, &l, ctx, e);
    stop_looking(cli, &l, rc, e);
    return rc;
}

/* ---- ls */

static const char *const type_names[] = {
    [NODE_FILE] = "file",
    [NODE_DIRECTORY] = "directory",
    [NODE_SYMLINK] = "symlink",
    [NODE_FIFO] = "fifo",
    [NODE_SOCKET] = "socket",
    [NODE_CHARACTER_DEVICE] = "character-device",
    [NODE_BLOCK_DEVICE] = "block-device",
};

static enum rc
add_entry(void *ctx, const struct node_entry *entry, struct error *e)
{
    char user[LIMIT_NAME + 1], group[LIMIT_NAME + 1];
    Koffer__LsEntry out;
    koffer__ls_entry__init(&out);
    (void)snprintf(user, sizeof user, "%.*s", (int)entry->user.len,
                   entry->user.len == 0 ? "" : (const char *)entry->user.data);
    (void)snprintf(group, sizeof group, "%.*s", (int)entry->group.len,
                   entry->group.len == 0 ? "" : (const char *)entry->group.data);
    out.name = message_bytes(entry->name.data, entry->name.len);
    out.type = message_text(type_names[entry->type]);
    out.mode = entry->mode;
    out.uid = entry->uid;
    out.gid = entry->gid;
    out.user = user;
    out.group = group;
    out.mtime = clock_wall_of(entry->mtime, entry->mtime_ns).ns;
    out.size = entry->size;
    out.target = message_bytes(entry->target.data, entry->target.len);
    out.flags = entry->flags;
    out.link = entry->link;
    return cli_full_add(ctx, &out, e);
}

static enum rc
list(struct cli *cli, struct looking *l, void *ctx, struct error *e)
{
    (void)cli;
    if (l->entry.type != NODE_DIRECTORY)
        return add_entry(ctx, &l->entry, e);
    return tree_list(l->reader, &l->entry.directory, span_of("", 0), add_entry, ctx, e);
}

enum rc
cli_full_ls_here(struct cli *cli, const struct cli_place *place, struct cli_full_listing *out,
                 struct error *e)
{
    return look(cli, place, list, out, e);
}

/* ---- cat */

static enum rc
print_first(struct looking *l, uint8_t *piece, struct error *e)
{
    Koffer__CatReply reply;
    size_t got;
    koffer__cat_reply__init(&reply);
    TRY(tree_read(l->reader, &l->entry, 0, piece, JSON_PIECE, &got, e));
    reply.data = message_bytes(piece, got);
    reply.size = l->entry.size;
    reply.end = got >= l->entry.size;
    return cli_json_print(&reply.base, e);
}

static enum rc
write_content(struct cli *cli, struct looking *l, void *ctx, struct error *e)
{
    CLEANUP(own_freep) uint8_t *piece = malloc(PIECE);
    (void)ctx;
    if (piece == NULL)
        return error_set(e, RC_NO_MEMORY, "content");
    if (l->entry.type != NODE_FILE)
        return error_set(e, RC_INVALID, "it is a %s, not a file", type_names[l->entry.type]);
    if (cli->json)
        return print_first(l, piece, e);
    for (uint64_t offset = 0;;) {
        size_t got;
        TRY(tree_read(l->reader, &l->entry, offset, piece, PIECE, &got, e));
        TRY(cli_full_write(span_of(piece, got), e));
        offset += got;
        if (got < PIECE)
            return RC_OK;
    }
}

enum rc
cli_full_cat_here(struct cli *cli, const struct cli_place *place, struct error *e)
{
    return look(cli, place, write_content, NULL, e);
}
