/* vault_session.c -- a stream of blobs becomes packs.  See vault.h. */
#include "controller/vault/id_map.h"
#include "controller/vault/pack_writer.h"
#include "controller/vault/vault_parts.h"

struct vault_session {
    struct vault *vault;
    struct pack_writer *writer; /* NULL between packs */
    struct id_map *pending;     /* what is in the writer */
    struct vault_session_counts counts;
    bool failed; /* something that was taken is lost: no flush may say otherwise */
};

enum rc
vault_session_begin(struct vault *v, struct vault_session **out, struct error *e)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;

    TRY(vault_check_writable(v, e));
    TRY(vault_check_space(v, LIMIT_PACK, e));
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(e, RC_NO_MEMORY, "vault session");
    s->vault = v;
    TRY(id_map_new(&s->pending, e));
    *out = TAKE(s);
    return RC_OK;
}

void
vault_session_free(struct vault_session *s)
{
    if (s == NULL)
        return;
    pack_writer_free(s->writer);
    id_map_free(s->pending);
    free(s);
}

struct vault_session_counts
vault_session_counted(const struct vault_session *s)
{
    return s->counts;
}

static enum rc
check_alive(const struct vault_session *s, struct error *e)
{
    if (s->failed)
        return error_set(e, RC_IO, "a write of this session failed before; begin a new one");
    return vault_check_writable(s->vault, e);
}

/* Durable pack first, index second: the index never mentions what could be lost. */
static enum rc
publish(struct vault_session *s, struct pack_writer *w, struct error *e)
{
    struct vault *v = s->vault;
    struct id name;

    enum rc rc = pack_writer_commit(w, &name, e);
    if (rc != RC_OK) {
        if (pack_writer_broken(w))
            vault_break(v);
        return rc;
    }
    rc = vault_index_add(v->index, &name, pack_writer_size(w), pack_writer_places(w),
                         pack_writer_count(w), e);
    /* Without room the index is as it was, and the pack is found at the next start. */
    if (rc != RC_OK && rc != RC_NO_SPACE)
        vault_break(v);
    return rc;
}

static enum rc
finish_pack(struct vault_session *s, struct error *e)
{
    CLEANUP(pack_writer_freep) struct pack_writer *w = TAKE(s->writer);

    id_map_clear(s->pending);
    (void)pthread_rwlock_rdlock(&s->vault->publishing);
    enum rc rc = publish(s, w, e);
    (void)pthread_rwlock_unlock(&s->vault->publishing);
    s->failed = rc != RC_OK;
    return rc;
}

static enum rc
add(struct vault_session *s, const struct id *id, struct span blob, struct error *e)
{
    bool added;

    if (s->writer != NULL && !pack_writer_fits(s->writer, blob.len))
        TRY(finish_pack(s, e));
    if (s->writer == NULL)
        TRY(pack_writer_begin(s->vault->dir, &s->vault->id, &s->writer, e));
    enum rc rc = pack_writer_add(s->writer, id, blob, e);
    if (rc == RC_OK)
        rc = id_map_add(s->pending, id, 1, &added, e);
    s->failed = rc != RC_OK;
    return rc;
}

static enum rc
is_known(struct vault_session *s, const struct id *id, bool *out, struct error *e)
{
    if (id_map_find(s->pending, id) != NULL) {
        *out = true;
        return RC_OK;
    }
    return vault_index_has(s->vault->index, id, out, e);
}

enum rc
vault_session_put(struct vault_session *s, const struct id *id, struct span blob, bool *known,
                  struct error *e)
{
    struct blob_header header;
    bool there;

    TRY(check_alive(s, e));
    TRY(blob_check(blob, id, e));
    TRY(blob_parse(blob, &header, e));
    TRY(is_known(s, id, &there, e));
    if (!there) {
        /* Nothing is written or lost yet, so running out of space here leaves the session alive. */
        TRY(vault_check_space(s->vault, blob.len, e));
        TRY_IN(add(s, id, blob, e), e, "vault '%s'", s->vault->path);
        s->counts.blobs++;
        s->counts.bytes += blob.len;
    } else {
        s->counts.known++;
    }
    *known = there;
    return RC_OK;
}

enum rc
vault_session_flush(struct vault_session *s, struct error *e)
{
    TRY(check_alive(s, e));
    if (s->writer != NULL)
        TRY_IN(finish_pack(s, e), e, "vault '%s'", s->vault->path);
    return RC_OK;
}
