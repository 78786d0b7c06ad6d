/* verify_fulls.c -- see verify_parts.h. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/vault/verify_parts.h"

/* ---- listing */

static enum rc
note_stray(void *ctx, const char *name, struct error *e)
{
    struct vault_full full;
    char shown[LIMIT_NAME];

    (void)e;
    if (!vault_full_parse_name(name, &full))
        verify_find(ctx, VAULT_BAD_RECORD, 0, "'fulls/%s' is not the name of a full record",
                    text_escape(span_of(name, strlen(name)), shown, sizeof shown));
    return RC_OK;
}

enum rc
verify_fulls_list(struct verify *y, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    size_t count;

    TRY(file_list(y->vault->dir, "fulls", note_stray, y, e));
    TRY(vault_fulls(y->vault, &fulls, &count, e));
    y->fulls = calloc(count + 1, sizeof *y->fulls);
    if (y->fulls == NULL)
        return error_set(e, RC_NO_MEMORY, "list of %zu fulls", count);
    for (size_t i = 0; i < count; i++)
        y->fulls[i].full = fulls[i];
    y->full_count = count;
    return RC_OK;
}

void
verify_fulls_release(struct verify *y)
{
    for (size_t i = 0; i < y->full_count; i++)
        free(y->fulls[i].roots);
    free(y->fulls);
}

/* ---- one record */

struct reading {
    struct verify *y;
    struct verify_full *full;
    const struct vault_full *before; /* NULL for the first */
    struct verify_chain *chain;
    struct arena *arena;
};

static void
find_bad(const struct reading *r, enum vault_finding_kind kind, const char *why)
{
    char name[VAULT_FULL_NAME_SIZE];
    const struct vault_full *full = &r->full->full;

    verify_find(r->y, kind, full->number, "'fulls/%s': %s", vault_full_name(full, name), why);
}

/* The full before this one is not here.  Its number is not known, only which ones are free. */
static void
find_gap(const struct reading *r, const struct id *missing)
{
    char name[VAULT_FULL_NAME_SIZE], id[ID_TEXT_SIZE], hits[96] = "";
    const struct vault_full *full = &r->full->full;
    uint64_t first = r->before == NULL ? 1 : r->before->number + 1;
    bool free = first < full->number && !id_is_zero(missing);

    if (free && first + 1 < full->number)
        (void)snprintf(hits, sizeof hits, "; fulls hit: %" PRIu64 " to %" PRIu64, first,
                       full->number - 1);
    else if (free)
        (void)snprintf(hits, sizeof hits, "; fulls hit: %" PRIu64, first);
    const struct verify_gap gap = {.follows = full->name,
                                   .full = full->number,
                                   .hit = free ? first : full->number,
                                   .hits = hits};
    verify_gap(r->y, &gap,
               "'fulls/%s': the full that it says came before it, with the record %s, is not here",
               vault_full_name(full, name), id_text(missing, id));
}

static void
check_chain(const struct reading *r, const struct record_full *record)
{
    static const struct id none;
    const struct id *before = r->before == NULL ? &none : &r->before->name;

    if (r->before != NULL && r->before->number == r->full->full.number)
        find_bad(r, VAULT_BROKEN_CHAIN, "there are two fulls with this number");
    else if (!id_equal(&record->previous, before))
        find_gap(r, &record->previous);
}

/* RC_CORRUPT with the reason when the record is not what its place says. */
static enum rc
check_record(const struct reading *r, const struct record_full *record,
             struct record_archive *archives, struct error *e)
{
    const struct record_vault_id *vault = &r->y->vault->id;

    if (memcmp(record->vault.bytes, vault->bytes, sizeof vault->bytes) != 0)
        return error_set(e, RC_CORRUPT, "it belongs to another vault");
    if (record->number != r->full->full.number)
        return error_set(e, RC_CORRUPT, "inside, its number is %" PRIu64, record->number);
    for (size_t i = 0; i < record->archive_count; i++) {
        TRY_IN(record_decode_archive(record->archives[i], r->arena, &archives[i], e), e,
               "archive %zu", i);
        if (memcmp(archives[i].vault.bytes, vault->bytes, sizeof vault->bytes) != 0)
            return error_set(e, RC_CORRUPT, "archive %zu belongs to another vault", i);
    }
    return RC_OK;
}

static enum rc
take_archives(const struct reading *r, struct record_archive *archives, size_t count,
              struct error *e)
{
    r->full->roots = calloc(count + 1, sizeof *r->full->roots);
    if (r->full->roots == NULL)
        return error_set(e, RC_NO_MEMORY, "roots of %zu archives", count);
    for (size_t i = 0; i < count; i++)
        r->full->roots[i] = archives[i].root;
    r->full->root_count = count;
    r->full->read = true;
    r->y->counts.fulls++;
    r->y->counts.archives += count;
    /* Verifying one full says nothing about those before it. */
    if (r->chain == NULL)
        return RC_OK;
    return verify_chain_add(r->chain, r->y, &r->full->full, archives, count, e);
}

static enum rc
read_record(const struct reading *r, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(own_freep) struct record_archive *archives = NULL;
    struct record_full record;

    TRY(vault_full_read(r->y->vault, &r->full->full, &bytes, e));
    TRY(record_decode_full(buffer_span(&bytes), r->arena, &record, e));
    archives = calloc(record.archive_count + 1, sizeof *archives);
    if (archives == NULL)
        return error_set(e, RC_NO_MEMORY, "%zu archives", record.archive_count);
    TRY(check_record(r, &record, archives, e));
    r->full->signing_key = record.signing_key;
    if (r->chain != NULL)
        check_chain(r, &record);
    return take_archives(r, archives, record.archive_count, e);
}

static enum rc
read_full(struct verify *y, size_t i, struct verify_chain *chain, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(VAULT_FULL_ARENA);

    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    TRY(verify_check_cancel(y, e));
    const struct reading r = {
        .y = y,
        .full = &y->fulls[i],
        .before = i > 0 ? &y->fulls[i - 1].full : NULL,
        .chain = chain,
        .arena = arena,
    };
    enum rc rc = read_record(&r, e);
    if (rc == RC_OK || rc == RC_NO_MEMORY)
        return rc;
    find_bad(&r, VAULT_BAD_RECORD, e->text);
    return RC_OK;
}

enum rc
verify_fulls_read(struct verify *y, struct error *e)
{
    CLEANUP(verify_chain_freep) struct verify_chain *chain = NULL;
    uint64_t only = y->options->only_full;
    bool found = false;

    if (only == 0)
        TRY(verify_chain_new(&chain, e));
    for (size_t i = 0; i < y->full_count; i++) {
        if (only != 0 && y->fulls[i].full.number != only)
            continue;
        found = true;
        TRY(read_full(y, i, chain, e));
    }
    if (only != 0 && !found)
        return error_set(e, RC_NOT_FOUND, "there is no full %" PRIu64, only);
    return RC_OK;
}
