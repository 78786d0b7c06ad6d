/*
 * hub.h -- the controller's end of the control protocol: many peers, one mailbox.
 *
 * One or more listeners; a peer is one live connection, named by a number that is never
 * reused.  Identity comes from the certificate (TLS) or is HUB_LOCAL for the root-only socket.
 *
 *     TRY(hub_open(&hub, e));
 *     TRY(hub_listen_tls(hub, "tls+tcp://0.0.0.0:7420", &identity, e));
 *     TRY(hub_listen_local(hub, "/run/koffer/control", e));
 *     for (;;) { TRY(hub_next(hub, deadline, &event, e)); switch (event.kind) ... ; hub_event_clear(&event); }
 *
 * nng's callbacks only post to the mailbox (bounded; a peer that overruns it is closed).  A peer silent for
 * HUB_SILENCE_MS is closed and reported HUB_DOWN; heartbeats (type HEARTBEAT, no body) are sent by both ends on their
 * own after HUB_HEARTBEAT_MS of silence and are not reported.
 * A peer that leaves a message half said, or does not read what it is sent, is closed after HUB_STUCK_MS.
 * At most HUB_OUTSTANDING frames are on their way to one peer (sent, not yet taken by its program): more is
 * RC_AGAIN, and HUB_WOKEN comes when there is room again.  A peer that is gone: RC_NOT_FOUND.
 *
 * Threads: hub_next from one thread; hub_send, hub_close_peer, hub_wake from any.  Layer: proto.
 */
#ifndef PROTO_HUB_H
#define PROTO_HUB_H

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/own.h"
#include "proto/frame.h"
#include "proto/tls.h"

enum {
    HUB_HEARTBEAT_MS = 10000,
    HUB_SILENCE_MS = 25000,
    HUB_STUCK_MS = 10000, /* a whole message needs less over 26 KB/s */
    HUB_OUTSTANDING = 32,
    HUB_MAILBOX = 4096,
    HUB_PEERS = 1024,     /* connections; more are refused, except root's: */
    HUB_PEERS_EACH = 64,  /* of one certificate */
    HUB_PEERS_LOCAL = 64, /* through the local socket, beyond those */
    HUB_WAITING = 128 /* connections over TLS that have said nothing yet; one makes room: crowd.h */
};
#define HUB_MAILBOX_BYTES                                                                          \
    (64u * 1024 * 1024) /* a mailbox of longest messages would be a gigabyte */

enum hub_kind { HUB_UP, HUB_DOWN, HUB_FRAME, HUB_WOKEN, HUB_TIMEOUT };

struct hub_event {
    enum hub_kind kind;
    uint64_t peer;
    bool local;          /* came through the root-only socket */
    struct tls_peer tls; /* HUB_UP and HUB_FRAME, when not local */
    struct frame frame;  /* HUB_FRAME; borrows from `bytes` */
    struct buffer bytes;
};

void hub_event_clear(struct hub_event *event);

struct hub;
enum rc hub_open(struct hub **out, struct error *e);
void hub_close(struct hub *hub); /* NULL is fine; closes all peers */
enum rc hub_listen_tls(struct hub *hub, const char *url, const struct tls_identity *identity,
                       struct error *e);
/* Makes the socket 0600 in a 0700 directory; only root connects (peer uid is checked). */
enum rc hub_listen_local(struct hub *hub, const char *path, struct error *e);
/* The port a listener with ":0" got. */
enum rc hub_port(const struct hub *hub, unsigned *out, struct error *e);

enum rc hub_next(struct hub *hub, struct mono deadline, struct hub_event *out, struct error *e);
enum rc hub_send(struct hub *hub, uint64_t peer, const struct frame *frame, struct error *e);
void hub_close_peer(struct hub *hub, uint64_t peer);
/* Makes hub_next return HUB_WOKEN soon: other threads have work for the loop. */
void hub_wake(struct hub *hub);

#endif
