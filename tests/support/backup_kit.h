/*
 * backup_kit.h -- a directory captured by the agent's code into a real vault, committed, and back out.
 *
 *     backup_kit_begin(&kit);                              // its keys; once
 *     backup_kit_place(&kit, directory);                   // source, target, vault, memory: names there; source is made
 *     CHECK_OK(backup_kit_create(&kit, &e), &e);           // the vault
 *     CHECK_OK(backup_kit_run(&kit, v, &full, &e), &e);    // capture, flush, record, commit, remember
 *     CHECK_OK(backup_kit_restore(&kit, v, full.number, target, &e), &e);
 *
 * The host is "mail", the source "spool".  Each step may fail and say so: this is for tests that make things fail.
 */
#ifndef TESTS_SUPPORT_BACKUP_KIT_H
#define TESTS_SUPPORT_BACKUP_KIT_H

#include "agent/capture/capture.h"
#include "common/tree/unpack.h"
#include "controller/vault/vault.h"

enum { BACKUP_KIT_PATH = 96 };

struct backup_kit {
    char source[BACKUP_KIT_PATH], target[BACKUP_KIT_PATH], vault[BACKUP_KIT_PATH],
        memory[BACKUP_KIT_PATH];
    struct keys_private *agent, *controller, *recovery;
    struct keys_public recipient;
    struct blob_domain domain;
    unsigned threads;
    struct unpack_counts restored; /* of the last restore */
};

struct backup_kit_full {
    uint64_t number; /* 0: none was committed */
    struct id name;
    bool incomplete;     /* the archive says that something is missing */
    uint64_t bytes_read; /* by the capture */
};

void backup_kit_begin(struct backup_kit *kit);
void backup_kit_end(struct backup_kit *kit);
void backup_kit_place(struct backup_kit *kit, const char *directory);
enum rc backup_kit_create(struct backup_kit *kit, struct error *e);
enum rc backup_kit_open(const struct backup_kit *kit, struct vault **out, struct error *e);
/* out->number is set as soon as the full is committed, whatever comes then. */
enum rc backup_kit_run(struct backup_kit *kit, struct vault *v, struct backup_kit_full *out,
                       struct error *e);
/* What `full` holds of the source directory, into an open directory. */
enum rc backup_kit_restore(struct backup_kit *kit, struct vault *v, uint64_t full, int target,
                           enum unpack_existing existing, struct error *e);
/* The same into the target directory, made anew. */
enum rc
backup_kit_restore_anew(struct backup_kit *kit, struct vault *v, uint64_t full, struct error *e);

#endif
