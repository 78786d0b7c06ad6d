/*
 * dialler.h -- one attempt to connect, which can be given up.
 *
 *     TRY(dialler_dial(url, setup, timeout_ms, &cancel, &stream, e));
 *
 * Over TLS this is the TCP connection only: the handshake begins with the first operation.
 * Layer: proto.
 */
#ifndef PROTO_DIALLER_H
#define PROTO_DIALLER_H

#include <nng/nng.h>

#include "proto/monitor.h"
#include "proto/tls_engine.h"

/* Zeroed by its owner; dialler_cancel from any thread makes a dial fail with RC_CANCELLED, the one
 * under way and every later one. */
struct dialler_cancel {
    struct monitor *monitor; /* the owner's, guards the rest */
    nng_aio *aio;            /* the dial under way */
    bool cancelled;
};

/* With the monitor held. */
void dialler_cancel(struct dialler_cancel *cancel);

/* Without it.  `setup` may be NULL (ipc://), `cancel` too. */
enum rc dialler_dial(const char *url, struct tls_setup *setup, int timeout_ms,
                     struct dialler_cancel *cancel, nng_stream **out, struct error *e);

#endif
