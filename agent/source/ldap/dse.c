/* dse.c -- see dse.h. */
#include "agent/source/ldap/dse.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/source/ldap/ldif.h"
#include "common/sys/file.h"

struct reading {
    struct dse *dse;
    struct arena *arena;
    const char *replica_roots[DSE_BACKENDS_MAX];
    size_t replica_count;
};

/* The next character of a DN that counts: lower case, without blanks next to ',' '=' and the ends. */
static char
next_of_dn(const char **at)
{
    const char *p = *at;
    while (*p == ' ' && (p[1] == ' ' || p[1] == ',' || p[1] == '=' || p[1] == '\0'))
        p++;
    char c = *p;
    if (c != '\0')
        p++;
    if (c == ',' || c == '=')
        while (*p == ' ')
            p++;
    *at = p;
    return (char)tolower((unsigned char)c);
}

bool
dse_suffix_equal(const char *a, const char *b)
{
    for (;;) {
        char x = next_of_dn(&a), y = next_of_dn(&b);
        if (x != y)
            return false;
        if (x == '\0')
            return true;
    }
}

bool
dse_suffix_below(const char *suffix, const char *other)
{
    for (const char *comma = suffix; (comma = strchr(comma, ',')) != NULL; comma++) {
        const char *tail = comma + 1;
        while (*tail == ' ')
            tail++;
        bool escaped = comma > suffix && comma[-1] == '\\';
        if (!escaped && dse_suffix_equal(tail, other))
            return true;
    }
    return false;
}

static bool
ends_with_dn(const char *dn, const char *end)
{
    return dse_suffix_below(dn, end);
}

static enum rc
add_backend(struct reading *r, const struct ldif_entry *entry, struct error *e)
{
    const char *name = ldif_value(entry, "cn"), *suffix = ldif_value(entry, "nsslapd-suffix");
    if (name == NULL || suffix == NULL)
        return error_set(e, RC_CORRUPT, "line %zu: backend '%s' has no cn or no nsslapd-suffix",
                         entry->line, entry->dn);
    if (r->dse->backend_count == DSE_BACKENDS_MAX)
        return error_set(e, RC_UNSUPPORTED, "more than %d backends", DSE_BACKENDS_MAX);
    r->dse->backends[r->dse->backend_count++] = (struct dse_backend){
        .name = name, .suffix = suffix, .directory = ldif_value(entry, "nsslapd-directory")};
    return RC_OK;
}

static bool
is_on(const struct ldif_entry *entry, const char *name)
{
    return ldif_has(entry, name, "on");
}

static void
read_main(struct dse *dse, const struct ldif_entry *entry)
{
    if (is_on(entry, "nsslapd-ldapilisten"))
        dse->socket = ldif_value(entry, "nsslapd-ldapifilepath");
    dse->autobind = is_on(entry, "nsslapd-ldapiautobind");
    if (ldif_value(entry, "nsslapd-localuser") != NULL)
        dse->user = ldif_value(entry, "nsslapd-localuser");
}

static enum rc
read_entry(struct reading *r, const struct ldif_entry *entry, struct error *e)
{
    static const char ldbm[] = "cn=ldbm database,cn=plugins,cn=config";
    if (dse_suffix_equal(entry->dn, "cn=config"))
        read_main(r->dse, entry);
    if (ldif_has(entry, "objectClass", "nsBackendInstance") && ends_with_dn(entry->dn, ldbm))
        TRY(add_backend(r, entry, e));
    const char *store = ldif_value(entry, "nsslapd-backend-implement");
    if (store != NULL)
        r->dse->store = store;
    const char *root = ldif_value(entry, "nsDS5ReplicaRoot");
    if (root != NULL && ldif_has(entry, "objectClass", "nsds5replica") &&
        r->replica_count < DSE_BACKENDS_MAX)
        r->replica_roots[r->replica_count++] = root;
    return RC_OK;
}

static int
by_name(const void *a, const void *b)
{
    const struct dse_backend *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum rc
settle(struct reading *r, struct error *e)
{
    struct dse *dse = r->dse;
    if (dse->backend_count == 0)
        return error_set(e, RC_INVALID,
                         "no backend (nsBackendInstance entry) in it: nothing would be exported; "
                         "correct 'config-directory' or remove the instance");
    qsort(dse->backends, dse->backend_count, sizeof *dse->backends, by_name);
    for (size_t i = 0; i < dse->backend_count; i++) {
        if (i > 0 && strcasecmp(dse->backends[i - 1].name, dse->backends[i].name) == 0)
            return error_set(e, RC_CORRUPT, "backend '%s' is there twice", dse->backends[i].name);
        for (size_t k = 0; k < r->replica_count; k++)
            if (dse_suffix_equal(dse->backends[i].suffix, r->replica_roots[k]))
                dse->backends[i].replicated = true;
    }
    return RC_OK;
}

static const char *
instance_of(const char *directory)
{
    const char *slash = strrchr(directory, '/');
    const char *base = slash == NULL ? directory : slash + 1;
    return strncmp(base, "slapd-", 6) == 0 ? base + 6 : base;
}

enum rc
dse_parse(const char *directory, struct span text, struct arena *a, const struct dse **out,
          struct error *e)
{
    struct reading *r = arena_alloc(a, sizeof *r);
    if (r == NULL || (r->dse = arena_alloc(a, sizeof *r->dse)) == NULL ||
        (r->dse->backends = arena_alloc(a, DSE_BACKENDS_MAX * sizeof *r->dse->backends)) == NULL)
        return error_set(e, RC_NO_MEMORY, "dse.ldif");
    r->arena = a;
    r->dse->directory = arena_printf(a, "%s", directory);
    if (r->dse->directory == NULL)
        return error_set(e, RC_NO_MEMORY, "dse.ldif");
    r->dse->instance = instance_of(r->dse->directory);
    r->dse->user = "dirsrv";
    r->dse->store = "bdb";

    struct ldif_reader reader = ldif_read(text);
    for (;;) {
        const struct ldif_entry *entry;
        TRY_IN(ldif_next(&reader, a, &entry, e), e, "'%s/dse.ldif'", directory);
        if (entry == NULL)
            break;
        TRY_IN(read_entry(r, entry, e), e, "'%s/dse.ldif'", directory);
    }
    TRY_IN(settle(r, e), e, "'%s/dse.ldif'", directory);
    *out = r->dse;
    return RC_OK;
}

enum rc
dse_read(const char *directory, struct arena *a, const struct dse **out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(DSE_FILE_MAX);
    const char *path = arena_printf(a, "%s/dse.ldif", directory);
    if (path == NULL)
        return error_set(e, RC_NO_MEMORY, "dse.ldif");
    TRY_IN(file_read(AT_FDCWD, path, &text, e), e, "configuration of the directory server");
    return dse_parse(directory, buffer_span(&text), a, out, e);
}
