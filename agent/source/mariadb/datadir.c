/* datadir.c -- see datadir.h. */
#include "agent/source/mariadb/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/text.h"
#include "common/sys/file.h"

enum { SMALL_FILE_MAX = 8192 };

static enum rc
no_memory(struct error *e)
{
    return error_set(e, RC_NO_MEMORY, "data directory");
}

static bool
is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* ---- what the server says */

struct answers {
    const char *data, *innodb_home, *innodb_files, *redo, *undo, *aria, *binlog, *index, *relay,
        *pid_file, *tmpdir, *temp_space;
};
enum { ANSWERS = 12 };
_Static_assert(sizeof(struct answers) == ANSWERS * sizeof(const char *), "one column each");

struct asking {
    struct arena *arena;
    struct answers answers;
};

static enum rc
note_answers(void *ctx, const char *const *row, unsigned columns, struct error *e)
{
    struct asking *asking = ctx;
    const char *copies[ANSWERS] = {0};
    if (columns != ANSWERS)
        return error_set(e, RC_IO, "MariaDB does not say where its data is");
    for (size_t i = 0; i < ANSWERS; i++)
        if (row[i] != NULL && row[i][0] != '\0' &&
            (copies[i] = arena_printf(asking->arena, "%s", row[i])) == NULL)
            return no_memory(e);
    memcpy(&asking->answers, copies, sizeof copies);
    return RC_OK;
}

/* Relative names are relative to the data directory, which the server's process stands in. */
static enum rc
resolve(struct datadir *dir, const char *name, const char **out, struct error *e)
{
    char resolved[PATH_MAX];
    const char *path = name[0] == '/' ? name : arena_printf(dir->arena, "%s/%s", dir->data, name);
    if (path == NULL)
        return no_memory(e);
    if (realpath(path, resolved) == NULL)
        return error_errno(e, "the server says that it has '%s'; is it on this host?", path);
    *out = arena_printf(dir->arena, "%s", resolved);
    return *out == NULL ? no_memory(e) : RC_OK;
}

static enum rc
add_root(struct datadir *dir, const char *path, const char *prefix, struct error *e)
{
    for (size_t i = 0; i < dir->count; i++)
        if (dir->roots[i].prefix == NULL && is_below(path, dir->roots[i].path))
            return RC_OK;
    if (dir->count == DATADIR_ROOTS_MAX)
        return error_set(e, RC_UNSUPPORTED, "data in more than %d places; choose 'method = dump'",
                         DATADIR_ROOTS_MAX);
    dir->roots[dir->count++] = (struct datadir_root){path, prefix};
    return RC_OK;
}

static enum rc
add_directory(struct datadir *dir, const char *name, struct error *e)
{
    const char *path;
    if (name == NULL)
        return RC_OK;
    TRY(resolve(dir, name, &path, e));
    return add_root(dir, path, NULL, e);
}

/* The directory of "<directory>/<prefix>", of which only files of that prefix are the server's. */
static enum rc
add_logs(struct datadir *dir, const char *base, struct error *e)
{
    if (base == NULL)
        return RC_OK;
    const char *slash = strrchr(base, '/'), *path;
    const char *folder =
        slash == NULL ? dir->data : arena_printf(dir->arena, "%.*s", (int)(slash - base), base);
    const char *prefix = arena_printf(dir->arena, "%s.", slash == NULL ? base : slash + 1);
    if (folder == NULL || prefix == NULL)
        return no_memory(e);
    TRY(resolve(dir, folder[0] == '\0' ? "/" : folder, &path, e));
    return add_root(dir, path, prefix, e);
}

/* ---- tables that lie elsewhere */

struct scan {
    struct datadir *dir; /* where to add to; NULL: look whether all is known */
    const struct datadir *known;
    const char *top;    /* the data directory as it is listed: live, or in a snapshot */
    const char *folder; /* being listed */
    unsigned depth;
};

static enum rc
found_elsewhere(struct scan *s, const char *target, struct error *e)
{
    if (s->dir != NULL)
        return add_directory(s->dir, target, e);
    for (size_t i = 0; i < s->known->count; i++)
        if (s->known->roots[i].prefix == NULL && is_below(target, s->known->roots[i].path))
            return RC_OK;
    return error_set(e, RC_IO,
                     "'%s' came to the server's data while it was being cut, and is in no snapshot",
                     target);
}

