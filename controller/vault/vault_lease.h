/*
 * vault_lease.h -- which sessions live, and what must not be deleted while they do (facts: D19, D20).
 *
 * A lease is a session's right to rely on what it was told.  It belongs to a host and a job and has a fence: a number
 * given once, higher than all before.  Whoever begins again for the same host and job gets a newer one, and the older is
 * over.  It ends when nothing was heard of it for `lease_ms` by our own clock, which goes on while the machine sleeps;
 * the peer's idea of time never counts.  A lease that is *held* has no such end: whoever holds it, in this process,
 * releases it.
 *
 *     TRY(vault_leases_begin(leases, "imap1", job, next_pack, &fence, e));
 *     vault_leases_lock(leases);
 *     rc = vault_leases_check(leases, &fence, e);         // RC_STALE; alive: it lives on from now
 *     ... look it up in the index ...
 *     rc = vault_leases_pin(leases, &fence, pack, e);     // in the same critical section as the look-up
 *     vault_leases_unlock(leases);
 *
 * Pins are by pack: what a session was told is there, keeps its pack; and every pack that is newer than the session is
 * kept as well, for it may hold what the session put and no record names yet.  So a pin costs a bit, not an entry.
 * Whoever takes a pack out of the vault asks vault_leases_keep() and takes it out of the index within one lock.
 *
 * All of it is in memory: docs/decisions/0007-pins-in-memory.md says why.
 *
 * Threads: any.  vault_leases_check, _pin and _keep only between lock and unlock.  Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_VAULT_LEASE_H
#define CONTROLLER_VAULT_VAULT_LEASE_H

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/own.h"
#include "controller/vault/vault.h"

struct vault_leases;

/* clock NULL: clock_mono(). */
enum rc vault_leases_new(struct mono (*clock)(void), int64_t lease_ms, struct vault_leases **out,
                         struct error *e);
void vault_leases_free(struct vault_leases *l); /* NULL is fine */
DEFINE_FREEP(vault_leases)

/* `host` NULL or "": of nobody in particular.  RC_AGAIN when LIMIT_SESSIONS live. */
enum rc vault_leases_begin(struct vault_leases *l, const char *host, uint64_t job,
                           uint32_t next_pack, struct vault_fence *out, struct error *e);
/* From now on it does not end by itself.  RC_STALE when it is over. */
enum rc vault_leases_hold(struct vault_leases *l, const struct vault_fence *fence, struct error *e);
/* It is over, and its pins with it; one that was over already is left alone. */
void vault_leases_release(struct vault_leases *l, const struct vault_fence *fence);
/* How many live. */
size_t vault_leases_count(struct vault_leases *l);

void vault_leases_lock(struct vault_leases *l);
void vault_leases_unlock(struct vault_leases *l);
/* RC_STALE when it is over; else it was heard of just now. */
enum rc
vault_leases_check(struct vault_leases *l, const struct vault_fence *fence, struct error *e);
/* RC_STALE when it is over. */
enum rc vault_leases_pin(struct vault_leases *l, const struct vault_fence *fence, uint32_t pack,
                         struct error *e);
/* Does a living session need the pack? */
bool vault_leases_keep(struct vault_leases *l, uint32_t pack);

#endif
