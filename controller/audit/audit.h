/*
 * audit.h -- the audit log: what was done that has to do with trust, and by whom; only ever added to (docs/formats/audit.md).
 *
 *     TRY(audit_open(&(struct audit_options){.directory = "STATE/audit", .signer = key, .known = head}, &audit, e));
 *     TRY(audit_append(audit, &entry, e));     // durable: now the deed may be done
 *     audit_refused(audit, &entry);            // somebody was refused: kept, unless there are too many
 *     TRY(audit_sign(audit, now, mono, &head, e));     // now and then: a signed head, to be kept elsewhere too
 *
 * When a record cannot be written, audit_append fails and the deed must not be done.  A full disk may pass; after a failed
 * sync nothing is written until the program starts anew (D5).  An attacker cannot fill the disk with what he is refused:
 * AUDIT_REFUSALS_AT_ONCE, then one in AUDIT_REFUSAL_SECONDS; the others are counted in the next one that is kept.
 *
 * Opening is recovery: a torn last record is cut off; anything worse, or a `known` head that is not there any more, is left as
 * evidence, and a CUT is the first record of what follows.
 *
 * Threads: any.  Layer: controller/audit.
 */
#ifndef CONTROLLER_AUDIT_AUDIT_H
#define CONTROLLER_AUDIT_AUDIT_H

#include "common/base/own.h"
#include "controller/audit/audit_record.h"

enum {
    AUDIT_FILE_MAX = 4 * 1024 * 1024, /* a file that has reached it is followed by another */
    AUDIT_REFUSALS_AT_ONCE = 20,
    AUDIT_REFUSAL_SECONDS = 10, /* at most 3 MiB a day */
    AUDIT_SIGN_SECONDS = 600,
};

struct audit;

struct audit_head {
    uint64_t sequence; /* 0: none */
    struct id hash;
};

struct audit_options {
    const char *directory;             /* made (0700) if need be */
    const struct keys_private *signer; /* borrowed */
    struct audit_head known;           /* kept elsewhere at the last signed head */
    size_t file_max;                   /* 0: AUDIT_FILE_MAX */
};

/* Texts are borrowed for the call, and cut to what a record holds.  NULL is "". */
struct audit_entry {
    struct wall wall;
    struct mono mono;
    enum audit_result result;
    const char *role, *who, *address, *verb, *object, *why;
    struct id certificate, parameters;
};

enum rc audit_open(const struct audit_options *options, struct audit **out, struct error *e);
void audit_free(struct audit *a); /* NULL is fine */
DEFINE_FREEP(audit)
const char *audit_directory(const struct audit *a);
/* Was something wrong when it was opened?  "" when not. */
const char *audit_problem(const struct audit *a);

enum rc audit_append(struct audit *a, const struct audit_entry *entry, struct error *e);
/* Best effort; failures are logged. */
void audit_refused(struct audit *a, const struct audit_entry *entry);
/* RC_OK with *head.sequence 0 when nothing is new since the last signed head. */
enum rc audit_sign(struct audit *a, struct wall wall, struct mono mono, struct audit_head *head,
                   struct error *e);

/* Nothing is written in between: for who reads the files of a log that is open. */
void audit_pause(struct audit *a);
void audit_resume(struct audit *a);

/* ---- reading: needs no writer (audit_read.c) */

typedef enum rc
audit_visit(void *ctx, const struct audit_record *record, const struct id *hash, struct error *e);
struct audit_selection {
    uint64_t before; /* sequence; 0: from the newest */
    struct wall since;
    unsigned limit;
};
/* Newest first.  What cannot be read is passed over: audit_verify finds it. */
enum rc audit_show(const char *directory, const struct audit_selection *selection,
                   audit_visit *visit, void *ctx, struct error *e);

struct audit_report {
    uint64_t records, first, last;
    struct id head;          /* of the last record */
    struct wall last_signed; /* 0: never */
    char problem[256];       /* the first break; "" when there is none */
};
/* RC_OK when the log could be read, whatever was found.  `known` may be NULL; `signer` is whom heads must be signed by. */
enum rc audit_verify(const char *directory, const struct keys_public *signer,
                     const struct audit_head *known, struct audit_report *out, struct error *e);

#endif