/* An .isl file holds the path of the file that stands elsewhere. */
static enum rc
follow_isl(struct scan *s, const char *path, struct error *e)
{
    char target[SMALL_FILE_MAX + 1];
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(SMALL_FILE_MAX);
    TRY(file_read(AT_FDCWD, path, &text, e));
    size_t len = text.len;
    while (len > 0 && (text.data[len - 1] == '\n' || text.data[len - 1] == '\r'))
        len--;
    if (len == 0 || text.data[0] != '/')
        return error_set(e, RC_UNSUPPORTED, "'%s' does not hold an absolute path", path);
    memcpy(target, text.data, len);
    target[len] = '\0';
    return found_elsewhere(s, target, e);
}

/* The place that a link leads to, from where it stands live: a snapshot may have no name of its own. */
static char *
live_target(const struct scan *s, const char *path)
{
    char target[PATH_MAX], *joined = NULL;
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len < 0)
        return NULL;
    target[len] = '\0';
    const char *inside = path + strlen(s->top);
    int done = target[0] == '/' ? asprintf(&joined, "%s", target)
                                : asprintf(&joined, "%s%.*s/%s", s->known->data,
                                           (int)(strrchr(inside, '/') - inside), inside, target);
    return done < 0 ? NULL : joined;
}

static enum rc
follow_link(struct scan *s, const char *path, struct error *e)
{
    CLEANUP(own_freep) char *live = live_target(s, path);
    CLEANUP(own_freep) char *resolved = live == NULL ? NULL : realpath(live, NULL);
    if (resolved == NULL)
        return errno == ENOENT ? RC_OK : error_errno(e, "follow '%s'", path);
    return is_below(resolved, s->known->data) ? RC_OK : found_elsewhere(s, resolved, e);
}

static enum rc
scan_entry(void *ctx, const char *name, struct error *e)
{
    struct scan *s = ctx;
    char path[PATH_MAX];
    struct stat about;
    size_t len = strlen(name);
    if (snprintf(path, sizeof path, "%s/%s", s->folder, name) >= (int)sizeof path)
        return error_set(e, RC_UNSUPPORTED, "'%s/%s': the path is too long", s->folder, name);
    if (lstat(path, &about) != 0)
        return errno == ENOENT ? RC_OK : error_errno(e, "look at '%s'", path);
    if (S_ISLNK(about.st_mode))
        return follow_link(s, path, e);
    if (S_ISREG(about.st_mode) && len > 4 && text_equal(name + len - 4, ".isl"))
        return follow_isl(s, path, e);
    if (!S_ISDIR(about.st_mode) || s->depth > 0)
        return RC_OK;
    struct scan inside = *s;
    inside.folder = path;
    inside.depth++;
    return file_list(AT_FDCWD, path, scan_entry, &inside, e);
}

static enum rc
scan_all(struct scan *s, const char *folder, struct error *e)
{
    s->top = s->folder = folder;
    return file_list(AT_FDCWD, folder, scan_entry, s, e);
}

enum rc
datadir_check_scan(const struct datadir *dir, const char *seen, struct error *e)
{
    struct scan scan = {.known = dir};
    return scan_all(&scan, seen, e);
}

/* ---- is it here? */

