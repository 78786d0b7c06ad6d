/* vault_recheck.c -- at a start: the newest packs, once more, from the disk.  See vault_parts.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/vault/id_map.h"
#include "controller/vault/pack_reader.h"
#include "controller/vault/vault_parts.h"

enum { MARK_SIZE = VAULT_RECENT_MAX * 128 };

struct aged {
    struct id name;
    struct timespec written;
};

struct recheck {
    struct vault *vault;
    struct aged newest[VAULT_RECHECK_REBUILT]; /* newest first */
    size_t count, most;
    struct id_map *done;
};

static bool
is_newer(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* By the times of the files: they order what one machine wrote in a row, and the index that numbers packs may be lost. */
static enum rc
consider(void *ctx, const struct id *name, struct error *e)
{
    struct recheck *r = ctx;
    struct aged pack = {.name = *name};
    char path[PACK_PATH_SIZE];
    struct stat st;

    (void)e;
    if (fstatat(r->vault->dir, pack_format_path(name, path), &st, AT_SYMLINK_NOFOLLOW) != 0)
        return RC_OK; /* whoever opens it will say so */
    pack.written = st.st_mtim;
    size_t at = r->count;
    while (at > 0 && is_newer(&pack.written, &r->newest[at - 1].written))
        at--;
    if (at == r->most)
        return RC_OK;
    size_t moved = (r->count < r->most ? r->count : r->most - 1) - at;
    memmove(&r->newest[at + 1], &r->newest[at], moved * sizeof pack);
    r->newest[at] = pack;
    r->count += r->count < r->most ? 1 : 0;
    return RC_OK;
}

/* Only what proves itself stays known; the rest is to be stored again.  The file itself is for repair. */
static enum rc
keep_what_is_whole(struct vault *v, const struct id *name, const char *why, struct error *e)
{
    char path[PACK_PATH_SIZE];
    bool found;

    log_warning("a pack is damaged: run 'koffer vault repair'",
                LOG_TEXT("pack", pack_format_path(name, path)), LOG_TEXT("why", why));
    TRY(vault_index_remove(v->index, name, &found, e));
    TRY(vault_add_pack(v, v->index, name, true, e));
    atomic_fetch_add(&v->doubts, 1);
    return RC_OK;
}

/* ---- a pack that the disk does not read */

struct unread {
    const struct id *name;
    uint32_t number; /* 0: the index does not know it */
    struct id_map *blobs;
};

static enum rc
find_number(void *ctx, const struct id *name, uint32_t number, struct error *e)
{
    struct unread *u = ctx;

    (void)e;
    if (id_equal(name, u->name))
        u->number = number;
    return RC_OK;
}

static enum rc
note_blob(void *ctx, const struct pack_place *place, uint32_t pack, struct error *e)
{
    const struct unread *u = ctx;
    bool added;

    return pack == u->number ? id_map_add(u->blobs, &place->id, 1, &added, e) : RC_OK;
}

static enum rc
doubt_blob(void *ctx, const struct id *id, struct error *e)
{
    (void)e;
    vault_doubt(ctx, id);
    return RC_OK;
}

/* It may be read again when the disk is: so its blobs keep their place, and are stored again meanwhile. */
static enum rc
doubt_all_of(struct vault *v, const struct id *name, const char *why, struct error *e)
{
    CLEANUP(id_map_freep) struct id_map *blobs = NULL;
    char path[PACK_PATH_SIZE];

    log_warning("a pack cannot be read", LOG_TEXT("pack", pack_format_path(name, path)),
                LOG_TEXT("why", why));
    TRY(id_map_new(&blobs, e));
    struct unread u = {.name = name, .blobs = blobs};
    TRY(vault_index_each_pack(v->index, find_number, &u, e));
    if (u.number == 0)
        return RC_OK;
    TRY(vault_index_each_blob(v->index, note_blob, &u, e));
    return id_map_each(blobs, doubt_blob, v, e);
}

/* ---- one pack */

static enum rc
look_again(struct recheck *r, const struct id *name, struct error *e)
{
    CLEANUP(pack_reader_freep) struct pack_reader *reader = NULL;
    struct error why = ERROR_INIT;
    bool first;

    TRY(id_map_add(r->done, name, 1, &first, e));
    if (!first)
        return RC_OK;
    enum rc rc = pack_reader_open(r->vault->dir, name, &reader, &why);
    if (rc == RC_OK)
        rc = pack_reader_check(reader, name, &why);
    /* Our own want of descriptors or memory says nothing about the pack. */
    if (why.sys_errno == EMFILE || why.sys_errno == ENFILE || why.sys_errno == ENOMEM) {
        *e = why;
        return rc;
    }
    if (rc == RC_CORRUPT)
        return keep_what_is_whole(r->vault, name, why.text, e);
    if (rc == RC_IO || rc == RC_DENIED)
        return doubt_all_of(r->vault, name, why.text, e);
    if (rc == RC_OK || rc == RC_NOT_FOUND)
        return RC_OK;
    *e = why;
    return rc;
}

/* ---- the mark of a failed sync */

/* A line that is none of ours is stepped over: the mark was written on a disk that failed. */
static enum rc
look_at_marked(struct recheck *r, const char *text, struct error *e)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char word[2 * ID_SIZE + 1];
        struct id name;
        if (len == 5 + 2 * ID_SIZE && strncmp(text, "pack ", 5) == 0) {
            (void)snprintf(word, sizeof word, "%.*s", 2 * ID_SIZE, text + 5);
            if (text_unhex(word, name.bytes, ID_SIZE))
                TRY(look_again(r, &name, e));
        }
        text += len + (text[len] == '\n' ? 1 : 0);
    }
    return RC_OK;
}

