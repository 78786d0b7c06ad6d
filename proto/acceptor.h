/*
 * acceptor.h -- accepts connections and hands them on; used by hub and data stream.
 *
 *     TRY(acceptor_open("tls+tcp://0.0.0.0:7420", setup, on_stream, ctx, &a, e));
 *     TRY(acceptor_open("ipc:///run/koffer/control", NULL, on_stream, ctx, &a, e));   mode 0600
 *
 * An accept that fails is repeated after a short pause: no peer and no lack of descriptors ends it.
 * `accepted` runs on a thread of nng's; with TLS, the handshake has not begun.
 * Layer: proto.
 */
#ifndef PROTO_ACCEPTOR_H
#define PROTO_ACCEPTOR_H

#include <nng/nng.h>

#include "proto/tls_engine.h"

struct acceptor;
/* `setup` is borrowed for the acceptor's life. */
enum rc acceptor_open(const char *url, struct tls_setup *setup,
                      void (*accepted)(void *context, nng_stream *stream), void *context,
                      struct acceptor **out, struct error *e);
enum rc acceptor_port(const struct acceptor *a, unsigned *out, struct error *e);
/* After it returns, `accepted` is not called any more.  NULL is fine. */
void acceptor_close(struct acceptor *a);

#endif
