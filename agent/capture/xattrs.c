/* xattrs.c -- list, read, sort.  See xattrs.h. */
#include "agent/capture/xattrs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* XATTR_LIST_MAX of Linux, and a value of XATTR_SIZE_MAX. */
enum { NAMES_MAX = 65536, PATH_MAX_OF_ENTRY = 32 + LIMIT_NAME + 1 };

struct place { /* an open file, or a path that is not followed */
    int fd;
    const char *path;
};

static ssize_t
list_names(struct place p, char *out, size_t size)
{
    return p.path == NULL ? flistxattr(p.fd, out, size) : llistxattr(p.path, out, size);
}

static ssize_t
get_value(struct place p, const char *name, void *out, size_t size)
{
    return p.path == NULL ? fgetxattr(p.fd, name, out, size) : lgetxattr(p.path, name, out, size);
}

static int
compare_names(const void *a, const void *b)
{
    const struct node_xattr *x = a, *y = b;
    size_t shorter = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.data, y->name.data, shorter);
    return order != 0 ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

enum rc
xattrs_copy(const struct node_xattr *list, size_t count, struct xattrs *out, struct error *e)
{
    *out = (struct xattrs){0};
    if (count == 0)
        return RC_OK;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += list[i].name.len + list[i].value.len;
    struct node_xattr *copy = malloc(count * sizeof *copy + bytes);
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "%zu bytes of attributes", bytes);
    uint8_t *at = (uint8_t *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, list[i].name.data, list[i].name.len);
        copy[i].name = span_of(at, list[i].name.len);
        at += list[i].name.len;
        if (list[i].value.len > 0)
            memcpy(at, list[i].value.data, list[i].value.len);
        copy[i].value = span_of(at, list[i].value.len);
        at += list[i].value.len;
    }
    *out = (struct xattrs){.list = copy, .count = count, .bytes = bytes};
    return RC_OK;
}

/* One value appended to `values`; *len < 0: the attribute is gone. */
static enum rc
read_value(struct place p, const char *name, struct buffer *values, ssize_t *len, struct error *e)
{
    TRY(buffer_reserve(values, LIMIT_XATTR_VALUE, e));
    *len = get_value(p, name, values->data + values->len, LIMIT_XATTR_VALUE);
    if (*len < 0 && errno != ENODATA)
        return error_errno(e, "attribute '%s'", name);
    if (*len > 0)
        values->len += (size_t)*len;
    if (values->len > XATTRS_BYTES_MAX)
        return error_set(e, RC_UNSUPPORTED, "more than %d bytes of attributes", XATTRS_BYTES_MAX);
    return RC_OK;
}

static enum rc
read_all(struct place p, const char *names, size_t names_len, struct xattrs *out, struct error *e)
{
    CLEANUP(buffer_free)
    struct buffer values = BUFFER_INIT(XATTRS_BYTES_MAX + LIMIT_XATTR_VALUE);
    CLEANUP(own_freep)
    struct node_xattr *list = calloc(LIMIT_XATTR_COUNT, sizeof *list);
    if (list == NULL)
        return error_set(e, RC_NO_MEMORY, "attributes");
    size_t count = 0;
    for (size_t at = 0; at < names_len; at += strlen(names + at) + 1) {
        if (count == LIMIT_XATTR_COUNT)
            return error_set(e, RC_UNSUPPORTED, "more than %u attributes", LIMIT_XATTR_COUNT);
        ssize_t len = -1;
        TRY(read_value(p, names + at, &values, &len, e));
        if (len < 0)
            continue;
        list[count].name = span_of(names + at, strlen(names + at));
        list[count++].value.len = (size_t)len;
    }
    size_t offset = 0; /* only now: the buffer does not move any more */
    for (size_t i = 0; i < count; i++) {
        list[i].value.data = values.data + offset;
        offset += list[i].value.len;
    }
    qsort(list, count, sizeof *list, compare_names);
    return xattrs_copy(list, count, out, e);
}

static enum rc
read_place(struct place p, struct xattrs *out, struct error *e)
{
    char few[1024];
    *out = (struct xattrs){0};
    ssize_t len = list_names(p, few, sizeof few);
    if (len == 0 || (len < 0 && (errno == ENOTSUP || errno == ENOSYS)))
        return RC_OK;
    if (len > 0)
        return read_all(p, few, (size_t)len, out, e);
    if (errno != ERANGE)
        return error_errno(e, "list attributes");
    CLEANUP(own_freep) char *many = malloc(NAMES_MAX);
    if (many == NULL)
        return error_set(e, RC_NO_MEMORY, "names of attributes");
    len = list_names(p, many, NAMES_MAX);
    if (len < 0)
        return error_errno(e, "list attributes");
    return read_all(p, many, (size_t)len, out, e);
}

enum rc
xattrs_of_file(int fd, struct xattrs *out, struct error *e)
{
    return read_place((struct place){.fd = fd}, out, e);
}

enum rc
xattrs_of_entry(int dirfd, const char *name, struct xattrs *out, struct error *e)
{
    char path[PATH_MAX_OF_ENTRY];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dirfd, name);
    return read_place((struct place){.fd = -1, .path = path}, out, e);
}

void
xattrs_free(struct xattrs *x)
{
    free(x->list);
    *x = (struct xattrs){0};
}
