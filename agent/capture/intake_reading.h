/*
 * intake_reading.h -- one regular file while it is read.  Layer: agent/capture (for intake*.c
 * only).
 *
 *     for (;;) {
 *         intake_reading_begin(r);                 // from r->st
 *         ... intake_reading_bytes(r, ...) ... r->got ...
 *         if (!intake_reading_again(r, rereads)) break;
 *     }
 *     intake_reading_xattrs(r);
 *     TRY(intake_reading_tell(r, event, e));       // takes r->found
 */
#ifndef AGENT_CAPTURE_INTAKE_READING_H
#define AGENT_CAPTURE_INTAKE_READING_H

#include "agent/capture/intake.h"

enum { INTAKE_READ_MAX = 1024 * 1024 }; /* at once, so that a cancel is noticed */

/* One file while it is read. */
struct intake_reading {
    struct intake *in;
    const struct intake_file *file;
    int fd;
    struct stat st; /* as of the beginning of this reading */
    struct event_found *found;
    uint64_t got; /* bytes and holes of this reading */
    bool failed;  /* reading ended early with an error */
};

/* Reported by name and flagged. */
void intake_reading_failed(struct intake_reading *r, const char *why);
void intake_reading_begin(struct intake_reading *r);
/* Up to `len` bytes from `offset`; less at the end of the file or at an error. */
size_t intake_reading_bytes(struct intake_reading *r, uint64_t offset, uint8_t *out, size_t len);
/*
 * Is another reading needed?  Then `st` is what it goes by.  Else the flags and the size that this
 * one gave are set.
 */
bool intake_reading_again(struct intake_reading *r, unsigned rereads);
void intake_reading_xattrs(struct intake_reading *r);
bool intake_reading_is_short(const struct stat *st);
/* Takes the event, also when it fails. */
enum rc intake_reading_tell(struct intake_reading *r, struct event *event, struct error *e);

/* Read and tell a short file; *grown: it is none any more, nothing was told. */
enum rc intake_short(struct intake_reading *r, unsigned *rereads, bool *grown, struct error *e);
/* Read and tell a long or sparse one. */
enum rc intake_long(struct intake_reading *r, unsigned *rereads, struct error *e);

#endif
