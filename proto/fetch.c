/* fetch.c -- see fetch.h. */
#include "proto/fetch.h"

#include "common/base/wire.h"
#include "common/crypto/digest.h"

enum { STREAM_VERSION = 1 };

struct fetch {
    struct blob_source source; /* first: what the reader sees */
    struct stream *stream;
    struct buffer payload;
};

static enum rc
receive(struct fetch *f, enum stream_type expected, struct error *e)
{
    enum stream_type type;
    TRY(stream_receive(f->stream, &type, &f->payload, e));
    if (type != expected)
        return error_set(e, RC_PROTOCOL, "the controller sent frame type %d instead of %d",
                         (int)type, (int)expected);
    return RC_OK;
}

static enum rc
get(struct blob_source *source, const struct id *id, struct buffer *out, struct error *e)
{
    struct fetch *f = (struct fetch *)source;
    const struct span part = span_of(id->bytes, ID_SIZE);
    struct id hash;
    TRY(stream_send(f->stream, STREAM_GET, &part, 1, e));
    TRY(receive(f, STREAM_BLOB, e));
    struct wire_reader r = wire_reader_of(buffer_span(&f->payload));
    struct id got = wire_id(&r);
    if (!wire_ok(&r) || !id_equal(&got, id))
        return error_set(e, RC_PROTOCOL, "the controller sent another blob than was asked for");
    if (r.rest.len == 0)
        return error_set(e, RC_NOT_FOUND,
                         "a blob is missing from the vault, or damaged there; "
                         "'koffer vault verify' says which");
    TRY(digest_sha256(r.rest, &hash, e));
    if (!id_equal(&hash, id))
        return error_set(e, RC_CORRUPT,
                         "a blob that the controller sent is not what its name says");
    buffer_clear(out);
    return buffer_append(out, r.rest, e);
}

static enum rc
hello(struct fetch *f, const struct fetch_options *options, struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(64);
    struct wire_writer w = wire_writer_to(&body, e);
    wire_put_u32(&w, STREAM_VERSION);
    wire_put_u64(&w, options->job);
    wire_put_id(&w, options->token);
    TRY(wire_writer_finish(&w));
    const struct span part = buffer_span(&body);
    TRY(stream_send(f->stream, STREAM_HELLO, &part, 1, e));
    return receive(f, STREAM_WELCOME, e);
}

enum rc
fetch_open(const struct fetch_options *options, struct fetch **out, struct error *e)
{
    CLEANUP(fetch_closep) struct fetch *f = calloc(1, sizeof *f);
    if (f == NULL)
        return error_set(e, RC_NO_MEMORY, "data stream");
    f->source = (struct blob_source){.get = get};
    f->payload = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    TRY_IN(stream_dial(options->url, options->identity, options->expect, &f->stream, e), e,
           "data stream to %s", options->url);
    TRY_IN(hello(f, options, e), e, "data stream to %s", options->url);
    *out = TAKE(f);
    return RC_OK;
}

void
fetch_close(struct fetch *f)
{
    if (f == NULL)
        return;
    stream_close(f->stream);
    buffer_free(&f->payload);
    free(f);
}

struct blob_source *
fetch_source(struct fetch *f)
{
    return &f->source;
}

void
fetch_cancel(struct fetch *f)
{
    stream_cancel(f->stream);
}
