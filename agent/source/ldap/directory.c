/* directory.c -- connect and ask.  See directory.h. */
#include "agent/source/ldap/directory.h"

#include <fcntl.h>
#include <ldap.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/sys/file.h"

enum { CONNECT_SECONDS = 10, ANSWER_SECONDS = 60, PASSWORD_MAX = 1024, ENTRIES_SLICE_MS = 500 };

struct directory {
    LDAP *ld;
    char url[512];
};

/* What the server itself said, when it said more than the code. */
static enum rc
complain(struct directory *d, int code, struct error *e, const char *doing)
{
    char *words = NULL;
    (void)ldap_get_option(d->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words);
    enum rc rc = RC_IO;
    switch (code) {
    case LDAP_NO_SUCH_OBJECT:
        rc = RC_NOT_FOUND;
        break;
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH:
        rc = RC_DENIED;
        break;
    case LDAP_SERVER_DOWN:
    case LDAP_BUSY:
    case LDAP_UNAVAILABLE:
        rc = RC_AGAIN;
        break;
    case LDAP_TIMEOUT:
    case LDAP_TIMELIMIT_EXCEEDED:
        rc = RC_TIMEOUT;
        break;
    default:
        break;
    }
    rc = error_set(e, rc, "%s: %s%s%s", doing, ldap_err2string(code),
                   words == NULL || *words == '\0' ? "" : ": ", words == NULL ? "" : words);
    ldap_memfree(words);
    return rc;
}

static bool
url_of_socket(const char *path, char *out, size_t size)
{
    static const char scheme[] = "ldapi://";
    size_t len = sizeof scheme - 1;
    memcpy(out, scheme, sizeof scheme);
    for (; *path != '\0'; path++) {
        bool plain = strchr("/%?#: \"<>", *path) == NULL;
        if (len + 4 > size)
            return false;
        len += (size_t)snprintf(out + len, 4, plain ? "%c" : "%%%02X", (unsigned char)*path);
    }
    return true;
}

static enum rc
choose_url(const struct directory_options *o, struct directory *d, struct error *e)
{
    if (o->url != NULL) {
        (void)snprintf(d->url, sizeof d->url, "%s", o->url);
        return RC_OK;
    }
    if (o->dse->socket == NULL)
        return error_set(e, RC_INVALID,
                         "instance '%s' does not listen on a local socket; set nsslapd-ldapilisten "
                         "to on, or give 'url', 'bind-dn' and 'password-file'",
                         o->dse->instance);
    if (o->bind_dn == NULL && !o->dse->autobind)
        return error_set(e, RC_INVALID,
                         "instance '%s' does not recognise root on its socket; set "
                         "nsslapd-ldapiautobind to on, or give 'bind-dn' and 'password-file'",
                         o->dse->instance);
    if (!url_of_socket(o->dse->socket, d->url, sizeof d->url))
        return error_set(e, RC_INVALID, "nsslapd-ldapifilepath '%s' is too long", o->dse->socket);
    return RC_OK;
}

