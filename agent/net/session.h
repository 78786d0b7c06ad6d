/*
 * session.h -- the agent's life with its controller: says hello, takes orders, reports.
 *
 * One loop over the link and the job board.  A result is sent until the controller has acknowledged it, also over a new
 * connection; progress of running steps once a second.  Runs until `stop` becomes readable.
 *
 * Threads: the caller's.  Layer: agent/net.
 */
#ifndef AGENT_NET_SESSION_H
#define AGENT_NET_SESSION_H

#include "agent/job/job.h"
#include "proto/tls.h"

enum { SESSION_TICK_MS = 500, SESSION_RESEND_MS = 10000 };

struct session_options {
    const char *url;    /* of the controller */
    const char *expect; /* "koffer://controller/<name>" */
    const struct tls_identity *identity;
    struct record_vault_id vault; /* as enrolled: another one is refused */
    struct job_options jobs;      /* ports and wake are filled in here */
    /* Asked every tick: end now? */
    bool (*stopping)(void *ctx);
    void *ctx;
};

enum rc session_run(const struct session_options *options, struct error *e);

#endif
