/*
 * vault_files.h -- a few packs kept open for reading.
 *
 *     TRY(vault_files_borrow(files, number, &name, &lent, e));
 *     ... pread(lent.fd) ...
 *     vault_files_return(files, &lent);
 *
 * Threads: any, at once.  Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_VAULT_FILES_H
#define CONTROLLER_VAULT_VAULT_FILES_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/own.h"

struct vault_files;
struct vault_files_lent {
    int fd;
    int slot; /* -1: not kept, closed when it comes back */
};

/* `vault`: an open directory, borrowed. */
enum rc vault_files_new(int vault, struct vault_files **out, struct error *e);
void vault_files_free(struct vault_files *files); /* NULL is fine */
DEFINE_FREEP(vault_files)

/* Is pack `number` open already?  Then it is lent. */
bool vault_files_try(struct vault_files *files, uint32_t number, struct vault_files_lent *out);
/* Open pack `number` by its name and lend it.  RC_CORRUPT when the file is gone. */
enum rc vault_files_borrow(struct vault_files *files, uint32_t number, const struct id *name,
                           struct vault_files_lent *out, struct error *e);
void vault_files_return(struct vault_files *files, const struct vault_files_lent *lent);
/* Its file was written again under the same name: what is open is the old one, which is lent no more. */
void vault_files_forget(struct vault_files *files, const struct id *name);

#endif
