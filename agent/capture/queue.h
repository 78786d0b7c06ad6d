/*
 * queue.h -- bounded queues between the stages of a capture, which stop together.
 *
 * The queues of one capture form a group.  The first failure of any stage (or a cancel) halts the
 * group: every push and pop returns at once, so that no stage waits for one that is gone.
 *
 *     TRY(queue_push(q, &thing->item, cost, e));       // blocks while the queue is full
 *     while ((item = queue_pop(q)) != NULL) {          // NULL: closed and empty, or halted
 *         ...
 *         queue_release(q, cost);                      // only now the room is free again
 *     }
 *
 * `cost` is in bytes.  What was popped counts until it is released, so a queue's limit bounds what
 * waits and what is being worked on together.  An empty queue takes anything.
 * Ownership: a queue borrows its items; queue_drain() gives back what was never popped.
 * Threads: any.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_QUEUE_H
#define AGENT_CAPTURE_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/error.h"

struct queue_item {
    struct queue_item *next;
    size_t cost;
};

struct queue_group {
    pthread_mutex_t mutex;       /* of the group and of all its queues */
    struct queue *queues;        /* all of them, to wake their waiters */
    const _Atomic(bool) *cancel; /* NULL: never */
    bool halted;
    struct error first; /* why */
};

struct queue {
    struct queue_group *group;
    struct queue *next;
    struct queue_item *head, *tail;
    size_t cost, limit;
    bool closed;
    pthread_cond_t more, room;
};

void queue_group_init(struct queue_group *g, const _Atomic(bool) *cancel);
void queue_group_destroy(struct queue_group *g);
/* The first failure counts; later ones are its echoes. */
void queue_group_fail(struct queue_group *g, const struct error *why);
/* RC_OK, or why the group was halted; looks at `cancel` too. */
enum rc queue_group_check(struct queue_group *g, struct error *e);

void queue_init(struct queue *q, struct queue_group *g, size_t limit);
void queue_destroy(struct queue *q);
/* After a failure the item is still the caller's. */
enum rc queue_push(struct queue *q, struct queue_item *item, size_t cost, struct error *e);
struct queue_item *queue_pop(struct queue *q);
/* A list of at least one and at most `max` items, linked by `next`; NULL as above. */
struct queue_item *queue_pop_some(struct queue *q, size_t max);
void queue_release(struct queue *q, size_t cost);
void queue_close(struct queue *q); /* nothing more will be pushed */
void queue_drain(struct queue *q, void (*discard)(struct queue_item *item));

/* A flag that one stage raises for another, waiting one: *flag is guarded by the group's mutex, and
 * the waiter is `q`'s consumer.  False: halted. */
void queue_raise(struct queue *q, bool *flag);
bool queue_await(struct queue *q, const bool *flag);

#endif
