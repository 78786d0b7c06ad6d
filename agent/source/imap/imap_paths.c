/* imap_paths.c -- from options to paths.  See imap_paths.h. */
#include "agent/source/imap/imap_paths.h"

#include <string.h>

#include "common/base/text.h"

/* Options whose value is a path of ours.  Databases may be elsewhere than in configdirectory. */
static const struct {
    const char *option;
    enum imap_path_role role;
} kept[] = {
    {"sievedir", IMAP_PATH_STATE},
    {"annotation_db_path", IMAP_PATH_STATE},
    {"duplicate_db_path", IMAP_PATH_STATE},
    {"mboxlist_db_path", IMAP_PATH_STATE},
    {"quota_db_path", IMAP_PATH_STATE},
    {"userdeny_db_path", IMAP_PATH_STATE},
    {"newsrc_db_path", IMAP_PATH_STATE},
    {"zoneinfo_db_path", IMAP_PATH_STATE},
    {"jmap_emailsearch_db_path", IMAP_PATH_STATE},
    {"sync_cache_db_path", IMAP_PATH_STATE},
    {"sasl_sasldb_path", IMAP_PATH_STATE},
    {"autocreate_sieve_script", IMAP_PATH_STATE},
    {"autocreate_sieve_script_compiled", IMAP_PATH_STATE},
    {"annotation_definitions", IMAP_PATH_FILE},
    {"tls_server_cert", IMAP_PATH_FILE},
    {"tls_server_key", IMAP_PATH_FILE},
    {"tls_server_ca_file", IMAP_PATH_FILE},
    {"tls_server_dhparam", IMAP_PATH_FILE},
    {"tls_client_cert", IMAP_PATH_FILE},
    {"tls_client_key", IMAP_PATH_FILE},
    {"tls_client_ca_file", IMAP_PATH_FILE},
    {"tls_cert_file", IMAP_PATH_FILE},
    {"tls_key_file", IMAP_PATH_FILE},
    {"tls_ca_file", IMAP_PATH_FILE},
    {"tls_crl_file", IMAP_PATH_FILE},
    {"tls_dh_file", IMAP_PATH_FILE},
    {"tls_dhparam_file", IMAP_PATH_FILE},
    {"http_jwt_key_dir", IMAP_PATH_STATE},
    {"ischedule_dkim_key_file", IMAP_PATH_STATE},
    {"search_stopword_path", IMAP_PATH_STATE},
};

/* Options whose value is a path of things that are rebuilt, or mean nothing after a restart. */
static const char *const dropped[] = {
    "statuscache_db_path", "tls_sessions_db_path", "tlscache_db_path",     "ptscache_db_path",
    "proc_path",           "mboxname_lockpath",    "prometheus_stats_dir",
};

/* The same below configdirectory, where the option is not given (Cyrus's defaults). */
static const char *const dropped_in_config[] = {
    "lock",       "proc",           "socket",
    "sync",       "statuscache.db", "tls_sessions.db",
    "db.backup1", "db.backup2",     "ptclient/ptscache.db",
    "stats",
};

static const char *const dropped_in_partition[] = {"stage.", "sync."};

enum { PATHS_MAX = IMAP_CONF_OPTIONS_MAX + 64, LEFT_OUT_MAX = 3 * IMAP_CONF_OPTIONS_MAX };
/* At most two for each option, one for each place left out. */
enum { WARNINGS_MAX = 2 * IMAP_CONF_OPTIONS_MAX + LEFT_OUT_MAX };

struct builder {
    const struct imap_conf *conf;
    struct arena *arena;
    struct imap_paths *paths;
};

static bool
starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Without trailing slashes; "{configdirectory}" in front is replaced, as Cyrus does. */
static enum rc
resolve(struct builder *b, const struct imap_conf_option *option, const char **out, struct error *e)
{
    static const char mark[] = "{configdirectory}";
    const char *value = option->value, *front = "";
    if (starts_with(value, mark)) {
        front = b->paths->config;
        value += sizeof mark - 1;
    }
    size_t len = strlen(value);
    while (len > 1 && value[len - 1] == '/')
        len--;
    if (*front == '\0' && *value != '/')
        return error_set(e, RC_INVALID, "'%s' line %u: '%s: %s' is not an absolute path",
                         option->file, option->line, option->name, option->value);
    *out = arena_printf(b->arena, "%s%.*s", front, (int)len, value);
    return *out == NULL ? error_set(e, RC_NO_MEMORY, "paths of imapd.conf") : RC_OK;
}

static void
add_path(struct builder *b, const char *option, const char *path, enum imap_path_role role)
{
    if (b->paths->count < PATHS_MAX)
        b->paths->paths[b->paths->count++] =
            (struct imap_path){.option = option, .path = path, .role = role};
}

static enum rc
leave_out(struct builder *b, const char *path, struct error *e)
{
    if (path == NULL || b->paths->left_out_count == LEFT_OUT_MAX)
        return error_set(e, RC_NO_MEMORY, "paths of imapd.conf");
    b->paths->left_out[b->paths->left_out_count++] = path;
    return RC_OK;
}

static enum rc
warn(struct builder *b, const char *text, struct error *e)
{
    if (text == NULL)
        return error_set(e, RC_NO_MEMORY, "paths of imapd.conf");
    b->paths->warnings[b->paths->warning_count++] = text;
    return RC_OK;
}

