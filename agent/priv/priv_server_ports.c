/* priv_server_ports.c -- a job's channel: made here, one end handed to the network side. */
#include "agent/priv/priv_pipe.h"
#include "agent/priv/priv_server_internal.h"
#include "agent/priv/priv_store.h"

static enum rc
open_pipe(struct priv_server *s, uint64_t job, const struct id *token, bool restore, int *out,
          struct error *e)
{
    int ends[2];
    struct error why = ERROR_INIT;
    const struct priv_message m = {
        .type = PRIV_STREAM,
        .is.stream = {.job = job, .restore = restore, .token = *token},
    };
    TRY(priv_pipe_open(ends, e));
    enum rc rc = priv_server_lend(s, &m, ends[1], &why);
    own_closep(&ends[1]);
    if (rc != RC_OK) {
        own_closep(&ends[0]);
        *e = why;
        return rc;
    }
    *out = ends[0];
    return RC_OK;
}

static enum rc
open_store(void *ctx, uint64_t job, const struct id *token, const _Atomic(bool) *cancel,
           struct capture_store **out, struct error *e)
{
    int fd;
    TRY(open_pipe(ctx, job, token, false, &fd, e));
    return priv_store_open(fd, cancel, out, e);
}

static enum rc
finish_store(void *ctx, struct capture_store *store, struct error *e)
{
    (void)ctx;
    return priv_store_finish(store, e);
}

static void
close_store(void *ctx, struct capture_store *store)
{
    (void)ctx;
    priv_store_close(store);
}

static enum rc
open_source(void *ctx, uint64_t job, const struct id *token, const _Atomic(bool) *cancel,
            struct blob_source **out, struct error *e)
{
    int fd;
    TRY(open_pipe(ctx, job, token, true, &fd, e));
    return priv_store_open_source(fd, cancel, out, e);
}

static void
close_source(void *ctx, struct blob_source *source)
{
    (void)ctx;
    priv_store_close_source(source);
}

struct job_ports
priv_server_ports(struct priv_server *s)
{
    return (struct job_ports){
        .ctx = s,
        .open_store = open_store,
        .finish_store = finish_store,
        .close_store = close_store,
        .open_source = open_source,
        .close_source = close_source,
    };
}
