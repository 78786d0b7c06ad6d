/*
 * fetch.h -- blobs of one job, one GET after the other, over a data stream: what a restore reads from.
 *
 *     TRY(fetch_open(&(struct fetch_options){.url = url, .job = job, .token = &token, ...}, &fetch, e));
 *     TRY(unpack(fetch_source(fetch), ...));
 *     fetch_cancel(fetch);                         // from any thread: what blocks ends with RC_CANCELLED
 *     fetch_close(fetch);
 *
 * Every blob is what was asked for, by its hash, or RC_CORRUPT.
 * Threads: the source belongs to one; fetch_cancel from any.  Layer: proto.
 */
#ifndef PROTO_FETCH_H
#define PROTO_FETCH_H

#include "common/blob/blob.h"
#include "proto/stream.h"

struct fetch;
struct fetch_options {
    const char *url;                     /* tls+tcp:// or ipc:// */
    const struct tls_identity *identity; /* NULL for ipc */
    const char *expect;                  /* likewise */
    uint64_t job;
    const struct id *token;
};
enum rc fetch_open(const struct fetch_options *options, struct fetch **out, struct error *e);
void fetch_close(struct fetch *f); /* NULL is fine */
static inline void
fetch_closep(struct fetch **f)
{
    fetch_close(*f);
}
struct blob_source *fetch_source(struct fetch *f);
void fetch_cancel(struct fetch *f);

#endif
