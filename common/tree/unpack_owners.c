/* unpack_owners.c -- names of owners to numbers, each asked once.  See unpack_job.h.
 * The name service may be a directory server far away, and may be the very thing being restored. */
#include <grp.h>
#include <pwd.h>

#include "common/tree/unpack_job.h"

enum { LOOKUP_BYTES = 64 * 1024 };

struct known {
    uint32_t number, here;
    size_t name_len;
    char name[LIMIT_NAME + 1];
};

struct list {
    struct known *items;
    size_t count, capacity, last; /* last: the answer before, most often the next one too */
};

struct unpack_owners {
    struct list users, groups;
    char lookup[LOOKUP_BYTES];
};

struct unpack_owners *
unpack_owners_new(void)
{
    return calloc(1, sizeof(struct unpack_owners));
}

void
unpack_owners_free(struct unpack_owners *o)
{
    if (o == NULL)
        return;
    free(o->users.items);
    free(o->groups.items);
    free(o);
}

static bool
matches(const struct known *k, uint32_t number, struct span name)
{
    return k->number == number && k->name_len == name.len &&
           (name.len == 0 || memcmp(k->name, name.data, name.len) == 0);
}

static const struct known *
find(struct list *l, uint32_t number, struct span name)
{
    if (l->count > 0 && matches(&l->items[l->last], number, name))
        return &l->items[l->last];
    for (size_t i = 0; i < l->count; i++) {
        if (matches(&l->items[i], number, name)) {
            l->last = i;
            return &l->items[i];
        }
    }
    return NULL;
}

/* A new item, its `here` still the number it had there. */
static enum rc
add(struct list *l, uint32_t number, struct span name, struct known **out, struct error *e)
{
    if (l->count == l->capacity) {
        size_t wanted = l->capacity == 0 ? 8 : l->capacity * 2;
        struct known *grown = realloc(l->items, wanted * sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "table of owners");
        l->items = grown;
        l->capacity = wanted;
    }
    struct known *k = &l->items[l->count];
    *k = (struct known){.number = number, .here = number, .name_len = name.len};
    if (name.len > 0)
        memcpy(k->name, name.data, name.len);
    l->last = l->count++;
    *out = k;
    return RC_OK;
}

enum rc
unpack_owners_user(struct unpack_owners *o, uint32_t number, struct span name, uid_t *out,
                   struct error *e)
{
    const struct known *known = find(&o->users, number, name);
    if (known == NULL) {
        struct known *new;
        struct passwd entry, *found = NULL;
        TRY(add(&o->users, number, name, &new, e));
        if (name.len > 0)
            (void)getpwnam_r(new->name, &entry, o->lookup, sizeof o->lookup, &found);
        if (found != NULL)
            new->here = found->pw_uid;
        known = new;
    }
    *out = known->here;
    return RC_OK;
}

enum rc
unpack_owners_group(struct unpack_owners *o, uint32_t number, struct span name, gid_t *out,
                    struct error *e)
{
    const struct known *known = find(&o->groups, number, name);
    if (known == NULL) {
        struct known *new;
        struct group entry, *found = NULL;
        TRY(add(&o->groups, number, name, &new, e));
        if (name.len > 0)
            (void)getgrnam_r(new->name, &entry, o->lookup, sizeof o->lookup, &found);
        if (found != NULL)
            new->here = found->gr_gid;
        known = new;
    }
    *out = known->here;
    return RC_OK;
}
