/*
 * hub_internal.h -- the hub's insides, for hub*.c.
 *
 *     hub.c         opening, closing, the program's side: next, send
 *     hub_listen.c  listeners, TLS and local
 *     hub_peers.c   nng's side: connections come and go, frames arrive, time passes
 *
 * Everything is guarded by the monitor.  A peer's channel is freed by hub_next or hub_close, without
 * the monitor, because that waits for the channel's callbacks.
 * Layer: proto.
 */
#ifndef PROTO_HUB_INTERNAL_H
#define PROTO_HUB_INTERNAL_H

#include <nng/nng.h>
#include <sys/queue.h>

#include "proto/acceptor.h"
#include "proto/control.h"
#include "proto/hub.h"
#include "proto/monitor.h"

enum { HUB_LISTENERS = 8 };

struct hub_mail {
    STAILQ_ENTRY(hub_mail) next;
    enum hub_kind kind;
    struct hub_peer *peer;
    struct frame frame; /* HUB_FRAME; borrows from: */
    struct buffer bytes;
};

/* HUB_NEW until its first frame; HUB_LOST when its channel has ended; HUB_DONE: free it. */
enum hub_state { HUB_NEW, HUB_LIVE, HUB_LOST, HUB_DONE };

struct hub_peer {
    TAILQ_ENTRY(hub_peer) next;
    struct hub *hub;
    uint64_t number;
    enum hub_state state;
    bool local;
    uint64_t origin; /* crowd.h */
    bool evicted;    /* it had to make room */
    struct tls_peer tls;
    struct control control;
    struct mono arrived;
    struct hub_mail up, down; /* these two always have a place */
};

struct hub_listener {
    struct hub *hub;
    struct acceptor *acceptor;
    struct tls_setup *setup; /* NULL: local */
};

struct hub {
    struct monitor monitor;
    nng_aio *tick;
    struct hub_listener listeners[HUB_LISTENERS];
    size_t listener_count;
    TAILQ_HEAD(, hub_peer) peers;
    size_t peer_count, done_count;
    uint64_t last_number;
    STAILQ_HEAD(, hub_mail) mail; /* HUB_UP, frames, HUB_DOWN of each peer in this order */
    size_t mail_count, mail_bytes;
    bool woken;
};

/* An acceptor's `accepted`; the context is the struct hub_listener. */
void hub_peers_accept(void *listener, nng_stream *stream);
/* The tick's callback. */
void hub_peers_tick(void *hub);
int hub_peers_tick_ms(void);
/* With the monitor held. */
struct hub_peer *hub_peers_find(struct hub *hub, uint64_t number);
/* Without it: frees the peers that are done. */
void hub_peers_sweep(struct hub *hub);

#endif
