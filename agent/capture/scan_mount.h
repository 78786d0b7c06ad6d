/*
 * scan_mount.h -- file systems that hold no data of anybody: proc, sysfs, cgroups ...
 *
 * A tmpfs is none of them: somebody may have put something there.  But on /dev and /run everything
 * is made anew at each boot (FHS 3.0), so nobody needs to be told that these are left out.
 * Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_SCAN_MOUNT_H
#define AGENT_CAPTURE_SCAN_MOUNT_H

#include <stdbool.h>

/* Is the file system of this open directory the kernel's own?  When it cannot be told: no. */
bool scan_mount_is_kernels(int fd, const char *path);

#endif
