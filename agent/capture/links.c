/* links.c -- chained hash by device and inode.  See links.h. */
#include "agent/capture/links.h"

#include <stdlib.h>
#include <xxhash.h>

enum { BUCKETS = 16384, BYTES_PER_PIECE = 256 * 1024 };

struct link {
    struct link *next;
    uint64_t device, inode, size;
    struct memory_time ctime;
    nlink_t awaited;
    size_t cost;
    int slot;
};

struct links {
    struct link *buckets[BUCKETS];
    size_t cost, cost_max; /* in pieces */
    int *free_slots;
    size_t free_count, free_room;
    int next_slot;
};

enum rc
links_new(size_t pieces_max, struct links **out, struct error *e)
{
    struct links *l = calloc(1, sizeof *l);
    if (l == NULL)
        return error_set(e, RC_NO_MEMORY, "table of hard links");
    l->cost_max = pieces_max;
    *out = l;
    return RC_OK;
}

void
links_free(struct links *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (l->buckets[i] != NULL) {
            struct link *link = l->buckets[i];
            l->buckets[i] = link->next;
            free(link);
        }
    }
    free(l->free_slots);
    free(l);
}

uint64_t
links_id(const struct stat *st)
{
    const uint64_t who[2] = {st->st_dev, st->st_ino};
    uint64_t id = XXH3_64bits(who, sizeof who);
    return id != 0 ? id : 1;
}

static struct link **
bucket_of(struct links *l, uint64_t device, uint64_t inode)
{
    const uint64_t who[2] = {device, inode};
    return &l->buckets[XXH3_64bits(who, sizeof who) % BUCKETS];
}

enum rc
links_slot(struct links *l, int *slot, struct error *e)
{
    if (l->next_slot == INT32_MAX)
        return error_set(e, RC_NO_MEMORY, "too many hard links");
    *slot = l->free_count > 0 ? l->free_slots[--l->free_count] : l->next_slot++;
    return RC_OK;
}

/* A number that cannot be kept is lost, not its use: the next one is new. */
static void
give_up_slot(struct links *l, int slot)
{
    if (l->free_count == l->free_room) {
        size_t room = l->free_room * 2 + 64;
        int *grown = realloc(l->free_slots, room * sizeof *grown);
        if (grown == NULL)
            return;
        l->free_slots = grown;
        l->free_room = room;
    }
    l->free_slots[l->free_count++] = slot;
}

static bool
still(const struct link *link, const struct stat *st)
{
    return link->size == (uint64_t)st->st_size && link->ctime.seconds == st->st_ctim.tv_sec &&
           link->ctime.ns == (uint32_t)st->st_ctim.tv_nsec;
}

bool
links_find(struct links *l, const struct stat *st, int *slot, bool *last)
{
    struct link **at = bucket_of(l, st->st_dev, st->st_ino);
    while (*at != NULL && ((*at)->device != st->st_dev || (*at)->inode != st->st_ino))
        at = &(*at)->next;
    struct link *link = *at;
    if (link == NULL || !still(link, st))
        return false;
    *slot = link->slot;
    *last = --link->awaited == 0;
    if (*last) {
        give_up_slot(l, link->slot);
        l->cost -= link->cost;
        *at = link->next;
        free(link);
    }
    return true;
}

int
links_add(struct links *l, const struct event_found *found, nlink_t names)
{
    size_t cost =
        1 +
        (size_t)(found->size / BYTES_PER_PIECE < TREE_INLINE_PIECES ? found->size / BYTES_PER_PIECE
                                                                    : TREE_INLINE_PIECES) +
        found->xattrs.bytes / sizeof(struct node_piece);
    if (names < 2 || l->cost + cost > l->cost_max)
        return EVENT_NO_SLOT;
    struct link *link = malloc(sizeof *link);
    struct error ignored = ERROR_INIT;
    int slot = EVENT_NO_SLOT;
    if (link == NULL || links_slot(l, &slot, &ignored) != RC_OK) {
        free(link);
        return EVENT_NO_SLOT;
    }
    struct link **bucket = bucket_of(l, found->device, found->inode);
    *link = (struct link){.next = *bucket,
                          .device = found->device,
                          .inode = found->inode,
                          .size = found->size,
                          .ctime = found->ctime,
                          .awaited = names - 1,
                          .cost = cost,
                          .slot = slot};
    *bucket = link;
    l->cost += cost;
    return slot;
}
