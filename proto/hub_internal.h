/*
 * hub_internal.h -- the hub's insides, for hub*.c.
 *
 *     hub.c         opening, closing, the program's side: next, send
 *     hub_listen.c  listeners, TLS and local
 *     hub_peers.c   nng's side: pipes come and go, messages arrive, time passes
 *
 * Everything is guarded by the monitor.  nng calls us from its own threads without a lock of its own,
 * so calling nng with the monitor held is safe; frames leave in the order of hub_send.
 * Layer: proto.
 */
#ifndef PROTO_HUB_INTERNAL_H
#define PROTO_HUB_INTERNAL_H

#include <nng/nng.h>
#include <sys/queue.h>

#include "proto/hub.h"
#include "proto/monitor.h"
#include "proto/tls_engine.h"
#include "proto/window.h"

enum { HUB_LISTENERS = 8 };

struct hub_mail {
    STAILQ_ENTRY(hub_mail) next;
    enum hub_kind kind;
    struct hub_peer *peer;
    struct buffer bytes; /* HUB_FRAME */
};

struct hub_peer {
    TAILQ_ENTRY(hub_peer) next;
    uint64_t number;
    nng_pipe pipe;
    bool local, announced, gone;
    struct tls_peer tls;
    struct window window;
    struct mono heard, said;
    unsigned queued;          /* frames in the mailbox */
    struct hub_mail up, down; /* these two always have a place */
};

struct hub_listener {
    nng_listener nng;
    struct tls_setup *setup; /* NULL: local */
};

struct hub {
    struct monitor monitor;
    nng_socket socket;
    bool open;
    nng_aio *receive, *tick;
    struct hub_listener listeners[HUB_LISTENERS];
    size_t listener_count;
    TAILQ_HEAD(, hub_peer) peers;
    size_t peer_count;
    uint64_t last_number;
    uint32_t last_request;
    STAILQ_HEAD(, hub_mail) mail; /* HUB_UP, frames, HUB_DOWN of each peer in this order */
    size_t mail_count, mail_bytes;
    bool woken;
};

/* nng's callbacks. */
void hub_peers_pipe(nng_pipe pipe, nng_pipe_ev event, void *hub);
void hub_peers_message(void *hub);
void hub_peers_tick(void *hub);
int hub_peers_tick_ms(void);

/* The rest with the monitor held. */
struct hub_peer *hub_peers_find(struct hub *hub, uint64_t number);
enum rc
hub_peers_send(struct hub *hub, struct hub_peer *peer, const struct frame *frame, struct error *e);
void hub_peers_heartbeat(struct hub *hub, struct hub_peer *peer);
void hub_peers_forget(struct hub *hub, struct hub_peer *peer);

#endif
