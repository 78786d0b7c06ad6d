/* memory_writer.c -- beside the old one until it is published.  See memory.h. */
#include "agent/capture/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <xxhash.h>

#include "common/base/wire.h"
#include "common/sys/file.h"

enum { FLUSH = 256 * 1024 };

struct memory_writer {
    char *path, *fresh; /* "<path>.new" */
    int fd;
    bool complete, published;
    XXH3_state_t *sum;
    struct buffer body, out;
    struct memory_ring ring;
    uint64_t records; /* bytes */
};

static enum rc
flush(struct memory_writer *w, struct error *e)
{
    (void)XXH3_128bits_update(w->sum, w->out.data, w->out.len);
    TRY_IN(file_write_all(w->fd, buffer_span(&w->out), e), e, "'%s'", w->fresh);
    buffer_clear(&w->out);
    return RC_OK;
}

static enum rc
write_header(struct memory_writer *w, const struct memory_key *key, struct error *e)
{
    struct wire_writer out = wire_writer_to(&w->out, e);
    wire_put_bytes(&out, span_of("KFM1", 4));
    wire_put_u32(&out, MEMORY_VERSION);
    wire_put_bytes(&out, span_of(key->vault.bytes, RECORD_VAULT_ID_SIZE));
    wire_put_u64(&out, key->epoch);
    wire_put_bytes(&out, span_of(key->domain, BLOB_DOMAIN_SIZE));
    return wire_writer_finish(&out);
}

enum rc
memory_writer_new(const char *path, const struct memory_key *key, struct memory_writer **out,
                  struct error *e)
{
    CLEANUP(memory_writer_freep) struct memory_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return error_set(e, RC_NO_MEMORY, "memory '%s'", path);
    w->fd = -1;
    w->body = BUFFER_INIT(MEMORY_RECORD_MAX);
    w->out = BUFFER_INIT(2 * MEMORY_RECORD_MAX);
    w->sum = XXH3_createState();
    w->path = strdup(path);
    if (asprintf(&w->fresh, "%s.new", path) < 0)
        w->fresh = NULL;
    if (w->path == NULL || w->fresh == NULL || w->sum == NULL)
        return error_set(e, RC_NO_MEMORY, "memory '%s'", path);
    (void)XXH3_128bits_reset(w->sum);
    /* An old one is of a capture that was never committed. */
    if (unlink(w->fresh) != 0 && errno != ENOENT)
        return error_errno(e, "remove '%s'", w->fresh);
    w->fd = open(w->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return error_errno(e, "create '%s'", w->fresh);
    TRY(write_header(w, key, e));
    *out = TAKE(w);
    return RC_OK;
}

void
memory_writer_free(struct memory_writer *w)
{
    if (w == NULL)
        return;
    if (w->fd >= 0) {
        (void)close(w->fd);
        if (!w->published)
            (void)unlink(w->fresh);
    }
    (void)XXH3_freeState(w->sum);
    buffer_free(&w->body);
    buffer_free(&w->out);
    free(w->path);
    free(w->fresh);
    free(w);
}

enum rc
memory_writer_add(struct memory_writer *w, const struct memory_record *record, struct error *e)
{
    buffer_clear(&w->body);
    TRY(memory_record_encode(record, &w->ring, &w->body, e));
    size_t before = w->out.len;
    struct wire_writer out = wire_writer_to(&w->out, e);
    wire_put_varbytes(&out, buffer_span(&w->body));
    TRY(wire_writer_finish(&out));
    w->records += w->out.len - before;
    return w->out.len < FLUSH ? RC_OK : flush(w, e);
}

enum rc
memory_writer_close(struct memory_writer *w, const struct id *root,
                    const struct memory_totals *totals, struct error *e)
{
    struct wire_writer out = wire_writer_to(&w->out, e);
    wire_put_id(&out, root);
    wire_put_u64(&out, totals->files);
    wire_put_u64(&out, totals->bytes);
    TRY(wire_writer_finish(&out));
    TRY(flush(w, e));
    XXH128_canonical_t sum;
    XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(w->sum));
    wire_put_bytes(&out, span_of(sum.digest, sizeof sum.digest));
    wire_put_u64(&out, w->records);
    wire_put_bytes(&out, span_of("KFMEMEND", 8));
    TRY(wire_writer_finish(&out));
    TRY(flush(w, e));
    w->complete = true;
    return RC_OK;
}

/* Bytes first, then the name: a crash in between leaves the old memory in force. */
enum rc
memory_writer_publish(struct memory_writer *w, struct error *e)
{
    if (!w->complete)
        return error_set(e, RC_INVALID, "memory '%s' is not complete", w->path);
    TRY(file_sync(w->fd, w->fresh, e));
    TRY(file_publish(AT_FDCWD, w->fresh, AT_FDCWD, w->path, e));
    w->published = true;
    return RC_OK;
}
