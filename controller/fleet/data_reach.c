/* data_reach.c -- see data_reach.h. */
#include "controller/fleet/data_reach.h"

#include <string.h>

#include "common/blob/blob.h"
#include "controller/vault/id_map.h"

struct data_reach {
    struct id_map *known;
};

static enum rc
add(struct data_reach *r, const struct id *id, struct error *e)
{
    bool added;
    return id_map_add(r->known, id, 1, &added, e);
}

enum rc
data_reach_new(const struct id *roots, size_t count, struct data_reach **out, struct error *e)
{
    CLEANUP(data_reach_freep) struct data_reach *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "what a restore may fetch");
    TRY(id_map_new(&r->known, e));
    for (size_t i = 0; i < count; i++)
        TRY(add(r, &roots[i], e));
    *out = TAKE(r);
    return RC_OK;
}

void
data_reach_free(struct data_reach *r)
{
    if (r == NULL)
        return;
    id_map_free(r->known);
    free(r);
}

bool
data_reach_holds(const struct data_reach *r, const struct id *id)
{
    return id_map_find(r->known, id) != NULL;
}

enum rc
data_reach_served(struct data_reach *r, struct span blob, struct error *e)
{
    struct blob_header header;
    TRY(blob_parse(blob, &header, e));
    for (uint32_t i = 0; i < header.children; i++) {
        struct id child;
        memcpy(child.bytes, header.child_ids + (size_t)i * ID_SIZE, ID_SIZE);
        TRY(add(r, &child, e));
    }
    return RC_OK;
}
