/*
 * sender.h -- hands sealed blobs to the store, asking first which it has.
 *
 * Whatever waits is asked for together, so one question covers many blobs when the answer is slow.
 * Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_SENDER_H
#define AGENT_CAPTURE_SENDER_H

#include "agent/capture/capture.h"
#include "agent/capture/queue.h"

struct sender {
    struct queue *parcels;
    struct capture_store *store;
    struct capture_progress *progress;
};

/* Copy a blob into the queue; blocks while it is full.  From any thread. */
enum rc sender_post(struct queue *parcels, const struct id *id, struct span blob, struct error *e);
/* Until the queue is closed and empty: RC_OK; or halted: RC_OK too, the group knows why. */
enum rc sender_run(struct sender *s, struct error *e);
void sender_discard(struct queue_item *item);

#endif
