/* audit_files.c -- see audit_files.h. */
#include "controller/audit/audit_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/sys/file.h"

enum { DIGITS = 20, PATH_SIZE = 4096 };
#define SUFFIX ".log"

const char *
audit_files_name(uint64_t first, char out[static AUDIT_NAME_SIZE])
{
    (void)snprintf(out, AUDIT_NAME_SIZE, "%020" PRIu64 SUFFIX, first);
    return out;
}

static bool
parse_name(const char *name, uint64_t *first)
{
    struct error ignored = ERROR_INIT;
    char digits[DIGITS + 1];
    if (strlen(name) != DIGITS + sizeof SUFFIX - 1 || !text_equal(name + DIGITS, SUFFIX))
        return false;
    memcpy(digits, name, DIGITS);
    digits[DIGITS] = '\0';
    return text_parse_u64(digits, 1, INT64_MAX, first, &ignored) == RC_OK;
}

/* Other names are none of ours. */
static enum rc
add(void *ctx, const char *name, struct error *e)
{
    struct audit_files *f = ctx;
    uint64_t first;
    if (!parse_name(name, &first))
        return RC_OK;
    if (f->count == AUDIT_FILES_MAX)
        return error_set(e, RC_INVALID, "more than %d files: move the oldest away",
                         (int)AUDIT_FILES_MAX);
    uint64_t *grown = reallocarray(f->first, f->count + 1, sizeof *grown);
    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "files of the audit log");
    f->first = grown;
    f->first[f->count++] = first;
    return RC_OK;
}

enum rc
audit_files_list(const char *directory, struct audit_files *out, struct error *e)
{
    CLEANUP(audit_files_clear) struct audit_files f = {0};
    bool exists;
    *out = f;
    TRY(file_exists(AT_FDCWD, directory, &exists, e));
    if (!exists)
        return RC_OK;
    TRY_IN(file_list(AT_FDCWD, directory, add, &f, e), e, "audit log '%s'", directory);
    *out = f; /* by name, and so by number */
    f = (struct audit_files){0};
    return RC_OK;
}

void
audit_files_clear(struct audit_files *f)
{
    free(f->first);
    *f = (struct audit_files){0};
}

enum rc
audit_files_read(const char *directory, uint64_t first, struct buffer *out, struct error *e)
{
    char path[PATH_SIZE], name[AUDIT_NAME_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", directory, audit_files_name(first, name));
    return file_read(AT_FDCWD, path, out, e);
}

/* The next good record, linked to the one before within this file; what else there is goes into `scan`. */
static enum rc
step(struct audit_scan *scan, struct span *rest, uint64_t look_for, struct error *e)
{
    struct audit_record record;
    struct audit_head head;
    struct span body;
    TRY(audit_next(rest, &body, &head.hash, e));
    TRY(audit_decode(body, &record, e));
    head.sequence = record.sequence;
    if (scan->last.sequence != 0 &&
        (head.sequence != scan->last.sequence + 1 || !id_equal(&record.previous, &scan->last.hash)))
        return error_set(e, RC_INVALID, "a record that does not follow");
    scan->last = head;
    if (head.sequence == look_for)
        scan->wanted = head;
    return RC_OK;
}

/* A file may have grown by a record whose bytes never came. */
static bool
is_zeros(struct span rest)
{
    for (size_t i = 0; i < rest.len; i++)
        if (rest.data[i] != 0)
            return false;
    return rest.len <= AUDIT_BODY_MAX + AUDIT_FRAME;
}

enum rc
audit_files_scan(const char *directory, uint64_t first, uint64_t look_for, struct audit_scan *out,
                 struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = AUDIT_FILES_BUFFER;
    struct audit_scan scan = {0};
    struct error end = ERROR_INIT;
    TRY(audit_files_read(directory, first, &bytes, e));
    struct span rest = buffer_span(&bytes);
    enum rc rc;
    while ((rc = step(&scan, &rest, look_for, &end)) == RC_OK)
        scan.good = bytes.len - rest.len;
    if (rc == RC_IO || rc == RC_NO_MEMORY) {
        *e = end;
        return rc;
    }
    scan.torn = rc == RC_AGAIN || (rc == RC_CORRUPT && is_zeros(rest));
    scan.damaged = !scan.torn && rc != RC_NOT_FOUND;
    *out = scan;
    return RC_OK;
}
