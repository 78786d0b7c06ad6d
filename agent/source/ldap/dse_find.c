/* dse_find.c -- which instances are configured on this host.  See dse.h. */
#include <fcntl.h>
#include <string.h>

#include "agent/source/ldap/dse.h"
#include "common/sys/file.h"

struct search {
    const char *root;
    struct arena *arena;
    const char **found;
    size_t count;
};

static bool
is_instance(const char *name)
{
    static const char removed[] = ".removed";
    size_t len = strlen(name), end = sizeof removed - 1;
    return strncmp(name, "slapd-", 6) == 0 && len > 6 &&
           !(len > end && strcmp(name + len - end, removed) == 0);
}

static enum rc
visit(void *ctx, const char *name, struct error *e)
{
    struct search *s = ctx;
    if (!is_instance(name))
        return RC_OK;
    const char *directory = arena_printf(s->arena, "%s/%s", s->root, name);
    const char *dse = arena_printf(s->arena, "%s/%s/dse.ldif", s->root, name);
    if (directory == NULL || dse == NULL)
        return error_set(e, RC_NO_MEMORY, "instances below '%s'", s->root);
    bool there;
    TRY(file_exists(AT_FDCWD, dse, &there, e));
    if (!there)
        return RC_OK;
    if (s->count == DSE_INSTANCES_MAX)
        return error_set(e, RC_UNSUPPORTED, "more than %d instances below '%s'", DSE_INSTANCES_MAX,
                         s->root);
    s->found[s->count++] = directory;
    return RC_OK;
}

enum rc
dse_find(const char *root, struct arena *a, const char ***out, struct error *e)
{
    struct search s = {.root = root, .arena = a};
    s.found = arena_alloc(a, (DSE_INSTANCES_MAX + 1) * sizeof *s.found);
    if (s.found == NULL)
        return error_set(e, RC_NO_MEMORY, "instances below '%s'", root);
    TRY_IN(file_list(AT_FDCWD, root, visit, &s, e), e, "find directory server instances");
    if (s.count == 0)
        return error_set(e, RC_NOT_FOUND,
                         "no directory server instance (slapd-*/dse.ldif) below '%s'; set "
                         "'config-directory', or remove this source",
                         root);
    *out = s.found;
    return RC_OK;
}
