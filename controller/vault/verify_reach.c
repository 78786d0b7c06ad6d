/* verify_reach.c -- everything the fulls reach is there and whole.  See verify_parts.h. */
#include <inttypes.h>

#include "controller/vault/verify_parts.h"

/* ---- all fulls, after the packs have been read */

struct visit {
    struct verify *y;
    uint64_t full;
    uint64_t reached;
    bool lost;
};

static enum rc
mark(void *ctx, const struct vault_walk_step *step, struct error *e)
{
    struct visit *v = ctx;

    TRY(verify_check_cancel(v->y, e));
    if (verify_packs_is_good(v->y, &step->id))
        v->reached++;
    else
        v->lost = true;
    return RC_OK;
}

static enum rc
note_hit(void *ctx, const struct vault_walk_step *step, struct error *e)
{
    struct visit *v = ctx;

    TRY(verify_check_cancel(v->y, e));
    if (verify_packs_is_good(v->y, &step->id))
        return RC_OK;
    return verify_loss_hits(v->y, &step->id, v->full, e);
}

static enum rc
walk_full(struct vault_walk *walk, const struct verify_full *full, vault_visit_blob *visit,
          struct visit *v, struct error *e)
{
    v->full = full->full.number;
    for (size_t i = 0; i < full->root_count; i++)
        TRY(vault_walk_from(walk, &full->roots[i], visit, v, e));
    return RC_OK;
}

/* Each full on its own, so that a loss names every full it hits; only when there is one. */
static enum rc
attribute_losses(struct verify *y, struct error *e)
{
    for (size_t i = 0; i < y->full_count; i++) {
        CLEANUP(vault_walk_freep) struct vault_walk *walk = NULL;
        struct visit v = {.y = y};
        TRY(vault_walk_new(y->vault, &walk, e));
        TRY(walk_full(walk, &y->fulls[i], note_hit, &v, e));
    }
    return RC_OK;
}

enum rc
verify_reach_all(struct verify *y, struct error *e)
{
    CLEANUP(vault_walk_freep) struct vault_walk *walk = NULL;
    struct visit v = {.y = y};

    /* One walk over all: what several fulls share is visited once. */
    TRY(vault_walk_new(y->vault, &walk, e));
    for (size_t i = 0; i < y->full_count; i++)
        TRY(walk_full(walk, &y->fulls[i], mark, &v, e));
    y->counts.unreferenced = y->counts.blobs - v.reached;
    return v.lost ? attribute_losses(y, e) : RC_OK;
}

/* ---- one full, reading what it reaches */

struct reading {
    struct verify *y;
    uint64_t full;
    struct buffer blob;
};

static enum rc
read_blob(void *ctx, const struct vault_walk_step *step, struct error *e)
{
    struct reading *r = ctx;
    char id[ID_TEXT_SIZE];

    TRY(verify_check_cancel(r->y, e));
    enum rc rc = vault_get(r->y->vault, &step->id, &r->blob, e);
    if (rc == RC_NOT_FOUND) {
        atomic_fetch_add(&r->y->vault->doubts, 1);
        verify_find(r->y, VAULT_MISSING_BLOB, r->full, "blob %s is in no pack; fulls hit: %" PRIu64,
                    id_text(&step->id, id), r->full);
    } else if (rc == RC_CORRUPT || rc == RC_IO) {
        verify_find(r->y, VAULT_BAD_BLOB, r->full, "blob %s: %s; fulls hit: %" PRIu64,
                    id_text(&step->id, id), e->text, r->full);
    } else {
        TRY(rc);
    }
    if (rc == RC_OK) {
        r->y->counts.blobs++;
        r->y->counts.bytes += step->len;
        verify_advance(r->y, step->len);
    }
    return RC_OK;
}

static void
announce(const struct verify *y, const struct verify_full *full)
{
    struct error ignored = ERROR_INIT;
    struct vault_reach reach;

    /* For the progress only: what is wrong will be found below. */
    if (y->options->total != NULL &&
        vault_reach(y->vault, full->roots, full->root_count, &reach, &ignored) == RC_OK)
        *y->options->total += reach.bytes;
}

enum rc
verify_reach_one(struct verify *y, struct error *e)
{
    CLEANUP(vault_walk_freep) struct vault_walk *walk = NULL;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    struct reading r = {.y = y, .blob = blob};
    enum rc rc = RC_OK;

    TRY(vault_walk_new(y->vault, &walk, e));
    for (size_t i = 0; i < y->full_count && rc == RC_OK; i++) {
        const struct verify_full *full = &y->fulls[i];
        announce(y, full);
        r.full = full->full.number;
        for (size_t k = 0; k < full->root_count && rc == RC_OK; k++)
            rc = vault_walk_from(walk, &full->roots[k], read_blob, &r, e);
    }
    buffer_free(&r.blob);
    return rc;
}
