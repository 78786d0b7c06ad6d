/*
 * window.h -- how many frames are on their way to a peer, by what it tells us.
 *
 * A slow peer must not make us queue without bound, nor lose anything silently.  So both ends
 * count: a HEARTBEAT's correlation is the number of frames (heartbeats not counted) that its
 * sender's program has taken from this connection so far.  Whoever has HUB_OUTSTANDING frames on the
 * way sends no more.
 *
 *     if (!window_may_send(&w)) return RC_AGAIN;  ... ; window_sent(&w);
 *     if (window_taken(&w)) send_heartbeat(window_tell(&w));
 *     if (!window_acknowledged(&w, correlation, &reopened)) close_the_connection();
 *
 * Layer: proto.
 */
#ifndef PROTO_WINDOW_H
#define PROTO_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window {
    uint64_t sent, acknowledged; /* towards the peer */
    uint64_t taken, told;        /* from the peer */
    bool refused;                /* someone was told RC_AGAIN and waits for room */
};

/* A refusal is remembered. */
bool window_may_send(struct window *w);
void window_sent(struct window *w);
/* Our program took a frame: is it time to tell the peer? */
bool window_taken(struct window *w);
/* The number for the heartbeat that is about to be sent. */
uint64_t window_tell(struct window *w);
/* False: the peer claims to have taken more than we sent.  `reopened`: a refused sender may go on. */
bool window_acknowledged(struct window *w, uint64_t count, bool *reopened);

#endif
