/*
 * vault_kit.h -- throw-away directories, and blobs made by hand after docs/formats/blob.md.
 *
 * The vault looks at clear headers and hashes only, so a blob with a meaningless sealed body is as good
 * as a real one here.
 */
#ifndef TESTS_SUPPORT_VAULT_KIT_H
#define TESTS_SUPPORT_VAULT_KIT_H

#include "common/base/buffer.h"
#include "common/blob/blob.h"

enum { VAULT_KIT_PATH_SIZE = 64 };

/* A fresh directory "/tmp/koffer-test-XXXXXX"; removed with all in it by the second. */
void vault_kit_directory(char out[static VAULT_KIT_PATH_SIZE]);
void vault_kit_remove(const char *path);

/* `len` bytes of body that follow from `seed`; `children` is sorted in place. */
void vault_kit_blob(struct buffer *out, struct id *id, uint32_t seed, size_t len,
                    struct id *children, size_t child_count);

/* How many names there are in VAULT/<folder>. */
size_t vault_kit_count(const char *path, const char *folder);
/* Change one byte of a file: xor with `mask`. */
void vault_kit_flip(const char *path, uint64_t offset, uint8_t mask);

#endif
