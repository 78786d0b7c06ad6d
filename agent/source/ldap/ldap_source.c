/* ldap_source.c -- the steps of the kind `ldap`.  See ldap_source.h. */
#include "agent/source/ldap/ldap_source.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "agent/source/ldap/export.h"
#include "common/base/text.h"
#include "common/sys/file.h"

static const char root[] = "/etc/dirsrv";
static const struct config_key ldap_keys[] = {LDAP_SOURCE_KEYS, {0}};

/* One instance in its turn: configuration read, connected. */
struct instance {
    struct arena *arena;
    const struct dse *dse;
    struct directory *directory;
};

static void
instance_close(struct instance *i)
{
    directory_free(i->directory);
    arena_free(i->arena);
}

static enum rc
ldap_validate(const struct config *config, const struct config_section *s, struct error *e)
{
    bool named = config_is_set(s, "bind-dn");
    if (named != config_is_set(s, "password-file"))
        return config_complain(config, s, named ? "bind-dn" : "password-file", e,
                               "needs %s beside it", named ? "password-file" : "bind-dn");
    if (config_is_set(s, "url") && !(named && config_is_set(s, "config-directory")))
        return config_complain(config, s, "url", e,
                               "needs config-directory, bind-dn and password-file beside it");
    return RC_OK;
}

static void
ldap_describe(const struct config_section *s, char *out, size_t size)
{
    const char *directory = config_text(s, "config-directory");
    (void)snprintf(out, size, "389 Directory Server: %s",
                   directory == NULL ? "every instance of this host" : directory);
}

/* Configuration directories of the instances; ends with NULL. */
static enum rc
find_instances(const struct source_step *step, const char ***out, struct error *e)
{
    const char *one = config_text(step->config, "config-directory");
    if (one == NULL)
        return dse_find(root, step->report->arena, out, e);
    const char **list = arena_alloc(step->report->arena, 2 * sizeof *list);
    if (list == NULL)
        return error_set(e, RC_NO_MEMORY, "instances");
    list[0] = one;
    *out = list;
    return RC_OK;
}

static enum rc
instance_open(const struct source_step *step, const char *directory, struct instance *out,
              struct error *e)
{
    out->arena = arena_new(DSE_ARENA);
    if (out->arena == NULL)
        return error_set(e, RC_NO_MEMORY, "instance '%s'", directory);
    TRY(dse_read(directory, out->arena, &out->dse, e));
    const struct directory_options options = {
        .dse = out->dse,
        .url = config_text(step->config, "url"),
        .bind_dn = config_text(step->config, "bind-dn"),
        .password_file = config_text(step->config, "password-file"),
    };
    return directory_connect(&options, &out->directory, e);
}

typedef enum rc instance_work(struct source_step *step, struct source_collector *c,
                              const struct instance *i, struct error *e);

static enum rc
for_instances(struct source_step *step, struct source_collector *c, instance_work *work,
              struct error *e)
{
    const char **directories;
    TRY(find_instances(step, &directories, e));
    for (; *directories != NULL; directories++) {
        CLEANUP(instance_close) struct instance i = {0};
        TRY(source_go_on(step, e));
        TRY(instance_open(step, *directories, &i, e));
        TRY_IN(work(step, c, &i, e), e, "instance '%s'", i.dse->instance);
    }
    return RC_OK;
}

static bool
is_listed(const struct directory_backend *list, const char *name)
{
    for (; list->name != NULL; list++)
        if (strcasecmp(list->name, name) == 0)
            return true;
    return false;
}

/* The configuration against the running server: neither may know a backend that the other does not. */
static enum rc
compare_backends(struct source_step *step, const struct instance *i,
                 const struct directory_backend **out, struct error *e)
{
    const struct directory_backend *live;
    TRY_IN(directory_backends(i->directory, i->arena, &live, e), e, "list the backends");
    *out = live;
    for (size_t k = 0; k < i->dse->backend_count; k++)
        if (!is_listed(live, i->dse->backends[k].name))
            return error_set(e, RC_NOT_FOUND,
                             "backend '%s' is in '%s/dse.ldif' but not in the running server (or "
                             "'bind-dn' may not see it); restart the instance or remove the entry",
                             i->dse->backends[k].name, i->dse->directory);
    for (; live->name != NULL; live++) {
        bool known = false;
        for (size_t k = 0; k < i->dse->backend_count; k++)
            known = known || strcasecmp(i->dse->backends[k].name, live->name) == 0;
        if (!known)
            source_report_incomplete(step->report,
                                     "instance '%s' runs a backend '%s' that '%s/dse.ldif' does "
                                     "not name; is 'config-directory' the right one?",
                                     i->dse->instance, live->name, i->dse->directory);
    }
    return RC_OK;
}

