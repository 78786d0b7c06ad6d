/* made.c -- a sorted list that is told as a tree.  See made.h. */
#include "agent/capture/made.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MODE = 0600, DIRECTORY_MODE = 0700 };

struct made_file {
    char *name;
    int slot;
    uint64_t size;
    struct wall when;
};

struct made {
    struct made_file *files;
    size_t count, room;
};

enum rc
made_new(struct made **out, struct error *e)
{
    struct made *m = calloc(1, sizeof *m);
    if (m == NULL)
        return error_set(e, RC_NO_MEMORY, "made files");
    *out = m;
    return RC_OK;
}

void
made_free(struct made *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->count; i++)
        free(m->files[i].name);
    free(m->files);
    free(m);
}

/* Is one of them the other, or a directory that the other lies in? */
static bool
collide(const char *a, const char *b)
{
    size_t same = 0;
    while (a[same] != '\0' && a[same] == b[same])
        same++;
    return (a[same] == '\0' && (b[same] == '\0' || b[same] == '/')) ||
           (b[same] == '\0' && a[same] == '/');
}

enum rc
made_check(const struct made *m, const char *name, struct error *e)
{
    for (const char *at = name; at != NULL;) {
        const char *slash = strchr(at, '/');
        size_t len = slash != NULL ? (size_t)(slash - at) : strlen(at);
        if (!node_name_is_good(span_of(at, len)))
            return error_set(e, RC_INVALID, "'%s' is no name for a made file", name);
        at = slash != NULL ? slash + 1 : NULL;
    }
    for (size_t i = 0; i < m->count; i++)
        if (collide(m->files[i].name, name))
            return error_set(e, RC_EXISTS, "made file '%s': there is '%s' already", name,
                             m->files[i].name);
    return RC_OK;
}

enum rc
made_add(struct made *m, const char *name, int slot, uint64_t size, struct wall now,
         struct error *e)
{
    if (m->count == m->room) {
        size_t room = m->room * 2 + 16;
        struct made_file *grown = realloc(m->files, room * sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "%zu made files", room);
        m->files = grown;
        m->room = room;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "made file '%s'", name);
    m->files[m->count++] =
        (struct made_file){.name = copy, .slot = slot, .size = size, .when = now};
    return RC_OK;
}

/* Name by name, so that a directory stands where its own name belongs. */
static int
compare(const void *a, const void *b)
{
    const char *x = ((const struct made_file *)a)->name, *y = ((const struct made_file *)b)->name;
    while (*x != '\0' && *x == *y) {
        x++;
        y++;
    }
    unsigned char c = *x == '/' ? 0 : (unsigned char)*x, d = *y == '/' ? 0 : (unsigned char)*y;
    return (c > d) - (c < d);
}

static struct event_found *
describe(const char *name, size_t len, mode_t mode, struct wall when)
{
    char copy[LIMIT_NAME + 1];
    memcpy(copy, name, len);
    copy[len] = '\0';
    const struct stat st = {
        .st_mode = mode,
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_mtim = {.tv_sec = when.ns / CLOCK_NS_PER_SECOND,
                    .tv_nsec = when.ns % CLOCK_NS_PER_SECOND},
    };
    struct event_found *found = event_found_new(copy, &st);
    if (found != NULL)
        found->flags = NODE_MADE;
    return found;
}

static enum rc
tell(struct outlet *outlet, enum event_kind kind, struct event_found *found, int slot,
     struct error *e)
{
    struct event *event = event_new(kind);
    if (event == NULL || found == NULL) {
        event_free(event);
        event_found_free(found);
        return error_set(e, RC_NO_MEMORY, "made files");
    }
    event->found = found;
    event->slot = slot;
    event->content = slot != EVENT_NO_SLOT ? EVENT_IN_SLOT : EVENT_NO_CONTENT;
    event->last = true;
    return outlet_tell(outlet, event, e);
}

/* The files[from..to), which share the first `prefix` characters of their names, in one directory.
 * */
static enum rc
tell_directory(struct made *m, struct outlet *outlet, size_t from, size_t to, size_t prefix,
               struct error *e)
{
    for (size_t i = from, next; i < to; i = next) {
        const struct made_file *file = &m->files[i];
        const char *name = file->name + prefix, *slash = strchr(name, '/');
        size_t len = slash != NULL ? (size_t)(slash - name) : strlen(name);
        next = i + 1;
        if (slash == NULL) {
            struct event_found *found = describe(name, len, S_IFREG | FILE_MODE, file->when);
            if (found != NULL)
                found->size = file->size;
            TRY(tell(outlet, EVENT_ENTRY, found, file->slot, e));
            continue;
        }
        while (next < to && strncmp(m->files[next].name, file->name, prefix + len + 1) == 0)
            next++;
        TRY(tell(outlet, EVENT_ENTER, describe(name, len, S_IFDIR, file->when), EVENT_NO_SLOT, e));
        TRY(tell_directory(m, outlet, i, next, prefix + len + 1, e));
        TRY(tell(outlet, EVENT_LEAVE, describe(name, len, S_IFDIR | DIRECTORY_MODE, file->when),
                 EVENT_NO_SLOT, e));
    }
    return RC_OK;
}

enum rc
made_tell(struct made *m, struct outlet *outlet, struct error *e)
{
    static const char export[] = "export";
    if (m->count == 0)
        return RC_OK;
    qsort(m->files, m->count, sizeof *m->files, compare);
    struct wall when = m->files[0].when;
    size_t len = sizeof export - 1;
    TRY(tell(outlet, EVENT_ENTER, describe(export, len, S_IFDIR, when), EVENT_NO_SLOT, e));
    TRY(tell_directory(m, outlet, 0, m->count, 0, e));
    return tell(outlet, EVENT_LEAVE, describe(export, len, S_IFDIR | DIRECTORY_MODE, when),
                EVENT_NO_SLOT, e);
}
