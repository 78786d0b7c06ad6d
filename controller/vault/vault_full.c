/* vault_full.c -- full records: list, read, publish.  See vault.h. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"

enum {
    NUMBER_DIGITS = 10,
    PATH_SIZE = sizeof "fulls/" + VAULT_FULL_NAME_SIZE,
};

/* ---- names */

const char *
vault_full_name(const struct vault_full *full, char out[static VAULT_FULL_NAME_SIZE])
{
    char text[ID_TEXT_SIZE];
    (void)snprintf(out, VAULT_FULL_NAME_SIZE, "%010" PRIu64 "-%s.full", full->number,
                   id_text(&full->name, text));
    return out;
}

bool
vault_full_parse_name(const char *name, struct vault_full *out)
{
    struct vault_full full = {0};
    char again[VAULT_FULL_NAME_SIZE];

    if (strlen(name) != VAULT_FULL_NAME_SIZE - 1)
        return false;
    for (int i = 0; i < NUMBER_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        full.number = full.number * 10 + (uint64_t)(name[i] - '0');
    }
    if (!text_unhex(name + NUMBER_DIGITS + 1, full.name.bytes, ID_SIZE))
        return false;
    if (!text_equal(vault_full_name(&full, again), name))
        return false;
    *out = full;
    return true;
}

/* ---- listing and reading */

struct listing {
    struct vault_full *fulls;
    size_t count, capacity;
};

static enum rc
note_full(void *ctx, const char *name, struct error *e)
{
    struct listing *l = ctx;
    struct vault_full full;

    if (!vault_full_parse_name(name, &full))
        return RC_OK;
    if (l->count == l->capacity) {
        size_t capacity = l->capacity == 0 ? 64 : 2 * l->capacity;
        struct vault_full *grown = reallocarray(l->fulls, capacity, sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "list of %zu fulls", capacity);
        l->fulls = grown;
        l->capacity = capacity;
    }
    l->fulls[l->count++] = full;
    return RC_OK;
}

enum rc
vault_fulls(struct vault *v, struct vault_full **out, size_t *count, struct error *e)
{
    struct listing l = {0};
    /* Names begin with the number in fixed width, so sorted by name is sorted by number. */
    enum rc rc = file_list(v->dir, "fulls", note_full, &l, e);

    if (rc != RC_OK) {
        free(l.fulls);
        return error_context(e, "vault '%s'", v->path);
    }
    *out = l.fulls;
    *count = l.count;
    return RC_OK;
}

enum rc
vault_full_read(struct vault *v, const struct vault_full *full, struct buffer *out, struct error *e)
{
    char name[VAULT_FULL_NAME_SIZE], path[PATH_SIZE];
    struct id hash;

    (void)snprintf(path, sizeof path, "fulls/%s", vault_full_name(full, name));
    TRY(file_read(v->dir, path, out, e));
    TRY(digest_sha256(buffer_span(out), &hash, e));
    if (!id_equal(&hash, &full->name))
        return error_set(e, RC_CORRUPT, "'%s': its SHA-256 is not its name", path);
    return RC_OK;
}

enum rc
vault_read_full(struct vault *v, uint64_t number, struct buffer *out, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    size_t count;

    TRY(vault_fulls(v, &fulls, &count, e));
    for (size_t i = 0; i < count; i++) {
        if (fulls[i].number == number) {
            TRY_IN(vault_full_read(v, &fulls[i], out, e), e, "vault '%s'", v->path);
            return RC_OK;
        }
    }
    return error_set(e, RC_NOT_FOUND, "there is no full %" PRIu64 " in vault '%s'", number,
                     v->path);
}

/* ---- committing */

static enum rc
check_place_in_chain(struct vault *v, const struct record_full *record, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    struct vault_full last = {0};
    size_t count;

    TRY(vault_fulls(v, &fulls, &count, e));
    if (count > 0)
        last = fulls[count - 1];
    if (memcmp(record->vault.bytes, v->id.bytes, sizeof v->id.bytes) != 0)
        return error_set(e, RC_INVALID, "it belongs to another vault");
    if (record->number <= last.number || record->number > RECORD_NUMBER_MAX)
        return error_set(e, RC_INVALID, "number %" PRIu64 " cannot follow %" PRIu64, record->number,
                         last.number);
    if (!id_equal(&record->previous, &last.name))
        return error_set(e, RC_INVALID, "its predecessor is not full %" PRIu64, last.number);
    return RC_OK;
}