/* One LDIF at a time lies in the staging directory; it is smaller than the table it comes from (bdb). */
static enum rc
check_space(struct source_step *step, const struct instance *i, struct error *e)
{
    CLEANUP(own_closep) int staging = -1;
    uint64_t space;
    TRY_IN(file_open_directory(AT_FDCWD, step->staging, &staging, e), e, "staging directory");
    TRY(file_free_space(staging, &space, e));
    for (size_t k = 0; k < i->dse->backend_count; k++) {
        const struct dse_backend *b = &i->dse->backends[k];
        char path[4096], need[TEXT_SIZE_MAX], have[TEXT_SIZE_MAX];
        struct stat about;
        (void)snprintf(path, sizeof path, "%s/id2entry.db", b->directory ? b->directory : "");
        if (b->directory != NULL && stat(path, &about) == 0 && (uint64_t)about.st_size > space)
            return error_set(e, RC_NO_SPACE,
                             "the export of backend '%s' may need %s in '%s', where %s are free; "
                             "make room or move the staging directory",
                             b->name, text_size((uint64_t)about.st_size, need), step->staging,
                             text_size(space, have));
    }
    return RC_OK;
}

static enum rc
check_instance(struct source_step *step, struct source_collector *c, const struct instance *i,
               struct error *e)
{
    (void)c;
    static const char *const names[] = {"vendorVersion", NULL};
    const char *values[1], *folder;
    const struct directory_backend *live;
    TRY_IN(directory_read(i->directory, "", names, i->arena, values, e), e, "server version");
    TRY(compare_backends(step, i, &live, e));
    TRY(export_prepare_folder(step, i->dse, &folder, e));
    TRY(check_space(step, i, e));

    const char *instance = i->dse->instance;
    char name[256];
    (void)snprintf(name, sizeof name, "%s.version", instance);
    source_report_fact(step->report, name, "%s", values[0] == NULL ? "unknown" : values[0]);
    (void)snprintf(name, sizeof name, "%s.store", instance);
    source_report_fact(step->report, name, "%s", i->dse->store);
    for (size_t k = 0; k < i->dse->backend_count; k++) {
        const struct dse_backend *b = &i->dse->backends[k];
        (void)snprintf(name, sizeof name, "%s.%s.suffix", instance, b->name);
        source_report_fact(step->report, name, "%s", b->suffix);
        (void)snprintf(name, sizeof name, "%s.%s.replicated", instance, b->name);
        source_report_fact(step->report, name, "%s", b->replicated ? "yes" : "no");
    }
    return RC_OK;
}

static enum rc
ldap_check(struct source_step *step, struct error *e)
{
    return for_instances(step, NULL, check_instance, e);
}

struct reading {
    const struct source_step *step;
    int file;
    uint64_t at;
};

static enum rc
read_export(void *ctx, void *out, size_t size, size_t *got, struct error *e)
{
    struct reading *r = ctx;
    TRY(source_go_on(r->step, e));
    TRY_IN(file_read_at(r->file, r->at, out, size, got, e), e, "exported LDIF");
    r->at += *got;
    return RC_OK;
}

static enum rc
name_export(const struct dse *dse, const struct dse_backend *b, char *out, size_t size,
            struct error *e)
{
    char instance[SOURCE_COMPONENT_MAX], backend[SOURCE_COMPONENT_MAX];
    if (!source_component(span_of(dse->instance, strlen(dse->instance)), instance) ||
        !source_component(span_of(b->name, strlen(b->name)), backend))
        return error_set(e, RC_UNSUPPORTED, "backend '%s': its name is too long", b->name);
    (void)snprintf(out, size, "ldap/%s/%s.ldif", instance, backend);
    return RC_OK;
}

static bool
wants_replica(const struct source_step *step, const struct dse_backend *b)
{
    const char *choice = config_text(step->config, "export-replica");
    return text_equal(choice, "yes") || (text_equal(choice, "auto") && b->replicated);
}

struct vector {
    struct source_step *step;
    const char *backend;
    unsigned count;
};

static void
keep_vector(void *ctx, const char *value)
{
    struct vector *v = ctx;
    char name[256];
    (void)snprintf(name, sizeof name, "ruv.%s.%u", v->backend, v->count++);
    source_report_keep(v->step->report, name, "%s", value);
}

/* Read before the export, which so holds every change up to it, if not more. */
static void
report_vector(struct source_step *step, const struct instance *i, const struct dse_backend *b)
{
    struct error e = ERROR_INIT;
    struct vector v = {.step = step, .backend = b->name};
    if (b->replicated &&
        directory_ruv(i->directory, b->suffix, step->report->arena, keep_vector, &v, &e) != RC_OK)
        source_report_warn(step->report, "backend '%s': %s", b->name, e.text);
}

