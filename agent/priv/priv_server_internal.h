/* priv_server_internal.h -- what the files of the privileged half's server share.  Layer: agent/priv. */
#ifndef AGENT_PRIV_PRIV_SERVER_INTERNAL_H
#define AGENT_PRIV_PRIV_SERVER_INTERNAL_H

#include <pthread.h>

#include "agent/priv/priv_server.h"

struct priv_server {
    const struct priv_server_options *options;
    struct job_board *board;
    uint64_t instance;
    int wake;             /* eventfd */
    pthread_mutex_t lock; /* of client and broken: jobs send too */
    int client;           /* -1: none */
    bool broken;          /* a send failed: to be closed by the loop */
    /* the loop's own */
    bool greeted, controller;
    struct mono heard, next_progress;
    struct mono round_ends; /* what this round of the loop has to say must find room until then */
    int64_t allowance;      /* messages, in thousandths */
    struct mono allowed_at;
    struct mono deaf_until; /* nobody is let in before: the last one could not be */
    uint64_t sent[JOB_MAX]; /* jobs whose result this client has got */
    size_t sent_count;
    struct priv_message said, out; /* heard last; under construction: too large for the stack */
};

/*
 * priv_server.c: to the network side, whichever is there; the lock is not held while there is no room.  RC_AGAIN: it is not
 * there, or there was no room until then, which breaks the connection.
 * _send is the loop's, and waits until its round ends, however much there is to say; _lend is a job's.
 */
enum rc priv_server_send(struct priv_server *s, const struct priv_message *m, struct error *e);
enum rc priv_server_lend(struct priv_server *s, const struct priv_message *m, int descriptor,
                         struct error *e);
/* priv_server.c: an empty message, the loop's; lives until the next. */
struct priv_message *priv_server_message(struct priv_server *s, enum priv_type type);
/* priv_server_report.c: progress of what runs, results that this client has not got. */
void priv_server_report(struct priv_server *s, struct mono now);
/* priv_server_ports.c */
struct job_ports priv_server_ports(struct priv_server *s);

#endif