static enum rc
add_partition(struct builder *b, const struct imap_conf_option *option, enum imap_path_role role,
              struct error *e)
{
    const char *path;
    TRY(resolve(b, option, &path, e));
    add_path(b, option->name, path, role);
    for (size_t i = 0; i < sizeof dropped_in_partition / sizeof *dropped_in_partition; i++)
        TRY(leave_out(b, arena_printf(b->arena, "%s/%s", path, dropped_in_partition[i]), e));
    return RC_OK;
}

static bool
is_one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(name, list[i]))
            return true;
    return false;
}

static enum rc
add_option(struct builder *b, const struct imap_conf_option *option, struct error *e)
{
    const char *name = option->name, *path;
    if (!option->known)
        TRY(warn(b,
                 arena_printf(b->arena,
                              "'%s' line %u: unknown option '%s': misspelt? If it names a place "
                              "of mail, that place is not in this backup",
                              option->file, option->line, name),
                 e));
    if (starts_with(name, "partition-") || starts_with(name, "archivepartition-"))
        return add_partition(b, option, IMAP_PATH_PARTITION, e);
    if (starts_with(name, "metapartition-"))
        return add_partition(b, option, IMAP_PATH_META, e);
    if (starts_with(name, "backuppartition-"))
        return warn(b,
                    arena_printf(b->arena,
                                 "'%s: %s' holds Cyrus's own backups of other servers and is "
                                 "not read; add a source of kind files for it if it should be",
                                 name, option->value),
                    e);
    if (starts_with(name, "searchpartition-") ||
        is_one_of(name, dropped, sizeof dropped / sizeof *dropped)) {
        TRY(resolve(b, option, &path, e));
        return leave_out(b, path, e);
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (text_equal(name, kept[i].option) && !text_equal(option->value, "disabled")) {
            TRY(resolve(b, option, &path, e));
            add_path(b, name, path, kept[i].role);
        }
    return RC_OK;
}

static const struct imap_conf_option *
find_option(const struct imap_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->count; i++)
        if (text_equal(conf->options[i].name, name))
            return &conf->options[i];
    return NULL;
}

static enum rc
add_config(struct builder *b, struct error *e)
{
    const struct imap_conf_option *option = find_option(b->conf, "configdirectory");
    if (option == NULL)
        return error_set(e, RC_INVALID,
                         "'%s' does not set configdirectory: not a Cyrus configuration",
                         b->conf->files[0]);
    TRY(resolve(b, option, &b->paths->config, e));
    add_path(b, option->name, b->paths->config, IMAP_PATH_CONFIG);
    for (size_t i = 0; i < sizeof dropped_in_config / sizeof *dropped_in_config; i++)
        TRY(leave_out(b, arena_printf(b->arena, "%s/%s", b->paths->config, dropped_in_config[i]),
                      e));
    return RC_OK;
}

/* Where Cyrus looks when the option is not given. */
static void
add_defaults(struct builder *b)
{
    if (find_option(b->conf, "sievedir") == NULL)
        add_path(b, "sievedir", "/usr/sieve", IMAP_PATH_STATE);
    if (find_option(b->conf, "sasl_sasldb_path") == NULL)
        add_path(b, "sasl_sasldb_path", "/etc/sasldb2", IMAP_PATH_STATE);
}

static bool
is_at_or_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* A search partition that is also the spool, or above it, must not take the mail with it. */
static enum rc
keep_what_is_inside(struct builder *b, struct error *e)
{
    struct imap_paths *p = b->paths;
    size_t left = 0;
    for (size_t i = 0; i < p->left_out_count; i++) {
        bool harmless = true;
        for (size_t k = 0; k < p->count && harmless; k++)
            harmless = !is_at_or_below(p->paths[k].path, p->left_out[i]);
        if (harmless)
            p->left_out[left++] = p->left_out[i];
        else
            TRY(warn(b,
                     arena_printf(b->arena, "'%s' would be left out but holds mail or state: kept",
                                  p->left_out[i]),
                     e));
    }
    p->left_out_count = left;
    return RC_OK;
}

static bool
has_role(const struct imap_paths *p, enum imap_path_role role)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->paths[i].role == role)
            return true;
    return false;
}

enum rc
imap_paths_of(const struct imap_conf *conf, const char *cyrus_conf, struct arena *a,
              const struct imap_paths **out, struct error *e)
{
    struct imap_paths *p = arena_alloc(a, sizeof *p);
    if (p == NULL || (p->paths = arena_alloc(a, PATHS_MAX * sizeof *p->paths)) == NULL ||
        (p->left_out = arena_alloc(a, LEFT_OUT_MAX * sizeof *p->left_out)) == NULL ||
        (p->warnings = arena_alloc(a, WARNINGS_MAX * sizeof *p->warnings)) == NULL)
        return error_set(e, RC_NO_MEMORY, "paths of imapd.conf");
    p->config = "";
    struct builder b = {.conf = conf, .arena = a, .paths = p};
    TRY(add_config(&b, e));
    for (size_t i = 0; i < conf->count; i++)
        TRY(add_option(&b, &conf->options[i], e));
    if (!has_role(p, IMAP_PATH_PARTITION))
        return error_set(e, RC_INVALID,
                         "'%s' names no partition-<name>: there is no mail to back up",
                         conf->files[0]);
    add_defaults(&b);
    TRY(keep_what_is_inside(&b, e));
    for (size_t i = 0; i < conf->file_count; i++)
        add_path(&b, "configuration", conf->files[i], IMAP_PATH_FILE);
    add_path(&b, "cyrus-conf", cyrus_conf, IMAP_PATH_FILE);
    *out = p;
    return RC_OK;
}
