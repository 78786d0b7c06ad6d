/*
 * paths.h -- the paths a source asked for, merged into one tree of names.
 *
 * A path that leads through symbolic links asks for the links, too, and for what they lead to, so
 * that a restore finds it.  A path may lie below another: what any of them asks for is read, once.
 *
 *     TRY(paths_add(p, "/var/spool/imap", false, exclude, ctx, e)); ...
 *     root = paths_root(p);        // "/": children have scopes when asked for themselves
 *
 * Ownership: the tree owns its nodes; `exclude_ctx` is borrowed until the walk is over.
 * Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_PATHS_H
#define AGENT_CAPTURE_PATHS_H

#include "agent/source/source.h"
#include "common/base/own.h"

struct paths_scope { /* one path that was asked for */
    struct paths_scope *next;
    bool cross;
    source_exclude *exclude;
    void *exclude_ctx;
};

struct paths_node {
    char *name;
    struct paths_scope *scopes;   /* NULL: only on the way to others */
    struct paths_node **children; /* ascending by name */
    size_t count;
};

struct paths;
enum rc paths_new(struct paths **out, struct error *e);
void paths_free(struct paths *p);
DEFINE_FREEP(paths)
/* RC_NOT_FOUND when it does not exist, RC_INVALID when it is not absolute. */
enum rc paths_add(struct paths *p, const char *path, bool cross, source_exclude *exclude,
                  void *exclude_ctx, struct error *e);
const struct paths_node *paths_root(const struct paths *p);

#endif
