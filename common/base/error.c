/* error.c -- formatting and classification of failures.  See error.h. */
#include "common/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[RC_COUNT_] = {
    [RC_OK] = "ok",
    [RC_AGAIN] = "again",
    [RC_CANCELLED] = "cancelled",
    [RC_TIMEOUT] = "timeout",
    [RC_NOT_FOUND] = "not-found",
    [RC_EXISTS] = "exists",
    [RC_DENIED] = "denied",
    [RC_INVALID] = "invalid",
    [RC_UNSUPPORTED] = "unsupported",
    [RC_PROTOCOL] = "protocol",
    [RC_CORRUPT] = "corrupt",
    [RC_IO] = "io",
    [RC_NO_SPACE] = "no-space",
    [RC_NO_MEMORY] = "no-memory",
    [RC_STALE] = "stale",
};

static enum rc
rc_from_errno(int sys_errno)
{
    switch (sys_errno) {
    case EAGAIN:
    case EINTR:
    case ECONNREFUSED:
    case ECONNRESET:
        return RC_AGAIN;
    case ETIMEDOUT:
        return RC_TIMEOUT;
    case ENOENT:
        return RC_NOT_FOUND;
    case EEXIST:
        return RC_EXISTS;
    case EACCES:
    case EPERM:
        return RC_DENIED;
    case ENOSPC:
    case EDQUOT:
        return RC_NO_SPACE;
    case ENOMEM:
        return RC_NO_MEMORY;
    default:
        return RC_IO;
    }
}

enum rc
error_set_at(struct error *e, enum rc code, const char *file, int line, const char *fmt, ...)
{
    *e = (struct error){.code = code, .file = file, .line = line};

    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    return code;
}

enum rc
error_errno_at(struct error *e, const char *file, int line, const char *fmt, ...)
{
    int sys_errno = errno;

    *e = (struct error){
        .code = rc_from_errno(sys_errno), .sys_errno = sys_errno, .file = file, .line = line};

    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);

    size_t used = strlen(e->text);
    (void)snprintf(e->text + used, sizeof e->text - used, ": %s", strerrordesc_np(sys_errno));
    return e->code;
}

enum rc
error_context(struct error *e, const char *fmt, ...)
{
    char origin[ERROR_TEXT_MAX];
    memcpy(origin, e->text, sizeof origin);

    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);

    size_t used = strlen(e->text);
    (void)snprintf(e->text + used, sizeof e->text - used, ": %s", origin);
    return e->code;
}

const char *
rc_name(enum rc code)
{
    return (unsigned)code < RC_COUNT_ ? names[code] : "unknown";
}

bool
rc_is_transient(enum rc code)
{
    return code == RC_AGAIN || code == RC_TIMEOUT;
}
