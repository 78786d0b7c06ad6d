/* scan_mount.h -- file systems that hold no data of anybody: proc, sysfs, cgroups, tmpfs ...
 * Layer: agent/capture. */
#ifndef AGENT_CAPTURE_SCAN_MOUNT_H
#define AGENT_CAPTURE_SCAN_MOUNT_H

#include <stdbool.h>

/* Is the file system of this open file the kernel's own?  When it cannot be told: no. */
bool scan_mount_is_kernels(int fd);

#endif
