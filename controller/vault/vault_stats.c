/* vault_stats.c -- what the vault holds, in numbers.  See vault.h. */
#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"

enum rc
vault_stats(struct vault *v, struct vault_stats *out, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    struct vault_index_totals totals;
    uint64_t available;
    size_t count;

    TRY(vault_fulls(v, &fulls, &count, e));
    TRY(vault_index_total(v->index, &totals, e));
    TRY_IN(file_free_space(v->dir, &available, e), e, "vault '%s'", v->path);
    *out = (struct vault_stats){
        .fulls = count,
        .packs = totals.packs,
        .blobs = totals.blobs,
        .bytes_packs = totals.bytes_packs,
        .bytes_blobs = totals.bytes_blobs,
        .bytes_plain = totals.bytes_plain,
        .free = available,
    };
    return RC_OK;
}
