/* imap_paths_exclude.c -- what is left out below the paths.  See imap_paths.h. */
#include <string.h>
#include <sys/stat.h>

#include "agent/source/imap/imap_paths.h"
#include "common/base/text.h"

bool
imap_paths_is_message(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits > 0 && name[digits] == '.' && name[digits + 1] == '\0';
}

/* Half-written successors of files that are there: Cyrus makes them anew.  No mailbox's directory or file can have
 * these names: the names are whole, and only regular files count. */
static bool
is_unfinished(const char *name)
{
    static const char *const names[] = {
        "cyrus.cache.NEW",  "cyrus.index.NEW",       "cyrus.header.NEW", "cyrus.expunge.NEW",
        "cyrus.squat.NEW",  "cyrus.annotations.NEW", "cyrus.squat",      "cyrus.squat.tmp",
        "mailboxes.db.NEW", "annotations.db.NEW",    "deliver.db.NEW",   "quotas.db.NEW",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_equal(name, names[i]))
            return true;
    return false;
}

bool
imap_paths_exclude(void *ctx, const char *path, const char *name, mode_t mode)
{
    const struct imap_paths *p = ctx;
    if (S_ISREG(mode) && imap_paths_is_message(name))
        return false;
    if (S_ISSOCK(mode))
        return true;
    for (size_t i = 0; i < p->left_out_count; i++)
        if (text_equal(path, p->left_out[i]))
            return true;
    return S_ISREG(mode) && is_unfinished(name);
}
