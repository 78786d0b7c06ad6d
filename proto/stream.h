/*
 * stream.h -- the data stream: blobs on a connection of their own, with real back-pressure
 * (docs/formats/frame.md, "Data stream").
 *
 * Listening side (controller): stream_listen() runs its own accept loop; each accepted and
 * handshaken connection whose peer is verified goes to `accepted` on a new thread of its own, which
 * owns the stream.  Connections that do not complete the handshake in TLS_HANDSHAKE_MS are closed.
 * Dialling side (agent): stream_dial().
 *
 * stream_send blocks while the peer does not read: that is the flow control.  stream_receive blocks
 * until a whole frame is there.  Both give RC_TIMEOUT when nothing moves for STREAM_SILENCE_MS and
 * RC_AGAIN when the connection broke.  stream_cancel makes both return RC_CANCELLED at once.
 *
 * Threads: one sender and one receiver at a time may use a stream; stream_cancel from any.
 * Layer: proto.
 */
#ifndef PROTO_STREAM_H
#define PROTO_STREAM_H

#include "common/base/buffer.h"
#include "common/base/limits.h"
#include "common/base/own.h"
#include "proto/tls.h"

enum {
    STREAM_SILENCE_MS = 60000,
    STREAM_HELLO_MS = 4000,
    STREAM_CONNECTIONS_MAX = 64,  /* with a thread */
    STREAM_CONNECTIONS_EACH = 16, /* of one peer: nobody can take all of them */
    STREAM_WAITING_MAX = 128      /* that have said nothing yet; one makes room: crowd.h */
};
#define STREAM_PAYLOAD_MAX (32u + LIMIT_BLOB)

enum stream_type {
    STREAM_HELLO = 1,
    STREAM_WELCOME,
    STREAM_HAVE,
    STREAM_HAVE_REPLY,
    STREAM_PUT,
    STREAM_FINISH,
    STREAM_FINISHED,
    STREAM_GET,
    STREAM_BLOB,
    STREAM_FAILURE,
    STREAM_PING,
    STREAM_MESSAGE, /* a control frame, header and body: enrolment */
    STREAM_TYPES_,
};

struct stream;

/* `identity` and `expect` are NULL for ipc:///path. */
enum rc stream_dial(const char *url, const struct tls_identity *identity, const char *expect,
                    struct stream **out, struct error *e);
void stream_close(struct stream *s); /* NULL is fine */
static inline void
stream_closep(struct stream **s)
{
    stream_close(*s);
}
const struct tls_peer *stream_peer(const struct stream *s);

/* The payload is the parts one after the other; borrowed for the call. */
enum rc stream_send(struct stream *s, enum stream_type type, const struct span *parts,
                    size_t part_count, struct error *e);
/* PINGs are swallowed.  A FAILURE frame becomes the error it carries.  `payload` is cleared and filled. */
enum rc
stream_receive(struct stream *s, enum stream_type *type, struct buffer *payload, struct error *e);
/* As stream_receive, but the first frame must come within `ms`. */
enum rc stream_receive_within(struct stream *s, int ms, enum stream_type *type,
                              struct buffer *payload, struct error *e);
/* Best effort: tell the peer why we give up (a FAILURE frame). */
void stream_fail(struct stream *s, const struct error *why);
void stream_cancel(struct stream *s);

/* The frame header alone, for tests and fuzzing: total. */
enum { STREAM_HEADER_SIZE = 8 };
enum rc stream_decode_header(const uint8_t header[static STREAM_HEADER_SIZE],
                             enum stream_type *type, uint32_t *payload_len, struct error *e);
void stream_encode_header(enum stream_type type, uint32_t payload_len,
                          uint8_t header[static STREAM_HEADER_SIZE]);

struct stream_listener;
struct stream_listen_options {
    const char
        *url; /* tls+tcp://host:port, or ipc:///path in a directory that others cannot enter */
    const struct tls_identity *identity; /* NULL: ipc */
    enum tls_demand demand;
    void (*accepted)(void *ctx,
                     struct stream *s); /* takes ownership of `s`; runs on its own thread */
    void *ctx;
};
enum rc stream_listen(const struct stream_listen_options *options, struct stream_listener **out,
                      struct error *e);
enum rc stream_listener_port(const struct stream_listener *l, unsigned *out, struct error *e);
/* Stops accepting, cancels the streams that are still open and waits for their threads. */
void stream_listener_close(struct stream_listener *l);

#endif
