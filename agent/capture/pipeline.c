/* pipeline.c -- start, feed, finish, halt.  See pipeline.h. */
#include "agent/capture/pipeline.h"

#include <assert.h>
#include <stdlib.h>

#include "agent/capture/finisher.h"
#include "agent/capture/sender.h"

enum { THREADS_BY_ITSELF = 4 };

struct worker {
    struct pipeline *pipeline;
    struct blob_sealer *sealer;
    struct buffer sealed;
    pthread_t thread;
    bool started;
};

struct node_sink {         /* of the finisher */
    struct blob_sink sink; /* first */
    struct queue *parcels;
};

struct pipeline {
    struct queue_group group;
    struct queue units, parcels, events;
    struct worker *workers;
    size_t worker_count;
    struct sender sender;
    struct node_sink sink;
    struct blob_sealer *node_sealer;
    struct finisher *finisher;
    pthread_t sender_thread, finisher_thread;
    bool sender_started, finisher_started;
    struct pipeline_outcome outcome;
};

/* A stage that failed takes the others along. */
static void
report(struct pipeline *p, enum rc rc, const struct error *why)
{
    if (rc != RC_OK)
        queue_group_fail(&p->group, why);
}

static enum rc
seal_unit(struct worker *w, struct event_unit *unit, struct error *e)
{
    struct pipeline *p = w->pipeline;
    TRY(blob_seal(w->sealer, BLOB_DATA, NULL, 0, buffer_span(&unit->plain), &w->sealed, &unit->ref,
                  e));
    struct id id = unit->ref.id;
    buffer_free(&unit->plain);
    queue_raise(&p->events, &unit->sealed);
    return sender_post(&p->parcels, &id, buffer_span(&w->sealed), e);
}

static void *
run_worker(void *arg)
{
    struct worker *w = arg;
    struct pipeline *p = w->pipeline;
    struct queue_item *item;
    while ((item = queue_pop(&p->units)) != NULL) {
        CLEANUP(event_unit_freep) struct event_unit *unit = (struct event_unit *)item;
        struct error e = ERROR_INIT;
        size_t cost = item->cost;
        report(p, seal_unit(w, unit, &e), &e);
        queue_release(&p->units, cost);
    }
    return NULL;
}

static void *
run_sender(void *arg)
{
    struct pipeline *p = arg;
    struct error e = ERROR_INIT;
    report(p, sender_run(&p->sender, &e), &e);
    return NULL;
}

static void *
run_finisher(void *arg)
{
    struct pipeline *p = arg;
    struct queue_item *item;
    while ((item = queue_pop(&p->events)) != NULL) {
        struct error e = ERROR_INIT;
        size_t cost = item->cost;
        CLEANUP(event_freep) struct event *event = (struct event *)item;
        report(p, finisher_take(p->finisher, event, &e), &e);
        queue_release(&p->events, cost);
    }
    struct error e = ERROR_INIT;
    if (queue_group_check(&p->group, &e) == RC_OK)
        finisher_close(p->finisher);
    return NULL;
}

static enum rc
put_node(struct blob_sink *sink, const struct id *id, struct span blob, struct error *e)
{
    return sender_post(((struct node_sink *)sink)->parcels, id, blob, e);
}

static size_t
threads_for(const struct capture_options *options)
{
    if (options->threads > 0)
        return options->threads < PIPELINE_THREADS_MAX ? options->threads : PIPELINE_THREADS_MAX;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < 1)
        return 1;
    return processors < THREADS_BY_ITSELF ? (size_t)processors : THREADS_BY_ITSELF;
}

static enum rc
make_stages(struct pipeline *p, const struct capture_options *options, struct memory_writer *writer,
            struct error *e)
{
    p->sender = (struct sender){
        .parcels = &p->parcels, .store = options->store, .progress = options->progress};
    p->sink = (struct node_sink){.sink.put = put_node, .parcels = &p->parcels};
    TRY(blob_sealer_new(options->domain, options->level, &p->node_sealer, e));
    const struct finisher_options finisher = {.sealer = p->node_sealer,
                                              .sink = &p->sink.sink,
                                              .events = &p->events,
                                              .writer = writer,
                                              .progress = options->progress,
                                              .outcome = &p->outcome};
    TRY(finisher_new(&finisher, &p->finisher, e));
    size_t count = threads_for(options);
    p->workers = calloc(count, sizeof *p->workers);
    if (p->workers == NULL)
        return error_set(e, RC_NO_MEMORY, "%zu threads", count);
    p->worker_count = count;
    for (size_t i = 0; i < count; i++) {
        struct worker *w = &p->workers[i];
        w->pipeline = p;
        w->sealed = BUFFER_INIT(LIMIT_BLOB);
        TRY(blob_sealer_new(options->domain, options->level, &w->sealer, e));
    }
    return RC_OK;
}

