/*
 * dse.h -- what the configuration of a 389 Directory Server instance says: where it listens, as whom
 * it runs, and which backends it has.
 *
 *     TRY(dse_read("/etc/dirsrv/slapd-kolab", arena, &dse, e));
 *     for (size_t i = 0; i < dse->backend_count; i++) ... dse->backends[i].name
 *
 * Backends come from the nsBackendInstance entries below cn=ldbm database, never from directories:
 * with LMDB all of them live in one file.  Total over any bytes; an instance without a backend is
 * RC_INVALID, since a backup of nothing must not succeed.
 * Ownership: everything lives in the arena.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_LDAP_DSE_H
#define AGENT_SOURCE_LDAP_DSE_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/span.h"

enum { DSE_BACKENDS_MAX = 1000, DSE_INSTANCES_MAX = 100 };
/* A dse.ldif is some 200 KiB; parsed it takes a few times that. */
enum { DSE_FILE_MAX = 32 * 1024 * 1024, DSE_ARENA = 256 * 1024 * 1024 };

struct dse_backend {
    const char *name;      /* "example_org": the cn */
    const char *suffix;    /* "dc=example,dc=org" */
    const char *directory; /* may be NULL */
    bool replicated;
};

struct dse {
    const char *directory; /* "/etc/dirsrv/slapd-kolab" */
    const char *instance;  /* "kolab" */
    const char *socket;    /* path of the ldapi socket, NULL when it does not listen there */
    const char *user;      /* nsslapd-localuser, "dirsrv" when not said */
    const char *store;     /* "bdb", "mdb" */
    const char *pid_file;  /* may be NULL */
    bool autobind;
    struct dse_backend *backends; /* by name */
    size_t backend_count;
};

enum rc dse_read(const char *directory, struct arena *a, const struct dse **out, struct error *e);
/* The same over bytes. */
enum rc dse_parse(const char *directory, struct span text, struct arena *a, const struct dse **out,
                  struct error *e);

/* Directories "slapd-*" below `root` ("/etc/dirsrv") with a dse.ldif, without "*.removed"; sorted.
 * `out` ends with NULL.  RC_NOT_FOUND when there is none. */
enum rc dse_find(const char *root, struct arena *a, const char ***out, struct error *e);

/* Is `suffix` strictly below `other`?  ("ou=x,dc=a" below "dc=a"); spaces and case do not matter. */
bool dse_suffix_below(const char *suffix, const char *other);
bool dse_suffix_equal(const char *a, const char *b);

#endif
