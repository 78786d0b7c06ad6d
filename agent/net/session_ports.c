/* session_ports.c -- what the jobs upload to and restore from: data streams to the controller. */
#include <stdio.h>

#include "agent/net/download.h"
#include "agent/net/session_internal.h"
#include "agent/net/upload.h"

static struct job_stream_options
stream_options(struct session *s, char url[static SESSION_URL_MAX], uint64_t job,
               const struct id *token, const _Atomic(bool) *cancel)
{
    (void)pthread_mutex_lock(&s->lock);
    (void)snprintf(url, SESSION_URL_MAX, "%s", s->data_url);
    (void)pthread_mutex_unlock(&s->lock);
    return (struct job_stream_options){
        .url = url,
        .expect = s->options->expect,
        .identity = s->options->identity,
        .job = job,
        .token = token,
        .cancel = cancel,
    };
}

static enum rc
open_store(void *ctx, uint64_t job, const struct id *token, const _Atomic(bool) *cancel,
           struct capture_store **out, struct error *e)
{
    char url[SESSION_URL_MAX];
    const struct job_stream_options options = stream_options(ctx, url, job, token, cancel);
    return upload_open(&options, out, e);
}

static enum rc
finish_store(void *ctx, struct capture_store *store, struct error *e)
{
    (void)ctx;
    return upload_finish(store, e);
}

static void
close_store(void *ctx, struct capture_store *store)
{
    (void)ctx;
    upload_close(store);
}

static enum rc
open_source(void *ctx, uint64_t job, const struct id *token, const _Atomic(bool) *cancel,
            struct blob_source **out, struct error *e)
{
    char url[SESSION_URL_MAX];
    const struct job_stream_options options = stream_options(ctx, url, job, token, cancel);
    return download_open(&options, out, e);
}

static void
close_source(void *ctx, struct blob_source *source)
{
    (void)ctx;
    download_close(source);
}

struct job_ports
session_ports(struct session *s)
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
