/*
 * envelopes.h -- make one: the roots of a full, sealed to one recipient more, signed and published.
 *
 *     TRY(envelopes_publish(vault, &set, &fingerprint, roots, count, signer, e));
 *
 * `roots` may come in any order; they are sorted in place.  Threads: any.  Layer: controller/restore.
 */
#ifndef CONTROLLER_RESTORE_ENVELOPES_H
#define CONTROLLER_RESTORE_ENVELOPES_H

#include "controller/restore/archive.h"

/* RC_INVALID when there are none, or one that the full has not. */
enum rc envelopes_publish(struct vault *v, const struct archive_set *set,
                          const struct id *recipient, struct envelope_root *roots, size_t count,
                          const struct keys_private *signer, struct error *e);

#endif
