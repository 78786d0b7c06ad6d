/*
 * vault_lock.h -- one writer at a time: an flock on VAULT/lock, with the holder's name in the file.
 *
 *     TRY(vault_lock_take(dir, networked, &lock, e));      // RC_AGAIN names the holder
 *     ...
 *     vault_lock_release(&lock);
 *
 * The file holds three lines: process id, host name, boot id; it is empty when the last holder let go.  The lock itself is
 * the flock.  Where a file system lies on the network an flock may reach no other host, so there a holder of another
 * host counts although its flock does not show, until the file is removed by hand.
 *
 * Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_VAULT_LOCK_H
#define CONTROLLER_VAULT_VAULT_LOCK_H

#include "common/base/error.h"

enum { VAULT_LOCK_WORD_SIZE = 128 };

struct vault_lock_holder { /* "" where it is not known */
    char process[VAULT_LOCK_WORD_SIZE], host[VAULT_LOCK_WORD_SIZE], boot[VAULT_LOCK_WORD_SIZE];
};

enum rc vault_lock_take(int dir, bool networked, int *out, struct error *e);
void vault_lock_release(int *lock); /* -1 is fine, and what it becomes */

/* Any text: what does not fit is cut. */
void vault_lock_parse(const char *text, struct vault_lock_holder *out);
/* Somebody left the lock without letting go: may he be there still, out of our lock's reach? */
bool vault_lock_may_live(const struct vault_lock_holder *left, const struct vault_lock_holder *us,
                         bool networked);

#endif
