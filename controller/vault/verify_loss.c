/* verify_loss.c -- blobs damaged or missing, and the fulls they hit.  See verify_parts.h. */
#include <inttypes.h>
#include <stdio.h>

#include "controller/vault/verify_parts.h"

static enum rc
append(struct verify *y, const struct verify_loss *loss, struct error *e)
{
    bool added;

    if (y->loss_count == y->loss_capacity) {
        size_t capacity = y->loss_capacity == 0 ? 64 : 2 * y->loss_capacity;
        struct verify_loss *grown = reallocarray(y->losses, capacity, sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "list of %zu lost blobs", capacity);
        y->losses = grown;
        y->loss_capacity = capacity;
    }
    y->losses[y->loss_count++] = *loss;
    return id_map_add(y->losses_by_id, &loss->id, y->loss_count, &added, e);
}

enum rc
verify_loss_note(struct verify *y, const struct id *id, const struct id *pack, uint32_t offset,
                 const char *why, struct error *e)
{
    struct verify_loss loss = {.id = *id, .pack = *pack, .offset = offset};

    (void)snprintf(loss.why, sizeof loss.why, "%s", why);
    return append(y, &loss, e);
}

static void
note_full(struct verify_loss *loss, uint64_t full)
{
    size_t used = strlen(loss->fulls);

    if (loss->first_full == 0)
        loss->first_full = full;
    (void)snprintf(loss->fulls + used, sizeof loss->fulls - used, "%s%" PRIu64,
                   used == 0 ? "" : ", ", full);
}

enum rc
verify_loss_hits(struct verify *y, const struct id *id, uint64_t full, struct error *e)
{
    if (id_map_find(y->losses_by_id, id) == NULL)
        TRY(append(y, &(struct verify_loss){.id = *id}, e));
    note_full(&y->losses[*id_map_find(y->losses_by_id, id) - 1], full);
    return RC_OK;
}

static void
report_missing(struct verify *y, const struct verify_loss *loss)
{
    char id[ID_TEXT_SIZE];

    vault_doubt(y->vault, &loss->id);
    atomic_fetch_add(&y->vault->doubts, 1); /* one that is nowhere cannot be noted, only counted */
    verify_find(y, VAULT_MISSING_BLOB, loss->first_full, "blob %s is in no pack; fulls hit: %s",
                id_text(&loss->id, id), loss->fulls);
}

static void
report_damaged(struct verify *y, const struct verify_loss *loss)
{
    char path[PACK_PATH_SIZE], id[ID_TEXT_SIZE];
    const char *fulls = loss->fulls;

    if (!verify_packs_is_good(y, &loss->id))
        vault_doubt(y->vault, &loss->id);
    if (verify_packs_is_good(y, &loss->id))
        fulls = "none, another pack holds it whole";
    else if (fulls[0] == '\0')
        fulls = "none";
    verify_find(y, VAULT_BAD_BLOB, loss->first_full,
                "'%s': blob %s at offset %u: %s; fulls hit: %s",
                pack_format_path(&loss->pack, path), id_text(&loss->id, id), loss->offset,
                loss->why, fulls);
}

void
verify_loss_report(struct verify *y)
{
    for (size_t i = 0; i < y->loss_count; i++) {
        if (id_is_zero(&y->losses[i].pack))
            report_missing(y, &y->losses[i]);
        else
            report_damaged(y, &y->losses[i]);
    }
}

void
verify_loss_release(struct verify *y)
{
    free(y->losses);
    id_map_free(y->losses_by_id);
}
