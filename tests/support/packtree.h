/*
 * packtree.h -- a directory on the disk into a tree of blobs, the simplest way: for tests of restore.
 * Every file is read whole, cut at 64 KiB; holes, hard links, attributes and times are kept.
 */
#ifndef TESTS_SUPPORT_PACKTREE_H
#define TESTS_SUPPORT_PACKTREE_H

#include "common/tree/tree.h"

enum rc packtree(int dirfd, struct blob_sealer *sealer, struct blob_sink *sink,
                 struct blob_ref *out, struct error *e);

#endif
