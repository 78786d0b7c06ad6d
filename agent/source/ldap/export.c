/* export.c -- the task, the wait, the proof.  See export.h. */
#include "agent/source/ldap/export.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "common/sys/file.h"

enum { ATTEMPTS = 3, POLL_FIRST_MS = 20, POLL_MOST_MS = 500 };
/* The server removes the finished task's entry after so many seconds; we look at it long before. */
#define TASK_TTL "3600"

struct task {
    char name[96], dn[192];
    char path[4096];
};

static enum rc
start_task(const struct export_request *x, struct task *t, struct error *e)
{
    (void)snprintf(t->name, sizeof t->name, "koffer-%llu-%lld", (unsigned long long)x->step->cycle,
                   (long long)clock_wall().ns);
    (void)snprintf(t->dn, sizeof t->dn, "cn=%s,cn=export,cn=tasks,cn=config", t->name);
    (void)snprintf(t->path, sizeof t->path, "%s/export.ldif", x->folder);
    const struct directory_pair pairs[] = {
        {"objectClass", "extensibleObject"},
        {"cn", t->name},
        {"ttl", TASK_TTL},
        {"nsInstance", x->backend->name},
        {"nsFilename", t->path},
        {x->replica ? "nsExportReplica" : NULL, "true"},
        {NULL, NULL},
    };
    enum rc rc = directory_add(x->directory, t->dn, pairs, e);
    if (rc == RC_NOT_FOUND)
        return error_set(e, rc,
                         "the running server has no backend '%s', though '%s/dse.ldif' names it; "
                         "restart the instance or remove the entry",
                         x->backend->name, x->dse->directory);
    if (rc == RC_DENIED)
        return error_context(e, "not allowed to start an export task; use the Directory Manager "
                                "or grant 'bind-dn' adding below cn=tasks,cn=config");
    return rc;
}

static enum rc
judge_task(const struct export_request *x, const char *const *values, struct arena *a,
           struct error *e)
{
    const char *code = values[0], *log = values[1] != NULL ? values[1] : "";
    if (text_equal(code, "0"))
        return RC_OK;
    char safe[256];
    size_t len = strlen(log);
    const char *tail = len > 200 ? log + len - 200 : log;
    (void)a;
    return error_set(e, RC_IO, "the server's export of backend '%s' failed with code %s: %s",
                     x->backend->name, code,
                     text_escape(span_of(tail, strlen(tail)), safe, sizeof safe));
}

/* The task's end; *processed is what it says it wrote. */
static enum rc
await_task(const struct export_request *x, const struct task *t, uint64_t *processed,
           struct error *e)
{
    static const char *const names[] = {"nsTaskExitCode", "nsTaskLog", "nsTaskStatus", NULL};
    CLEANUP(arena_freep) struct arena *a = arena_new(1u << 20);
    if (a == NULL)
        return error_set(e, RC_NO_MEMORY, "export task");
    for (unsigned pause = POLL_FIRST_MS;;
         pause = pause * 2 > POLL_MOST_MS ? POLL_MOST_MS : pause * 2) {
        const char *values[3];
        arena_reset(a);
        TRY_IN(directory_read(x->directory, t->dn, names, a, values, e), e, "export task");
        if (values[0] != NULL) {
            TRY(judge_task(x, values, a, e));
            const char *status = values[2] != NULL ? values[2] : values[1];
            if (status == NULL || !export_processed(status, processed))
                return error_set(e, RC_CORRUPT,
                                 "the server does not say how many entries of backend '%s' it "
                                 "exported",
                                 x->backend->name);
            return RC_OK;
        }
        TRY_IN(source_pause(x->step, pause, e), e, "export of backend '%s'", x->backend->name);
    }
}

bool
export_processed(const char *text, uint64_t *out)
{
    static const char word[] = "Processed ";
    const char *at = NULL;
    for (const char *next = strstr(text, word); next != NULL; next = strstr(next + 1, word))
        at = next + sizeof word - 1;
    if (at == NULL || *at < '0' || *at > '9')
        return false;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (strncmp(at, " entr", 5) != 0)
        return false;
    *out = value;
    return true;
}

