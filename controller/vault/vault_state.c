/* vault_state.c -- may the vault be written to, and what is said when it may not.  See vault.h, vault_parts.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"

/* Somebody moved it away, mounted over it, or put a copy in its place: what we write would be in neither. */
static enum rc
check_place(const struct vault *v, struct error *e)
{
    struct stat st;

    if (stat(v->path, &st) == 0 && st.st_dev == v->device && st.st_ino == v->inode)
        return RC_OK;
    return error_set(e, RC_IO,
                     "'%s' is not the directory any more that was opened: nothing is written to "
                     "it; put the vault back in its place, and start the controller again",
                     v->path);
}

enum rc
vault_check_writable(const struct vault *v, struct error *e)
{
    if (v->options.read_only)
        return error_set(e, RC_DENIED, "vault '%s' was opened for reading only", v->path);
    if (v->broken)
        return error_set(
            e, RC_IO,
            "vault '%s' refuses writes after a failed sync: check the disk (dmesg), then "
            "start the controller again",
            v->path);
    return check_place(v, e);
}

/* ---- space */

enum rc
vault_check_space(const struct vault *v, uint64_t bytes, struct error *e)
{
    char have[TEXT_SIZE_MAX], keep[TEXT_SIZE_MAX];
    uint64_t available;

    TRY(file_free_space(v->dir, &available, e));
    uint64_t wanted = v->options.reserve + VAULT_SPACE_SLACK + bytes;
    if (available >= wanted)
        return RC_OK;
    return error_set(
        e, RC_NO_SPACE,
        "vault '%s': %s free, of which %s stay in reserve: make room or give it a larger "
        "file system",
        v->path, text_size(available, have), text_size(v->options.reserve, keep));
}

enum rc
vault_check_ready(struct vault *v, struct error *e)
{
    TRY(vault_check_writable(v, e));
    TRY(vault_check_space(v, VAULT_SPACE_CYCLE, e));
    vault_reserve_keep(v);
    return RC_OK;
}

const char *
vault_problem(struct vault *v, char out[static VAULT_PROBLEM_SIZE])
{
    struct error why = ERROR_INIT;
    const char *rest = "";

    out[0] = '\0';
    if (vault_check_ready(v, &why) == RC_OK)
        return out;
    if (why.code == RC_NO_SPACE)
        rest = "; no cycle starts until then, restores and verification go on";
    (void)snprintf(out, VAULT_PROBLEM_SIZE, "%s%s", why.text, rest);
    return out;
}

void
vault_reserve_use(const struct vault *v)
{
    struct error ignored = ERROR_INIT;
    uint64_t available = 0;

    if (file_free_space(v->dir, &available, &ignored) != RC_OK || available >= VAULT_RESERVE_SIZE)
        return;
    if (unlinkat(v->dir, VAULT_RESERVE_NAME, 0) == 0)
        log_warning("the file system is full: the vault gives up its reserve to start",
                    LOG_TEXT("vault", v->path));
}

void
vault_reserve_keep(const struct vault *v)
{
    struct error short_of = ERROR_INIT;

    if (v->options.reserve == 0 || faccessat(v->dir, VAULT_RESERVE_NAME, F_OK, 0) == 0 ||
        vault_check_space(v, VAULT_SPACE_CYCLE + VAULT_RESERVE_SIZE, &short_of) != RC_OK)
        return;
    CLEANUP(own_closep)
    int file = openat(v->dir, VAULT_RESERVE_NAME,
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0 || fallocate(file, 0, 0, (off_t)VAULT_RESERVE_SIZE) == 0)
        return;
    /* A file system that cannot do it does without. */
    (void)unlinkat(v->dir, VAULT_RESERVE_NAME, 0);
}

/* ---- after a failed sync */

void
vault_note_pack(struct vault *v, const struct id *name)
{
    (void)pthread_mutex_lock(&v->recent.lock);
    v->recent.packs[v->recent.count++ % VAULT_RECENT_MAX] = *name;
    (void)pthread_mutex_unlock(&v->recent.lock);
}

static enum rc
list_recent(struct vault *v, struct buffer *out, struct error *e)
{
    static const char head[] = "koffer-degraded 1\n";
    char id[ID_TEXT_SIZE], line[ID_TEXT_SIZE + 8];
    enum rc rc = buffer_append(out, span_of(head, sizeof head - 1), e);

    (void)pthread_mutex_lock(&v->recent.lock);
    size_t kept = v->recent.count < VAULT_RECENT_MAX ? v->recent.count : VAULT_RECENT_MAX;
    for (size_t i = 0; i < kept && rc == RC_OK; i++) {
        int len = snprintf(line, sizeof line, "pack %s\n", id_text(&v->recent.packs[i], id));
        rc = buffer_append(out, span_of(line, (size_t)len), e);
    }
    (void)pthread_mutex_unlock(&v->recent.lock);
    return rc;
}

void
vault_break(struct vault *v, const struct error *why)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(VAULT_RECENT_MAX * 128);
    struct error e = ERROR_INIT;

    if (atomic_exchange(&v->broken, true))
        return;
    log_error(why, "a write may not have reached the disk: the vault refuses writes from now on",
              LOG_TEXT("vault", v->path));
    /* The mark first: without it the next start believes packs that were acknowledged shortly before. */
    if (list_recent(v, &text, &e) != RC_OK ||
        file_replace(v->dir, VAULT_DEGRADED_NAME, buffer_span(&text), 0600, &e) != RC_OK)
        log_error(&e, "the mark of it cannot be written", LOG_TEXT("vault", v->path));
    (void)unlinkat(v->dir, "index/data.mdb", 0);
}

bool
vault_is_degraded(const struct vault *v)
{
    return v->broken;
}
