/*
 * directory.h -- a connection to one running directory server, with the few questions a backup asks.
 *
 *     TRY(directory_connect(&(struct directory_options){.dse = dse}, &d, e));   // CLEANUP(directory_freep)
 *     TRY(directory_count(d, step, suffix, below, true, &entries, e));
 *     TRY(directory_add(d, dn, attributes, e));
 *     TRY(directory_read(d, dn, names, arena, values, e));
 *
 * Over the instance's own ldapi socket root is recognised without a password (SASL EXTERNAL, the
 * server's autobind); or over a url with a name and a password.  Every question has a time limit.
 * Threads: one connection, one thread.  Layer: agent/source; uses libldap.
 */
#ifndef AGENT_SOURCE_LDAP_DIRECTORY_H
#define AGENT_SOURCE_LDAP_DIRECTORY_H

#include "agent/source/ldap/dse.h"
#include "agent/source/source.h"

struct directory_options {
    const struct dse *dse;
    const char *url, *bind_dn, *password_file; /* NULL: ldapi and autobind */
};

struct directory;
/* RC_AGAIN: nobody answers; RC_DENIED: refused. */
enum rc
directory_connect(const struct directory_options *options, struct directory **out, struct error *e);
void directory_free(struct directory *d);
DEFINE_FREEP(directory)

/*
 * Entries at and below `suffix`, without those at or below one of `others` (suffixes of other backends; `count` of them),
 * with tombstones when `all`.  One entry at a time: memory does not grow.
 */
struct directory_scope {
    const char *suffix;
    const char *const *others;
    size_t count;
    bool all;
};
enum rc directory_count(struct directory *d, const struct source_step *step,
                        const struct directory_scope *scope, uint64_t *out, struct error *e);

struct directory_pair {
    const char *name, *value;
};
/* Add an entry; `pairs` ends with a nameless one.  RC_NOT_FOUND: the server says "no such object". */
enum rc directory_add(struct directory *d, const char *dn, const struct directory_pair *pairs,
                      struct error *e);

/* First values of up to 8 attributes (`names` ends with NULL); values[i] is NULL when absent. */
enum { DIRECTORY_NAMES_MAX = 8 };
enum rc directory_read(struct directory *d, const char *dn, const char *const *names,
                       struct arena *a, const char **values, struct error *e);

/*
 * The replica update vector of a replicated suffix: one value for the generation, then one for each replica with the CSNs of its
 * oldest and newest change (389-ds keeps it in a tombstone of a fixed name below the suffix).
 */
typedef void directory_value(void *ctx, const char *value);
enum rc directory_ruv(struct directory *d, const char *suffix, struct arena *a,
                      directory_value *visit, void *ctx, struct error *e);

/* The backends that the running server has; ends with a nameless one.  A suffix may be NULL. */
struct directory_backend {
    const char *name, *suffix;
};
enum rc directory_backends(struct directory *d, struct arena *a,
                           const struct directory_backend **out, struct error *e);

#endif
