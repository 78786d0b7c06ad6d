/* config_read.c -- from a file or a text to a checked configuration.  See config.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/limits.h"
#include "common/config/config_internal.h"
#include "common/sys/file.h"

static enum rc
new_config(const char *name, struct config **out, struct error *e)
{
    CLEANUP(config_freep) struct config *c = calloc(1, sizeof *c);
    if (c != NULL)
        c->arena = arena_new(CONFIG_ARENA);
    if (c != NULL && c->arena != NULL)
        c->name = arena_printf(c->arena, "%s", name);
    if (c == NULL || c->name == NULL)
        return error_set(e, RC_NO_MEMORY, "%s: configuration", name);
    *out = TAKE(c);
    return RC_OK;
}

enum rc
config_parse(const struct config_key *keys, const char *name, const char *text, struct config **out,
             struct error *e)
{
    CLEANUP(config_freep) struct config *c = NULL;
    CLEANUP(config_outline_free) struct config_outline outline = {0};
    CLEANUP(own_freep) char *copy = strdup(text);
    TRY(new_config(name, &c, e));
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "%s: text", name);
    TRY(config_scan(c, copy, &outline, e));
    TRY(config_shape(c, keys, &outline, e));
    TRY(config_load(c, keys, copy, &outline, e));
    TRY(config_check(c, e));
    *out = TAKE(c);
    return RC_OK;
}

/* Who can change this file commands the daemon (H6). */
static enum rc
check_file(int fd, const char *path, struct error *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_errno(e, "%s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(e, RC_INVALID, "%s: is %s; name the configuration file itself", path,
                         S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return error_set(e, RC_DENIED, "%s: belongs to user %u, who could change it; chown root %s",
                         path, st.st_uid, path);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(e, RC_DENIED, "%s: others than its owner can change it; chmod go-w %s",
                         path, path);
    if (st.st_size > (off_t)LIMIT_CONFIG)
        return error_set(e, RC_INVALID, "%s: is larger than %u bytes; is this a configuration?",
                         path, LIMIT_CONFIG);
    return RC_OK;
}

static enum rc
open_file(const char *path, int *out, struct error *e)
{
    /* O_NONBLOCK: a fifo must not hang us before we can refuse it. */
    *out = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*out >= 0)
        return RC_OK;
    if (errno == ELOOP)
        return error_set(e, RC_DENIED,
                         "%s: is a symbolic link, whose owner could point it elsewhere; name the "
                         "file itself",
                         path);
    if (errno == ENOENT)
        return error_set(e, RC_NOT_FOUND,
                         "%s: there is no such file; create it, or name another with --config",
                         path);
    return error_errno(e, "%s: open", path);
}

static enum rc
read_all(int fd, const char *path, struct buffer *out, struct error *e)
{
    TRY_IN(buffer_reserve(out, LIMIT_CONFIG + 1, e), e, "%s", path);
    TRY_IN(file_read_at(fd, 0, out->data, LIMIT_CONFIG, &out->len, e), e, "%s", path);
    if (memchr(out->data, '\0', out->len) != NULL)
        return error_set(e, RC_INVALID, "%s: has NUL bytes; is this a text file?", path);
    out->data[out->len] = '\0';
    return RC_OK;
}

enum rc
config_read(const struct config_key *keys, const char *path, struct config **out, struct error *e)
{
    CLEANUP(own_closep) int fd = -1;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(LIMIT_CONFIG + 1);
    TRY(open_file(path, &fd, e));
    TRY(check_file(fd, path, e));
    TRY(read_all(fd, path, &text, e));
    return config_parse(keys, path, (const char *)text.data, out, e);
}
