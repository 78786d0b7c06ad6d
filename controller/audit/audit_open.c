/* audit_open.c -- opening is recovery.  See audit.h. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/audit/audit_internal.h"

static enum rc
read_boot(struct audit *a, struct error *e)
{
    char text[64], digits[2 * AUDIT_BOOT_SIZE + 1];
    size_t count = 0;
    CLEANUP(own_closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (got < 0)
        return error_errno(e, "boot id");
    for (ssize_t i = 0; i < got && count < 2 * AUDIT_BOOT_SIZE; i++)
        if (text[i] != '-')
            digits[count++] = text[i];
    digits[count] = '\0';
    if (!text_unhex(digits, a->boot, sizeof a->boot))
        return error_set(e, RC_IO, "boot id: not 32 hexadecimal digits");
    return RC_OK;
}

static void PRINTF_LIKE(2, 3) note_cut(struct audit *a, const char *fmt, ...)
{
    va_list args;
    if (a->problem[0] != '\0')
        return;
    va_start(args, fmt);
    (void)vsnprintf(a->problem, sizeof a->problem, fmt, args);
    va_end(args);
}

/* The last file that has a good record says where the chain is; empty ones behind it are written into. */
static enum rc
find_end(struct audit *a, const struct audit_files *files, struct audit_scan *scan, size_t *at,
         struct error *e)
{
    for (size_t i = files->count; i-- > 0;) {
        TRY(audit_files_scan(a->directory, files->first[i], 0, scan, e));
        *at = i;
        a->last = scan->last;
        if (scan->last.sequence != 0)
            return RC_OK;
        if (!scan->damaged) /* nothing, or a torn first record */
            continue;
        a->last.sequence = files->first[i] - 1;
        return RC_OK;
    }
    return RC_OK;
}

/* Out of the way of the file that will have its name; evidence all the same. */
static enum rc
set_aside(struct audit *a, uint64_t first, struct error *e)
{
    char from[AUDIT_PATH_SIZE], to[AUDIT_PATH_SIZE + AUDIT_NAME_SIZE];
    audit_path(a, first, from);
    (void)snprintf(to, sizeof to, "%s.damaged", from);
    return file_publish(AT_FDCWD, from, AT_FDCWD, to, e);
}

static enum rc
continue_file(struct audit *a, uint64_t first, const struct audit_scan *scan, struct error *e)
{
    char path[AUDIT_PATH_SIZE];
    audit_path(a, first, path);
    a->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (a->fd < 0)
        return error_errno(e, "audit log '%s'", path);
    if (scan->torn) {
        log_warning("audit log: a record that a crash cut is taken off", LOG_TEXT("file", path));
        if (ftruncate(a->fd, (off_t)scan->good) != 0)
            return error_errno(e, "audit log '%s'", path);
    }
    a->size = scan->good;
    a->fresh = true; /* its name may never have been synced */
    return file_sync(a->fd, path, e);
}

/* Is the head that was kept elsewhere still in the log? */
static enum rc
check_known(struct audit *a, const struct audit_files *files, const struct audit_head *known,
            struct error *e)
{
    struct audit_scan scan = {0};
    if (known->sequence == 0)
        return RC_OK;
    if (a->last.sequence < known->sequence) {
        note_cut(a, "the log ends with record %" PRIu64 ", and %" PRIu64 " was there",
                 a->last.sequence, known->sequence);
        return RC_OK;
    }
    size_t i = files->count;
    while (i > 0 && files->first[i - 1] > known->sequence)
        i--;
    if (i == 0)
        return RC_OK; /* its file was moved away */
    TRY(audit_files_scan(a->directory, files->first[i - 1], known->sequence, &scan, e));
    if (!id_equal(&scan.wanted.hash, &known->hash))
        note_cut(a, "record %" PRIu64 " is another than the one that was there", known->sequence);
    return RC_OK;
}

/* The first record of this process; behind damage in a file of its own. */
static enum rc
begin(struct audit *a, struct error *e)
{
    struct audit_entry entry = {
        .wall = clock_wall(),
        .mono = clock_mono(),
        .result = AUDIT_ALLOWED,
        .role = "controller",
        .who = "controller",
        .verb = a->problem[0] == '\0' ? "START" : "CUT",
        .why = a->problem,
    };
    if (a->problem[0] != '\0') {
        log_warning("audit log: it was cut or damaged", LOG_TEXT("what", a->problem));
        audit_leave_file(a);
    }
    return audit_append(a, &entry, e);
}

static enum rc
recover(struct audit *a, const struct audit_head *known, struct error *e)
{
    CLEANUP(audit_files_clear) struct audit_files files = {0};
    struct audit_scan scan = {0};
    size_t at = 0;
    TRY(audit_files_list(a->directory, &files, e));
    TRY(find_end(a, &files, &scan, &at, e));
    TRY(check_known(a, &files, known, e));
    if (scan.damaged) {
        note_cut(a, "what follows record %" PRIu64 " is damaged", a->last.sequence);
        if (scan.last.sequence == 0)
            TRY(set_aside(a, files.first[at], e));
    } else if (files.count > 0 && scan.last.sequence != 0 && at == files.count - 1) {
        TRY(continue_file(a, files.first[at], &scan, e));
    }
    return begin(a, e);
}

enum rc
audit_open(const struct audit_options *options, struct audit **out, struct error *e)
{
    CLEANUP(audit_freep) struct audit *a = calloc(1, sizeof *a);
    if (a == NULL)
        return error_set(e, RC_NO_MEMORY, "audit log");
    a->fd = -1;
    (void)pthread_mutex_init(&a->lock, NULL);
    a->signer = options->signer;
    a->file_max = options->file_max == 0 ? (size_t)AUDIT_FILE_MAX : options->file_max;
    a->tokens = AUDIT_REFUSALS_AT_ONCE;
    (void)snprintf(a->directory, sizeof a->directory, "%s", options->directory);
    TRY(keys_public_of(options->signer, &a->signer_public, e));
    TRY(read_boot(a, e));
    TRY(file_make_directory(AT_FDCWD, a->directory, 0700, e));
    TRY_IN(recover(a, &options->known, e), e, "audit log '%s'", a->directory);
    *out = TAKE(a);
    return RC_OK;
}

void
audit_free(struct audit *a)
{
    if (a == NULL)
        return;
    audit_leave_file(a);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

const char *
audit_problem(const struct audit *a)
{
    return a->problem;
}

const char *
audit_directory(const struct audit *a)
{
    return a->directory;
}
