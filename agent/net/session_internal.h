/* session_internal.h -- what the files of the session share.  Layer: agent/net. */
#ifndef AGENT_NET_SESSION_INTERNAL_H
#define AGENT_NET_SESSION_INTERNAL_H

#include <pthread.h>

#include "agent/net/relay.h"
#include "agent/net/session.h"
#include "proto/koffer.pb-c.h"
#include "proto/link.h"

struct session_sent { /* a result that waits for its acknowledgement */
    uint64_t job;
    struct mono at;
};

struct session {
    const struct session_options *options;
    struct link *link;
    struct priv_client *priv;
    struct relay *relay;
    uint64_t number; /* random per start */
    bool up;         /* the link */
    bool welcome;    /* the controller has answered our hello on this connection */
    uint64_t told;   /* the instance of koffer-priv that the last hello told of; 0: none */
    struct session_sent sent[JOB_MAX];
    size_t sent_count;
    struct mono next_progress;
    struct keys_private *next_key; /* of the certificate that was asked for */
    struct mono ask_again;
    bool renewed, stopped;
    pthread_mutex_t lock; /* data_url is read by the client's thread */
    char data_url[PRIV_URL_MAX];
};

/* session_order.c */
void session_order(struct session *s, const struct frame *frame);
void session_cancel(struct session *s, const struct frame *frame);
void session_clock(struct session *s, const struct frame *frame);
void session_answer(struct session *s, const struct frame *request, const struct error *why);
enum rc session_send(struct session *s, uint16_t type, uint64_t correlation,
                     const ProtobufCMessage *message, struct error *e);

/* session_renew.c: ask for a new certificate when it is time; take the answer. */
void session_renew(struct session *s, struct mono now);
void session_renewed(struct session *s, const struct frame *frame);
/* No step is known here, running or with a result to tell. */
bool session_is_idle(struct session *s);
/* The remedy when the certificate has expired; "" while it is good. */
const char *session_expired(const struct session *s);

/* session_report.c */
void session_report(struct session *s, struct mono now);

#endif