/* Open what the server wrote and take its name away: nothing is left behind, whatever happens next. */
static enum rc
take_file(const struct task *t, int *out, struct error *e)
{
    CLEANUP(own_closep) int file = open(t->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0)
        return error_errno(e,
                           "open the exported '%s' (does the server run with PrivateTmp, or in "
                           "another mount namespace? choose another staging directory)",
                           t->path);
    if (!S_ISREG(about.st_mode))
        return error_set(e, RC_DENIED, "'%s' is not a regular file", t->path);
    if (unlink(t->path) != 0)
        return error_errno(e, "remove '%s'", t->path);
    *out = file;
    file = -1;
    return RC_OK;
}

static enum rc
count_file(const struct export_request *x, int file, struct ldif_count *count, struct error *e)
{
    enum { PIECE = 1 << 20 };
    CLEANUP(own_freep) uint8_t *piece = malloc(PIECE);
    if (piece == NULL)
        return error_set(e, RC_NO_MEMORY, "count the entries of an export");
    *count = LDIF_COUNT_INIT;
    for (;;) {
        size_t got;
        TRY(source_go_on(x->step, e));
        TRY_IN(file_read_at(file, count->bytes, piece, PIECE, &got, e), e, "exported LDIF");
        if (got == 0)
            return RC_OK;
        ldif_count_feed(count, span_of(piece, got));
    }
}

enum rc
export_judge(const struct export_request *x, const struct ldif_count *count, uint64_t processed,
             const uint64_t expected[static 2], bool *agrees, struct error *e)
{
    if (!ldif_count_ended(count))
        return error_set(e, RC_CORRUPT,
                         "the export of backend '%s' is cut off (no final newline); is the file "
                         "system of '%s' full?",
                         x->backend->name, x->folder);
    if (count->entries != processed)
        return error_set(e, RC_CORRUPT,
                         "the export of backend '%s' holds %llu entries, the server says it wrote "
                         "%llu",
                         x->backend->name, (unsigned long long)count->entries,
                         (unsigned long long)processed);
    uint64_t low = expected[0] < expected[1] ? expected[0] : expected[1];
    uint64_t high = expected[0] < expected[1] ? expected[1] : expected[0];
    *agrees = count->entries >= low && count->entries <= high;
    return RC_OK;
}

static enum rc
count_server(const struct export_request *x, uint64_t *out, struct error *e)
{
    const char *others[DSE_BACKENDS_MAX];
    struct directory_scope scope = {
        .suffix = x->backend->suffix, .others = others, .all = x->replica};
    for (const struct directory_backend *b = x->live; b->name != NULL; b++)
        if (b->suffix != NULL && dse_suffix_below(b->suffix, scope.suffix) &&
            scope.count < DSE_BACKENDS_MAX)
            others[scope.count++] = b->suffix;
    enum rc rc = directory_count(x->directory, x->step, &scope, out, e);
    if (rc == RC_NOT_FOUND) { /* a backend that has never held its suffix entry */
        *out = 0;
        return RC_OK;
    }
    return rc;
}

static enum rc
attempt(const struct export_request *x, struct export_result *out, bool *agrees,
        uint64_t expected[2], struct error *e)
{
    struct task task;
    uint64_t processed;
    TRY_IN(count_server(x, &expected[0], e), e, "count the entries of backend '%s'",
           x->backend->name);
    TRY(start_task(x, &task, e));
    TRY(await_task(x, &task, &processed, e));
    CLEANUP(own_closep) int file = -1;
    TRY(take_file(&task, &file, e));
    TRY_IN(count_server(x, &expected[1], e), e, "count the entries of backend '%s'",
           x->backend->name);

    struct ldif_count count;
    TRY(count_file(x, file, &count, e));
    TRY(export_judge(x, &count, processed, expected, agrees, e));
    *out = (struct export_result){.file = file, .entries = count.entries, .bytes = count.bytes};
    if (*agrees)
        file = -1;
    return RC_OK;
}

enum rc
export_backend(const struct export_request *x, struct export_result *out, struct error *e)
{
    uint64_t expected[2] = {0};
    struct export_result result = {0};
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        bool agrees = false;
        TRY(attempt(x, &result, &agrees, expected, e));
        if (agrees) {
            *out = result;
            return RC_OK;
        }
    }
    return error_set(e, RC_CORRUPT,
                     "the export of backend '%s' holds %llu entries, the server has %llu to %llu; "
                     "tried %d times; look into the server's error log",
                     x->backend->name, (unsigned long long)result.entries,
                     (unsigned long long)expected[0], (unsigned long long)expected[1], ATTEMPTS);
}
