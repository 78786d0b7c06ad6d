/* cli_full_browse.c -- see cli_full.h. */
#include <inttypes.h>
#include <unistd.h>

#include "common/base/table.h"
#include "controller/cli/cli_full.h"
#include "controller/cli/cli_json.h"

enum { CAT_PIECE = 128 * 1024 };

const char *
cli_full_mode(const char *type, uint32_t mode, char out[static 11])
{
    static const struct {
        const char *type;
        char letter;
    } types[] = {{"file", '-'},   {"directory", 'd'},        {"symlink", 'l'},     {"fifo", 'p'},
                 {"socket", 's'}, {"character-device", 'c'}, {"block-device", 'b'}};
    char letter = '?';
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (text_equal(types[i].type, type))
            letter = types[i].letter;
    return text_mode(letter, mode, out);
}

/* ---- ls */

struct cli_full_listing {
    struct table *table;
    json_t *json; /* array */
};

static void
end_listing(struct cli_full_listing *l)
{
    table_free(l->table);
    json_decref(l->json);
}

static void
put_owner(struct table *t, const char *name, uint32_t number)
{
    if (name[0] != '\0')
        table_put(t, "%s", name);
    else
        table_put(t, "%" PRIu32, number);
}

static void
put_name(struct table *t, const Koffer__LsEntry *entry)
{
    /* text_escape here and again in the table would double the backslashes: the table does it. */
    if (entry->target.len == 0)
        table_put(t, "%.*s", (int)entry->name.len, (const char *)entry->name.data);
    else
        table_put(t, "%.*s -> %.*s", (int)entry->name.len, (const char *)entry->name.data,
                  (int)entry->target.len, (const char *)entry->target.data);
}

enum rc
cli_full_add(struct cli_full_listing *l, const Koffer__LsEntry *entry, struct error *e)
{
    char mode[11];
    if (l->json != NULL)
        return json_array_append_new(l->json, cli_json_of(&entry->base)) == 0
                   ? RC_OK
                   : error_set(e, RC_NO_MEMORY, "JSON");
    table_put(l->table, "%s", cli_full_mode(entry->type, entry->mode, mode));
    put_owner(l->table, entry->user, entry->uid);
    put_owner(l->table, entry->group, entry->gid);
    table_put(l->table, "%" PRIu64, entry->size);
    table_put_time(l->table, entry->mtime);
    put_name(l->table, entry);
    return RC_OK;
}

static enum rc
add_page(struct cli_full_listing *l, const Koffer__LsReply *page, struct error *e)
{
    for (size_t i = 0; i < page->n_entries; i++)
        TRY(cli_full_add(l, page->entries[i], e));
    return RC_OK;
}

static enum rc
read_pages(struct cli *cli, const struct cli_place *place, struct cli_full_listing *l,
           struct error *e)
{
    CLEANUP(buffer_free) struct buffer after = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    for (bool more = true; more;) {
        CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
        char source[sizeof place->source];
        Koffer__LsRequest request;
        koffer__ls_request__init(&request);
        memcpy(source, place->source, sizeof source);
        request.full = place->full;
        request.source = source;
        request.path = message_text(place->path);
        request.after = message_bytes(after.data, after.len);
        TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__FULL_LS, &request.base,
                     &koffer__ls_reply__descriptor, &reply, e));
        const Koffer__LsReply *page = (const Koffer__LsReply *)reply;
        TRY(add_page(l, page, e));
        more = page->more && page->n_entries > 0;
        if (!more)
            break;
        ProtobufCBinaryData last = page->entries[page->n_entries - 1]->name;
        buffer_clear(&after);
        TRY(buffer_append(&after, span_of(last.data, last.len), e));
    }
    return RC_OK;
}

enum rc
cli_full_ls(struct cli *cli, struct error *e)
{
    static const char *const titles[] = {"MODE", "USER", "GROUP", ">SIZE", "CHANGED", "NAME", NULL};
    CLEANUP(end_listing) struct cli_full_listing l = {0};
    struct cli_place place;
    TRY(cli_parse_place(cli, cli->arguments[0], &place, e));
    TRY(table_new(titles, &l.table, e));
    if (cli->json && (l.json = json_array()) == NULL)
        return error_set(e, RC_NO_MEMORY, "JSON");
    TRY(cli_option(cli, "key") != NULL ? cli_full_ls_here(cli, &place, &l, e)
                                       : read_pages(cli, &place, &l, e));
    if (cli->json)
        return cli_json_print_value(json_pack("{s:O}", "entries", l.json), e);
    return table_print(l.table, stdout, e);
}

/* ---- cat */

enum rc
cli_full_write(struct span bytes, struct error *e)
{
    bool terminal = isatty(STDOUT_FILENO) == 1;
    size_t written = bytes.len;
    if (!terminal) {
        written = bytes.len == 0 ? 0 : fwrite(bytes.data, 1, bytes.len, stdout);
    } else {
        for (size_t i = 0; i < bytes.len; i++) {
            uint8_t c = bytes.data[i];
            bool plain = c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f);
            (void)printf(plain ? "%c" : "\\x%02x", c);
        }
    }
    return written == bytes.len ? RC_OK : error_errno(e, "standard output");
}

enum rc
cli_full_cat(struct cli *cli, struct error *e)
{
    struct cli_place place;
    TRY(cli_parse_place(cli, cli->arguments[0], &place, e));
    if (place.source[0] == '\0' || place.path[0] == '\0')
        return cli_wrong(cli, e, "name a file: FULL:SOURCE/PATH");
    if (cli_option(cli, "key") != NULL)
        return cli_full_cat_here(cli, &place, e);
    for (uint64_t offset = 0;;) {
        CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
        Koffer__CatRequest request;
        koffer__cat_request__init(&request);
        request.full = place.full;
        request.source = place.source;
        request.path = message_text(place.path);
        request.offset = offset;
        request.length = CAT_PIECE;
        TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__FULL_CAT, &request.base,
                     &koffer__cat_reply__descriptor, &reply, e));
        const Koffer__CatReply *piece = (const Koffer__CatReply *)reply;
        if (cli->json) /* a whole file as one document could be any size: the first piece, with `end` */
            return cli_json_print(reply, e);
        TRY(cli_full_write(span_of(piece->data.data, piece->data.len), e));
        offset += piece->data.len;
        if (piece->end || piece->data.len == 0)
            return RC_OK;
    }
}
