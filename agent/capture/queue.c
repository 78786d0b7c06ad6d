/* queue.c -- one mutex for all queues of a capture: stages exchange a few thousand items a second,
 * and one lock makes "all stop together" obvious.  See queue.h. */
#include "agent/capture/queue.h"

#include <assert.h>
#include <time.h>

/* How long a waiter may overlook a cancel, which comes without a signal. */
enum { LOOK_AT_CANCEL_MS = 100 };

static void
wake_all(struct queue_group *g)
{
    for (struct queue *q = g->queues; q != NULL; q = q->next) {
        (void)pthread_cond_broadcast(&q->more);
        (void)pthread_cond_broadcast(&q->room);
    }
}

static void
halt(struct queue_group *g, const struct error *why)
{
    if (g->halted)
        return;
    g->halted = true;
    g->first = *why;
    wake_all(g);
}

/* Under the mutex: may the stages go on? */
static bool
going(struct queue_group *g)
{
    if (!g->halted && g->cancel != NULL && atomic_load(g->cancel)) {
        struct error why = ERROR_INIT;
        (void)error_set(&why, RC_CANCELLED, "the capture was cancelled");
        halt(g, &why);
    }
    return !g->halted;
}

static void
wait_for(struct queue_group *g, pthread_cond_t *condition)
{
    if (g->cancel == NULL) {
        (void)pthread_cond_wait(condition, &g->mutex);
        return;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_AT_CANCEL_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    (void)pthread_cond_timedwait(condition, &g->mutex, &until);
}

void
queue_group_init(struct queue_group *g, const _Atomic(bool) *cancel)
{
    *g = (struct queue_group){.cancel = cancel, .first = ERROR_INIT};
    (void)pthread_mutex_init(&g->mutex, NULL);
}

void
queue_group_destroy(struct queue_group *g)
{
    (void)pthread_mutex_destroy(&g->mutex);
}

void
queue_group_fail(struct queue_group *g, const struct error *why)
{
    (void)pthread_mutex_lock(&g->mutex);
    halt(g, why);
    (void)pthread_mutex_unlock(&g->mutex);
}

enum rc
queue_group_check(struct queue_group *g, struct error *e)
{
    (void)pthread_mutex_lock(&g->mutex);
    enum rc rc = RC_OK;
    if (!going(g)) {
        *e = g->first;
        rc = e->code;
    }
    (void)pthread_mutex_unlock(&g->mutex);
    return rc;
}

void
queue_init(struct queue *q, struct queue_group *g, size_t limit)
{
    *q = (struct queue){.group = g, .limit = limit, .next = g->queues};
    g->queues = q;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&q->more, &monotonic);
    (void)pthread_cond_init(&q->room, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

void
queue_destroy(struct queue *q)
{
    (void)pthread_cond_destroy(&q->more);
    (void)pthread_cond_destroy(&q->room);
}

enum rc
queue_push(struct queue *q, struct queue_item *item, size_t cost, struct error *e)
{
    struct queue_group *g = q->group;
    (void)pthread_mutex_lock(&g->mutex);
    while (going(g) && q->cost > 0 && q->cost + cost > q->limit)
        wait_for(g, &q->room);
    enum rc rc = RC_OK;
    if (g->halted) {
        *e = g->first;
        rc = e->code;
    } else {
        assert(!q->closed);
        item->next = NULL;
        item->cost = cost;
        if (q->head == NULL)
            q->head = item;
        else
            q->tail->next = item;
        q->tail = item;
        q->cost += cost;
        (void)pthread_cond_signal(&q->more);
    }
    (void)pthread_mutex_unlock(&g->mutex);
    return rc;
}

struct queue_item *
queue_pop_some(struct queue *q, size_t max)
{
    struct queue_group *g = q->group;
    struct queue_item *list = NULL;
    (void)pthread_mutex_lock(&g->mutex);
    while (going(g) && q->head == NULL && !q->closed)
        wait_for(g, &q->more);
    if (!g->halted && q->head != NULL) {
        list = q->head;
        struct queue_item *last = list;
        for (size_t n = 1; n < max && last->next != NULL; n++)
            last = last->next;
        q->head = last->next;
        last->next = NULL;
    }
    (void)pthread_mutex_unlock(&g->mutex);
    return list;
}

struct queue_item *
queue_pop(struct queue *q)
{
    return queue_pop_some(q, 1);
}

void
queue_release(struct queue *q, size_t cost)
{
    (void)pthread_mutex_lock(&q->group->mutex);
    assert(q->cost >= cost);
    q->cost -= cost;
    (void)pthread_cond_broadcast(&q->room);
    (void)pthread_mutex_unlock(&q->group->mutex);
}

void
queue_close(struct queue *q)
{
    (void)pthread_mutex_lock(&q->group->mutex);
    q->closed = true;
    (void)pthread_cond_broadcast(&q->more);
    (void)pthread_mutex_unlock(&q->group->mutex);
}

void
queue_drain(struct queue *q, void (*discard)(struct queue_item *item))
{
    while (q->head != NULL) {
        struct queue_item *item = q->head;
        q->head = item->next;
        discard(item);
    }
}

void
queue_raise(struct queue *q, bool *flag)
{
    (void)pthread_mutex_lock(&q->group->mutex);
    *flag = true;
    (void)pthread_cond_broadcast(&q->more);
    (void)pthread_mutex_unlock(&q->group->mutex);
}

bool
queue_await(struct queue *q, const bool *flag)
{
    struct queue_group *g = q->group;
    (void)pthread_mutex_lock(&g->mutex);
    while (going(g) && !*flag)
        wait_for(g, &q->more);
    bool raised = !g->halted;
    (void)pthread_mutex_unlock(&g->mutex);
    return raised;
}
