/* vault_recover.c -- starting is recovery: always the same, may be repeated.  See vault_parts.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/vault/id_map.h"
#include "controller/vault/pack_reader.h"
#include "controller/vault/vault_parts.h"

enum {
    /* A crash leaves a pack per data stream unindexed; more than this says that the index was lost. */
    UNKNOWN_MAX = 64,
    INDEX_PATH_SIZE = 4096,
};

/* ---- packs/ */

struct folder_visit {
    int dir;
    vault_visit_pack *visit;
    void *ctx;
    const char *folder;
};

static enum rc
visit_file(void *ctx, const char *name, struct error *e)
{
    const struct folder_visit *f = ctx;
    struct id id;

    /* A pack in another folder than its own would never be opened. */
    if (!pack_format_parse_name(name, &id))
        return RC_OK;
    char folder[PACK_FOLDER_SIZE];
    if (strcmp(pack_format_folder(&id, folder) + strlen("packs/"), f->folder) != 0)
        return RC_OK;
    return f->visit(f->ctx, &id, e);
}

static enum rc
visit_folder(void *ctx, const char *name, struct error *e)
{
    struct folder_visit f = *(const struct folder_visit *)ctx;
    char path[PACK_FOLDER_SIZE];
    uint8_t byte;

    if (strlen(name) != 2 || !text_unhex(name, &byte, 1))
        return RC_OK;
    (void)snprintf(path, sizeof path, "packs/%.2s", name);
    f.folder = name;
    return file_list(f.dir, path, visit_file, &f, e);
}

enum rc
vault_each_pack(int dir, vault_visit_pack *visit, void *ctx, struct error *e)
{
    struct folder_visit f = {.dir = dir, .visit = visit, .ctx = ctx};
    return file_list(dir, "packs", visit_folder, &f, e);
}

/* ---- adding a pack to an index */

struct adding {
    const struct vault *v;
    struct vault_index *index;
    bool unknown_only, check;
};

static bool
is_damage(enum rc rc)
{
    return rc == RC_CORRUPT || rc == RC_IO;
}

/* One of which nothing is read now may be read another day: it is not known then as one that holds nothing. */
static enum rc
save_pack(const struct adding *a, const struct id *name, enum rc why, struct pack_reader **out,
          struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
    struct error here = ERROR_INIT;

    enum rc rc = pack_reader_salvage(a->v->dir, name, &r, &here);
    if (rc != RC_OK)
        *e = here;
    else if (why == RC_IO && pack_reader_count(r) == 0)
        rc = why; /* *e says it already */
    else
        *out = TAKE(r);
    return rc;
}

static enum rc
read_pack(const struct adding *a, const struct id *name, struct pack_reader **out, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;

    enum rc rc = pack_reader_open(a->v->dir, name, &r, e);
    if (rc == RC_OK && a->check)
        rc = pack_reader_check(r, name, e);
    if (rc == RC_OK)
        *out = TAKE(r);
    /* Damage is for verify to report; what proves itself by its id is still good to read. */
    return is_damage(rc) ? save_pack(a, name, rc, out, e) : rc;
}

enum rc
vault_add_pack(const struct vault *v, struct vault_index *index, const struct id *name, bool check,
               struct error *e)
{
    const struct adding a = {.v = v, .index = index, .check = check};
    CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
    struct error why = ERROR_INIT;

    enum rc rc = read_pack(&a, name, &r, &why);
    if (is_damage(rc)) {
        /* One that the disk does not give at all keeps nothing else from being found; the next start asks again. */
        log_warning("a pack cannot be read and is left out", LOG_TEXT("vault", v->path),
                    LOG_TEXT("why", why.text));
        return RC_OK;
    }
    if (rc != RC_OK) {
        *e = why;
        return rc;
    }
    return vault_index_add(index, name, pack_reader_size(r), pack_reader_places(r),
                           pack_reader_count(r), e);
}

static enum rc
add_pack(void *ctx, const struct id *name, struct error *e)
{
    const struct adding *a = ctx;
    bool known = false;

    if (a->unknown_only)
        TRY(vault_index_has_pack(a->index, name, &known, e));
    if (known)
        return RC_OK;
    return vault_add_pack(a->v, a->index, name, a->check, e);
}

/* ---- the index and packs/ in agreement */

struct comparison {
    struct vault_index *index;
    struct id_map *there;
    size_t unknown;
    bool missing;
};

static enum rc
note_file(void *ctx, const struct id *name, struct error *e)
{
    struct comparison *c = ctx;
    bool known, added;

    TRY(id_map_add(c->there, name, 1, &added, e));
    TRY(vault_index_has_pack(c->index, name, &known, e));
    c->unknown += known ? 0 : 1;
    return RC_OK;
}

static enum rc
note_entry(void *ctx, const struct id *name, uint32_t number, struct error *e)
{
    struct comparison *c = ctx;

    (void)number;
    (void)e;
    c->missing = c->missing || id_map_find(c->there, name) == NULL;
    return RC_OK;
}

