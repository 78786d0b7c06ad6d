/*
 * priv_store.h -- what a job of koffer-priv uploads to and restores from: its channel to the network side.
 *
 *     TRY(priv_store_open(fd, cancel, &store, e));       // takes fd; waits for OPENED
 *     TRY(priv_store_finish(store, e));                  // everything put is durable, says the controller
 *     priv_store_close(store);
 *     TRY(priv_store_open_source(fd, cancel, &source, e));   // the same for a restore
 *
 * What comes back is a stranger's: an answer "stored already" can withhold a blob, which the vault notices; a blob is used
 * only if its bytes hash to the name that was asked for.
 * Threads: as capture_store and blob_source say.  Layer: agent/priv.
 */
#ifndef AGENT_PRIV_PRIV_STORE_H
#define AGENT_PRIV_PRIV_STORE_H

#include "agent/capture/capture.h"
#include "agent/priv/priv_pipe.h"

enum rc
priv_store_open(int fd, const _Atomic(bool) *cancel, struct capture_store **out, struct error *e);
enum rc priv_store_finish(struct capture_store *store, struct error *e);
void priv_store_close(struct capture_store *store); /* NULL is fine */

enum rc priv_store_open_source(int fd, const _Atomic(bool) *cancel, struct blob_source **out,
                               struct error *e);
void priv_store_close_source(struct blob_source *source);

#endif
