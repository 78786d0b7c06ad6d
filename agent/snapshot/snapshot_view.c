/* snapshot_view.c -- see snapshot_view.h. */
#include "agent/snapshot/snapshot_view.h"

#include <stdlib.h>
#include <string.h>

static int
compare(const void *path, const void *view)
{
    return strcmp(path, ((const struct snapshot_view *)view)->path);
}

const struct snapshot_view *
snapshot_view_find(const struct snapshot_views *views, const char *path)
{
    if (views == NULL || views->count == 0)
        return NULL;
    return bsearch(path, views->at, views->count, sizeof *views->at, compare);
}

void
snapshot_view_adopt(const struct snapshot_views *views, struct stat *st)
{
    for (size_t i = 0; views != NULL && i < views->count; i++) {
        if (views->at[i].root >= 0 && views->at[i].device == st->st_dev) {
            st->st_dev = views->at[i].origin;
            return;
        }
    }
}
