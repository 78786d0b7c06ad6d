/* describe.h -- a directory as text, one line per item with all that a restore must bring back, so that
 * two trees are equal when their texts are. */
#ifndef TESTS_SUPPORT_DESCRIBE_H
#define TESTS_SUPPORT_DESCRIBE_H

#include "common/base/buffer.h"

/* Names, types, modes, owners, times, link counts, content by hash, blocks of sparse files (roughly),
 * targets, device numbers, attributes.  Sockets are left out: they are not restored. */
enum rc describe(int dirfd, struct buffer *out, struct error *e);
/* Are two directories equal?  RC_OK, or RC_INVALID with the first lines that differ. */
enum rc describe_compare(int a, int b, struct error *e);

#endif
