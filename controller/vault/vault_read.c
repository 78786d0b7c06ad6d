/* vault_read.c -- blobs out of packs, each checked against its id.  See vault.h. */
#include "common/base/log.h"
#include "controller/vault/pack_reader.h"
#include "controller/vault/vault_parts.h"

static enum rc
borrow(struct vault *v, uint32_t pack, struct vault_files_lent *out, struct error *e)
{
    struct id name;

    if (vault_files_try(v->files, pack, out))
        return RC_OK;
    TRY(vault_index_pack(v->index, pack, &name, e));
    return vault_files_borrow(v->files, pack, &name, out, e);
}

static enum rc
name_the_place(struct vault *v, uint32_t pack, struct error *e)
{
    char path[PACK_PATH_SIZE];
    struct error unnamed = ERROR_INIT;
    struct id name;

    if (vault_index_pack(v->index, pack, &name, &unnamed) != RC_OK)
        return error_context(e, "vault '%s': pack number %u", v->path, pack);
    return error_context(e, "vault '%s': '%s'", v->path, pack_format_path(&name, path));
}

void
vault_doubt(struct vault *v, const struct id *id)
{
    struct error e = ERROR_INIT;
    bool added = false;

    if (v->options.read_only)
        return;
    if (vault_index_doubt(v->index, id, &added, &e) != RC_OK)
        log_error(&e, "cannot note a damaged blob, so it is not stored again",
                  LOG_TEXT("vault", v->path));
    else if (added)
        atomic_fetch_add(&v->doubts, 1);
}

uint64_t
vault_doubts(const struct vault *v)
{
    return atomic_load(&v->doubts);
}

enum rc
vault_peek(struct vault *v, const struct pack_place *place, uint32_t pack, struct buffer *out,
           struct error *e)
{
    struct vault_files_lent lent;

    TRY(borrow(v, pack, &lent, e));
    enum rc rc = pack_reader_fetch(lent.fd, place, out, e);
    vault_files_return(v->files, &lent);
    return rc == RC_OK ? RC_OK : name_the_place(v, pack, e);
}

/* Between look-up and reading it may have been moved, as repair does, and its old pack be gone. */
static enum rc
fetch_where_it_is_now(struct vault *v, const struct id *id, uint32_t before, struct buffer *out,
                      bool *read, struct error *e)
{
    struct pack_place place;
    uint32_t pack;
    bool found;

    TRY(vault_index_find(v->index, id, &found, &place, &pack, e));
    *read = found && pack != before && vault_peek(v, &place, pack, out, e) == RC_OK;
    return RC_OK;
}

/* What several packs hold is lost when the last copy is. */
static enum rc
fetch_copy(struct vault *v, const struct id *id, struct buffer *out, bool *read, struct error *e)
{
    struct pack_place place;
    uint32_t pack = 0;
    bool found = true;

    *read = false;
    for (uint32_t from = 0; found && !*read; from = pack + 1) {
        TRY(vault_index_next_copy(v->index, id, from, &found, &place, &pack, e));
        *read = found && vault_peek(v, &place, pack, out, e) == RC_OK;
    }
    if (!*read)
        return RC_OK;
    log_warning("a damaged blob was read from another pack", LOG_TEXT("vault", v->path),
                LOG_U64("pack", pack));
    struct error unmoved = ERROR_INIT;
    if (vault_index_move(v->index, &place, pack, &unmoved) != RC_OK)
        log_error(&unmoved, "the other pack is not noted as its place", LOG_TEXT("vault", v->path));
    return RC_OK;
}

static enum rc
fetch_elsewhere(struct vault *v, const struct id *id, uint32_t before, struct buffer *out,
                bool *read, struct error *e)
{
    TRY(fetch_where_it_is_now(v, id, before, out, read, e));
    return *read ? RC_OK : fetch_copy(v, id, out, read, e);
}

enum rc
vault_fetch(struct vault *v, const struct pack_place *place, uint32_t pack, struct buffer *out,
            struct error *e)
{
    struct error why = ERROR_INIT, ignored = ERROR_INIT;
    bool read = false;

    enum rc rc = vault_peek(v, place, pack, out, &why);
    if (rc == RC_OK)
        return RC_OK;
    if ((rc == RC_CORRUPT || rc == RC_IO) &&
        fetch_elsewhere(v, &place->id, pack, out, &read, &ignored) == RC_OK && read)
        return RC_OK;
    if (rc == RC_CORRUPT || rc == RC_IO)
        vault_doubt(v, &place->id);
    *e = why;
    return rc;
}

enum rc
vault_has(struct vault *v, const struct id *id, bool *out, struct error *e)
{
    return vault_index_has(v->index, id, out, e);
}

enum rc
vault_get(struct vault *v, const struct id *id, struct buffer *out, struct error *e)
{
    char text[ID_TEXT_SIZE];
    struct pack_place place;
    uint32_t pack;
    bool found;

    TRY(vault_index_find(v->index, id, &found, &place, &pack, e));
    if (!found)
        return error_set(e, RC_NOT_FOUND, "blob %s is not in vault '%s'", id_text(id, text),
                         v->path);
    return vault_fetch(v, &place, pack, out, e);
}
