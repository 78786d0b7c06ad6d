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
#include "common/record/record.h"

enum { VAULT_KIT_PATH_SIZE = 64 };

/* A fresh directory "/tmp/koffer-test-XXXXXX"; removed with all in it by the second. */
void vault_kit_directory(char out[static VAULT_KIT_PATH_SIZE]);
/* The same in memory where /dev/shm is there, for thousands of short lives whose syncs need reach no disk. */
void vault_kit_fast_directory(char out[static VAULT_KIT_PATH_SIZE]);
void vault_kit_remove(const char *path);

/* `len` bytes of body that follow from `seed`; `children` is sorted in place. */
void vault_kit_blob(struct buffer *out, struct id *id, uint32_t seed, size_t len,
                    struct id *children, size_t child_count);

/* Who signs the records of a test, and the chain of its one host. */
struct vault_kit {
    struct keys_private *agent, *controller;
    uint64_t sequence;
    struct id last_archive;
};
void vault_kit_begin(struct vault_kit *kit);
void vault_kit_end(struct vault_kit *kit);
/* A full record with one archive of host "mail" below `root`; `previous` zeros for the first. */
void vault_kit_record(struct vault_kit *kit, const struct record_vault_id *vault, uint64_t number,
                      const struct id *previous, const struct id *root, struct buffer *out);

/* How many names there are in VAULT/<folder>. */
size_t vault_kit_count(const char *path, const char *folder);
/* Change one byte of a file: xor with `mask`. */
void vault_kit_flip(const char *path, uint64_t offset, uint8_t mask);

#endif
