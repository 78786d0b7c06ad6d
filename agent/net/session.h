/*
 * session.h -- the agent's life with its controller: says hello, takes orders, reports.
 *
 * One loop over the link and koffer-priv, which runs the steps.  A result is sent until the controller has acknowledged it, also
 * over a new connection; progress of running steps once a second.  Without koffer-priv the agent says no hello: what was
 * running in one that has gone is missed by the controller in the next hello.  Runs until `stopping` says so.
 *
 * Threads: the caller's.  Layer: agent/net.
 */
#ifndef AGENT_NET_SESSION_H
#define AGENT_NET_SESSION_H

#include "agent/priv/priv_client.h"
#include "proto/tls.h"

enum { SESSION_TICK_MS = 500, SESSION_RESEND_MS = 10000 };

struct session_options {
    const char *url;    /* of the controller */
    const char *expect; /* "koffer://controller/<name>" */
    const struct tls_identity *identity;
    struct record_vault_id vault; /* as enrolled: another one is refused */
    const char *socket;           /* of koffer-priv */
    const char *directory;        /* papers.h: where a renewed certificate goes */
    const struct certificate_facts *certificate;
    /* Asked every tick: end now? */
    bool (*stopping)(void *ctx);
    void *ctx;
};

/*
 * *renewed: the certificate was renewed, and no step runs: load the papers and run again, with them.  Until then the old one
 * counts.
 */
enum rc session_run(const struct session_options *options, bool *renewed, struct error *e);

#endif
