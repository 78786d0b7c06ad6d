/* vault_envelope.c -- envelopes: list, read, publish.  See vault.h and docs/formats/envelope.md. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "controller/vault/vault_parts.h"

#define FOLDER "envelopes"
#define ENDING ".envelope"

enum {
    NUMBER_DIGITS = 10,
    PATH_SIZE = sizeof FOLDER "/" + VAULT_ENVELOPE_NAME_SIZE,
};

/* ---- names */

const char *
vault_envelope_name(const struct vault_full *envelope, char out[static VAULT_ENVELOPE_NAME_SIZE])
{
    char text[ID_TEXT_SIZE];
    (void)snprintf(out, VAULT_ENVELOPE_NAME_SIZE, "%010" PRIu64 "-%s" ENDING, envelope->number,
                   id_text(&envelope->name, text));
    return out;
}

bool
vault_envelope_parse_name(const char *name, struct vault_full *out)
{
    struct vault_full found = {0};
    char again[VAULT_ENVELOPE_NAME_SIZE];

    if (strlen(name) != VAULT_ENVELOPE_NAME_SIZE - 1)
        return false;
    for (int i = 0; i < NUMBER_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        found.number = found.number * 10 + (uint64_t)(name[i] - '0');
    }
    if (!text_unhex(name + NUMBER_DIGITS + 1, found.name.bytes, ID_SIZE) ||
        !text_equal(vault_envelope_name(&found, again), name))
        return false;
    *out = found;
    return true;
}

static const char *
path_of(const struct vault_full *envelope, char out[static PATH_SIZE])
{
    char name[VAULT_ENVELOPE_NAME_SIZE];
    (void)snprintf(out, PATH_SIZE, FOLDER "/%s", vault_envelope_name(envelope, name));
    return out;
}

/* ---- listing and reading */

enum rc
vault_envelope_list(struct vault *v, file_visit *visit, void *ctx, struct error *e)
{
    bool exists;
    TRY(file_exists(v->dir, FOLDER, &exists, e));
    return exists ? file_list(v->dir, FOLDER, visit, ctx, e) : RC_OK;
}

enum rc
vault_envelope_read(struct vault *v, const struct vault_full *name, struct arena *arena,
                    struct envelope *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    char path[PATH_SIZE];
    struct envelope found;
    struct id hash;

    TRY(file_read(v->dir, path_of(name, path), &bytes, e));
    TRY(digest_sha256(buffer_span(&bytes), &hash, e));
    if (!id_equal(&hash, &name->name))
        return error_set(e, RC_CORRUPT, "its SHA-256 is not its name");
    TRY(envelope_decode(buffer_span(&bytes), arena, &found, e));
    if (memcmp(found.vault.bytes, v->id.bytes, sizeof v->id.bytes) != 0)
        return error_set(e, RC_CORRUPT, "it belongs to another vault");
    if (found.number != name->number)
        return error_set(e, RC_CORRUPT, "inside, the number of its full is %" PRIu64, found.number);
    *out = found;
    return RC_OK;
}

struct looking {
    struct vault *vault;
    const struct vault_full *full;
    vault_visit_envelope *visit;
    void *ctx;
};

static enum rc
look_at(void *ctx, const char *name, struct error *e)
{
    const struct looking *l = ctx;
    struct vault_full found;
    struct envelope envelope;
    struct error why = ERROR_INIT;

    if (!vault_envelope_parse_name(name, &found) || found.number != l->full->number)
        return RC_OK;
    CLEANUP(arena_freep) struct arena *arena = arena_new(VAULT_ENVELOPE_ARENA);
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "envelope");
    enum rc rc = vault_envelope_read(l->vault, &found, arena, &envelope, &why);
    if (rc == RC_NO_MEMORY) {
        *e = why;
        return rc;
    }
    if (rc != RC_OK || !id_equal(&envelope.full, &l->full->name))
        return RC_OK;
    return l->visit(l->ctx, &envelope, e);
}

