/* unpack_links.c -- an open hash table of link ids.  See unpack_job.h.
 * Memory grows with the number of linked files, not of files; a link id is forgotten only at the end,
 * for nothing in a tree says how many more entries will name it. */
#include "common/tree/unpack_job.h"

enum { CAPACITY_MIN = 64 };

struct unpack_links {
    struct unpack_link *table; /* link 0: free */
    size_t count, capacity;    /* capacity a power of two */
};

struct unpack_links *
unpack_links_new(void)
{
    return calloc(1, sizeof(struct unpack_links));
}

void
unpack_links_free(struct unpack_links *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->capacity; i++)
        free(l->table[i].path);
    free(l->table);
    free(l);
}

static struct unpack_link *
slot_of(const struct unpack_links *l, uint64_t link)
{
    const uint64_t spread = link * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(spread >> 32) & (l->capacity - 1);
    while (l->table[at].link != 0 && l->table[at].link != link)
        at = (at + 1) & (l->capacity - 1);
    return &l->table[at];
}

const struct unpack_link *
unpack_links_find(const struct unpack_links *l, uint64_t link)
{
    if (l->capacity == 0)
        return NULL;
    const struct unpack_link *found = slot_of(l, link);
    return found->link != 0 ? found : NULL;
}

static enum rc
grow(struct unpack_links *l, struct error *e)
{
    struct unpack_links grown = {.capacity = l->capacity == 0 ? CAPACITY_MIN : l->capacity * 2};
    grown.table = calloc(grown.capacity, sizeof *grown.table);
    if (grown.table == NULL)
        return error_set(e, RC_NO_MEMORY, "table of hard links");
    grown.count = l->count;
    for (size_t i = 0; i < l->capacity; i++) {
        if (l->table[i].link != 0)
            *slot_of(&grown, l->table[i].link) = l->table[i];
    }
    free(l->table);
    *l = grown;
    return RC_OK;
}

enum rc
unpack_links_add(struct unpack_links *l, uint64_t link, const char *path, const struct stat *about,
                 struct error *e)
{
    if (l->count >= l->capacity / 2)
        TRY(grow(l, e));
    struct unpack_link *slot = slot_of(l, link);
    if (slot->link != 0)
        return RC_OK;
    char *copy = strdup(path);
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "table of hard links");
    *slot = (struct unpack_link){link, about->st_dev, about->st_ino, copy};
    l->count++;
    return RC_OK;
}
