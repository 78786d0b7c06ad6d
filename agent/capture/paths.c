/* paths.c -- a sorted tree, and the symbolic links on the way.  See paths.h. */
#include "agent/capture/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINKS_FOLLOWED_MAX = 40 };

struct paths {
    struct paths_node root;
};

enum rc
paths_new(struct paths **out, struct error *e)
{
    struct paths *p = calloc(1, sizeof *p);
    if (p == NULL)
        return error_set(e, RC_NO_MEMORY, "paths");
    *out = p;
    return RC_OK;
}

static void
empty_node(struct paths_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        empty_node(node->children[i]);
        free(node->children[i]);
    }
    while (node->scopes != NULL) {
        struct paths_scope *scope = node->scopes;
        node->scopes = scope->next;
        free(scope);
    }
    free(node->children);
    free(node->name);
}

void
paths_free(struct paths *p)
{
    if (p == NULL)
        return;
    empty_node(&p->root);
    free(p);
}

const struct paths_node *
paths_root(const struct paths *p)
{
    return &p->root;
}

/* The place of `name` among the children: the first that is not less. */
static size_t
place_of(const struct paths_node *node, const char *name)
{
    size_t low = 0, high = node->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(node->children[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum rc
make_child(struct paths_node *node, const char *name, struct paths_node **out, struct error *e)
{
    size_t at = place_of(node, name);
    if (at < node->count && strcmp(node->children[at]->name, name) == 0) {
        *out = node->children[at];
        return RC_OK;
    }
    struct paths_node **grown =
        realloc(node->children, (node->count + 1) * sizeof(struct paths_node *));
    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "paths");
    node->children = grown;
    struct paths_node *child = calloc(1, sizeof *child);
    char *copy = strdup(name);
    if (child == NULL || copy == NULL) {
        free(child);
        free(copy);
        return error_set(e, RC_NO_MEMORY, "paths");
    }
    child->name = copy;
    memmove(grown + at + 1, grown + at, (node->count - at) * sizeof(struct paths_node *));
    grown[at] = child;
    node->count++;
    *out = child;
    return RC_OK;
}

/* Ask for a path without links on the way. */
static enum rc
ask_for(struct paths *p, const char *path, const struct paths_scope *scope, struct error *e)
{
    struct paths_node *node = &p->root;
    CLEANUP(own_freep) char *copy = strdup(path);
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "paths");
    char *rest = copy, *name;
    while ((name = strsep(&rest, "/")) != NULL)
        if (name[0] != '\0')
            TRY(make_child(node, name, &node, e));
    struct paths_scope *added = malloc(sizeof *added);
    if (added == NULL)
        return error_set(e, RC_NO_MEMORY, "paths");
    *added = *scope;
    added->next = node->scopes;
    node->scopes = added;
    return RC_OK;
}

/* Takes the last name off a path; "/" stays. */
static void
to_parent(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* `done` is a path without links; put one more name behind it.  *target: where it leads, if a
 * link. */
static enum rc
step(char done[static PATH_MAX], const char *name, char target[static PATH_MAX], struct error *e)
{
    size_t len = strlen(done);
    target[0] = '\0';
    if (strcmp(name, ".") == 0 || name[0] == '\0')
        return RC_OK;
    if (strcmp(name, "..") == 0) {
        to_parent(done);
        return RC_OK;
    }
    int n = snprintf(done + len, PATH_MAX - len, "/%s", name);
    if (n < 0 || (size_t)n >= PATH_MAX - len)
        return error_set(e, RC_INVALID, "the path is too long");
    struct stat st;
    if (lstat(done, &st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return error_set(e, RC_NOT_FOUND, "'%s' does not exist", done);
        return error_errno(e, "look at '%s'", done);
    }
    if (!S_ISLNK(st.st_mode))
        return RC_OK;
    ssize_t got = readlink(done, target, PATH_MAX - 1);
    if (got < 0)
        return error_errno(e, "read link '%s'", done);
    target[got] = '\0';
    return RC_OK;
}

/* Put a link's target in front of what is left to follow. */
static enum rc
follow(char done[static PATH_MAX], const char *target, char **left, struct error *e)
{
    char *longer = NULL;
    if (asprintf(&longer, "%s/%s", target, *left != NULL ? *left : "") < 0)
        return error_set(e, RC_NO_MEMORY, "paths");
    free(*left);
    *left = longer;
    if (target[0] == '/')
        done[0] = '\0';
    else
        to_parent(done);
    return RC_OK;
}

static enum rc
resolve(struct paths *p, const char *path, const struct paths_scope *scope, struct error *e)
{
    char done[PATH_MAX] = "", target[PATH_MAX];
    CLEANUP(own_freep) char *left = strdup(path);
    if (left == NULL)
        return error_set(e, RC_NO_MEMORY, "paths");
    for (unsigned followed = 0; left != NULL;) {
        char *name = left, *slash = strchr(left, '/');
        CLEANUP(own_freep) char *behind = slash != NULL ? strdup(slash + 1) : NULL;
        if (slash != NULL && behind == NULL)
            return error_set(e, RC_NO_MEMORY, "paths");
        if (slash != NULL)
            *slash = '\0';
        TRY(step(done, name, target, e));
        free(TAKE(left));
        left = TAKE(behind);
        if (target[0] == '\0')
            continue;
        if (++followed > LINKS_FOLLOWED_MAX)
            return error_set(e, RC_INVALID, "too many symbolic links");
        TRY(ask_for(p, done, &(struct paths_scope){0}, e));
        TRY(follow(done, target, &left, e));
    }
    return ask_for(p, done, scope, e);
}

enum rc
paths_add(struct paths *p, const char *path, bool cross, source_exclude *exclude, void *exclude_ctx,
          struct error *e)
{
    if (path[0] != '/')
        return error_set(e, RC_INVALID, "path '%s' is not absolute", path);
    const struct paths_scope scope = {
        .cross = cross, .exclude = exclude, .exclude_ctx = exclude_ctx};
    TRY_IN(resolve(p, path, &scope, e), e, "path '%s'", path);
    return RC_OK;
}
