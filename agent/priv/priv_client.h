/*
 * priv_client.h -- the network side's end: a job board that is somewhere else.
 *
 * The same questions as job.h's, answered by koffer-priv; a thread keeps the connection, dials again when it is lost, and keeps
 * what it heard about jobs until the next look.
 *
 *     TRY(priv_client_open(&options, &client, e));
 *     if (priv_client_ready(client, &instance)) ...       // koffer-priv has introduced itself
 *     TRY(priv_client_submit(client, &order, e));         // waits for it and its answer; RC_AGAIN: koffer-priv is not there
 *     priv_client_each(client, visit, ctx);               // progress, and results that are whole
 *     priv_client_drop(client, job);                      // the controller has the result
 *
 * When the connection is lost, all that was known of jobs is forgotten: a koffer-priv that lives tells it again, one that was
 * started anew has another instance number and no jobs.  It is told the vault at once, as it was set last: an order may follow.
 *
 * An order that finds no connection does not fail for a koffer-priv that is just being restarted: the thread dials at once, and every
 * HURRY_MS, until it has introduced itself or PATIENCE_MS are over.  After that orders wait TIRED_MS each, one dial long, until there
 * was a connection again: those of many sources must not wait one after the other.
 * Threads: one (the session's loop), besides its own; `wake` and `stream` come from that one.  Layer: agent/priv.
 */
#ifndef AGENT_PRIV_PRIV_CLIENT_H
#define AGENT_PRIV_PRIV_CLIENT_H

#include "agent/priv/priv_channel.h"

enum {
    PRIV_CLIENT_ANSWER_MS = 60000,
    PRIV_CLIENT_RETRY_MS = 500,
    PRIV_CLIENT_HURRY_MS = 20,
    PRIV_CLIENT_PATIENCE_MS = 2000,
    PRIV_CLIENT_TIRED_MS = 100,
};

struct priv_client_options {
    const char *path; /* of the socket */
    void (*wake)(void *ctx);
    /* A job wants its data stream: `fd` is to be kept and closed. */
    void (*stream)(void *ctx, const struct priv_stream *what, int fd);
    void *ctx;
};

struct priv_client;
enum rc priv_client_open(const struct priv_client_options *options, struct priv_client **out,
                         struct error *e);
void priv_client_close(struct priv_client *c); /* NULL is fine */

/* Is koffer-priv there?  *instance: changes whenever it must be introduced to the controller anew. */
bool priv_client_ready(struct priv_client *c, uint64_t *instance);
/* Its sources; borrowed until the next call of priv_client_ready that tells another instance. */
size_t priv_client_sources(struct priv_client *c, const struct priv_source **out);

void priv_client_set_vault(struct priv_client *c, const struct job_vault *vault);
enum rc priv_client_submit(struct priv_client *c, const struct job_order *order, struct error *e);
void priv_client_cancel(struct priv_client *c, uint64_t job);
void priv_client_drop(struct priv_client *c, uint64_t job);
/* Tell it that we live, and whether the controller is there; at least every few seconds. */
void priv_client_tick(struct priv_client *c, bool connected);
/* The visitor may not call the client. */
void priv_client_each(struct priv_client *c, job_visit *visit, void *ctx);

#endif
