/* download.c -- GET over a data stream.  See download.h. */
#include "agent/net/download.h"

#include "common/base/wire.h"

struct download {
    struct blob_source source; /* first: what the restore sees */
    struct job_stream *stream;
    struct buffer payload;
};

static enum rc
get(struct blob_source *source, const struct id *id, struct buffer *out, struct error *e)
{
    struct download *d = (struct download *)source;
    const struct span part = span_of(id->bytes, ID_SIZE);
    TRY(job_stream_send(d->stream, STREAM_GET, &part, 1, e));
    TRY(job_stream_receive(d->stream, STREAM_BLOB, &d->payload, e));
    struct wire_reader r = wire_reader_of(buffer_span(&d->payload));
    struct id got = wire_id(&r);
    if (!wire_ok(&r) || !id_equal(&got, id))
        return error_set(e, RC_PROTOCOL, "the controller sent another blob than was asked for");
    buffer_clear(out);
    return buffer_append(out, r.rest, e);
}

enum rc
download_open(const struct job_stream_options *options, struct blob_source **out, struct error *e)
{
    struct download *d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(e, RC_NO_MEMORY, "download");
    d->source = (struct blob_source){.get = get};
    d->payload = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    enum rc rc = job_stream_open(options, &d->stream, e);
    if (rc != RC_OK)
        download_close(&d->source);
    else
        *out = &d->source;
    return rc;
}

void
download_close(struct blob_source *source)
{
    struct download *d = (struct download *)source;
    if (d == NULL)
        return;
    job_stream_close(d->stream);
    buffer_free(&d->payload);
    free(d);
}