static enum rc
capture_backend(struct source_step *step, struct source_collector *c, const struct instance *i,
                const struct directory_backend *live, const struct dse_backend *b,
                const char *folder, struct error *e)
{
    char name[2 * SOURCE_COMPONENT_MAX + 16];
    TRY(name_export(i->dse, b, name, sizeof name, e));
    source_phase(step, c, "export %s", b->name);
    report_vector(step, i, b);
    const struct export_request request = {.step = step,
                                           .directory = i->directory,
                                           .dse = i->dse,
                                           .backend = b,
                                           .live = live,
                                           .folder = folder,
                                           .replica = wants_replica(step, b)};
    struct export_result result;
    TRY(export_backend(&request, &result, e));
    CLEANUP(own_closep) int file = result.file;

    struct reading reading = {.step = step, .file = file};
    uint64_t size;
    TRY(c->made(c, name, read_export, &reading, &size, e));
    if (size != result.bytes)
        return error_set(e, RC_CORRUPT, "the export of backend '%s' changed while it was read",
                         b->name);
    char fact[256];
    (void)snprintf(fact, sizeof fact, "%s.%s.entries", i->dse->instance, b->name);
    source_report_fact(step->report, fact, "%llu", (unsigned long long)result.entries);
    return RC_OK;
}

static enum rc
capture_instance(struct source_step *step, struct source_collector *c, const struct instance *i,
                 struct error *e)
{
    const char *folder;
    const struct directory_backend *live;
    TRY(compare_backends(step, i, &live, e));
    TRY(export_prepare_folder(step, i->dse, &folder, e));
    for (size_t k = 0; k < i->dse->backend_count; k++)
        TRY(capture_backend(step, c, i, live, &i->dse->backends[k], folder, e));
    return RC_OK;
}

/* What the server writes anew at its start and while it rewrites dse.ldif. */
static bool
exclude_transient(void *ctx, const char *path, const char *name, mode_t mode)
{
    (void)ctx;
    (void)path;
    if (S_ISSOCK(mode))
        return true;
    size_t len = strlen(name);
    bool lock = len > 5 && text_equal(name + len - 5, ".lock");
    return S_ISREG(mode) && (lock || text_equal(name, "dse.ldif.tmp"));
}

/* The certificate authority that dscreate made is shared by the instances, beside them. */
static enum rc
capture_authority(struct source_collector *c, const char *directory, struct error *e)
{
    const char *slash = strrchr(directory, '/');
    char path[4096];
    (void)snprintf(path, sizeof path, "%.*s/ssca", slash == NULL ? 0 : (int)(slash - directory),
                   directory);
    bool there;
    TRY(file_exists(AT_FDCWD, path, &there, e));
    return there ? c->path(c, path, false, NULL, NULL, e) : RC_OK;
}

static enum rc
ldap_capture(struct source_step *step, struct source_collector *c, struct error *e)
{
    /* The server makes each export of one moment between these: it tells no more. */
    step->cut.from = clock_wall();
    TRY(for_instances(step, c, capture_instance, e));
    step->cut.until = clock_wall();
    source_report_keep(step->report, "cut.method", "export");
    const char *one = config_text(step->config, "config-directory");
    source_phase(step, c, "read %s", one == NULL ? root : one);
    TRY(c->path(c, one == NULL ? root : one, false, exclude_transient, NULL, e));
    return one == NULL ? RC_OK : capture_authority(c, one, e);
}

static enum rc
remove_folder(struct source_step *step, const char *directory, struct error *e)
{
    const char *base = strrchr(directory, '/');
    base = base == NULL ? directory : base + 1;
    if (strncmp(base, "slapd-", 6) == 0)
        base += 6;
    const char *path = arena_printf(step->report->arena, "%s/%s", step->staging, base);
    if (path == NULL)
        return error_set(e, RC_NO_MEMORY, "staging directory");
    return file_remove_tree(AT_FDCWD, path, e);
}

/* The caller removes the staging directory; an export that still runs must not keep it alive. */
static enum rc
ldap_release(struct source_step *step, struct error *e)
{
    struct error nothing = ERROR_INIT;
    const char **directories;
    if (find_instances(step, &directories, &nothing) != RC_OK)
        return RC_OK; /* unconfigured since: nothing of ours can be there */
    for (; *directories != NULL; directories++)
        TRY(remove_folder(step, *directories, e));
    return RC_OK;
}

const struct source_kind ldap_source_kind = {
    .name = "ldap",
    .keys = ldap_keys,
    .validate = ldap_validate,
    .describe = ldap_describe,
    .check = ldap_check,
    .capture = ldap_capture,
    .release = ldap_release,
};