static enum rc
start_thread(pthread_t *thread, bool *started, void *(*run)(void *arg), void *arg, struct error *e)
{
    int failure = pthread_create(thread, NULL, run, arg);
    if (failure != 0)
        return error_set(e, RC_AGAIN, "start a thread: error %d", failure);
    *started = true;
    return RC_OK;
}

static enum rc
start_stages(struct pipeline *p, struct error *e)
{
    TRY(start_thread(&p->sender_thread, &p->sender_started, run_sender, p, e));
    TRY(start_thread(&p->finisher_thread, &p->finisher_started, run_finisher, p, e));
    for (size_t i = 0; i < p->worker_count; i++)
        TRY(start_thread(&p->workers[i].thread, &p->workers[i].started, run_worker, &p->workers[i],
                         e));
    return RC_OK;
}

enum rc
pipeline_start(const struct capture_options *options, struct memory_writer *writer,
               struct pipeline **out, struct error *e)
{
    CLEANUP(pipeline_freep) struct pipeline *p = calloc(1, sizeof *p);
    if (p == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    queue_group_init(&p->group, options->cancel);
    queue_init(&p->units, &p->group, PIPELINE_PLAIN_MAX);
    queue_init(&p->parcels, &p->group, PIPELINE_SEALED_MAX);
    queue_init(&p->events, &p->group, PIPELINE_EVENTS_MAX);
    TRY(make_stages(p, options, writer, e));
    TRY(start_stages(p, e));
    *out = TAKE(p);
    return RC_OK;
}

static void
join(pthread_t thread, bool *started)
{
    if (*started)
        (void)pthread_join(thread, NULL);
    *started = false;
}

/* The order matters: the sender's queue is closed only when nobody can fill it any more. */
static void
join_all(struct pipeline *p)
{
    queue_close(&p->units);
    queue_close(&p->events);
    for (size_t i = 0; i < p->worker_count; i++)
        join(p->workers[i].thread, &p->workers[i].started);
    join(p->finisher_thread, &p->finisher_started);
    queue_close(&p->parcels);
    join(p->sender_thread, &p->sender_started);
}

void
pipeline_free(struct pipeline *p)
{
    if (p == NULL)
        return;
    struct error e = ERROR_INIT;
    (void)error_set(&e, RC_CANCELLED, "the capture was given up");
    queue_group_fail(&p->group, &e);
    join_all(p);
    queue_drain(&p->units, event_unit_discard);
    queue_drain(&p->events, event_discard);
    queue_drain(&p->parcels, sender_discard);
    for (size_t i = 0; i < p->worker_count; i++) {
        blob_sealer_free(p->workers[i].sealer);
        buffer_free(&p->workers[i].sealed);
    }
    free(p->workers);
    finisher_free(p->finisher);
    blob_sealer_free(p->node_sealer);
    queue_destroy(&p->units);
    queue_destroy(&p->parcels);
    queue_destroy(&p->events);
    queue_group_destroy(&p->group);
    free(p);
}

enum rc
pipeline_seal(struct pipeline *p, struct event_unit *unit, struct error *e)
{
    unit->plain_len = unit->plain.len;
    enum rc rc = queue_push(&p->units, &unit->item, sizeof *unit + unit->plain.len, e);
    if (rc != RC_OK)
        event_unit_free(unit);
    return rc;
}

enum rc
pipeline_tell(struct pipeline *p, struct event *event, struct error *e)
{
    enum rc rc = queue_push(&p->events, &event->item, event_cost(event), e);
    if (rc != RC_OK)
        event_free(event);
    return rc;
}

enum rc
pipeline_check(struct pipeline *p, struct error *e)
{
    return queue_group_check(&p->group, e);
}

enum rc
pipeline_finish(struct pipeline *p, struct error *e)
{
    join_all(p);
    return queue_group_check(&p->group, e);
}

const struct pipeline_outcome *
pipeline_result(const struct pipeline *p)
{
    return &p->outcome;
}
