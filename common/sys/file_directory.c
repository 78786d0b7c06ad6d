/* file_directory.c -- directories: make, open, list, remove, sync.  See file.h. */
#include "common/sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/base/limits.h"
#include "common/base/own.h"
#include "common/sys/file_internal.h"

/* The names of one directory held in memory: some ten million of them. */
enum { NAMES_MAX = 256 * 1024 * 1024 };

enum rc
file_sync_directory(int dirfd, const char *path, struct error *e)
{
    CLEANUP(own_closep) int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "open directory '%s'", path);
    return file_sync(fd, path, e);
}

/* The directories above ours may be others': unreadable, or on a file system that cannot sync. */
static enum rc
sync_existing(int dirfd, const char *path, struct error *e)
{
    struct error ignored = ERROR_INIT;
    enum rc rc = file_sync_directory(dirfd, path, &ignored);
    if (rc == RC_OK || rc == RC_DENIED || ignored.sys_errno == EINVAL || ignored.sys_errno == EROFS)
        return RC_OK;
    *e = ignored;
    return rc;
}

/* Of what we made just now: a link that somebody put in its place is refused, and what it leads to stays as it is. */
static enum rc
set_mode(int dirfd, const char *path, unsigned mode, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    TRY(file_open_directory(dirfd, path, &fd, e));
    return fchmod(fd, (mode_t)mode) == 0 ? RC_OK : error_errno(e, "chmod '%s'", path);
}

/* One step of mkdir -p: the parent is there already. */
static enum rc
make_one(int dirfd, const char *path, unsigned mode, struct error *e)
{
    char parent[PATH_MAX];
    struct stat about;
    TRY(file_directory_of(path, parent, e));

    if (mkdirat(dirfd, path, (mode_t)mode) == 0) {
        TRY(set_mode(dirfd, path, mode, e)); /* whatever the umask is */
        return file_sync_directory(dirfd, parent, e);
    }
    if (errno != EEXIST)
        return error_errno(e, "make directory '%s'", path);
    if (fstatat(dirfd, path, &about, 0) != 0)
        return error_errno(e, "stat '%s'", path);
    if (!S_ISDIR(about.st_mode))
        return error_set(e, RC_INVALID, "'%s' is in the way: it is not a directory", path);
    /* Whoever made it may have crashed before syncing its name. */
    return sync_existing(dirfd, parent, e);
}

enum rc
file_make_directory(int dirfd, const char *path, unsigned mode, struct error *e)
{
    char prefix[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof prefix)
        return error_set(e, RC_INVALID, "'%.60s' cannot be a directory's path", path);
    memcpy(prefix, path, len + 1);

    for (size_t i = 1; i <= len; i++) {
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
            continue;
        prefix[i] = '\0';
        TRY(make_one(dirfd, prefix, mode, e));
        prefix[i] = path[i];
    }
    return RC_OK;
}

enum rc
file_check_kept(const char *what, const char *path, struct error *e)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return error_errno(e, "%s '%s'", what, path);
    if (about.st_uid != 0 && about.st_uid != geteuid())
        return error_set(e, RC_DENIED, "%s '%s' belongs to user %u; give it to user %u (chown)",
                         what, path, about.st_uid, geteuid());
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(e, RC_DENIED,
                         "%s '%s' has mode %04o, so others can replace what is in it; run: chmod "
                         "700 '%s'",
                         what, path, about.st_mode & 07777u, path);
    return RC_OK;
}

enum rc
file_open_directory(int dirfd, const char *path, int *out, struct error *e)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "open directory '%s'", path);
    *out = fd;
    return RC_OK;
}

enum rc
file_exists(int dirfd, const char *path, bool *out, struct error *e)
{
    struct stat about;
    bool found = fstatat(dirfd, path, &about, AT_SYMLINK_NOFOLLOW) == 0;
    if (!found && errno != ENOENT && errno != ENOTDIR)
        return error_errno(e, "stat '%s'", path);
    *out = found;
    return RC_OK;
}

/* Every name with its NUL, one after the other; takes over `fd`. */
static enum rc
read_names(int fd, const char *path, struct buffer *names, struct error *e)
{
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        enum rc rc = error_errno(e, "list '%s'", path);
        (void)close(fd);
        return rc;
    }
    enum rc rc = RC_OK;
    while (rc == RC_OK) {
        errno = 0; /* readdir tells its end from an error by nothing else */
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            if (errno != 0)
                rc = error_errno(e, "list '%s'", path);
            break;
        }
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            rc = buffer_append(names, span_of(name, strlen(name) + 1), e);
    }
    (void)closedir(stream);
    return rc;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum rc
