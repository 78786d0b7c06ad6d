/*
 * priv_server.h -- the privileged half: the job board behind a socket.
 *
 * Everything that comes from the socket is hostile.  It can name a locally configured source, a verb of enum job_verb, a
 * target below a configured restore root, and numbers; nothing else.  A packet that is not valid ends the connection; more
 * than PRIV_SERVER_BURST orders at once are read no faster than PRIV_SERVER_RATE a second.  One network side at a time: a
 * second one is turned away.
 *
 *     TRY(priv_server_run(&(struct priv_server_options){...}, e));     // until `stopping` says so
 *
 * What was begun for a network side that has gone, or that says that its controller has, is let go when the lease is over;
 * results wait for the next one until then.
 * Threads: one loop; jobs on their own, as job.h says.  Layer: agent/priv.
 */
#ifndef AGENT_PRIV_PRIV_SERVER_H
#define AGENT_PRIV_PRIV_SERVER_H

#include "agent/priv/priv_channel.h"

enum {
    PRIV_SERVER_TICK_MS = 500,
    PRIV_SERVER_SILENCE_MS =
        15000, /* no word from the network side for that long: its controller counts as gone */
    PRIV_SERVER_BURST = 256, /* orders, drops and cancels: a full board, four times over */
    PRIV_SERVER_RATE = 64,
};

struct priv_server_options {
    struct job_options jobs; /* ports and wake are filled in here */
    int listener;            /* borrowed */
    uid_t peer;              /* of the network side */
    int stop;                /* readable: look whether to end */
    bool (*stopping)(void *ctx);
    /* Before each order: why none may be taken any more, with the remedy; else RC_OK. */
    enum rc (*check)(void *ctx, struct error *e);
    void *ctx;
};

enum rc priv_server_run(const struct priv_server_options *options, struct error *e);

#endif
