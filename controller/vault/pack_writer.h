/*
 * pack_writer.h -- writes one pack: many blobs, one file, all or nothing (docs/formats/pack.md).
 *
 * A pack becomes visible only through pack_writer_commit(), under the SHA-256 of its bytes.  Freeing
 * a writer that was not committed removes every trace of it, so error paths need no code of their own:
 *
 *     CLEANUP(pack_writer_freep) struct pack_writer *w = NULL;
 *     TRY(pack_writer_begin(vault_dirfd, &vault_id, &w, e));
 *     TRY(pack_writer_add(w, &id, blob, e));
 *     return pack_writer_commit(w, &name, e);
 *
 * After any failure but RC_INVALID the writer is good for nothing but pack_writer_free().
 * Threads: one at a time; several writers may work in one vault.  Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_PACK_WRITER_H
#define CONTROLLER_VAULT_PACK_WRITER_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/own.h"
#include "common/base/span.h"
#include "common/record/record.h"
#include "controller/vault/pack_format.h"

struct pack_writer;

/* Begin a pack in VAULT/tmp; `vault` is an open directory, borrowed. */
enum rc pack_writer_begin(int vault, const struct record_vault_id *id, struct pack_writer **out,
                          struct error *e);
/*
 * Append one blob; borrowed for the call.  The caller has checked that it is `id` and not in this pack
 * yet.  RC_INVALID, and nothing is written, when it is no blob or does not fit.
 */
enum rc
pack_writer_add(struct pack_writer *w, const struct id *id, struct span blob, struct error *e);
/* May a blob of `len` bytes be added?  An empty pack takes any blob, another one up to LIMIT_PACK. */
bool pack_writer_fits(const struct pack_writer *w, size_t len);
/* Bytes the file would have if committed now. */
uint64_t pack_writer_size(const struct pack_writer *w);
size_t pack_writer_count(const struct pack_writer *w);
/* What was added, in order; borrowed until the next change. */
const struct pack_place *pack_writer_places(const struct pack_writer *w);
/*
 * Make the pack durable, then visible.  RC_INVALID when it is empty.  After RC_OK it survives power
 * loss.  After a failure the caller treats the pack as absent; should its name have become visible
 * all the same, nothing refers to it yet and the next start finds it.
 */
enum rc pack_writer_commit(struct pack_writer *w, struct id *name, struct error *e);
/* A sync failed: what the file system shows can no longer be taken for durable (facts: D5). */
bool pack_writer_broken(const struct pack_writer *w);
/* Release; rolls back unless committed.  NULL is fine. */
void pack_writer_free(struct pack_writer *w);
DEFINE_FREEP(pack_writer)

#endif
