/*
 * file_internal.h -- what the parts of file.c share.
 *
 * Layer: common/sys, internal.
 */
#ifndef COMMON_SYS_FILE_INTERNAL_H
#define COMMON_SYS_FILE_INTERNAL_H

#include <limits.h>

#include "common/base/error.h"

/* The directory part of `path` ("." and "/" included) into `out`.  RC_INVALID when it is too long. */
enum rc file_directory_of(const char *path, char out[static PATH_MAX], struct error *e);

#endif