/* Whatever is wrong with a record that is offered, whoever offers it must change it. */
enum rc
vault_as_invalid(enum rc rc, struct error *e)
{
    if (rc == RC_OK || rc == RC_NO_MEMORY)
        return rc;
    e->code = RC_INVALID;
    return RC_INVALID;
}

static enum rc
decode_roots(struct vault *v, const struct record_full *record, struct arena *arena,
             struct id *roots, struct error *e)
{
    for (size_t i = 0; i < record->archive_count; i++) {
        struct record_archive archive;
        TRY_IN(vault_as_invalid(record_decode_archive(record->archives[i], arena, &archive, e), e),
               e, "archive %zu", i);
        if (memcmp(archive.vault.bytes, v->id.bytes, sizeof v->id.bytes) != 0)
            return error_set(e, RC_INVALID, "archive %zu belongs to another vault", i);
        roots[i] = archive.root;
    }
    return RC_OK;
}

static enum rc
check_complete(struct vault *v, const struct id *roots, size_t count, struct error *e)
{
    char text[ID_TEXT_SIZE];
    struct vault_reach reach;

    TRY(vault_reach(v, roots, count, &reach, e));
    if (reach.missing > 0)
        return error_set(e, RC_NOT_FOUND,
                         "%" PRIu64
                         " blobs that it reaches are not in the vault or damaged there, %s for one",
                         reach.missing, id_text(&reach.first_missing, text));
    return RC_OK;
}

static enum rc
check_record(struct vault *v, struct span bytes, struct vault_full *out, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(VAULT_FULL_ARENA);
    CLEANUP(own_freep) struct id *roots = NULL;
    struct record_full record;

    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    TRY(vault_as_invalid(record_decode_full(bytes, arena, &record, e), e));
    TRY(check_place_in_chain(v, &record, e));
    roots = calloc(record.archive_count + 1, sizeof *roots);
    if (roots == NULL)
        return error_set(e, RC_NO_MEMORY, "roots of %zu archives", record.archive_count);
    TRY(decode_roots(v, &record, arena, roots, e));
    TRY(check_complete(v, roots, record.archive_count, e));
    *out = (struct vault_full){.number = record.number, .name = record.name};
    return RC_OK;
}

/* The only commit point: everything it refers to was durable before. */
static enum rc
publish(struct vault *v, const struct vault_full *full, struct span bytes, struct error *e)
{
    static const char temporary[] = "tmp/full";
    char name[VAULT_FULL_NAME_SIZE], path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "fulls/%s", vault_full_name(full, name));
    TRY(file_remove_tree(v->dir, temporary, e));
    enum rc rc = file_write_new(v->dir, temporary, bytes, 0600, e);
    if (rc == RC_OK)
        rc = file_publish(v->dir, temporary, v->dir, path, e);
    if (rc == RC_OK)
        return RC_OK;
    (void)unlinkat(v->dir, temporary, 0);
    if (rc != RC_NO_SPACE)
        vault_break(v, e);
    return rc;
}

struct offer {
    struct span record;
    const struct vault_fence *fences;
    size_t count;
};

static enum rc
check_fences(struct vault *v, const struct offer *o, struct error *e)
{
    for (size_t i = 0; i < o->count; i++)
        TRY(vault_fence_check(v, &o->fences[i], e));
    return RC_OK;
}

static enum rc
commit(struct vault *v, const struct offer *o, struct id *name, struct error *e)
{
    struct vault_full full;

    TRY(check_fences(v, o, e));
    TRY(check_record(v, o->record, &full, e));
    TRY(vault_check_space(v, o->record.len, e));
    /* The walk may have taken long: one that is over by now pinned nothing to its end. */
    TRY(check_fences(v, o, e));
    TRY(publish(v, &full, o->record, e));
    *name = full.name;
    return RC_OK;
}

enum rc
vault_commit_fenced(struct vault *v, struct span record, const struct vault_fence *fences,
                    size_t count, struct id *name, struct error *e)
{
    const struct offer o = {.record = record, .fences = fences, .count = count};

    TRY(vault_check_writable(v, e));
    (void)pthread_mutex_lock(&v->commit);
    enum rc rc = commit(v, &o, name, e);
    (void)pthread_mutex_unlock(&v->commit);
    return rc == RC_OK ? RC_OK : error_context(e, "vault '%s': the full is refused", v->path);
}

enum rc
vault_commit_full(struct vault *v, struct span record, struct id *name, struct error *e)
{
    return vault_commit_fenced(v, record, NULL, 0, name, e);
}
