/* audit_read.c -- show and verify: readers that need no writer.  See audit.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "controller/audit/audit_files.h"

/* ---- show */

struct place {
    struct span body;
    struct id hash;
};

/* The good records of a file, in order; malloc'ed. */
static enum rc
places_of(struct span bytes, struct place **out, size_t *count, struct error *e)
{
    struct error end = ERROR_INIT;
    size_t capacity = 0;
    struct place next;
    *out = NULL;
    *count = 0;
    while (audit_next(&bytes, &next.body, &next.hash, &end) == RC_OK) {
        if (*count == capacity) {
            capacity = capacity == 0 ? 256 : 2 * capacity;
            struct place *grown = reallocarray(*out, capacity, sizeof *grown);
            if (grown == NULL)
                return error_set(e, RC_NO_MEMORY, "audit log");
            *out = grown;
        }
        (*out)[(*count)++] = next;
    }
    return RC_OK;
}

struct showing {
    const struct audit_selection *selection;
    audit_visit *visit;
    void *ctx;
    unsigned shown;
    bool done; /* no older one is wanted */
};

static enum rc
show_record(struct showing *s, const struct place *place, struct error *e)
{
    struct audit_record record;
    struct error ignored = ERROR_INIT;
    if (audit_decode(place->body, &record, &ignored) != RC_OK)
        return RC_OK;
    if (s->selection->before != 0 && record.sequence >= s->selection->before)
        return RC_OK;
    s->done = s->shown == s->selection->limit || record.wall.ns < s->selection->since.ns;
    if (s->done)
        return RC_OK;
    s->shown++;
    return s->visit(s->ctx, &record, &place->hash, e);
}

static enum rc
show_file(struct showing *s, const char *directory, uint64_t first, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = AUDIT_FILES_BUFFER;
    CLEANUP(own_freep) struct place *places = NULL;
    size_t count;
    TRY(audit_files_read(directory, first, &bytes, e));
    TRY(places_of(buffer_span(&bytes), &places, &count, e));
    while (count-- > 0 && !s->done)
        TRY(show_record(s, &places[count], e));
    return RC_OK;
}

enum rc
audit_show(const char *directory, const struct audit_selection *selection, audit_visit *visit,
           void *ctx, struct error *e)
{
    CLEANUP(audit_files_clear) struct audit_files files = {0};
    struct showing s = {.selection = selection, .visit = visit, .ctx = ctx};
    TRY(audit_files_list(directory, &files, e));
    for (size_t i = files.count; i-- > 0 && !s.done;)
        TRY(show_file(&s, directory, files.first[i], e));
    return RC_OK;
}

/* ---- verify */

struct check {
    const struct keys_public *signer;
    const struct audit_head *known;
    struct audit_report report;
    struct audit_head last;
    bool known_found;
};

/* The first break only: what follows it follows from it. */
static void PRINTF_LIKE(2, 3) found(struct check *c, const char *fmt, ...)
{
    va_list args;
    if (c->report.problem[0] != '\0')
        return;
    va_start(args, fmt);
    (void)vsnprintf(c->report.problem, sizeof c->report.problem, fmt, args);
    va_end(args);
}

static void
check_head(struct check *c, const struct audit_record *r)
{
    uint8_t bytes[AUDIT_HEAD_SIZE];
    struct error e = ERROR_INIT;
    audit_head_bytes(r->sequence, &r->previous, bytes);
    if (memcmp(r->signing_key.bytes, c->signer->bytes, KEYS_PUBLIC_SIZE) != 0)
        found(c, "record %" PRIu64 ": the head is signed by another key than this controller's",
              r->sequence);
    else if (keys_check(c->signer, AUDIT_CONTEXT, span_of(bytes, sizeof bytes), r->signature, &e) !=
             RC_OK)
        found(c, "record %" PRIu64 ": the signature of the head is wrong", r->sequence);
    else
        c->report.last_signed = r->wall;
}

static void
check_link(struct check *c, const struct audit_record *r)
{
    if (c->report.records == 0)
        c->report.first = r->sequence;
    else if (r->sequence != c->last.sequence + 1)
        found(c, "record %" PRIu64 " is followed by record %" PRIu64, c->last.sequence,
              r->sequence);
    else if (!id_equal(&r->previous, &c->last.hash))
        found(c, "record %" PRIu64 " does not follow from record %" PRIu64 ": one was changed",
              r->sequence, c->last.sequence);
    if (text_equal(r->verb, "CUT") && text_equal(r->role, "controller"))
        found(c, "record %" PRIu64 " says that something is missing before it: %s", r->sequence,
              r->why);
}

static enum rc
check_record(struct check *c, struct span *rest, struct error *e)
{
    struct audit_record record;
    struct span body;
    struct id hash;
    TRY(audit_next(rest, &body, &hash, e));
    TRY(audit_decode(body, &record, e));
    check_link(c, &record);
    if (record.kind == AUDIT_HEAD)
        check_head(c, &record);
    if (c->known != NULL && record.sequence == c->known->sequence) {
        c->known_found = true;
        if (!id_equal(&hash, &c->known->hash))
            found(c, "record %" PRIu64 " is another than the head that the catalogue knows",
                  record.sequence);
    }
    c->last = (struct audit_head){record.sequence, hash};
    c->report.records++;
    return RC_OK;
}

static enum rc
check_file(struct check *c, const char *directory, uint64_t first, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = AUDIT_FILES_BUFFER;
    struct error end = ERROR_INIT;
    char name[AUDIT_NAME_SIZE];
    TRY(audit_files_read(directory, first, &bytes, e));
    struct span rest = buffer_span(&bytes);
    enum rc rc;
    while ((rc = check_record(c, &rest, &end)) == RC_OK) {
    }
    if (rc != RC_NOT_FOUND)
        found(c, "%s, behind record %" PRIu64 ": %s", audit_files_name(first, name),
              c->last.sequence, end.text);
    return RC_OK;
}

enum rc
audit_verify(const char *directory, const struct keys_public *signer,
             const struct audit_head *known, struct audit_report *out, struct error *e)
{
    CLEANUP(audit_files_clear) struct audit_files files = {0};
    struct check c = {.signer = signer, .known = known};
    TRY(audit_files_list(directory, &files, e));
    for (size_t i = 0; i < files.count; i++)
        TRY(check_file(&c, directory, files.first[i], e));
    bool expected = known != NULL && known->sequence != 0 && known->sequence >= c.report.first;
    if (expected && !c.known_found)
        found(&c, "the log ends with record %" PRIu64 ", and the catalogue knows record %" PRIu64,
              c.last.sequence, known->sequence);
    c.report.last = c.last.sequence;
    c.report.head = c.last.hash;
    *out = c.report;
    return RC_OK;
}
