/* vault_repair.c -- damaged packs out of the way, what is whole in them saved first.  See vault.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/sys/file.h"
#include "controller/vault/id_map.h"
#include "controller/vault/pack_reader.h"
#include "controller/vault/pack_writer.h"
#include "controller/vault/vault_parts.h"

enum {
    QUARANTINE_PATH_SIZE = sizeof "quarantine/.pack.4294967295" + 2 * ID_SIZE,
    TEXT_SIZE = 1024
};

struct repair {
    struct vault *vault;
    const struct vault_repair_options *options;
    struct vault_repair_counts counts;
    struct id *packs;
    size_t count, capacity;
};

/* One damaged pack. */
struct patient {
    const struct id *name;
    char why[ERROR_TEXT_MAX];
    char aside[QUARANTINE_PATH_SIZE]; /* where it went */
    struct id_map *blobs;             /* that the index has in it, then: that were saved */
    uint32_t number;                  /* in the index; 0: not there */
    uint64_t saved, lost;
    struct id *made; /* the packs that hold what was saved */
    size_t made_count;
    bool healed; /* what was saved is the pack as it was: it has its name again */
};

static void
tell(struct repair *r, enum vault_finding_kind kind, const char *text)
{
    const struct vault_finding finding = {.kind = kind, .text = text};

    log_warning("repair", LOG_TEXT("vault", r->vault->path), LOG_TEXT("finding", text));
    if (r->options->finding != NULL)
        r->options->finding(r->options->ctx, &finding);
}

/* ---- aside */

