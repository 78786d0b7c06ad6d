/* priv_store.c -- see priv_store.h. */
#include "agent/priv/priv_store.h"

#include <stdlib.h>

#include "agent/priv/priv_channel.h"

struct channel {
    int fd; /* ours */
    const _Atomic(bool) *cancel;
    struct buffer reply;
};

struct store {
    struct capture_store store; /* first: what the capture sees */
    struct channel channel;
};

struct source {
    struct blob_source source; /* first: what the restore sees */
    struct channel channel;
};

static enum rc
start(struct channel *c, int fd, const _Atomic(bool) *cancel, struct error *e)
{
    *c = (struct channel){.fd = fd, .cancel = cancel, .reply = BUFFER_INIT(PRIV_PIPE_PAYLOAD_MAX)};
    return priv_pipe_expect(fd, cancel, PRIV_PIPE_OPENED, &c->reply, e);
}

static void
end(struct channel *c)
{
    priv_channel_close(&c->fd);
    buffer_free(&c->reply);
}

/* ---- captures */

static struct channel *
channel_of(struct capture_store *store)
{
    return &((struct store *)store)->channel;
}

static enum rc
ask(struct channel *c, const struct id *ids, size_t count, bool *known, struct error *e)
{
    const struct span part = span_of(ids, count * sizeof *ids);
    TRY(priv_pipe_write(c->fd, c->cancel, PRIV_PIPE_HAVE, &part, 1, e));
    TRY(priv_pipe_expect(c->fd, c->cancel, PRIV_PIPE_HAVE_REPLY, &c->reply, e));
    if (c->reply.len != count)
        return error_set(e, RC_PROTOCOL, "%zu answers to %zu questions", c->reply.len, count);
    for (size_t i = 0; i < count; i++)
        known[i] = c->reply.data[i] == 1;
    return RC_OK;
}

static enum rc
have(struct capture_store *store, const struct id *ids, size_t count, bool *known, struct error *e)
{
    for (size_t done = 0; done < count;) {
        size_t some = count - done < PRIV_PIPE_HAVE_MAX ? count - done : PRIV_PIPE_HAVE_MAX;
        TRY(ask(channel_of(store), ids + done, some, known + done, e));
        done += some;
    }
    return RC_OK;
}

static enum rc
put(struct capture_store *store, const struct id *id, struct span blob, struct error *e)
{
    const struct channel *c = channel_of(store);
    const struct span parts[] = {span_of(id->bytes, ID_SIZE), blob};
    return priv_pipe_write(c->fd, c->cancel, PRIV_PIPE_PUT, parts, 2, e);
}

enum rc
priv_store_open(int fd, const _Atomic(bool) *cancel, struct capture_store **out, struct error *e)
{
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        own_closep(&fd);
        return error_set(e, RC_NO_MEMORY, "channel of a job");
    }
    s->store = (struct capture_store){.have = have, .put = put};
    enum rc rc = start(&s->channel, fd, cancel, e);
    if (rc != RC_OK)
        priv_store_close(&s->store);
    else
        *out = &s->store;
    return rc;
}

enum rc
priv_store_finish(struct capture_store *store, struct error *e)
{
    struct channel *c = channel_of(store);
    TRY(priv_pipe_write(c->fd, c->cancel, PRIV_PIPE_FINISH, NULL, 0, e));
    return priv_pipe_expect(c->fd, c->cancel, PRIV_PIPE_FINISHED, &c->reply, e);
}

void
priv_store_close(struct capture_store *store)
{
    if (store == NULL)
        return;
    end(channel_of(store));
    free(store);
}

/* ---- restores */

static enum rc
get(struct blob_source *source, const struct id *id, struct buffer *out, struct error *e)
{
    struct channel *c = &((struct source *)source)->channel;
    const struct span part = span_of(id->bytes, ID_SIZE);
    TRY(priv_pipe_write(c->fd, c->cancel, PRIV_PIPE_GET, &part, 1, e));
    TRY(priv_pipe_expect(c->fd, c->cancel, PRIV_PIPE_BLOB, &c->reply, e));
    struct span blob = span_of(c->reply.data + ID_SIZE, c->reply.len - ID_SIZE);
    if (memcmp(c->reply.data, id->bytes, ID_SIZE) != 0)
        return error_set(e, RC_PROTOCOL, "another blob came than was asked for");
    TRY_IN(blob_check(blob, id, e), e, "a blob from the network side");
    buffer_clear(out);
    return buffer_append(out, blob, e);
}

enum rc
priv_store_open_source(int fd, const _Atomic(bool) *cancel, struct blob_source **out,
                       struct error *e)
{
    struct source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        own_closep(&fd);
        return error_set(e, RC_NO_MEMORY, "channel of a job");
    }
    s->source = (struct blob_source){.get = get};
    enum rc rc = start(&s->channel, fd, cancel, e);
    if (rc != RC_OK)
        priv_store_close_source(&s->source);
    else
        *out = &s->source;
    return rc;
}

void
priv_store_close_source(struct blob_source *source)
{
    if (source == NULL)
        return;
    end(&((struct source *)source)->channel);
    free(source);
}
