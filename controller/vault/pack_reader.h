/*
 * pack_reader.h -- what is in a pack: from its table, or by walking it when the table is damaged.
 *
 *     CLEANUP(pack_reader_freep) struct pack_reader *r = NULL;
 *     TRY(pack_reader_open(vault_dirfd, &name, &r, e));           // reads head, tail and table only
 *     for (size_t i = 0; i < pack_reader_count(r); i++)
 *         TRY(pack_reader_get(r, &pack_reader_places(r)[i], &blob, e));  // checked against its id
 *
 * Total: any file gives a reader whose places lie within it, or RC_CORRUPT (RC_NOT_FOUND when there is
 * none, RC_IO when reading failed).  Files are read with pread, never mapped (facts: D11).
 * Threads: a reader may be used by several at once.  Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_PACK_READER_H
#define CONTROLLER_VAULT_PACK_READER_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/own.h"
#include "common/record/record.h"
#include "controller/vault/pack_format.h"

struct pack_reader;

enum rc
pack_reader_open(int vault, const struct id *name, struct pack_reader **out, struct error *e);
/* The same for an open file; `file` is borrowed for the life of the reader. */
enum rc pack_reader_of(int file, struct pack_reader **out, struct error *e);
/*
 * Every blob that is its id and parses, whatever else is damaged or cannot be read: at the places of the table when that
 * fits its hash, else those that a walk over the entries from the front comes to.  Reads the whole file.  RC_OK even
 * when nothing was found; RC_CORRUPT when it is no regular file.
 */
enum rc
pack_reader_salvage(int vault, const struct id *name, struct pack_reader **out, struct error *e);
enum rc pack_reader_salvage_of(int file, struct pack_reader **out, struct error *e);
void pack_reader_free(struct pack_reader *r); /* NULL is fine */
DEFINE_FREEP(pack_reader)

/* From the head; zeros after salvage. */
const struct record_vault_id *pack_reader_vault(const struct pack_reader *r);
uint64_t pack_reader_size(const struct pack_reader *r); /* of the file, bytes */
size_t pack_reader_count(const struct pack_reader *r);
const struct pack_place *pack_reader_places(const struct pack_reader *r);

/*
 * The blob at `place`, also compared with its entry in front (but after salvage: that may be what is damaged) and the
 * table's plain length and children.
 */
enum rc pack_reader_get(const struct pack_reader *r, const struct pack_place *place,
                        struct buffer *out, struct error *e);
/* RC_CORRUPT unless SHA-256 of the file is `name`; asks the disk rather than the cache where it can. */
enum rc pack_reader_check(const struct pack_reader *r, const struct id *name, struct error *e);

/* Read place->len bytes at place->offset of `file` and check that they are place->id. */
enum rc
pack_reader_fetch(int file, const struct pack_place *place, struct buffer *out, struct error *e);

#endif
