/* download.c -- GET over a pulse.  See download.h. */
#include "agent/net/download.h"

#include "common/base/wire.h"

struct download {
    struct blob_source source; /* first: what the restore sees */
    struct pulse *pulse;
    struct buffer payload;
};

static enum rc
get(struct blob_source *source, const struct id *id, struct buffer *out, struct error *e)
{
    struct download *d = (struct download *)source;
    const struct span part = span_of(id->bytes, ID_SIZE);
    TRY(pulse_send(d->pulse, STREAM_GET, &part, 1, e));
    TRY(pulse_receive(d->pulse, STREAM_BLOB, &d->payload, e));
    struct wire_reader r = wire_reader_of(buffer_span(&d->payload));
    struct id got = wire_id(&r);
    if (!wire_ok(&r) || !id_equal(&got, id))
        return error_set(e, RC_PROTOCOL, "the controller sent another blob than was asked for");
    buffer_clear(out);
    return buffer_append(out, r.rest, e);
}

enum rc
download_open(const struct pulse_options *options, struct blob_source **out, struct error *e)
{
    struct download *d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(e, RC_NO_MEMORY, "download");
    d->source = (struct blob_source){.get = get};
    d->payload = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    enum rc rc = pulse_open(options, &d->pulse, e);
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
    pulse_close(d->pulse);
    buffer_free(&d->payload);
    free(d);
}
