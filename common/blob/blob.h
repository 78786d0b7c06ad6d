/*
 * blob.h -- seal and open the unit of storage (docs/formats/blob.md).
 *
 *     CLEANUP(blob_sealer_freep) struct blob_sealer *s = NULL;
 *     TRY(blob_sealer_new(&domain, BLOB_LEVEL_DEFAULT, &s, e));
 *     TRY(blob_seal(s, BLOB_DATA, NULL, 0, plain, &sealed, &ref, e));   // sealed: the bytes to store
 *
 *     TRY(blob_parse(bytes, &header, e));             // total, needs no key
 *     TRY(blob_check(bytes, &id, e));                 // RC_CORRUPT unless SHA-256(bytes) is id
 *     TRY(blob_open(o, bytes, &ref, &plain, e));      // checks id, opens, decompresses
 *
 * Every sealed blob is opened again and compared with its plain text before blob_seal returns
 * (facts: D12, S20), so a faulty compressor or memory cannot produce a blob that does not open.
 * Threads: a sealer or opener belongs to one thread; make one per worker.
 * Layer: common/blob.
 */
#ifndef COMMON_BLOB_BLOB_H
#define COMMON_BLOB_BLOB_H

#include "common/base/buffer.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/own.h"

enum { BLOB_HEADER_SIZE = 48, BLOB_TAG_SIZE = 16, BLOB_DOMAIN_SIZE = 16, BLOB_LEVEL_DEFAULT = 3 };

enum blob_type { BLOB_DATA = 1, BLOB_NODE = 2 };
enum blob_compression { BLOB_PLAIN = 0, BLOB_ZSTD = 1 };

/* The right to read a blob and everything below it. */
struct blob_ref {
    struct id id;
    struct id key;
};

struct blob_domain {
    uint8_t id[BLOB_DOMAIN_SIZE];
    struct id secret;
};

struct blob_header {
    enum blob_type type;
    enum blob_compression compression;
    uint8_t domain[BLOB_DOMAIN_SIZE];
    uint64_t plain_len, body_len;
    uint32_t children;
    const uint8_t *child_ids; /* children x 32 bytes, borrowed */
};

struct blob_sealer;
enum rc blob_sealer_new(const struct blob_domain *domain, int level, struct blob_sealer **out,
                        struct error *e);
void blob_sealer_free(struct blob_sealer *s);
DEFINE_FREEP(blob_sealer)

/*
 * `children` must be strictly ascending by id.  `out` is cleared and filled with the whole blob
 * (its limit must allow LIMIT_BLOB).  RC_INVALID when over a limit.
 */
enum rc
blob_seal(struct blob_sealer *s, enum blob_type type, const struct id *children, size_t child_count,
          struct span plain, struct buffer *out, struct blob_ref *ref, struct error *e);

enum rc blob_parse(struct span blob, struct blob_header *out, struct error *e);
enum rc blob_check(struct span blob, const struct id *id, struct error *e);

struct blob_opener;
enum rc blob_opener_new(struct blob_opener **out, struct error *e);
void blob_opener_free(struct blob_opener *o);
DEFINE_FREEP(blob_opener)

/* `plain` is cleared and filled.  RC_CORRUPT names the blob; nothing is given out then. */
enum rc blob_open(struct blob_opener *o, struct span blob, const struct blob_ref *ref,
                  struct buffer *plain, struct error *e);

/* Where sealed blobs go (an upload, a vault) ... */
struct blob_sink {
    /* Borrow `blob` for the call; may block for flow control.  Called from any thread. */
    enum rc (*put)(struct blob_sink *sink, const struct id *id, struct span blob, struct error *e);
};

/* ... and where they come from.  RC_NOT_FOUND when there is no such blob. */
struct blob_source {
    enum rc (*get)(struct blob_source *source, const struct id *id, struct buffer *out,
                   struct error *e);
};

#endif
