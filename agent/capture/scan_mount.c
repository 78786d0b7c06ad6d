/* scan_mount.c -- by the magic numbers of linux/magic.h.  See scan_mount.h. */
#include "agent/capture/scan_mount.h"

#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/vfs.h>

#ifndef MQUEUE_MAGIC_OF_KERNEL
#define MQUEUE_MAGIC_OF_KERNEL 0x19800202 /* ipc/mqueue.c */
#endif

static const unsigned kernels[] = {
    PROC_SUPER_MAGIC,       SYSFS_MAGIC,        DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
    CGROUP2_SUPER_MAGIC,    DEBUGFS_MAGIC,      TRACEFS_MAGIC,      SECURITYFS_MAGIC,
    PSTOREFS_MAGIC,         BPF_FS_MAGIC,       EFIVARFS_MAGIC,     HUGETLBFS_MAGIC,
    MQUEUE_MAGIC_OF_KERNEL, AUTOFS_SUPER_MAGIC, BINFMTFS_MAGIC,     NSFS_MAGIC,
    SELINUX_MAGIC,
};

bool
scan_mount_is_kernels(int fd, const char *path)
{
    struct statfs about;
    if (fstatfs(fd, &about) != 0)
        return false;
    if ((unsigned)about.f_type == TMPFS_MAGIC)
        return strcmp(path, "/dev") == 0 || strcmp(path, "/run") == 0;
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        if ((unsigned)about.f_type == kernels[i])
            return true;
    return false;
}