/* Another damaged file may have had this name before: that one stays, too. */
static enum rc
link_aside(struct vault *v, struct patient *p, struct error *e)
{
    char path[PACK_PATH_SIZE], id[ID_TEXT_SIZE];
    struct stat here, there;

    if (fstatat(v->dir, pack_format_path(p->name, path), &here, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(e, "stat '%s'", path);
    for (unsigned n = 0; n < UINT32_MAX; n++) {
        (void)snprintf(p->aside, sizeof p->aside,
                       n == 0 ? "quarantine/%s.pack" : "quarantine/%s.pack.%u",
                       id_text(p->name, id), n);
        if (linkat(v->dir, path, v->dir, p->aside, 0) == 0)
            break;
        if (errno != EEXIST)
            return error_errno(e, "link '%s' to '%s'", path, p->aside);
        /* Of a repair that did not come to its end. */
        if (fstatat(v->dir, p->aside, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            there.st_ino == here.st_ino)
            break;
    }
    return file_sync_directory(v->dir, "quarantine", e);
}

/* ---- saving */

static enum rc
note_made(struct patient *p, const struct id *name, struct error *e)
{
    struct id *grown = reallocarray(p->made, p->made_count + 1, sizeof *grown);

    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "list of packs");
    p->made = grown;
    p->made[p->made_count++] = *name;
    p->healed = p->healed || id_equal(name, p->name);
    return RC_OK;
}

/* Durable, and read back from the disk before anything relies on it (D23). */
static enum rc
finish_pack(struct vault *v, struct patient *p, struct pack_writer *w, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *again = NULL;
    struct id name;

    enum rc rc = pack_writer_commit(w, &name, e);
    if (rc != RC_OK) {
        if (pack_writer_broken(w))
            vault_break(v, e);
        return rc;
    }
    vault_note_pack(v, &name);
    vault_files_forget(v->files, &name);
    TRY(pack_reader_open(v->dir, &name, &again, e));
    TRY(pack_reader_check(again, &name, e));
    TRY(vault_index_add(v->index, &name, pack_reader_size(again), pack_reader_places(again),
                        pack_reader_count(again), e));
    return note_made(p, &name, e);
}

static enum rc
save_blob(struct vault *v, struct patient *p, struct pack_writer **w, const struct id *id,
          struct span blob, struct error *e)
{
    if (*w != NULL && !pack_writer_fits(*w, blob.len)) {
        CLEANUP(pack_writer_freep) struct pack_writer *full = TAKE(*w);
        TRY(finish_pack(v, p, full, e));
    }
    if (*w == NULL)
        TRY(pack_writer_begin(v->dir, &v->id, w, e));
    p->saved++;
    return pack_writer_add(*w, id, blob, e);
}

static bool
is_damage(enum rc rc)
{
    return rc == RC_CORRUPT || rc == RC_IO;
}

static enum rc
save(struct vault *v, struct patient *p, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
    CLEANUP(pack_writer_freep) struct pack_writer *w = NULL;
    CLEANUP(id_map_freep) struct id_map *seen = NULL;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    bool first;

    TRY(id_map_new(&seen, e));
    enum rc rc = pack_reader_salvage(v->dir, p->name, &r, e);
    if (is_damage(rc))
        return RC_OK; /* nothing to save: it is no regular file, or cannot be read any more */
    TRY(rc);
    for (size_t i = 0; i < pack_reader_count(r); i++) {
        const struct pack_place *place = &pack_reader_places(r)[i];
        TRY(id_map_add(seen, &place->id, 1, &first, e));
        if (!first)
            continue;
        /* Read twice, and believed only for its id: a disk that gives other bytes each time saves nothing wrong. */
        rc = pack_reader_get(r, place, &blob, e);
        if (is_damage(rc))
            continue;
        TRY(rc);
        TRY(save_blob(v, p, &w, &place->id, buffer_span(&blob), e));
    }
    return w == NULL ? RC_OK : finish_pack(v, p, w, e);
}

/* ---- what was in it */

static enum rc
note_blob(void *ctx, const struct pack_place *place, uint32_t pack, struct error *e)
{
    struct patient *p = ctx;
    bool added;

    return pack == p->number ? id_map_add(p->blobs, &place->id, 1, &added, e) : RC_OK;
}

static enum rc
find_number(void *ctx, const struct id *name, uint32_t number, struct error *e)
{
    struct patient *p = ctx;

    (void)e;
    if (id_equal(name, p->name))
        p->number = number;
    return RC_OK;
}

static enum rc
list_blobs(struct vault *v, struct patient *p, struct error *e)
{
    TRY(id_map_new(&p->blobs, e));
    TRY(vault_index_each_pack(v->index, find_number, p, e));
    return p->number == 0 ? RC_OK : vault_index_each_blob(v->index, note_blob, p, e);
}

struct counting {
    struct repair *repair;
    struct patient *patient;
};

static enum rc
count_lost(void *ctx, const struct id *id, struct error *e)
{
    const struct counting *c = ctx;
    char text[TEXT_SIZE], name[ID_TEXT_SIZE];
    bool there;

    TRY(vault_index_has(c->repair->vault->index, id, &there, e));
    if (there)
        return RC_OK;
    c->patient->lost++;
    (void)snprintf(text, sizeof text,
                   "blob %s is lost: no pack holds it whole; the next cycle stores it again if it "
                   "is still on its host",
                   id_text(id, name));
    tell(c->repair, VAULT_MISSING_BLOB, text);
    return RC_OK;
}

/* ---- one pack */

/*
 * The new packs are durable and known, the damaged file is linked aside: only now the index lets go of it, then its name
 * goes.  A crash before leaves both, and repair begins again; between, a pack that the next start finds, salvages and
 * repair mends once more.
 * What a session was told of is where it was saved to; what could not be saved is lost whoever relies on it, and
 * a commit that reaches it is refused: so pins are not asked.
 */
static enum rc
retire(struct vault *v, struct patient *p, struct error *e)
{
    char path[PACK_PATH_SIZE], folder[PACK_FOLDER_SIZE];
    bool found;

    if (p->healed)
        return RC_OK;
    TRY(vault_index_remove(v->index, p->name, &found, e));
    if (unlinkat(v->dir, pack_format_path(p->name, path), 0) != 0)
        return error_errno(e, "remove '%s'", path);
    return file_sync_directory(v->dir, pack_format_folder(p->name, folder), e);
}

static enum rc
treat(struct repair *r, struct patient *p, struct error *e)
{
    struct vault *v = r->vault;
    struct counting counting = {.repair = r, .patient = p};

    TRY(vault_check_writable(v, e));
    TRY(vault_check_space(v, LIMIT_PACK, e));
    TRY(list_blobs(v, p, e));
    TRY(link_aside(v, p, e));
    TRY(save(v, p, e));
    TRY(retire(v, p, e));
    return id_map_each(p->blobs, count_lost, &counting, e);
}

static void
release(struct patient *p)
{
    id_map_free(p->blobs);
    free(p->made);
}

static enum rc
mend(struct repair *r, const struct id *name, const char *why, struct error *e)
{
    CLEANUP(release) struct patient p = {.name = name};
    char text[TEXT_SIZE], path[PACK_PATH_SIZE];
    struct vault *v = r->vault;

    (void)snprintf(p.why, sizeof p.why, "%s", why);
    (void)pack_format_path(name, path);
    /* Nobody who looks at packs and index side by side sees the one without the other. */
    (void)pthread_rwlock_wrlock(&v->survey);
    (void)pthread_rwlock_wrlock(&v->publishing);
    enum rc rc = treat(r, &p, e);
    (void)pthread_rwlock_unlock(&v->publishing);
    (void)pthread_rwlock_unlock(&v->survey);
    TRY_IN(rc, e, "repair '%s'", path);
    r->counts.damaged++;
    r->counts.saved += p.saved;
    r->counts.lost += p.lost;
    if (p.lost > 0)
        atomic_fetch_add(&v->doubts, 1);
    (void)snprintf(text, sizeof text,
                   "'%s': %s; moved to '%s', %" PRIu64 " of its blobs saved, %" PRIu64 " lost",
                   path, p.why, p.aside, p.saved, p.lost);
    tell(r, VAULT_BAD_PACK, text);
    return RC_OK;
}

static enum rc
look_at(struct repair *r, const struct id *name, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *reader = NULL;
    struct error why = ERROR_INIT;
    char text[TEXT_SIZE], path[PACK_PATH_SIZE];

    if (r->options->cancel != NULL && *r->options->cancel)
        return error_set(e, RC_CANCELLED, "repair was cancelled");
    enum rc rc = pack_reader_open(r->vault->dir, name, &reader, &why);
    if (rc == RC_OK)
        rc = pack_reader_check(reader, name, &why);
    r->counts.packs++;
    if (r->options->done != NULL)
        (*r->options->done)++;
    if (rc == RC_OK)
        return RC_OK;
    if (rc == RC_CORRUPT)
        return mend(r, name, why.text, e);
    /* A disk that does not read is not mended by writing to it. */
    (void)snprintf(text, sizeof text, "'%s': %s; left where it is", pack_format_path(name, path),
                   why.text);
    r->counts.unread++;
    tell(r, VAULT_BAD_PACK, text);
    return RC_OK;
}

/* ---- all */

static enum rc
list_pack(void *ctx, const struct id *name, struct error *e)
{
    struct repair *r = ctx;

    if (r->count == r->capacity) {
        size_t capacity = r->capacity == 0 ? 256 : 2 * r->capacity;
        struct id *grown = reallocarray(r->packs, capacity, sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "list of %zu packs", capacity);
        r->packs = grown;
        r->capacity = capacity;
    }
    r->packs[r->count++] = *name;
    return RC_OK;
}

static enum rc
repair_all(struct repair *r, struct error *e)
{
    TRY(vault_check_writable(r->vault, e));
    TRY(vault_each_pack(r->vault->dir, list_pack, r, e));
    if (r->options->total != NULL)
        *r->options->total += r->count;
    for (size_t i = 0; i < r->count; i++)
        TRY(look_at(r, &r->packs[i], e));
    return RC_OK;
}

enum rc
vault_repair(struct vault *v, const struct vault_repair_options *options,
             struct vault_repair_counts *out, struct error *e)
{
    struct repair r = {.vault = v, .options = options};

    enum rc rc = repair_all(&r, e);
    free(r.packs);
    *out = r.counts; /* also when it did not come to its end: what was moved is moved */
    return rc == RC_OK ? RC_OK : error_context(e, "repair vault '%s'", v->path);
}
