/* vault_judge.c -- which fulls are hit by what is known to be damaged or missing.  See vault.h. */
#include <stdio.h>

#include "common/base/own.h"
#include "controller/vault/vault_parts.h"

static enum rc
read_roots(struct vault *v, const struct vault_full *full, struct id **roots, size_t *count,
           struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(arena_freep) struct arena *arena = arena_new(VAULT_FULL_ARENA);
    CLEANUP(own_freep) struct id *made = NULL;
    struct record_archive archive;
    struct record_full record;

    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    TRY(vault_full_read(v, full, &bytes, e));
    TRY(record_decode_full(buffer_span(&bytes), arena, &record, e));
    made = calloc(record.archive_count + 1, sizeof *made);
    if (made == NULL)
        return error_set(e, RC_NO_MEMORY, "roots of %zu archives", record.archive_count);
    for (size_t i = 0; i < record.archive_count; i++) {
        TRY(record_decode_archive(record.archives[i], arena, &archive, e));
        made[i] = archive.root;
    }
    *count = record.archive_count;
    *roots = TAKE(made);
    return RC_OK;
}

static enum rc
judge(struct vault *v, const struct vault_full *full, bool *whole, struct error *e)
{
    CLEANUP(own_freep) struct id *roots = NULL;
    struct error why = ERROR_INIT;
    struct vault_reach reach;
    size_t count = 0;

    enum rc rc = read_roots(v, full, &roots, &count, &why);
    if (rc == RC_OK)
        rc = vault_reach(v, roots, count, &reach, &why);
    if (rc == RC_NO_MEMORY) {
        *e = why;
        return rc;
    }
    *whole = rc == RC_OK && reach.missing == 0;
    return RC_OK;
}

enum rc
vault_judge(struct vault *v, struct vault_verdict **out, size_t *count, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    CLEANUP(own_freep) struct vault_verdict *verdicts = NULL;
    size_t all = 0;

    TRY(vault_fulls(v, &fulls, &all, e));
    verdicts = calloc(all + 1, sizeof *verdicts);
    if (verdicts == NULL)
        return error_set(e, RC_NO_MEMORY, "verdicts on %zu fulls", all);
    for (size_t i = 0; i < all; i++) {
        verdicts[i].full = fulls[i].number;
        TRY(judge(v, &fulls[i], &verdicts[i].whole, e));
    }
    *count = all;
    *out = TAKE(verdicts);
    return RC_OK;
}
