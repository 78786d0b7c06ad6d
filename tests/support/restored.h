/*
 * restored.h -- a private directory with a source tree, its packed form in memory, and a target to
 * restore into; everything is gone after restored_free().
 */
#ifndef TESTS_SUPPORT_RESTORED_H
#define TESTS_SUPPORT_RESTORED_H

#include "common/base/buffer.h"
#include "common/tree/unpack.h"
#include "tests/support/memstore.h"

struct restored {
    char path[64]; /* the private directory */
    int top, source, target;
    struct memstore *store;
    struct blob_sealer *sealer;
    struct node_entry root; /* after restored_pack */
    struct unpack_counts counts;
    size_t reports;
    enum rc last_report;
    struct buffer source_text, target_text;
};

enum rc restored_new(struct restored **out, struct error *e);
void restored_free(struct restored *r);

/* Create or fill a file of the source, time 1000000001.000000042. */
enum rc restored_write(struct restored *r, const char *path, struct span bytes, unsigned mode,
                       struct error *e);
enum rc restored_pack(struct restored *r, struct error *e);
/* Counts begin at zero; `cancel` may be NULL. */
enum rc
restored_unpack(struct restored *r, struct blob_source *source, enum unpack_existing existing,
                bool dry_run, const _Atomic(bool) *cancel, struct error *e);
/* Both texts anew (describe.h). */
enum rc restored_describe(struct restored *r, struct error *e);

#endif
