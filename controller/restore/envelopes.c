/* envelopes.c -- see envelopes.h. */
#include "controller/restore/envelopes.h"

enum rc
envelopes_publish(struct vault *v, const struct archive_set *set, const struct id *recipient,
                  struct envelope_root *roots, size_t count, const struct keys_private *signer,
                  struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    struct envelope envelope = {
        .vault = *vault_id(v),
        .number = set->full.number,
        .full = set->full.name,
        .made = clock_wall(),
        .recipient = *recipient,
        .roots = roots,
        .root_count = envelope_sort(roots, count),
    };
    TRY(envelope_encode(&envelope, signer, &bytes, e));
    return vault_add_envelope(v, buffer_span(&bytes), e);
}
