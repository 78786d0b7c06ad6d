/* lvm_mount.c -- a mount that only its descriptor leads to (fsopen(2)).  See lvm_internal.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>

#include "agent/snapshot/lvm_internal.h"
#include "common/base/text.h"

enum { SAID_MAX = 200 };

/* What the kernel says of its refusal, without its "e " in front; "" when it says nothing. */
static const char *
last_word(int fs, char out[static SAID_MAX])
{
    ssize_t got = read(fs, out, SAID_MAX - 1);
    size_t len = got > 0 ? (size_t)got : 0;
    while (len > 0 && out[len - 1] == '\n')
        len--;
    out[len] = '\0';
    return len > 2 && out[1] == ' ' ? out + 2 : out;
}

static enum rc
refuse(int fs, const char *device, struct error *e)
{
    char said[SAID_MAX];
    int failed = errno;
    const char *word = last_word(fs, said);
    errno = failed;
    return error_errno(e, "mount the snapshot '%s'%s%s", device, word[0] == '\0' ? "" : ": ", word);
}

/*
 * The snapshot can be written, so XFS replays its log although we mount read-only; its UUID is the origin's, which XFS refuses unless
 * told.  Never norecovery: what that shows is not consistent.  An ext4 whose superblock says panic on errors would take the host down with
 * a snapshot that overflows.
 */
enum rc
lvm_mount_detached(const char *type, const char *device, int *out, struct error *e)
{
    CLEANUP(own_closep) int fs = fsopen(type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return error_errno(e, "mount a file system of type %s", type);
    if (fsconfig(fs, FSCONFIG_SET_STRING, "source", device, 0) != 0 ||
        fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) != 0 ||
        (text_equal(type, "xfs") && fsconfig(fs, FSCONFIG_SET_FLAG, "nouuid", NULL, 0) != 0) ||
        (strncmp(type, "ext", 3) == 0 &&
         fsconfig(fs, FSCONFIG_SET_STRING, "errors", "continue", 0) != 0) ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return refuse(fs, device, e);
    int tree =
        fsmount(fs, FSMOUNT_CLOEXEC,
                MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (tree < 0)
        return refuse(fs, device, e);
    *out = tree;
    return RC_OK;
}