sort_names(const struct buffer *names, const char ***out, size_t *out_count, struct error *e)
{
    size_t count = 0, i = 0;
    for (size_t at = 0; at < names->len; at++)
        count += names->data[at] == '\0';
    const char **sorted = calloc(count + 1, sizeof *sorted);
    if (sorted == NULL)
        return error_set(e, RC_NO_MEMORY, "list of %zu names", count);
    for (size_t at = 0; i < count; at += strlen(sorted[i]) + 1, i++)
        sorted[i] = (const char *)names->data + at;
    qsort(sorted, count, sizeof *sorted, compare_names);
    *out = sorted;
    *out_count = count;
    return RC_OK;
}

enum rc
file_list(int dirfd, const char *path, file_visit *visit, void *ctx, struct error *e)
{
    CLEANUP(buffer_free) struct buffer names = BUFFER_INIT(NAMES_MAX);
    CLEANUP(own_freep) const char **sorted = NULL;
    size_t count = 0;
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "open directory '%s'", path);
    TRY(read_names(fd, path, &names, e));
    TRY(sort_names(&names, &sorted, &count, e));
    for (size_t i = 0; i < count; i++)
        TRY(visit(ctx, sorted[i], e));
    return RC_OK;
}

static enum rc remove_directory(int dirfd, const char *name, unsigned depth, struct error *e);

static enum rc
remove_entry(int dirfd, const char *name, unsigned depth, struct error *e)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return RC_OK;
    if (errno != EISDIR)
        return error_errno(e, "remove '%s'", name);
    return remove_directory(dirfd, name, depth, e);
}

static enum rc
empty_directory(int fd, const char *name, unsigned depth, struct error *e)
{
    CLEANUP(buffer_free) struct buffer names = BUFFER_INIT(NAMES_MAX);
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0)
        return error_errno(e, "open directory '%s'", name);
    TRY(read_names(copy, name, &names, e));
    for (size_t at = 0; at < names.len;) {
        const char *entry = (const char *)names.data + at;
        TRY_IN(remove_entry(fd, entry, depth + 1, e), e, "in '%s'", name);
        at += strlen(entry) + 1;
    }
    return RC_OK;
}

/* O_NOFOLLOW: a directory that became a link meanwhile is refused, so nothing outside is touched. */
static enum rc
remove_directory(int dirfd, const char *name, unsigned depth, struct error *e)
{
    if (depth > LIMIT_DEPTH)
        return error_set(e, RC_INVALID, "'%s' lies deeper than %u directories", name, LIMIT_DEPTH);
    {
        CLEANUP(own_closep) int fd = -1;
        TRY(file_open_directory(dirfd, name, &fd, e));
        TRY(empty_directory(fd, name, depth, e));
    }
    if (unlinkat(dirfd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return error_errno(e, "remove directory '%s'", name);
    return RC_OK;
}

enum rc
file_remove_tree(int dirfd, const char *path, struct error *e)
{
    struct stat about;
    if (fstatat(dirfd, path, &about, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return RC_OK;
        return error_errno(e, "stat '%s'", path);
    }
    return remove_entry(dirfd, path, 0, e);
}

enum rc
file_check_directory(const char *what, const char *path, struct error *e)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        enum rc rc = error_errno(e, "%s '%s'", what, path);
        return errno == ENOENT || errno == ENOTDIR
                   ? error_set(e, RC_INVALID, "%s '%s' does not exist; create it", what, path)
                   : rc;
    }
    if (!S_ISDIR(about.st_mode))
        return error_set(e, RC_INVALID, "%s '%s' is not a directory", what, path);
    if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
        return error_set(e, RC_DENIED, "%s '%s' is not writable for user %u: %s", what, path,
                         geteuid(), strerrordesc_np(errno));
    }
    return RC_OK;
}

enum rc
file_free_space(int dirfd, uint64_t *out, struct error *e)
{
    struct statvfs about;
    if (fstatvfs(dirfd, &about) != 0)
        return error_errno(e, "free space");
    *out = (uint64_t)about.f_bavail * about.f_frsize;
    return RC_OK;
}
