/*
 * verify.c -- is everything whole that the vault claims to hold?  See vault.h.
 *
 * The packs themselves are the witness: each is hashed and taken apart, and only then are the records,
 * what they reach, and the index compared with what was found.
 */
#include "controller/vault/verify_parts.h"

#include <stdarg.h>
#include <stdio.h>

void
verify_find(struct verify *y, enum vault_finding_kind kind, uint64_t full, const char *fmt, ...)
{
    char text[VERIFY_TEXT_SIZE];
    const struct vault_finding finding = {.kind = kind, .text = text, .full = full};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (kind == VAULT_MISSING_BLOB)
        y->counts.missing++;
    else
        y->counts.damaged++;
    if (y->options->finding != NULL)
        y->options->finding(y->options->ctx, &finding);
}

enum rc
verify_check_cancel(const struct verify *y, struct error *e)
{
    if (y->options->cancel != NULL && *y->options->cancel)
        return error_set(e, RC_CANCELLED, "verification was cancelled");
    return RC_OK;
}

void
verify_advance(const struct verify *y, uint64_t bytes)
{
    if (y->options->done != NULL)
        *y->options->done += bytes;
}

static void
release(struct verify *y)
{
    verify_packs_release(y);
    verify_fulls_release(y);
    verify_loss_release(y);
    id_map_free(y->blobs);
    id_map_free(y->accepted);
}

static enum rc
verify_all(struct verify *y, struct error *e)
{
    /*
     * Fulls first, packs second: whatever a listed full reaches was durable, and indexed, before it.  The
     * lock sees that no pack is between its appearance and the index.
     */
    TRY(verify_fulls_list(y, e));
    (void)pthread_rwlock_wrlock(&y->vault->publishing);
    enum rc rc = verify_packs_list(y, e);
    (void)pthread_rwlock_unlock(&y->vault->publishing);
    TRY(rc);
    TRY(verify_packs_read(y, e));
    TRY(verify_fulls_read(y, e));
    TRY(verify_envelopes(y, e));
    TRY(verify_reach_all(y, e));
    verify_loss_report(y);
    return verify_index(y, e);
}

static enum rc
verify_one(struct verify *y, struct error *e)
{
    TRY(verify_fulls_list(y, e));
    TRY(verify_fulls_read(y, e));
    TRY(verify_envelopes(y, e));
    return verify_reach_one(y, e);
}

enum rc
vault_verify(struct vault *v, const struct vault_verify_options *options,
             struct vault_verify_counts *out, struct error *e)
{
    CLEANUP(release) struct verify y = {.vault = v, .options = options};

    TRY(id_map_new(&y.blobs, e));
    TRY(id_map_new(&y.losses_by_id, e));
    TRY(verify_gap_load(&y, e));
    (void)pthread_rwlock_rdlock(&v->survey);
    enum rc rc = options->only_full == 0 ? verify_all(&y, e) : verify_one(&y, e);
    (void)pthread_rwlock_unlock(&v->survey);
    if (rc != RC_OK)
        return error_context(e, "verify vault '%s'", v->path);
    *out = y.counts;
    return RC_OK;
}
