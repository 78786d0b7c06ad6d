/* sender.c -- see sender.h. */
#include "agent/capture/sender.h"

#include <stdlib.h>
#include <string.h>

/* One HAVE frame holds 1 024 ids (docs/formats/frame.md); fewer keep the first blobs moving. */
enum { BATCH = 256 };

struct parcel {
    struct queue_item item; /* first */
    struct id id;
    struct span blob; /* in the same allocation */
};

enum rc
sender_post(struct queue *parcels, const struct id *id, struct span blob, struct error *e)
{
    struct parcel *parcel = malloc(sizeof *parcel + blob.len);
    if (parcel == NULL)
        return error_set(e, RC_NO_MEMORY, "blob of %zu bytes", blob.len);
    uint8_t *bytes = (uint8_t *)(parcel + 1);
    memcpy(bytes, blob.data, blob.len);
    *parcel = (struct parcel){.id = *id, .blob = span_of(bytes, blob.len)};
    enum rc rc = queue_push(parcels, &parcel->item, sizeof *parcel + blob.len, e);
    if (rc != RC_OK)
        free(parcel);
    return rc;
}

void
sender_discard(struct queue_item *item)
{
    free(item);
}

static enum rc
send_parcel(struct sender *s, const struct parcel *parcel, bool known, struct error *e)
{
    if (known) {
        atomic_fetch_add(&s->progress->bytes_known, parcel->blob.len);
        return RC_OK;
    }
    TRY(s->store->put(s->store, &parcel->id, parcel->blob, e));
    atomic_fetch_add(&s->progress->bytes_sent, parcel->blob.len);
    return RC_OK;
}

/* Equal blobs in one batch are sent once. */
static bool
repeated(const struct id *ids, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (id_equal(&ids[i], &ids[at]))
            return true;
    return false;
}

static enum rc
send_batch(struct sender *s, const struct queue_item *batch, struct error *e)
{
    struct id ids[BATCH] = {0};
    bool known[BATCH] = {false};
    size_t count = 0;
    for (const struct queue_item *item = batch; item != NULL; item = item->next)
        ids[count++] = ((const struct parcel *)item)->id;
    TRY(s->store->have(s->store, ids, count, known, e));
    size_t at = 0;
    for (const struct queue_item *item = batch; item != NULL; item = item->next, at++) {
        TRY(queue_group_check(s->parcels->group, e));
        TRY(send_parcel(s, (const struct parcel *)item, known[at] || repeated(ids, at), e));
    }
    return RC_OK;
}

enum rc
sender_run(struct sender *s, struct error *e)
{
    struct queue_item *batch;
    while ((batch = queue_pop_some(s->parcels, BATCH)) != NULL) {
        enum rc rc = send_batch(s, batch, e);
        size_t cost = 0;
        while (batch != NULL) {
            struct queue_item *next = batch->next;
            cost += batch->cost;
            free(batch);
            batch = next;
        }
        queue_release(s->parcels, cost);
        TRY(rc);
    }
    return RC_OK;
}