static enum rc
check_here(struct database *db, const char *pid_file, struct error *e)
{
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    uint64_t pid;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(SMALL_FILE_MAX);
    char number[24];
    if (getsockopt(database_socket(db), SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid <= 0)
        return error_set(e, RC_UNSUPPORTED,
                         "the server is not asked over its local socket, so that its files may be "
                         "another host's");
    if (pid_file == NULL)
        return error_set(e, RC_UNSUPPORTED, "the server has no pid file");
    TRY(file_read(AT_FDCWD, pid_file, &text, e));
    (void)snprintf(number, sizeof number, "%.*s", (int)text.len, (const char *)text.data);
    number[strcspn(number, "\r\n")] = '\0';
    TRY_IN(text_parse_u64(number, 1, INT_MAX, &pid, e), e, "'%s'", pid_file);
    if (pid != (uint64_t)peer.pid)
        return error_set(e, RC_UNSUPPORTED,
                         "the server behind the socket is process %ld, but '%s' says %s: it sees "
                         "other files than we do (a container?)",
                         (long)peer.pid, pid_file, number);
    return RC_OK;
}

static const char *
until_colon(struct arena *a, const char *text)
{
    return text == NULL ? NULL : arena_printf(a, "%.*s", (int)strcspn(text, ":"), text);
}

static enum rc
note_marks(struct datadir *dir, const struct answers *s, struct error *e)
{
    char resolved[PATH_MAX];
    if (s->pid_file != NULL)
        TRY(resolve(dir, s->pid_file, &dir->pid_file, e));
    dir->temp_space = until_colon(dir->arena, s->temp_space);
    if (s->tmpdir != NULL && realpath(s->tmpdir, resolved) != NULL &&
        (dir->tmpdir = arena_printf(dir->arena, "%s", resolved)) == NULL)
        return no_memory(e);
    if (s->index != NULL && (dir->index = arena_printf(dir->arena, "%s", s->index)) == NULL)
        return no_memory(e);
    return RC_OK;
}

static enum rc
find_roots(struct datadir *dir, const struct answers *s, struct error *e)
{
    if (s->innodb_files != NULL && strchr(s->innodb_files, '/') != NULL)
        return error_set(e, RC_UNSUPPORTED,
                         "innodb_data_file_path names files elsewhere (%s); choose 'method = dump'",
                         s->innodb_files);
    TRY(add_root(dir, dir->data, NULL, e));
    TRY(add_directory(dir, s->innodb_home, e));
    TRY(add_directory(dir, s->redo, e));
    TRY(add_directory(dir, s->undo, e));
    TRY(add_directory(dir, s->aria, e));
    TRY(add_logs(dir, s->binlog, e));
    TRY(add_logs(dir, s->relay, e));
    struct scan scan = {.dir = dir, .known = dir};
    return scan_all(&scan, dir->data, e);
}

enum rc
datadir_ask(struct database *db, struct arena *a, struct datadir **out, struct error *e)
{
    static const char sql[] =
        "SELECT @@datadir, @@innodb_data_home_dir, @@innodb_data_file_path,"
        " @@innodb_log_group_home_dir, @@innodb_undo_directory, @@aria_log_dir_path,"
        " @@log_bin_basename, @@log_bin_index, @@relay_log_basename, @@pid_file, @@tmpdir,"
        " @@innodb_temp_data_file_path";
    struct asking asking = {.arena = a};
    struct datadir *dir = arena_alloc(a, sizeof *dir);
    if (dir == NULL)
        return no_memory(e);
    dir->arena = a;
    TRY(database_query(db, sql, note_answers, &asking, e));
    if (asking.answers.data == NULL)
        return error_set(e, RC_IO, "MariaDB does not say where its data is");
    TRY(resolve(dir, asking.answers.data, &dir->data, e));
    TRY(note_marks(dir, &asking.answers, e));
    TRY(check_here(db, dir->pid_file, e));
    TRY(find_roots(dir, &asking.answers, e));
    *out = dir;
    return RC_OK;
}

/* ---- what is left out */

static const struct datadir_root *
root_of(const struct datadir *dir, const char *path)
{
    for (size_t i = 0; i < dir->count; i++)
        if (dir->roots[i].prefix == NULL && is_below(path, dir->roots[i].path))
            return &dir->roots[i];
    for (size_t i = 0; i < dir->count; i++)
        if (is_below(path, dir->roots[i].path))
            return &dir->roots[i];
    return NULL;
}

static bool
is_in(const char *path, const char *name, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/' && text_equal(path + len + 1, name);
}

/* Of a directory that holds logs and perhaps other things, nothing but the logs. */
static bool
is_foreign(const struct datadir *dir, const struct datadir_root *root, const char *name,
           mode_t mode)
{
    if (root == NULL || root->prefix == NULL)
        return false;
    for (size_t i = 0; i < dir->count; i++)
        if (dir->roots[i].prefix != NULL && text_equal(dir->roots[i].path, root->path) &&
            S_ISREG(mode) && strncmp(name, dir->roots[i].prefix, strlen(dir->roots[i].prefix)) == 0)
            return false;
    return true;
}

/* Where the data directory is a volume of its own: no database, though a server takes it for one. */
static bool
is_volumes_own(const char *name)
{
    return text_equal(name, ".koffer") || text_equal(name, "lost+found");
}

bool
datadir_excludes(void *ctx, const char *path, const char *name, mode_t mode)
{
    const struct datadir *dir = ctx;
    size_t len = strlen(name);
    if (S_ISSOCK(mode) || is_foreign(dir, root_of(dir, path), name, mode))
        return true;
    if (dir->tmpdir != NULL && !text_equal(dir->tmpdir, dir->data) &&
        is_below(dir->tmpdir, dir->data) && is_below(path, dir->tmpdir) &&
        !text_equal(path, dir->tmpdir))
        return true;
    if (S_ISDIR(mode) && is_in(path, name, dir->data) && is_volumes_own(name))
        return true;
    if (!S_ISREG(mode))
        return false;
    if (dir->pid_file != NULL && text_equal(path, dir->pid_file))
        return true;
    if (!is_in(path, name, dir->data))
        return false;
    return (dir->temp_space != NULL && text_equal(name, dir->temp_space)) ||
           (len > 4 && text_equal(name + len - 4, ".pid"));
}
