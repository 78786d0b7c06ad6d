/*
 * audit_files.h -- the files of the audit log: their names, their bytes, what of them is whole.  Layer: controller/audit.
 */
#ifndef CONTROLLER_AUDIT_AUDIT_FILES_H
#define CONTROLLER_AUDIT_AUDIT_FILES_H

#include "controller/audit/audit.h"

enum { AUDIT_NAME_SIZE = 32, AUDIT_FILES_MAX = 65536 };

struct audit_files {
    uint64_t *first; /* the sequence that each begins with, ascending */
    size_t count;
};
/* An absent directory has none. */
enum rc audit_files_list(const char *directory, struct audit_files *out, struct error *e);
void audit_files_clear(struct audit_files *f);

const char *audit_files_name(uint64_t first, char out[static AUDIT_NAME_SIZE]);
/* The whole file; `out` has the limit that a file can have. */
#define AUDIT_FILES_BUFFER BUFFER_INIT(AUDIT_FILE_MAX + AUDIT_BODY_MAX + AUDIT_FRAME)
enum rc
audit_files_read(const char *directory, uint64_t first, struct buffer *out, struct error *e);

/* What a walk over one file found. */
struct audit_scan {
    struct audit_head last;   /* the last good record; sequence 0: none */
    struct audit_head wanted; /* the record of the sequence that was looked for, if it is there */
    size_t good;              /* bytes up to its end */
    bool torn;                /* the rest was cut by a crash */
    bool damaged;             /* the rest is something else that is wrong */
};
enum rc audit_files_scan(const char *directory, uint64_t first, uint64_t look_for,
                         struct audit_scan *out, struct error *e);

#endif
