/* process_run.c -- conveniences on top of process.c.  See process.h. */
#include "common/sys/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { READ_STEP = 65536, NAMES_SHOWN = 256 };

static enum rc
collect(struct process *p, struct buffer *out, struct error *e)
{
    for (;;) {
        size_t room = out->limit - out->len, got = 0;
        uint8_t over;
        size_t step = room < READ_STEP ? room : READ_STEP;
        TRY(buffer_reserve(out, step, e));
        TRY(process_read(p, room == 0 ? &over : out->data + out->len, room == 0 ? 1 : step, &got,
                         e));
        if (got == 0)
            return RC_OK;
        if (room == 0)
            return error_set(e, RC_NO_MEMORY, "it wrote more than %zu bytes", out->limit);
        out->len += got;
    }
}

enum rc
process_run(const struct process_options *options, struct buffer *out,
            struct process_result *result, struct error *e)
{
    CLEANUP(process_freep) struct process *p = NULL;
    TRY(process_start(options, &p, e));
    if (out != NULL) {
        buffer_clear(out);
        enum rc rc = collect(p, out, e);
        if (rc == RC_TIMEOUT || rc == RC_CANCELLED)
            return process_finish(p, NULL, e); /* the same, with the tool's last words */
        TRY_IN(rc, e, "output of '%s'", options->argv[0]);
    }
    return process_finish(p, result, e);
}

static bool
is_tool(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) &&
           faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

enum rc
process_find_tool(const char *const *candidates, const char *package, const char **out,
                  struct error *e)
{
    char names[NAMES_SHOWN] = "";
    size_t used = 0;
    for (size_t i = 0; candidates[i] != NULL; i++) {
        if (is_tool(candidates[i])) {
            *out = candidates[i];
            return RC_OK;
        }
        int n = used >= sizeof names ? 0
                                     : snprintf(names + used, sizeof names - used, "%s'%s'",
                                                i == 0 ? "" : ", ", candidates[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return error_set(e, RC_NOT_FOUND, "none of %s can be run; install the package %s", names,
                     package);
}
