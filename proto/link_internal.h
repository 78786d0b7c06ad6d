/*
 * link_internal.h -- the link's insides, for link*.c.
 *
 *     link.c             the program's side: open, next, send, call
 *     link_connection.c  one connection after the other, on a thread of its own
 *
 * Everything is guarded by the monitor, as in the hub.
 * Layer: proto.
 */
#ifndef PROTO_LINK_INTERNAL_H
#define PROTO_LINK_INTERNAL_H

#include <nng/nng.h>
#include <sys/queue.h>

#include "proto/control.h"
#include "proto/dialler.h"
#include "proto/link.h"
#include "proto/monitor.h"

struct link_mail {
    STAILQ_ENTRY(link_mail) next;
    enum link_kind kind;
    uint64_t connection;
    struct error why;   /* LINK_DOWN */
    struct frame frame; /* LINK_FRAME; borrows from: */
    struct buffer bytes;
};

/* LINK_READY: the controller has said something. */
enum link_phase { LINK_IDLE, LINK_JOINING, LINK_READY, LINK_ENDED };

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
    struct dialler_cancel dialling;
    struct control control;
    nng_aio *tick;
    struct mono started;
    struct error why; /* why the connection ended */

    STAILQ_HEAD(, link_mail) mail;
    bool woken;
    uint64_t calls;
};

/* The thread: connects until `closing`. */
void *link_connection_run(void *link);

#endif
