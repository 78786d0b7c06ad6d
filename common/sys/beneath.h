/*
 * beneath.h -- open paths that cannot leave a directory: openat2(2) with RESOLVE_BENEATH |
 * RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS (Linux 5.6).
 *
 * Layer: common/sys.
 */
#ifndef COMMON_SYS_BENEATH_H
#define COMMON_SYS_BENEATH_H

#include "common/base/error.h"

/* `flags` as for open(2), O_CLOEXEC is added; `mode` matters with O_CREAT.  RC_DENIED for every form of escape. */
enum rc
beneath_open(int dirfd, const char *path, int flags, unsigned mode, int *out, struct error *e);

#endif