static enum rc
compare(const struct vault *v, struct comparison *c, struct error *e)
{
    TRY(id_map_new(&c->there, e));
    TRY(vault_each_pack(v->dir, note_file, c, e));
    return vault_index_each_pack(c->index, note_entry, c, e);
}

/* *usable is false when it must be built anew. */
static enum rc
try_index(struct vault *v, const char *path, bool *usable, struct error *e)
{
    CLEANUP(vault_index_freep) struct vault_index *index = NULL;
    struct comparison c = {0};

    *usable = false;
    /* We hold the vault's lock, so whoever wrote this one is dead. */
    TRY(file_remove_tree(v->dir, "index/lock.mdb", e));
    enum rc rc = vault_index_open(path, &v->id, false, &index, e);
    if (rc == RC_OK) {
        c.index = index;
        rc = compare(v, &c, e);
        id_map_free(c.there);
    }
    if (rc == RC_CORRUPT || c.missing || c.unknown > UNKNOWN_MAX)
        return RC_OK;
    TRY(rc);
    struct adding unknown = {.v = v, .index = index, .unknown_only = true, .check = true};
    if (c.unknown > 0)
        TRY(vault_each_pack(v->dir, add_pack, &unknown, e));
    v->index = TAKE(index);
    *usable = true;
    return RC_OK;
}

static enum rc
fill_index(const struct vault *v, const char *path, struct error *e)
{
    CLEANUP(vault_index_freep) struct vault_index *index = NULL;

    TRY(vault_index_open(path, &v->id, true, &index, e));
    struct adding all = {.v = v, .index = index};
    TRY(vault_each_pack(v->dir, add_pack, &all, e));
    return vault_index_sync(index, e);
}

/* Built aside and renamed, so that there is a whole index or none. */
static enum rc
rebuild_index(struct vault *v, const char *path, struct error *e)
{
    char aside[INDEX_PATH_SIZE];

    (void)snprintf(aside, sizeof aside, "%s/tmp/index", v->path);
    TRY(file_remove_tree(v->dir, "index", e));
    TRY(file_make_directory(v->dir, "tmp/index", 0700, e));
    TRY(fill_index(v, aside, e));
    TRY(file_remove_tree(v->dir, "tmp/index/lock.mdb", e));
    TRY(file_publish(v->dir, "tmp/index", v->dir, "index", e));
    return vault_index_open(path, &v->id, false, &v->index, e);
}

static enum rc
empty_tmp(void *ctx, const char *name, struct error *e)
{
    return file_remove_tree(*(const int *)ctx, name, e);
}

static enum rc
clean(struct vault *v, struct error *e)
{
    CLEANUP(own_closep) int tmp = -1;

    TRY(file_make_directory(v->dir, "tmp", 0700, e));
    TRY(file_make_directory(v->dir, "index", 0700, e));
    TRY(file_make_directory(v->dir, "quarantine", 0700, e));
    TRY(file_open_directory(v->dir, "tmp", &tmp, e));
    return file_list(tmp, ".", empty_tmp, &tmp, e);
}

enum rc
vault_recover(struct vault *v, struct error *e)
{
    char path[INDEX_PATH_SIZE];
    bool usable;

    TRY(clean(v, e));
    TRY(vault_probe(v, e));
    /* What a killed writer left may be visible and not durable: no "have" before this (D4). */
    if (syncfs(v->dir) != 0)
        return error_errno(e, "sync the file system");
    vault_reserve_use(v);
    (void)snprintf(path, sizeof path, "%s/index", v->path);
    TRY(try_index(v, path, &usable, e));
    if (!usable)
        TRY(rebuild_index(v, path, e));
    /* Nor before this: what a failed sync lost shows only when it is read from the disk (D5). */
    TRY(vault_recheck(v, !usable, e));
    struct vault_index_totals totals;
    TRY(vault_index_total(v->index, &totals, e));
    atomic_fetch_add(&v->doubts, totals.doubts);
    return RC_OK;
}

/* ---- without touching the vault */

enum rc
vault_recover_aside(struct vault *v, struct error *e)
{
    const char *folder = secure_getenv("TMPDIR");
    CLEANUP(vault_index_freep) struct vault_index *index = NULL;
    char path[INDEX_PATH_SIZE];

    if (folder == NULL || folder[0] != '/')
        folder = "/tmp";
    (void)snprintf(path, sizeof path, "%s/koffer-index-XXXXXX", folder);
    if (mkdtemp(path) == NULL)
        return error_errno(e, "make a directory in '%s' for an index", folder);
    enum rc rc = vault_index_open(path, &v->id, true, &index, e);
    struct error ignored = ERROR_INIT;
    /* It lives on by its descriptors and goes with them. */
    enum rc removed = file_remove_tree(AT_FDCWD, path, rc == RC_OK ? e : &ignored);
    TRY(rc);
    TRY(removed);
    struct adding all = {.v = v, .index = index};
    TRY(vault_each_pack(v->dir, add_pack, &all, e));
    v->index = TAKE(index);
    return RC_OK;
}