static enum rc
open_connection(struct directory *d, struct error *e)
{
    int rc = ldap_initialize(&d->ld, d->url);
    if (rc != LDAP_SUCCESS)
        return error_set(e, RC_INVALID, "'%s' is not an LDAP URL: %s", d->url, ldap_err2string(rc));
    const int version = LDAP_VERSION3;
    const struct timeval connect = {.tv_sec = CONNECT_SECONDS}, answer = {.tv_sec = ANSWER_SECONDS};
    (void)ldap_set_option(d->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    (void)ldap_set_option(d->ld, LDAP_OPT_NETWORK_TIMEOUT, &connect);
    (void)ldap_set_option(d->ld, LDAP_OPT_TIMEOUT, &answer);
    (void)ldap_set_option(d->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    return RC_OK;
}

/* Its first line.  The buffer is cleared by the caller's wipe. */
static enum rc
read_password(const char *path, struct buffer *out, struct error *e)
{
    TRY(file_check_private("password-file", path, e));
    TRY(file_read(AT_FDCWD, path, out, e));
    const uint8_t *end = out->len == 0 ? NULL : memchr(out->data, '\n', out->len);
    if (end != NULL)
        out->len = (size_t)(end - out->data);
    if (out->len == 0)
        return error_set(e, RC_INVALID, "'%s' is empty; write the password of bind-dn into it",
                         path);
    return RC_OK;
}

static enum rc
bind_as(struct directory *d, const struct directory_options *o, struct error *e)
{
    if (o->bind_dn == NULL) {
        struct berval nobody = {0};
        int rc = ldap_sasl_bind_s(d->ld, NULL, "EXTERNAL", &nobody, NULL, NULL, NULL);
        return rc == LDAP_SUCCESS ? RC_OK : complain(d, rc, e, "bind as root (autobind)");
    }
    CLEANUP(buffer_free) struct buffer password = BUFFER_INIT(PASSWORD_MAX);
    TRY(read_password(o->password_file, &password, e));
    struct berval secret = {.bv_len = password.len, .bv_val = (char *)password.data};
    int rc = ldap_sasl_bind_s(d->ld, o->bind_dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
    explicit_bzero(password.data, password.len);
    if (rc == LDAP_INVALID_CREDENTIALS)
        return error_set(e, RC_DENIED,
                         "'%s' is refused: wrong 'bind-dn', or wrong password in '%s'", o->bind_dn,
                         o->password_file);
    return rc == LDAP_SUCCESS ? RC_OK : complain(d, rc, e, "bind");
}

enum rc
directory_connect(const struct directory_options *options, struct directory **out, struct error *e)
{
    CLEANUP(directory_freep) struct directory *d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(e, RC_NO_MEMORY, "connection to the directory server");
    TRY(choose_url(options, d, e));
    TRY(open_connection(d, e));
    enum rc rc = bind_as(d, options, e);
    if (rc == RC_AGAIN)
        return error_set(e, RC_AGAIN,
                         "cannot connect to '%s': is the instance running? systemctl start "
                         "dirsrv@%s",
                         d->url, options->dse->instance);
    if (rc != RC_OK)
        return error_context(e, "directory server at '%s'", d->url);
    *out = TAKE(d);
    return RC_OK;
}

void
directory_free(struct directory *d)
{
    if (d == NULL)
        return;
    if (d->ld != NULL)
        (void)ldap_unbind_ext_s(d->ld, NULL, NULL);
    free(d);
}

enum rc
directory_add(struct directory *d, const char *dn, const struct directory_pair *pairs,
              struct error *e)
{
    enum { PAIRS_MAX = 16 };
    LDAPMod mods[PAIRS_MAX], *list[PAIRS_MAX + 1];
    char *values[PAIRS_MAX][2];
    size_t count = 0;
    for (; pairs[count].name != NULL && count < PAIRS_MAX; count++) {
        /* libldap's structures are not const; an add only reads them. */
        memcpy(&values[count][0], &pairs[count].value, sizeof values[count][0]);
        values[count][1] = NULL;
        mods[count] = (LDAPMod){.mod_op = LDAP_MOD_ADD, .mod_values = values[count]};
        memcpy(&mods[count].mod_type, &pairs[count].name, sizeof mods[count].mod_type);
        list[count] = &mods[count];
    }
    list[count] = NULL;
    int rc = ldap_add_ext_s(d->ld, dn, list, NULL, NULL);
    return rc == LDAP_SUCCESS ? RC_OK : complain(d, rc, e, dn);
}

static const char *
first_value(struct directory *d, LDAPMessage *entry, const char *name, struct arena *a)
{
    struct berval **values = ldap_get_values_len(d->ld, entry, name);
    const char *kept = NULL;
    if (values != NULL && values[0] != NULL)
        kept = arena_printf(a, "%.*s", (int)values[0]->bv_len, values[0]->bv_val);
    ldap_value_free_len(values);
    return kept;
}

static enum rc
search_small(struct directory *d, const char *base, int scope, const char *filter,
             const char *const *names, LDAPMessage **out, struct error *e)
{
    char *list[DIRECTORY_NAMES_MAX + 1] = {0};
    for (size_t i = 0; names[i] != NULL && i < DIRECTORY_NAMES_MAX; i++)
        memcpy(&list[i], &names[i], sizeof list[i]);
    int rc = ldap_search_ext_s(d->ld, base, scope, filter, list, 0, NULL, NULL, NULL, LDAP_NO_LIMIT,
                               out);
    if (rc == LDAP_SUCCESS)
        return RC_OK;
    ldap_msgfree(*out);
    *out = NULL;
    return complain(d, rc, e, *base == '\0' ? "root entry" : base);
}

enum rc
directory_read(struct directory *d, const char *dn, const char *const *names, struct arena *a,
               const char **values, struct error *e)
{
    LDAPMessage *found = NULL;
    TRY(search_small(d, dn, LDAP_SCOPE_BASE, "(objectClass=*)", names, &found, e));
    LDAPMessage *entry = ldap_first_entry(d->ld, found);
    for (size_t i = 0; names[i] != NULL && i < DIRECTORY_NAMES_MAX; i++)
        values[i] = entry == NULL ? NULL : first_value(d, entry, names[i], a);
    bool missing = entry == NULL;
    ldap_msgfree(found);
    if (missing)
        return error_set(e, RC_NOT_FOUND, "no entry '%s' (or no right to read it)", dn);
    return RC_OK;
}

enum rc
directory_ruv(struct directory *d, const char *suffix, struct arena *a, directory_value *visit,
              void *ctx, struct error *e)
{
    static const char *const names[] = {"nsds50ruv", NULL};
    LDAPMessage *found = NULL;
    TRY(search_small(d, suffix, LDAP_SCOPE_SUBTREE,
                     "(&(objectClass=nsTombstone)(nsUniqueId=ffffffff-ffffffff-ffffffff-ffffffff))",
                     names, &found, e));
    LDAPMessage *entry = ldap_first_entry(d->ld, found);
    struct berval **values = entry == NULL ? NULL : ldap_get_values_len(d->ld, entry, names[0]);
    for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
        const char *text = arena_printf(a, "%.*s", (int)values[i]->bv_len, values[i]->bv_val);
        if (text != NULL)
            visit(ctx, text);
    }
    bool missing = values == NULL;
    ldap_value_free_len(values);
    ldap_msgfree(found);
    return missing ? error_set(e, RC_NOT_FOUND, "'%s' has no replica update vector", suffix)
                   : RC_OK;
}

enum rc
directory_backends(struct directory *d, struct arena *a, const struct directory_backend **out,
                   struct error *e)
{
    static const char *const names[] = {"cn", "nsslapd-suffix", NULL};
    LDAPMessage *found = NULL;
    TRY(search_small(d, "cn=ldbm database,cn=plugins,cn=config", LDAP_SCOPE_ONELEVEL,
                     "(objectClass=nsBackendInstance)", names, &found, e));
    int count = ldap_count_entries(d->ld, found);
    struct directory_backend *list =
        arena_alloc(a, ((size_t)(count < 0 ? 0 : count) + 1) * sizeof *list);
    size_t kept = 0;
    for (LDAPMessage *entry = ldap_first_entry(d->ld, found); entry != NULL && list != NULL;
         entry = ldap_next_entry(d->ld, entry)) {
        list[kept].suffix = first_value(d, entry, "nsslapd-suffix", a);
        if ((list[kept].name = first_value(d, entry, "cn", a)) != NULL)
            kept++;
    }
    ldap_msgfree(found);
    if (list == NULL)
        return error_set(e, RC_NO_MEMORY, "list of backends");
    list[kept] = (struct directory_backend){0};
    *out = list;
    return RC_OK;
}

static bool
belongs(struct directory *d, LDAPMessage *entry, const struct directory_scope *scope)
{
    char *dn = ldap_get_dn(d->ld, entry);
    bool ours = dn != NULL;
    for (size_t i = 0; ours && i < scope->count; i++)
        if (dse_suffix_equal(dn, scope->others[i]) || dse_suffix_below(dn, scope->others[i]))
            ours = false;
    ldap_memfree(dn);
    return ours;
}

/* One answer of a running search; *done at its end. */
static enum rc
count_one(struct directory *d, LDAPMessage *answer, const struct directory_scope *scope,
          uint64_t *count, bool *done, struct error *e)
{
    switch (ldap_msgtype(answer)) {
    case LDAP_RES_SEARCH_ENTRY:
        *count += scope->count == 0 || belongs(d, answer, scope);
        return RC_OK;
    case LDAP_RES_SEARCH_RESULT: {
        int code = LDAP_OTHER;
        (void)ldap_parse_result(d->ld, answer, &code, NULL, NULL, NULL, NULL, 0);
        *done = true;
        if (code == LDAP_SIZELIMIT_EXCEEDED || code == LDAP_ADMINLIMIT_EXCEEDED)
            return error_set(e, RC_DENIED,
                             "the server's limits do not let this account see all entries of '%s'; "
                             "set nsSizeLimit and nsLookThroughLimit of bind-dn to -1",
                             scope->suffix);
        return code == LDAP_SUCCESS ? RC_OK : complain(d, code, e, scope->suffix);
    }
    default: /* referrals */
        return RC_OK;
    }
}

enum rc
directory_count(struct directory *d, const struct source_step *step,
                const struct directory_scope *scope, uint64_t *out, struct error *e)
{
    static char no_attributes[] = LDAP_NO_ATTRS;
    char *attributes[] = {no_attributes, NULL};
    const char *filter =
        scope->all ? "(|(objectClass=*)(objectClass=ldapSubEntry)(objectClass=nsTombstone))"
                   : "(|(objectClass=*)(objectClass=ldapSubEntry))";
    int id = 0;
    int rc = ldap_search_ext(d->ld, scope->suffix, LDAP_SCOPE_SUBTREE, filter, attributes, 0, NULL,
                             NULL, NULL, LDAP_NO_LIMIT, &id);
    if (rc != LDAP_SUCCESS)
        return complain(d, rc, e, scope->suffix);

    uint64_t count = 0;
    for (bool done = false; !done;) {
        struct timeval slice = {.tv_usec = ENTRIES_SLICE_MS * 1000};
        LDAPMessage *answer = NULL;
        enum rc stop = source_go_on(step, e);
        if (stop != RC_OK) {
            (void)ldap_abandon_ext(d->ld, id, NULL, NULL);
            return stop;
        }
        int type = ldap_result(d->ld, id, LDAP_MSG_ONE, &slice, &answer);
        if (type < 0)
            return complain(d, LDAP_SERVER_DOWN, e, scope->suffix);
        enum rc counted = type == 0 ? RC_OK : count_one(d, answer, scope, &count, &done, e);
        ldap_msgfree(answer);
        TRY(counted);
    }
    *out = count;
    return RC_OK;
}
