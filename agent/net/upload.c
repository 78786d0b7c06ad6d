/* upload.c -- HAVE, PUT, FINISH over a data stream.  See upload.h. */
#include "agent/net/upload.h"

#include "common/base/wire.h"

struct upload {
    struct capture_store store; /* first: what the capture sees */
    struct job_stream *stream;
    struct buffer reply;
};

static struct upload *
self(struct capture_store *store)
{
    return (struct upload *)store;
}

static enum rc
ask(struct upload *u, const struct id *ids, size_t count, bool *known, struct error *e)
{
    const struct span part = span_of(ids, count * sizeof *ids);
    TRY(job_stream_send(u->stream, STREAM_HAVE, &part, 1, e));
    TRY(job_stream_receive(u->stream, STREAM_HAVE_REPLY, &u->reply, e));
    if (u->reply.len != count)
        return error_set(e, RC_PROTOCOL, "%zu answers to %zu questions", u->reply.len, count);
    for (size_t i = 0; i < count; i++)
        known[i] = u->reply.data[i] == 1;
    return RC_OK;
}

static enum rc
have(struct capture_store *store, const struct id *ids, size_t count, bool *known, struct error *e)
{
    for (size_t done = 0; done < count;) {
        size_t some = count - done < UPLOAD_HAVE_MAX ? count - done : UPLOAD_HAVE_MAX;
        TRY(ask(self(store), ids + done, some, known + done, e));
        done += some;
    }
    return RC_OK;
}

static enum rc
put(struct capture_store *store, const struct id *id, struct span blob, struct error *e)
{
    const struct span parts[] = {span_of(id->bytes, ID_SIZE), blob};
    return job_stream_send(self(store)->stream, STREAM_PUT, parts, 2, e);
}

enum rc
upload_open(const struct job_stream_options *options, struct capture_store **out, struct error *e)
{
    struct upload *u = calloc(1, sizeof *u);
    if (u == NULL)
        return error_set(e, RC_NO_MEMORY, "upload");
    u->store = (struct capture_store){.have = have, .put = put};
    u->reply = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    enum rc rc = job_stream_open(options, &u->stream, e);
    if (rc != RC_OK)
        upload_close(&u->store);
    else
        *out = &u->store;
    return rc;
}

enum rc
upload_finish(struct capture_store *store, struct error *e)
{
    struct upload *u = self(store);
    TRY(job_stream_send(u->stream, STREAM_FINISH, NULL, 0, e));
    return job_stream_receive(u->stream, STREAM_FINISHED, &u->reply, e);
}

void
upload_close(struct capture_store *store)
{
    if (store == NULL)
        return;
    struct upload *u = self(store);
    job_stream_close(u->stream);
    buffer_free(&u->reply);
    free(u);
}
