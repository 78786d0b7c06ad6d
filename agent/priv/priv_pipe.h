/*
 * priv_pipe.h -- one job's own channel between the halves: sealed blobs one way, or the other.
 *
 * A stream socket, made by koffer-priv for the job; the other end went to the network side with PRIV_STREAM.  Frames of
 * 8 bytes (docs/formats/priv.md) and a payload, as on the data stream to the controller, which the network side joins to it:
 *
 *     capture   <- OPENED   HAVE ids ->   <- HAVE_REPLY   PUT id blob ->   FINISH ->   <- FINISHED
 *     restore   <- OPENED   GET id ->     <- BLOB id blob
 *     either    <- FAILURE code text, then the end
 *
 *     TRY(priv_pipe_write(fd, &cancel, PRIV_PIPE_PUT, parts, 2, e));
 *     TRY(priv_pipe_read(fd, &cancel, &type, &payload, e));      // `payload` is cleared; its limit bounds what may come
 *
 * Both give RC_CANCELLED soon after *cancel is set, RC_TIMEOUT when nothing moves for PRIV_PIPE_SILENCE_MS, RC_AGAIN when the
 * other end has gone.  A FAILURE that comes while writing is returned as the error that it carries.
 * Threads: one writer and one reader.  Layer: agent/priv.
 */
#ifndef AGENT_PRIV_PRIV_PIPE_H
#define AGENT_PRIV_PRIV_PIPE_H

#include <stdatomic.h>

#include "common/base/buffer.h"
#include "common/base/limits.h"

enum {
    PRIV_PIPE_HEADER = 8,
    PRIV_PIPE_SILENCE_MS = 900000, /* the controller may take its time to make all durable */
    PRIV_PIPE_HAVE_MAX = 1024,
    PRIV_PIPE_ROOM = 1 << 20 /* bytes that may be under way */
};
#define PRIV_PIPE_PAYLOAD_MAX (32u + LIMIT_BLOB)

enum priv_pipe_type {
    PRIV_PIPE_OPENED = 1,
    PRIV_PIPE_HAVE,
    PRIV_PIPE_HAVE_REPLY,
    PRIV_PIPE_PUT,
    PRIV_PIPE_FINISH,
    PRIV_PIPE_FINISHED,
    PRIV_PIPE_GET,
    PRIV_PIPE_BLOB,
    PRIV_PIPE_FAILURE,
    PRIV_PIPE_TYPES_,
};

/* [0]: ours, non-blocking; [1]: to be given away. */
enum rc priv_pipe_open(int ends[static 2], struct error *e);
/* Until there is something to read, or the end: no limit. */
enum rc priv_pipe_await(int fd, struct error *e);
/* `cancel` may be NULL. */
enum rc priv_pipe_write(int fd, const _Atomic(bool) *cancel, enum priv_pipe_type type,
                        const struct span *parts, size_t count, struct error *e);
enum rc priv_pipe_read(int fd, const _Atomic(bool) *cancel, enum priv_pipe_type *type,
                       struct buffer *payload, struct error *e);
/* Anything but `expected` is RC_PROTOCOL; a FAILURE becomes its error. */
enum rc priv_pipe_expect(int fd, const _Atomic(bool) *cancel, enum priv_pipe_type expected,
                         struct buffer *payload, struct error *e);
/* Best effort. */
void priv_pipe_fail(int fd, const struct error *why);

/* Total, for tests and fuzzing: RC_PROTOCOL unless the type exists and may be that long. */
enum rc priv_pipe_decode(const uint8_t header[static PRIV_PIPE_HEADER], enum priv_pipe_type *type,
                         uint32_t *length, struct error *e);
/* A FAILURE's payload as an error: any bytes give one that is not RC_OK. */
enum rc priv_pipe_failure(struct span payload, struct error *e);

#endif