static enum rc
read_mark(struct recheck *r, bool *marked, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(MARK_SIZE + 1);
    struct error why = ERROR_INIT;

    TRY(file_exists(r->vault->dir, VAULT_DEGRADED_NAME, marked, e));
    if (!*marked)
        return RC_OK;
    log_warning("a sync had failed before: the packs written then are read again",
                LOG_TEXT("vault", r->vault->path));
    if (file_read(r->vault->dir, VAULT_DEGRADED_NAME, &text, &why) != RC_OK) {
        /* It was written on a disk that failed; the newest were looked at. */
        log_error(&why, "the mark of it cannot be read", LOG_TEXT("vault", r->vault->path));
        return RC_OK;
    }
    TRY(buffer_append(&text, span_of("", 1), e));
    return look_at_marked(r, (const char *)text.data, e);
}

/* The index durable, then the mark gone: a crash between reads them once more. */
static enum rc
remove_mark(struct vault *v, struct error *e)
{
    TRY(vault_index_sync(v->index, e));
    if (unlinkat(v->dir, VAULT_DEGRADED_NAME, 0) != 0 && errno != ENOENT)
        return error_errno(e, "remove '%s'", VAULT_DEGRADED_NAME);
    return file_sync_directory(v->dir, ".", e);
}

static enum rc
recheck(struct recheck *r, struct error *e)
{
    bool marked;

    TRY(vault_each_pack(r->vault->dir, consider, r, e));
    for (size_t i = 0; i < r->count; i++)
        TRY(look_again(r, &r->newest[i].name, e));
    TRY(read_mark(r, &marked, e));
    return marked ? remove_mark(r->vault, e) : RC_OK;
}

enum rc
vault_recheck(struct vault *v, bool rebuilt, struct error *e)
{
    CLEANUP(id_map_freep) struct id_map *done = NULL;
    struct recheck r = {.vault = v, .most = rebuilt ? VAULT_RECHECK_REBUILT : VAULT_RECHECK};

    TRY(id_map_new(&done, e));
    r.done = done;
    TRY_IN(recheck(&r, e), e, "read the newest packs again");
    return RC_OK;
}
