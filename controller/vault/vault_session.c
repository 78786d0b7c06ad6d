/* vault_session.c -- a stream of blobs becomes packs.  See vault.h. */
#include "controller/vault/id_map.h"
#include "controller/vault/pack_writer.h"
#include "controller/vault/vault_parts.h"

struct vault_session {
    struct vault *vault;
    struct pack_writer *writer; /* NULL between packs */
    struct id_map *pending;     /* what is in the writer */
    struct vault_fence fence;
    bool held; /* the fence lives on without us */
    struct vault_session_counts counts;
    bool failed; /* something that was taken is lost: no flush may say otherwise */
};

enum rc
vault_session_begin_for(struct vault *v, const char *host, uint64_t job, struct vault_session **out,
                        struct error *e)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct vault_index_totals totals;

    TRY(vault_check_writable(v, e));
    TRY(vault_check_space(v, LIMIT_PACK, e));
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(e, RC_NO_MEMORY, "vault session");
    s->vault = v;
    TRY(id_map_new(&s->pending, e));
    TRY(vault_index_total(v->index, &totals, e));
    TRY(vault_leases_begin(v->leases, host, job, totals.next_pack, &s->fence, e));
    *out = TAKE(s);
    return RC_OK;
}

enum rc
vault_session_begin(struct vault *v, struct vault_session **out, struct error *e)
{
    return vault_session_begin_for(v, NULL, 0, out, e);
}

void
vault_session_free(struct vault_session *s)
{
    if (s == NULL)
        return;
    if (!s->held && s->vault->leases != NULL)
        vault_leases_release(s->vault->leases, &s->fence);
    pack_writer_free(s->writer);
    id_map_free(s->pending);
    free(s);
}

const struct vault_fence *
vault_session_fence(const struct vault_session *s)
{
    return &s->fence;
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
    TRY(vault_fence_check(s->vault, &s->fence, e));
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
            vault_break(v, e);
        return rc;
    }
    vault_note_pack(v, &name);
    vault_files_forget(v->files, &name);
    rc = vault_index_add(v->index, &name, pack_writer_size(w), pack_writer_places(w),
                         pack_writer_count(w), e);
    /* Without room the index is as it was, and the pack is found at the next start. */
    if (rc != RC_OK && rc != RC_NO_SPACE)
        vault_break(v, e);
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

/* With the leases locked: a pack that is taken out now was not told of, one that was told of is not taken out. */
static enum rc
look_up_and_pin(struct vault_session *s, const struct id *id, bool *out, struct error *e)
{
    struct vault *v = s->vault;
    struct pack_place place;
    uint32_t pack;
    bool has, found;

    TRY(vault_leases_check(v->leases, &s->fence, e));
    TRY(vault_index_has(v->index, id, &has, e));
    *out = false;
    if (!has)
        return RC_OK;
    TRY(vault_index_find(v->index, id, &found, &place, &pack, e));
    if (!found)
        return RC_OK;
    TRY(vault_leases_pin(v->leases, &s->fence, pack, e));
    *out = true;
    return RC_OK;
}

enum rc
vault_session_has(struct vault_session *s, const struct id *id, bool *out, struct error *e)
{
    vault_leases_lock(s->vault->leases);
    enum rc rc = look_up_and_pin(s, id, out, e);
    vault_leases_unlock(s->vault->leases);
    return rc;
}

static enum rc
is_known(struct vault_session *s, const struct id *id, bool *out, struct error *e)
{
    if (id_map_find(s->pending, id) != NULL) {
        *out = true;
        return RC_OK;
    }
    return vault_session_has(s, id, out, e);
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

enum rc
vault_session_hold(struct vault_session *s, struct vault_fence *out, struct error *e)
{
    TRY(check_alive(s, e));
    if (s->writer != NULL)
        return error_set(e, RC_INVALID, "a session that has not flushed cannot be held");
    TRY(vault_leases_hold(s->vault->leases, &s->fence, e));
    s->held = true;
    *out = s->fence;
    return RC_OK;
}

/* ---- without the session */

enum rc
vault_fence_check(struct vault *v, const struct vault_fence *fence, struct error *e)
{
    if (v->leases == NULL)
        return error_set(e, RC_DENIED, "vault '%s' was opened for reading only", v->path);
    vault_leases_lock(v->leases);
    enum rc rc = vault_leases_check(v->leases, fence, e);
    vault_leases_unlock(v->leases);
    return rc;
}

void
vault_fence_release(struct vault *v, const struct vault_fence *fence)
{
    if (v->leases != NULL)
        vault_leases_release(v->leases, fence);
}

enum rc
vault_is_pinned(struct vault *v, const struct id *id, bool *out, struct error *e)
{
    struct pack_place place;
    uint32_t pack;
    bool found, pinned = false;

    if (v->leases != NULL) {
        vault_leases_lock(v->leases);
        enum rc rc = vault_index_find(v->index, id, &found, &place, &pack, e);
        pinned = rc == RC_OK && found && vault_leases_keep(v->leases, pack);
        vault_leases_unlock(v->leases);
        TRY(rc);
    }
    *out = pinned;
    return RC_OK;
}

size_t
vault_sessions(struct vault *v)
{
    return v->leases == NULL ? 0 : vault_leases_count(v->leases);
}
