/* mailbox_cut.c -- see mailbox_cut.h. */
#include "agent/source/imap/mailbox_cut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/text.h"
#include "common/sys/file.h"

enum { PASSING_MODE = 0711, COPY_AT_ONCE = 256 * 1024 };

struct account {
    uid_t uid;
    gid_t gid;
};

static const char *
live_database(const struct source_step *step, const struct imap_conf *conf)
{
    const char *own = imap_conf_value(conf, "mboxlist_db_path");
    const char *directory = imap_conf_value(conf, "configdirectory");
    if (own != NULL)
        return own;
    return arena_printf(step->report->arena, "%s/mailboxes.db",
                        directory != NULL ? directory : "/var/lib/cyrus");
}

/* Not by copy_file_range(2): staging is on another file system than the snapshot, and most of them refuse that. */
static enum rc
copy_all(int from, int to, struct error *e)
{
    CLEANUP(own_freep) uint8_t *bytes = malloc(COPY_AT_ONCE);
    if (bytes == NULL)
        return error_set(e, RC_NO_MEMORY, "copy");
    for (;;) {
        ssize_t got = read(from, bytes, COPY_AT_ONCE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(e, "copy: read");
        if (got == 0)
            return RC_OK;
        TRY_IN(file_write_all(to, span_of(bytes, (size_t)got), e), e, "copy");
    }
}

static enum rc
new_file(int folder, const char *name, const struct account *owner, int *out, struct error *e)
{
    *out = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*out < 0)
        return error_errno(e, "make '%s'", name);
    return fchown(*out, owner->uid, owner->gid) == 0 ? RC_OK : error_errno(e, "give '%s'", name);
}

/*
 * Cyrus's user may own directories on the way, and a copy of what we open is given to that user: no link in the
 * snapshot is followed.  `path` is the snapshot's root, "/proc/self/fd/N", and names below it.
 */
static enum rc
open_without_links(const char *path, int *out, struct error *e)
{
    const char *rest = strchr(path + strlen("/proc/self/fd/"), '/');
    CLEANUP(own_freep) char *names = strdup(rest);
    CLEANUP(own_freep) char *root = strndup(path, (size_t)(rest - path) + 1);
    CLEANUP(own_closep) int at = -1;
    if (names == NULL || root == NULL)
        return error_set(e, RC_NO_MEMORY, "list of mailboxes");
    at = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *left = names, *name;
    while (at >= 0 && (name = strsep(&left, "/")) != NULL) {
        if (name[0] == '\0')
            continue;
        int flags = left == NULL ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY;
        int next = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
        own_closep(&at);
        at = next;
    }
    if (at < 0)
        return error_errno(e, "open it");
    *out = at;
    at = -1;
    return RC_OK;
}

static enum rc
open_database(const char *in_snapshot, int *out, struct error *e)
{
    struct stat about;
    TRY(open_without_links(in_snapshot, out, e));
    if (fstat(*out, &about) != 0 || !S_ISREG(about.st_mode))
        return error_set(e, RC_DENIED, "it is no file");
    return RC_OK;
}

static enum rc
copy_database(const struct source_step *step, const char *live, int folder,
              const struct account *owner, struct error *e)
{
    CLEANUP(own_closep) int from = -1;
    CLEANUP(own_closep) int to = -1;
    const char *in_snapshot = step->place(step, live);
    if (in_snapshot == NULL)
        return error_set(e, RC_NOT_FOUND, "'%s' is on no volume that was cut", live);
    TRY_IN(open_database(in_snapshot, &from, e), e, "'%s' in the snapshot", live);
    TRY(new_file(folder, "mailboxes.db", owner, &to, e));
    return copy_all(from, to, e);
}

/* Said twice, an option is an error to Cyrus: ours take the place of the server's. */
static bool
is_ours(const char *name)
{
    return text_equal(name, "configdirectory") || text_equal(name, "mboxlist_db_path");
}

static enum rc
write_conf(const struct imap_conf *conf, const char *path, int folder, const struct account *owner,
           struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(IMAP_CONF_FILE_MAX * 2);
    CLEANUP(own_closep) int to = -1;
    TRY(buffer_printf(&text, e, "configdirectory: %s\nmboxlist_db_path: %s/mailboxes.db\n", path,
                      path));
    for (size_t i = 0; i < conf->count; i++)
        if (!is_ours(conf->options[i].name))
            TRY(buffer_printf(&text, e, "%s: %s\n", conf->options[i].name, conf->options[i].value));
    TRY(new_file(folder, "imapd.conf", owner, &to, e));
    return file_write_all(to, buffer_span(&text), e);
}

/* Ours until everything lies in it: nobody else puts links there meanwhile. */
static enum rc
open_folder(const struct source_step *step, const char *path, int *out, struct error *e)
{
    if (chmod(step->staging, PASSING_MODE) != 0)
        return error_errno(e, "open staging directory '%s' for passing", step->staging);
    TRY(file_remove_tree(AT_FDCWD, path, e));
    TRY(file_make_directory(AT_FDCWD, path, 0700, e));
    return file_open_directory(AT_FDCWD, path, out, e);
}

enum rc
mailbox_cut_prepare(const struct source_step *step, const struct imap_conf *conf,
                    const char **conf_path, struct error *e)
{
    CLEANUP(own_closep) int folder = -1;
    struct account owner;
    const char *live = live_database(step, conf);
    const char *path = arena_printf(step->report->arena, "%s/cut", step->staging);
    *conf_path = arena_printf(step->report->arena, "%s/cut/imapd.conf", step->staging);
    if (live == NULL || path == NULL || *conf_path == NULL)
        return error_set(e, RC_NO_MEMORY, "list of mailboxes");
    TRY_IN(source_find_user(config_text(step->config, "cyrus-user"), &owner.uid, &owner.gid, e), e,
           "'cyrus-user'");
    TRY(open_folder(step, path, &folder, e));
    TRY_IN(copy_database(step, live, folder, &owner, e), e, "list of mailboxes at the cut");
    TRY_IN(write_conf(conf, path, folder, &owner, e), e, "list of mailboxes at the cut");
    if (fchown(folder, owner.uid, owner.gid) != 0)
        return error_errno(e, "give '%s' to Cyrus's user", path);
    return RC_OK;
}
