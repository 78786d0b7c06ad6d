/*
 * link_internal.h -- the link's insides, for link*.c.
 *
 *     link.c             the program's side: open, next, send, call
 *     link_connection.c  one connection after the other, on a thread of its own
 *
 * Each attempt has a new nng socket: what was queued for a connection that died must not come out of
 * the next one, and nng's own redialling has no useful back-off.
 * Everything is guarded by the monitor, as in the hub.
 * Layer: proto.
 */
#ifndef PROTO_LINK_INTERNAL_H
#define PROTO_LINK_INTERNAL_H

#include <nng/nng.h>
#include <sys/queue.h>

#include "proto/link.h"
#include "proto/monitor.h"
#include "proto/tls_engine.h"
#include "proto/window.h"

struct link_mail {
    STAILQ_ENTRY(link_mail) next;
    enum link_kind kind;
    uint64_t connection;
    struct error why;    /* LINK_DOWN */
    struct buffer bytes; /* LINK_FRAME */
};

enum link_phase { LINK_DIALLING, LINK_JOINED /* nng has a pipe */, LINK_READY, LINK_ENDED };

struct link {
    struct monitor monitor;
    char *url;
    struct tls_setup *setup; /* NULL: a local socket */
    bool once, closing;
    pthread_t thread;
    bool tried;           /* the first attempt is over, well or badly: */
    struct error outcome; /* how the newest one went */

    uint64_t connection; /* counts attempts */
    enum link_phase phase;
    bool was_ready;
    nng_socket socket;
    nng_dialer dialer;
    nng_pipe pipe;
    nng_aio *receive, *tick;
    struct mono started, heard, said;
    struct window window;
    unsigned queued;
    uint32_t last_request;
    struct error why; /* why the connection ends, when we end it */

    STAILQ_HEAD(, link_mail) mail;
    bool woken;
    uint64_t calls;
};

/* The thread: connects until `closing`. */
void *link_connection_run(void *link);
/* With the monitor held. */
enum rc link_connection_send(struct link *link, const struct frame *frame, struct error *e);
void link_connection_heartbeat(struct link *link);

#endif
