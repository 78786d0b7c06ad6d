/* export_folder.c -- a place where the server may write and nobody else may look.  See export.h. */
#include <errno.h>
#include <grp.h>
#include <sys/stat.h>

#include "agent/source/ldap/export.h"

enum { GROUPS_MAX = 256, FOLDER_MODE = 0700, PASSING_MODE = 0711 };

struct user {
    uid_t uid;
    gid_t gid, groups[GROUPS_MAX];
    int group_count;
};

static enum rc
look_up(const char *name, struct user *out, struct error *e)
{
    TRY_IN(source_find_user(name, &out->uid, &out->gid, e), e, "nsslapd-localuser");
    out->group_count = GROUPS_MAX;
    if (getgrouplist(name, out->gid, out->groups, &out->group_count) < 0)
        out->group_count = GROUPS_MAX;
    return RC_OK;
}

static bool
in_group(const struct user *user, gid_t gid)
{
    for (int i = 0; i < user->group_count; i++)
        if (user->groups[i] == gid)
            return true;
    return user->gid == gid;
}

static bool
may_pass(const struct user *user, const struct stat *about)
{
    if (user->uid == 0)
        return true;
    if (about->st_uid == user->uid)
        return (about->st_mode & S_IXUSR) != 0;
    if (in_group(user, about->st_gid))
        return (about->st_mode & S_IXGRP) != 0;
    return (about->st_mode & S_IXOTH) != 0;
}

/* Every directory from / to `path`, inclusive. */
static enum rc
check_passage(const char *path, const char *name, const struct user *user, struct arena *a,
              struct error *e)
{
    for (size_t len = 1;; len++) {
        if (len > 1 && path[len] != '/' && path[len] != '\0')
            continue;
        struct stat about;
        const char *part = arena_printf(a, "%.*s", (int)len, path);
        if (part == NULL)
            return error_set(e, RC_NO_MEMORY, "staging directory");
        if (stat(part, &about) != 0)
            return error_errno(e, "staging directory '%s'", part);
        if (!may_pass(user, &about))
            return error_set(e, RC_INVALID,
                             "the directory server runs as '%s', which cannot pass through '%s' to "
                             "write its export; chmod o+x '%s', or move the staging directory",
                             name, part, part);
        if (path[len] == '\0' || path[1] == '\0')
            return RC_OK;
    }
}

enum rc
export_prepare_folder(const struct source_step *step, const struct dse *dse, const char **folder,
                      struct error *e)
{
    struct user user;
    TRY_IN(look_up(dse->user, &user, e), e, "instance '%s'", dse->instance);
    const char *path = arena_printf(step->report->arena, "%s/%s", step->staging, dse->instance);
    if (path == NULL)
        return error_set(e, RC_NO_MEMORY, "staging directory");
    /* Passing through is all that others gain; names in it stay unlisted, the folder itself private. */
    if (chmod(step->staging, PASSING_MODE) != 0)
        return error_errno(e, "open staging directory '%s' for passing", step->staging);
    if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST)
        return error_errno(e, "make '%s'", path);
    struct stat about;
    if (lstat(path, &about) != 0 || !S_ISDIR(about.st_mode))
        return error_set(e, RC_DENIED, "'%s' is not a directory", path);
    if (lchown(path, user.uid, user.gid) != 0)
        return error_errno(e, "give '%s' to '%s'", path, dse->user);
    TRY(check_passage(path, dse->user, &user, step->report->arena, e));
    *folder = path;
    return RC_OK;
}
