/* audit.c -- the writer.  See audit.h. */
#include "controller/audit/audit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/sys/file.h"
#include "controller/audit/audit_internal.h"

/* ---- writing; with the lock held */

static enum rc
open_next(struct audit *a, struct error *e)
{
    char path[AUDIT_PATH_SIZE];
    struct stat about;
    audit_path(a, a->last.sequence + 1, path);
    a->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (a->fd < 0)
        return error_errno(e, "audit log '%s'", path);
    enum rc rc = RC_OK;
    /* At most the rest of one record that was never answered for may be there. */
    if (fstat(a->fd, &about) != 0 || about.st_size > AUDIT_BODY_MAX + AUDIT_FRAME)
        rc = error_set(e, RC_CORRUPT, "audit log '%s': there is something already", path);
    else if (ftruncate(a->fd, 0) != 0)
        rc = error_errno(e, "audit log '%s'", path);
    if (rc != RC_OK) {
        audit_leave_file(a);
        return rc;
    }
    a->size = 0;
    a->fresh = true;
    return RC_OK;
}

/* What was written in part must not stand before the next record. */
static void
take_back(struct audit *a)
{
    if (ftruncate(a->fd, (off_t)a->size) == 0)
        return;
    a->failed = true;
    log_warning("audit log: a record that failed cannot be taken back; nothing more is written");
}

/* Bytes, sync, and for a new file its name: a crash before the end leaves no record, or one that nobody was told of. */
static enum rc
write_record(struct audit *a, struct span bytes, struct error *e)
{
    if (file_write_all(a->fd, bytes, e) != RC_OK) {
        take_back(a);
        return error_context(e, "audit log '%s'", a->directory);
    }
    enum rc rc = file_sync(a->fd, a->directory, e);
    if (rc == RC_OK && a->fresh)
        rc = file_sync_directory(AT_FDCWD, a->directory, e);
    if (rc != RC_OK) {
        a->failed = true; /* D5: the bytes may be gone, and the next sync would not say so */
        return error_context(e, "audit log '%s'", a->directory);
    }
    a->fresh = false;
    a->size += bytes.len;
    return RC_OK;
}

static enum rc
put(struct audit *a, struct audit_record *record, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(AUDIT_BODY_MAX + AUDIT_FRAME);
    struct audit_head next = {.sequence = a->last.sequence + 1};
    if (a->failed)
        return error_set(e, RC_IO,
                         "the audit log '%s' could not be written before: see the log, repair the "
                         "disk and restart koffer-controller",
                         a->directory);
    record->sequence = next.sequence;
    record->previous = a->last.hash;
    memcpy(record->boot, a->boot, sizeof record->boot);
    TRY(audit_encode(record, &bytes, &next.hash, e));
    if (a->fd >= 0 && a->size > 0 && a->size + bytes.len > a->file_max)
        audit_leave_file(a);
    if (a->fd < 0)
        TRY(open_next(a, e));
    TRY(write_record(a, buffer_span(&bytes), e));
    a->last = next;
    return RC_OK;
}

static void
copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

static struct audit_record
record_of(const struct audit_entry *entry)
{
    struct audit_record r = {
        .kind = AUDIT_DEED,
        .result = entry->result,
        .wall = entry->wall,
        .mono = entry->mono,
        .certificate = entry->certificate,
        .parameters = entry->parameters,
    };
    copy(r.role, sizeof r.role, entry->role);
    copy(r.who, sizeof r.who, entry->who);
    copy(r.address, sizeof r.address, entry->address);
    copy(r.verb, sizeof r.verb, entry->verb);
    copy(r.object, sizeof r.object, entry->object);
    copy(r.why, sizeof r.why, entry->why);
    return r;
}

enum rc
audit_append(struct audit *a, const struct audit_entry *entry, struct error *e)
{
    struct audit_record record = record_of(entry);
    (void)pthread_mutex_lock(&a->lock);
    enum rc rc = put(a, &record, e);
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}

/* ---- refusals */

/* With the lock held. */
static bool
take_token(struct audit *a, struct mono now)
{
    const int64_t step = AUDIT_REFUSAL_SECONDS * CLOCK_NS_PER_SECOND;
    while (a->tokens < AUDIT_REFUSALS_AT_ONCE && now.ns - a->filled.ns >= step) {
        a->tokens++;
        a->filled.ns += step;
    }
    if (a->tokens == AUDIT_REFUSALS_AT_ONCE)
        a->filled = now;
    if (a->tokens == 0)
        return false;
    a->tokens--;
    return true;
}

void
audit_refused(struct audit *a, const struct audit_entry *entry)
{
    struct audit_record record = record_of(entry);
    struct error e = ERROR_INIT;
    enum rc rc = RC_OK;
    record.result = AUDIT_REFUSED;
    (void)pthread_mutex_lock(&a->lock);
    if (!take_token(a, entry->mono)) {
        a->left_out++;
    } else {
        size_t len = strlen(record.why);
        if (a->left_out > 0)
            (void)snprintf(record.why + len, sizeof record.why - len,
                           " (and %" PRIu64 " refusals before this one were not kept)",
                           a->left_out);
        rc = put(a, &record, &e);
        a->left_out = rc == RC_OK ? 0 : a->left_out + 1;
    }
    (void)pthread_mutex_unlock(&a->lock);
    if (rc != RC_OK)
        log_error(&e, "a refusal cannot be kept");
}

/* ---- heads */

/* With the lock held. */
static enum rc
sign(struct audit *a, struct wall wall, struct mono mono, struct error *e)
{
    uint8_t bytes[AUDIT_HEAD_SIZE];
    struct audit_record head = {
        .kind = AUDIT_HEAD, .wall = wall, .mono = mono, .signing_key = a->signer_public};
    copy(head.role, sizeof head.role, "controller");
    copy(head.who, sizeof head.who, "controller");
    copy(head.verb, sizeof head.verb, "HEAD");
    audit_head_bytes(a->last.sequence + 1, &a->last.hash, bytes);
    TRY(keys_sign(a->signer, AUDIT_CONTEXT, span_of(bytes, sizeof bytes), head.signature, e));
    TRY(put(a, &head, e));
    a->signed_sequence = a->last.sequence;
    return RC_OK;
}

enum rc
audit_sign(struct audit *a, struct wall wall, struct mono mono, struct audit_head *head,
           struct error *e)
{
    enum rc rc = RC_OK;
    *head = (struct audit_head){0};
    (void)pthread_mutex_lock(&a->lock);
    if (a->last.sequence != a->signed_sequence) {
        rc = sign(a, wall, mono, e);
        if (rc == RC_OK)
            *head = a->last;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}

void
audit_pause(struct audit *a)
{
    (void)pthread_mutex_lock(&a->lock);
}

void
audit_resume(struct audit *a)
{
    (void)pthread_mutex_unlock(&a->lock);
}
