/*
 * data.h -- the controller's side of data streams: one job, one token, one connection, one vault session.
 *
 *     TRY(data_open(&options, &data, e));
 *     TRY(data_expect(data, job, "imap1", DATA_CAPTURE, token, e));   // before the agent is told
 *     if (data_fence(data, job, &fence)) ...                      // the capture ended well: ours to release now
 *     data_forget(data, job);                                     // the job is over: cuts its stream
 *
 * A capture's vault session is renewed by its frames, and by data_heard() when its agent was heard of otherwise: an agent
 * that reads what is stored already has nothing to say here for hours.  After FINISH the session is held until whoever
 * took its fence releases it.
 *
 * A capture job may ask "have?" and put; a restore job may only get, and only what its root reaches (data_reach.h).  A
 * connection whose certificate is not the job's agent or counts no more, or whose token is wrong or used, is refused and
 * logged.
 *
 * Threads: any (streams run on their own).  Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_DATA_H
#define CONTROLLER_FLEET_DATA_H

#include <stdint.h>

#include "common/base/id.h"
#include "controller/audit/audit.h"
#include "controller/vault/vault.h"
#include "proto/stream.h"

enum data_direction { DATA_CAPTURE, DATA_RESTORE };

struct data;
struct data_options {
    struct vault *vault; /* borrowed, as the next */
    struct audit *audit;
    const char *url;
    const struct tls_identity *identity;
    const char *local; /* ipc:///path for root's restores; NULL: none */
    /* NULL, or asked on a stream's thread: does this certificate still count? */
    enum rc (*admit)(void *ctx, const struct tls_peer *peer, struct error *e);
    void *ctx;
};
enum rc data_open(const struct data_options *options, struct data **out, struct error *e);
void data_close(struct data *d); /* cuts all streams */
static inline void
data_closep(struct data **d)
{
    data_close(*d);
}
enum rc data_port(const struct data *d, unsigned *out, struct error *e);
/* Makes a token for the job, good for one connection. */
enum rc data_expect(struct data *d, uint64_t job, const char *agent, enum data_direction direction,
                    struct id *token, struct error *e);
/* The agent at work on the job was heard of. */
void data_heard(struct data *d, uint64_t job);
/* The session of a capture that has finished, once; false when there is none to be had. */
bool data_fence(struct data *d, uint64_t job, struct vault_fence *out);
/* A restore may fetch what this root reaches; until it is told, nothing. */
enum rc data_restrict(struct data *d, uint64_t job, const struct id *root, struct error *e);
/* The same for a restore by an operator's program; NULL: by root's, through the local socket. */
enum rc data_expect_operator(struct data *d, uint64_t job, const char *name, struct id *token,
                             struct error *e);
/* A restore of several archives: it may fetch what these roots reach. */
enum rc data_restrict_all(struct data *d, uint64_t job, const struct id *roots, size_t count,
                          struct error *e);
void data_forget(struct data *d, uint64_t job); /* a fence that nobody took is released */
/* The peer's certificate counts no more: its streams are cut, and its tokens are good for nothing. */
void data_cut(struct data *d, enum certificate_role role, const char *name);

#endif