enum rc
vault_each_envelope(struct vault *v, const struct vault_full *full, vault_visit_envelope *visit,
                    void *ctx, struct error *e)
{
    struct looking l = {.vault = v, .full = full, .visit = visit, .ctx = ctx};
    return vault_envelope_list(v, look_at, &l, e);
}

/* ---- publishing */

static bool
full_has(const struct id *roots, size_t count, const struct id *root)
{
    for (size_t i = 0; i < count; i++)
        if (id_equal(&roots[i], root))
            return true;
    return false;
}

static enum rc
check_roots(const struct envelope *envelope, const struct record_full *full, struct arena *arena,
            struct error *e)
{
    struct id *roots = arena_alloc(arena, (full->archive_count + 1) * sizeof *roots);
    if (roots == NULL)
        return error_set(e, RC_NO_MEMORY, "roots of %zu archives", full->archive_count);
    for (size_t i = 0; i < full->archive_count; i++) {
        struct record_archive archive;
        TRY(record_decode_archive(full->archives[i], arena, &archive, e));
        roots[i] = archive.root;
    }
    for (size_t i = 0; i < envelope->root_count; i++)
        if (!full_has(roots, full->archive_count, &envelope->roots[i].root))
            return error_set(e, RC_INVALID, "it holds a root that full %" PRIu64 " has not",
                             full->number);
    return RC_OK;
}

static enum rc
check_full(struct vault *v, const struct envelope *envelope, struct arena *arena, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    const struct vault_full named = {.number = envelope->number, .name = envelope->full};
    struct record_full full;

    enum rc rc = vault_full_read(v, &named, &bytes, e);
    if (rc == RC_NOT_FOUND)
        return error_set(e, RC_INVALID, "its full %" PRIu64 " is not in this vault",
                         envelope->number);
    TRY(rc);
    TRY(record_decode_full(buffer_span(&bytes), arena, &full, e));
    return check_roots(envelope, &full, arena, e);
}

/* Nothing refers to it: a crash between any two lines leaves it out, or there whole. */
static enum rc
publish(struct vault *v, const struct vault_full *name, struct span bytes, struct error *e)
{
    static const char temporary[] = "tmp/envelope";
    char path[PATH_SIZE];

    TRY(file_remove_tree(v->dir, temporary, e));
    enum rc rc = file_make_directory(v->dir, FOLDER, 0700, e); /* older vaults have none */
    if (rc == RC_OK)
        rc = file_write_new(v->dir, temporary, bytes, 0600, e);
    if (rc == RC_OK)
        rc = file_publish(v->dir, temporary, v->dir, path_of(name, path), e);
    if (rc == RC_OK)
        return RC_OK;
    (void)unlinkat(v->dir, temporary, 0);
    if (rc != RC_NO_SPACE)
        vault_break(v, e);
    return rc;
}

static enum rc
add(struct vault *v, struct span bytes, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(VAULT_FULL_ARENA);
    struct envelope envelope;

    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "envelope");
    TRY(vault_as_invalid(envelope_decode(bytes, arena, &envelope, e), e));
    if (memcmp(envelope.vault.bytes, v->id.bytes, sizeof v->id.bytes) != 0)
        return error_set(e, RC_INVALID, "it belongs to another vault");
    TRY(check_full(v, &envelope, arena, e));
    TRY(vault_check_space(v, bytes.len, e));
    const struct vault_full name = {.number = envelope.number, .name = envelope.name};
    return publish(v, &name, bytes, e);
}

enum rc
vault_add_envelope(struct vault *v, struct span envelope, struct error *e)
{
    TRY(vault_check_writable(v, e));
    (void)pthread_mutex_lock(&v->commit);
    enum rc rc = add(v, envelope, e);
    (void)pthread_mutex_unlock(&v->commit);
    return rc == RC_OK ? RC_OK : error_context(e, "vault '%s': the envelope is refused", v->path);
}
