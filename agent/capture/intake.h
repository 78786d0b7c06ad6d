/*
 * intake.h -- reads regular files, and streams that tools make, into the outlet.
 *
 * A file is opened without following links and without touching its access time where we may.  It
 * is compared with itself after reading; one that changed is read again, CAPTURE_REREADS times at
 * most, then it is flagged fuzzy with what the last reading gave (never more than its size before
 * that reading, so a log that grows is kept as it was).  What cannot be read is flagged, reported
 * by name, and keeps the part that could be.  Only our own failures (memory, descriptors, the
 * store) are errors.
 * Threads: the scanner's.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_INTAKE_H
#define AGENT_CAPTURE_INTAKE_H

#include "agent/capture/fingerprint.h"
#include "agent/capture/links.h"
#include "agent/capture/outlet.h"

struct intake {
    struct outlet *outlet;
    struct links *links;
    const struct fingerprint_key *fingerprint;
    struct source_report *report;
    struct capture_progress *progress;
    const struct snapshot_views *views; /* NULL: everything is read live */
    struct wall cut;                    /* {0}: live */
    uint64_t vanished;
};

struct intake_file {
    int dirfd;
    const char *name, *path;            /* in the directory; on the host, for people */
    const struct memory_record *before; /* NULL: not remembered */
};

/* Opens, reads and tells the entry of one file that stat(2) showed as `st`. */
enum rc intake_read(struct intake *in, const struct intake_file *file, const struct stat *st,
                    struct error *e);
/* Was this failure of the operating system about the thing looked at, or about us? */
bool intake_is_our_failure(int sys_errno);
/* Name, reason and remedy of something that could not be read. */
void intake_complain(struct intake *in, const char *path, const char *why);
/* Opens without following links; O_NOATIME where permitted.  -1 and errno. */
int intake_open(int dirfd, const char *name, int flags);

/* A made stream into a slot; on failure of `read` it is dropped. */
enum rc
intake_made(struct intake *in,
            enum rc (*read)(void *ctx, void *out, size_t size, size_t *got, struct error *e),
            void *ctx, int slot, uint64_t *size, struct error *e);

#endif
