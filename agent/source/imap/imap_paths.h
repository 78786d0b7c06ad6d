/*
 * imap_paths.h -- which paths hold a Cyrus server's state, and what below them is not worth keeping.
 *
 *     TRY(imap_paths_of(conf, "/etc/cyrus.conf", arena, &paths, e));
 *     for (i < paths->count) collector->path(c, paths->paths[i].path, true, imap_paths_exclude, paths, e);
 *
 * The verdicts are those of docs/architecture/sources.md.  Exclusion is anchored by place and type:
 * a regular file named like a message ("<digits>.") is never excluded, whatever a directory is called; names such
 * as "lock" are excluded only where Cyrus itself keeps them ("user.lockhart" has a quota file).
 * Pure: asks no file system.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_IMAP_IMAP_PATHS_H
#define AGENT_SOURCE_IMAP_IMAP_PATHS_H

#include <sys/types.h>

#include "agent/source/imap/imap_conf.h"

enum imap_path_role {
    IMAP_PATH_PARTITION, /* messages: must be there, a directory */
    IMAP_PATH_META,      /* metapartition-*: the same */
    IMAP_PATH_CONFIG,    /* configdirectory: the same */
    IMAP_PATH_STATE,     /* databases, sieve, certificates: may not exist yet */
    IMAP_PATH_FILE,      /* configuration and certificates: missed when not there */
};

struct imap_path {
    const char *option, *path;
    enum imap_path_role role;
};

struct imap_paths {
    struct imap_path *paths;
    size_t count;
    const char *config;    /* configdirectory */
    const char **left_out; /* absolute: derivable or transient, with all below */
    size_t left_out_count;
    const char **warnings; /* for the operator */
    size_t warning_count;
};

enum rc imap_paths_of(const struct imap_conf *conf, const char *cyrus_conf, struct arena *a,
                      const struct imap_paths **out, struct error *e);

/* A source_exclude; `ctx` is a struct imap_paths. */
bool imap_paths_exclude(void *ctx, const char *path, const char *name, mode_t mode);
/* "1." to "4294967295.", as Cyrus names messages. */
bool imap_paths_is_message(const char *name);

#endif
