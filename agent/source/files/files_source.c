/* files_source.c -- see files_source.h. */
#include "agent/source/files/files_source.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct config_key files_keys[] = {FILES_SOURCE_KEYS, {0}};

static enum rc
validate_absolute(const struct config *config, const struct config_section *section,
                  const char *key, struct error *e)
{
    for (size_t i = 0; i < config_list_count(section, key); i++)
        if (config_list_at(section, key, i)[0] != '/')
            return config_complain(config, section, key, e,
                                   "'%s' is not absolute; write the whole path, beginning with /",
                                   config_list_at(section, key, i));
    return RC_OK;
}

static enum rc
files_validate(const struct config *config, const struct config_section *section, struct error *e)
{
    if (config_list_count(section, "paths") + config_list_count(section, "optional-paths") == 0)
        return config_complain(config, section, "paths", e,
                               "names nothing to back up; list at least one path");
    TRY(validate_absolute(config, section, "paths", e));
    TRY(validate_absolute(config, section, "optional-paths", e));
    for (size_t i = 0; i < config_list_count(section, "exclude"); i++) {
        const char *pattern = config_list_at(section, "exclude", i);
        if (pattern[0] == '\0' || (strchr(pattern, '/') != NULL && pattern[0] != '/'))
            return config_complain(config, section, "exclude", e,
                                   "'%s' is neither a name nor an absolute path; patterns with a "
                                   "slash begin with one",
                                   pattern);
    }
    return RC_OK;
}

static void
files_describe(const struct config_section *section, char *out, size_t size)
{
    size_t count = config_list_count(section, "paths");
    size_t optional = config_list_count(section, "optional-paths");
    const char *first = count > 0 ? config_list_at(section, "paths", 0)
                                  : config_list_at(section, "optional-paths", 0);
    if (count + optional > 1)
        (void)snprintf(out, size, "%s and %zu more", first, count + optional - 1);
    else
        (void)snprintf(out, size, "%s", first);
}

bool
files_source_match(const char *pattern, const char *path, const char *name)
{
    if (strchr(pattern, '/') != NULL)
        return fnmatch(pattern, path, FNM_PATHNAME) == 0;
    return fnmatch(pattern, name, 0) == 0;
}

static bool
files_exclude(void *ctx, const char *path, const char *name, mode_t mode)
{
    (void)mode;
    const struct config_section *section = ctx;
    for (size_t i = 0; i < config_list_count(section, "exclude"); i++)
        if (files_source_match(config_list_at(section, "exclude", i), path, name))
            return true;
    return false;
}

static enum rc
find_path(const char *path, bool *found, struct error *e)
{
    struct stat about;
    *found = lstat(path, &about) == 0;
    if (!*found && errno != ENOENT && errno != ENOTDIR)
        return error_errno(e, "look at '%s'", path);
    return RC_OK;
}

static enum rc
missing(const char *path, struct error *e)
{
    return error_set(e, RC_NOT_FOUND,
                     "'%s' does not exist; correct 'paths', or list it under 'optional-paths'",
                     path);
}

static enum rc
files_check(struct source_step *step, struct error *e)
{
    for (size_t i = 0; i < config_list_count(step->config, "paths"); i++) {
        const char *path = config_list_at(step->config, "paths", i);
        bool found;
        TRY(find_path(path, &found, e));
        if (!found)
            return missing(path, e);
    }
    return RC_OK;
}

static bool
crosses(const struct source_step *step)
{
    return !config_bool(step->config, "one-file-system");
}

static enum rc
files_paths(struct source_step *step, struct source_places *p, struct error *e)
{
    for (size_t i = 0; i < config_list_count(step->config, "paths"); i++)
        TRY(p->path(p, config_list_at(step->config, "paths", i), crosses(step), true, e));
    for (size_t i = 0; i < config_list_count(step->config, "optional-paths"); i++) {
        const char *path = config_list_at(step->config, "optional-paths", i);
        bool found;
        TRY(find_path(path, &found, e));
        if (found)
            TRY(p->path(p, path, crosses(step), true, e));
    }
    return RC_OK;
}

static enum rc
deliver(struct source_step *step, struct source_collector *c, const char *path, struct error *e)
{
    void *section; /* asked until the capture is finished: the configuration lives longer */
    memcpy(&section, &step->config, sizeof section);
    source_phase(step, c, "read %s", path);
    return c->path(c, path, crosses(step), files_exclude, section, e);
}

static enum rc
files_capture(struct source_step *step, struct source_collector *c, struct error *e)
{
    for (size_t i = 0; i < config_list_count(step->config, "paths"); i++) {
        const char *path = config_list_at(step->config, "paths", i);
        TRY(source_go_on(step, e));
        enum rc rc = deliver(step, c, path, e);
        if (rc == RC_NOT_FOUND)
            return missing(path, e);
        TRY(rc);
    }
    for (size_t i = 0; i < config_list_count(step->config, "optional-paths"); i++) {
        const char *path = config_list_at(step->config, "optional-paths", i);
        bool found;
        TRY(source_go_on(step, e));
        TRY(find_path(path, &found, e));
        if (found)
            TRY(deliver(step, c, path, e));
        else
            source_report_fact(step->report, "absent", "%s", path);
    }
    return RC_OK;
}

static enum rc
files_release(struct source_step *step, struct error *e)
{
    (void)step;
    (void)e;
    return RC_OK;
}

const struct source_kind files_source_kind = {
    .name = "files",
    .keys = files_keys,
    .validate = files_validate,
    .describe = files_describe,
    .check = files_check,
    .paths = files_paths,
    .capture = files_capture,
    .release = files_release,
};
