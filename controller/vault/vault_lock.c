/* vault_lock.c -- see vault_lock.h. */
#include "controller/vault/vault_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/base/text.h"
#include "common/sys/file.h"

enum { TEXT_SIZE = 3 * VAULT_LOCK_WORD_SIZE };

void
vault_lock_parse(const char *text, struct vault_lock_holder *out)
{
    char *const words[] = {out->process, out->host, out->boot};

    *out = (struct vault_lock_holder){{0}, {0}, {0}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strcspn(text, "\n");
        (void)snprintf(words[i], VAULT_LOCK_WORD_SIZE, "%.*s", (int)len, text);
        text += len + (text[len] == '\n' ? 1 : 0);
    }
}

bool
vault_lock_may_live(const struct vault_lock_holder *left, const struct vault_lock_holder *us,
                    bool networked)
{
    return networked && left->host[0] != '\0' && !text_equal(left->host, us->host);
}

static void
read_boot_id(char out[static VAULT_LOCK_WORD_SIZE])
{
    CLEANUP(own_closep)
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct error ignored = ERROR_INIT;
    size_t got = 0;

    if (file < 0 || file_read_at(file, 0, out, VAULT_LOCK_WORD_SIZE - 1, &got, &ignored) != RC_OK)
        got = 0; /* for the message only */
    out[got] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static struct vault_lock_holder
ourselves(void)
{
    struct vault_lock_holder us = {{0}, {0}, {0}};

    (void)snprintf(us.process, sizeof us.process, "%ld", (long)getpid());
    if (gethostname(us.host, sizeof us.host - 1) != 0)
        us.host[0] = '\0';
    read_boot_id(us.boot);
    return us;
}

static enum rc
read_holder(int lock, struct vault_lock_holder *out, struct error *e)
{
    char text[TEXT_SIZE] = "", shown[VAULT_LOCK_WORD_SIZE];
    size_t got = 0;

    TRY(file_read_at(lock, 0, text, sizeof text - 1, &got, e));
    vault_lock_parse(text, out);
    (void)text_escape(span_of(out->host, strlen(out->host)), shown, sizeof shown);
    (void)snprintf(out->host, sizeof out->host, "%s", shown);
    return RC_OK;
}

static enum rc
explain_held(int lock, struct error *e)
{
    struct vault_lock_holder holder;

    TRY(read_holder(lock, &holder, e));
    return error_set(e, RC_AGAIN,
                     "it is in use by process %s on host %s; only one may write at a time",
                     holder.process[0] == '\0' ? "(unknown)" : holder.process,
                     holder.host[0] == '\0' ? "(unknown)" : holder.host);
}

static enum rc
check_left_behind(int lock, const struct vault_lock_holder *us, bool networked, struct error *e)
{
    struct vault_lock_holder left;

    TRY(read_holder(lock, &left, e));
    if (!vault_lock_may_live(&left, us, networked))
        return RC_OK;
    return error_set(e, RC_AGAIN,
                     "process %s on host %s did not let go of it, and on this file system its lock "
                     "need not be seen from here: when that host is surely down, remove the "
                     "vault's file 'lock'",
                     left.process, left.host);
}

/* For the message only: a disk without room for it must not keep the vault from being read. */
static enum rc
note_holder(int lock, const struct vault_lock_holder *us, struct error *e)
{
    char text[TEXT_SIZE];
    int len = snprintf(text, sizeof text, "%s\n%s\n%s\n", us->process, us->host, us->boot);

    if (ftruncate(lock, 0) != 0)
        return error_errno(e, "truncate 'lock'");
    enum rc rc = file_write_all(lock, span_of(text, (size_t)len), e);
    return rc == RC_NO_SPACE ? RC_OK : rc;
}

enum rc
vault_lock_take(int dir, bool networked, int *out, struct error *e)
{
    const struct vault_lock_holder us = ourselves();
    CLEANUP(own_closep)
    int lock = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (lock < 0)
        return error_errno(e, "open its file 'lock' for writing (whose directory is it?)");
    if (flock(lock, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? explain_held(lock, e) : error_errno(e, "flock 'lock'");
    TRY(check_left_behind(lock, &us, networked, e));
    TRY(note_holder(lock, &us, e));
    *out = lock;
    lock = -1;
    return RC_OK;
}

void
vault_lock_release(int *lock)
{
    /* When it stays full, the next one reads who was here last, and that is all. */
    if (*lock >= 0 && ftruncate(*lock, 0) != 0)
        errno = 0;
    own_closep(lock);
    *lock = -1;
}
