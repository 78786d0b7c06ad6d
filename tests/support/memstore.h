/*
 * memstore.h -- a store of blobs in memory: a sink and a source, with faults on request.
 *
 *     struct memstore *store = memstore_new();
 *     blob_put through memstore_sink(store), read back through memstore_source(store)
 */
#ifndef TESTS_SUPPORT_MEMSTORE_H
#define TESTS_SUPPORT_MEMSTORE_H

#include "common/blob/blob.h"

struct memstore;

struct memstore *memstore_new(void);
void memstore_free(struct memstore *s);
struct blob_sink *memstore_sink(struct memstore *s);
struct blob_source *memstore_source(struct memstore *s);

size_t memstore_count(const struct memstore *s); /* different blobs */
size_t memstore_bytes(const struct memstore *s);
size_t memstore_gets(const struct memstore *s); /* how often the source was asked */
/* The n-th get from now (1: the next) and all later ones fail with `rc`; 0: never. */
void memstore_fail_gets(struct memstore *s, size_t n, enum rc rc);
bool memstore_has(struct memstore *s, const struct id *id);
void memstore_drop(struct memstore *s, const struct id *id);

#endif
