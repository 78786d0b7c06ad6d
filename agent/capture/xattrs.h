/*
 * xattrs.h -- the extended attributes of one file, POSIX ACLs among them.
 *
 * Attributes are sorted by name.  A file system without attributes has none; an attribute that goes
 * away while we look is not there.  More than XATTRS_BYTES_MAX together is RC_UNSUPPORTED: they
 * would not fit the node of their entry.
 * Ownership: a set owns its bytes; xattrs_free() gives them back and leaves an empty set.
 * Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_XATTRS_H
#define AGENT_CAPTURE_XATTRS_H

#include "common/tree/node.h"

enum { XATTRS_BYTES_MAX = 1024 * 1024 };

struct xattrs {
    struct node_xattr *list; /* and the bytes it borrows, in one allocation */
    size_t count, bytes;
};

/* Of an open file; of a name in an open directory, a symbolic link not followed. */
enum rc xattrs_of_file(int fd, struct xattrs *out, struct error *e);
enum rc xattrs_of_entry(int dirfd, const char *name, struct xattrs *out, struct error *e);
enum rc
xattrs_copy(const struct node_xattr *list, size_t count, struct xattrs *out, struct error *e);
void xattrs_free(struct xattrs *x);

#endif
