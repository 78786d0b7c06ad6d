/*
 * file.h -- files and directories with durability spelled out, and none of open(2)'s traps.
 *
 * Descriptors are opened O_CLOEXEC.  Every failure names the path.  A failed fsync is never retried
 * (facts: D5).  "Durable" below means: bytes synced, name synced.
 *
 *     TRY(file_write_new(dirfd, "tmp/x", bytes, 0600, e));      // create, write, fsync
 *     TRY(file_publish(dirfd, "tmp/x", dirfd, "x", e));         // rename, fsync of the target's directory
 *
 * Layer: common/sys.
 */
#ifndef COMMON_SYS_FILE_H
#define COMMON_SYS_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

/* Whole regular file into `out` (cleared first); RC_INVALID when larger than out->limit. */
enum rc file_read(int dirfd, const char *path, struct buffer *out, struct error *e);

/* write(2) until all is written; EINTR is retried, a short write continued. */
enum rc file_write_all(int fd, struct span bytes, struct error *e);
/* pread(2) until `len` bytes or the end; *got says how many. */
enum rc file_read_at(int fd, uint64_t offset, void *out, size_t len, size_t *got, struct error *e);

/* O_EXCL create, write, fsync, close; the file is removed again when anything fails. */
enum rc
file_write_new(int dirfd, const char *path, struct span bytes, unsigned mode, struct error *e);
/*
 * rename within a file system, then fsync the directory of `to`.  After a failure `to` is what it
 * was or what it should be, whole; `from` is still there unless only the sync failed.
 */
enum rc
file_publish(int from_dirfd, const char *from, int to_dirfd, const char *to, struct error *e);
/*
 * Replace or create `path` durably, all or nothing, through "<path>.new".  That is gone again after
 * a failure, unless removing it fails too; the next call removes it.  When only the last sync fails,
 * `path` is the new file and may not survive a crash.  The caller keeps two writers of one path apart.
 */
enum rc
file_replace(int dirfd, const char *path, struct span bytes, unsigned mode, struct error *e);

enum rc file_sync(int fd, const char *shown, struct error *e);
enum rc file_sync_directory(int dirfd, const char *path, struct error *e);

/* Like mkdir -p with a mode for what is made, each new name durable; existing ones are synced too (D4). */
enum rc file_make_directory(int dirfd, const char *path, unsigned mode, struct error *e);
/* O_DIRECTORY | O_NOFOLLOW. */
enum rc file_open_directory(int dirfd, const char *path, int *out, struct error *e);
enum rc file_exists(int dirfd, const char *path, bool *out, struct error *e);
/* Removes a tree below dirfd without following links; a missing path is fine. */
enum rc file_remove_tree(int dirfd, const char *path, struct error *e);
/* Names in a directory except "." and "..", sorted bytewise; errors of readdir are errors. */
typedef enum rc file_visit(void *ctx, const char *name, struct error *e);
enum rc file_list(int dirfd, const char *path, file_visit *visit, void *ctx, struct error *e);

/* RC_DENIED, with the remedy, unless `path` is a regular file of ours without access for group and
 * others (H6).  `what` is for the message: "signing key". */
enum rc file_check_private(const char *what, const char *path, struct error *e);
/* file_read of such a file, with the check made on what was opened. */
enum rc file_read_private(const char *what, const char *path, struct buffer *out, struct error *e);
/* RC_INVALID when `path` does not exist or is no directory; RC_DENIED when not writable. */
enum rc file_check_directory(const char *what, const char *path, struct error *e);

/* RC_DENIED, with the remedy, when others than root and we could change what is in the directory (H6). */
enum rc file_check_kept(const char *what, const char *path, struct error *e);

/* Free bytes for us on the file system of `dirfd`. */
enum rc file_free_space(int dirfd, uint64_t *out, struct error *e);

#endif
