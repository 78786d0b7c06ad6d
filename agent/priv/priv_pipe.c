/* priv_pipe.c -- see priv_pipe.h. */
#include "agent/priv/priv_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/priv/priv_channel.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/text.h"

enum { LOOK_MS = 250 /* how soon a cancel is seen */, PARTS_MAX = 4 };

static const struct {
    uint32_t min, max;
} lengths[PRIV_PIPE_TYPES_] = {
    [PRIV_PIPE_OPENED] = {0, 0},
    [PRIV_PIPE_HAVE] = {ID_SIZE, ID_SIZE *PRIV_PIPE_HAVE_MAX},
    [PRIV_PIPE_HAVE_REPLY] = {1, PRIV_PIPE_HAVE_MAX},
    [PRIV_PIPE_PUT] = {ID_SIZE + 1, PRIV_PIPE_PAYLOAD_MAX},
    [PRIV_PIPE_FINISH] = {0, 0},
    [PRIV_PIPE_FINISHED] = {0, 0},
    [PRIV_PIPE_GET] = {ID_SIZE, ID_SIZE},
    [PRIV_PIPE_BLOB] = {ID_SIZE, PRIV_PIPE_PAYLOAD_MAX},
    [PRIV_PIPE_FAILURE] = {1, 1 + ERROR_TEXT_MAX},
};

enum rc
priv_pipe_decode(const uint8_t header[static PRIV_PIPE_HEADER], enum priv_pipe_type *type,
                 uint32_t *length, struct error *e)
{
    uint32_t len = (uint32_t)header[0] | (uint32_t)header[1] << 8 | (uint32_t)header[2] << 16 |
                   (uint32_t)header[3] << 24;
    uint8_t kind = header[4];
    bool padded = header[5] == 0 && header[6] == 0 && header[7] == 0;
    if (kind == 0 || kind >= PRIV_PIPE_TYPES_ || !padded || len < lengths[kind].min ||
        len > lengths[kind].max)
        return error_set(e, RC_PROTOCOL,
                         "frame type %u of %u bytes between the halves of the agent", kind, len);
    *type = (enum priv_pipe_type)kind;
    *length = len;
    return RC_OK;
}

enum rc
priv_pipe_failure(struct span payload, struct error *e)
{
    char text[ERROR_TEXT_MAX];
    uint8_t code = payload.len > 0 ? payload.data[0] : RC_PROTOCOL;
    struct span said =
        payload.len > 1 ? span_of(payload.data + 1, payload.len - 1) : span_of("", 0);
    if (code == RC_OK || code >= RC_COUNT_)
        code = RC_PROTOCOL;
    return error_set(e, (enum rc)code, "%s", text_escape(said, text, sizeof text));
}

enum rc
priv_pipe_open(int ends[static 2], struct error *e)
{
    const int room = PRIV_PIPE_ROOM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return error_errno(e, "channel of a job");
    priv_channel_take_no_descriptors(ends[0]);
    /* The usual 208 KiB do too, with more switches of context. */
    (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    (void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return RC_OK;
}

/* Until `events`, or the reason why not; *since is when something last moved. */
static enum rc
wait_for(int fd, short events, const _Atomic(bool) *cancel, struct mono since, struct error *e)
{
    struct pollfd ready = {.fd = fd, .events = events};
    for (;;) {
        if (cancel != NULL && atomic_load(cancel))
            return error_set(e, RC_CANCELLED, "cancelled");
        int n = poll(&ready, 1, LOOK_MS);
        if (n > 0)
            return RC_OK;
        if (n < 0 && errno != EINTR)
            return error_errno(e, "channel of a job");
        if (clock_ms_until(clock_after_ms(since, PRIV_PIPE_SILENCE_MS), clock_mono()) == 0)
            /* not covered: a quarter of an hour of silence */
            return error_set(e, RC_TIMEOUT, "the other half of the agent says nothing for %d s",
                             PRIV_PIPE_SILENCE_MS / 1000);
    }
}

enum rc
priv_pipe_await(int fd, struct error *e)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (poll(&ready, 1, -1) < 0)
        if (errno != EINTR)
            return error_errno(e, "channel of a job");
    return RC_OK;
}

static enum rc
gone(struct error *e)
{
    return error_set(e, RC_AGAIN, "the other half of the agent has gone");
}

/* ---- reading */

struct reading {
    int fd;
    const _Atomic(bool) *cancel;
    bool at_once; /* what is not there yet does not count */
};

static enum rc
read_all(const struct reading *r, uint8_t *out, size_t len, struct error *e)
{
    struct mono since = clock_mono();
    while (len > 0) {
        bool unwanted;
        ssize_t got = priv_channel_read(r->fd, out, len, &unwanted);
        if (got >= 0 && unwanted)
            return error_set(e, RC_PROTOCOL, "a descriptor that nobody asked for");
        if (got == 0 || (got < 0 && (errno != EAGAIN || r->at_once)))
            return gone(e);
        if (got < 0) {
            TRY(wait_for(r->fd, POLLIN, r->cancel, since, e));
            continue;
        }
        out += got;
        len -= (size_t)got;
        since = clock_mono();
    }
    return RC_OK;
}

static enum rc
read_frame(const struct reading *r, enum priv_pipe_type *type, struct buffer *payload,
           struct error *e)
{
    uint8_t header[PRIV_PIPE_HEADER];
    uint32_t length;
    TRY(read_all(r, header, sizeof header, e));
    TRY(priv_pipe_decode(header, type, &length, e));
    buffer_clear(payload);
    TRY(buffer_reserve(payload, length, e));
    TRY(read_all(r, payload->data, length, e));
    payload->len = length;
    return RC_OK;
}

enum rc
priv_pipe_read(int fd, const _Atomic(bool) *cancel, enum priv_pipe_type *type,
               struct buffer *payload, struct error *e)
{
    return read_frame(&(struct reading){.fd = fd, .cancel = cancel}, type, payload, e);
}

enum rc
priv_pipe_expect(int fd, const _Atomic(bool) *cancel, enum priv_pipe_type expected,
                 struct buffer *payload, struct error *e)
{
    enum priv_pipe_type type;
    TRY(priv_pipe_read(fd, cancel, &type, payload, e));
    if (type == PRIV_PIPE_FAILURE)
        return priv_pipe_failure(buffer_span(payload), e);
    if (type != expected)
        return error_set(e, RC_PROTOCOL, "frame type %d instead of %d between the halves",
                         (int)type, (int)expected);
    return RC_OK;
}

/* ---- writing */

/* Drops what was sent from the front of the list. */
static void
advance(struct msghdr *m, size_t sent)
{
    while (m->msg_iovlen > 0 && sent >= m->msg_iov->iov_len) {
        sent -= m->msg_iov->iov_len;
        m->msg_iov++;
        m->msg_iovlen--;
    }
    if (m->msg_iovlen > 0) {
        m->msg_iov->iov_base = (uint8_t *)m->msg_iov->iov_base + sent;
        m->msg_iov->iov_len -= sent;
    }
}

static enum rc
write_all(int fd, const _Atomic(bool) *cancel, struct iovec *parts, size_t count, struct error *e)
{
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = count};
    struct mono since = clock_mono();
    while (m.msg_iovlen > 0) {
        ssize_t sent = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return gone(e);
        if (sent < 0) {
            TRY(wait_for(fd, POLLOUT, cancel, since, e));
            continue;
        }
        advance(&m, (size_t)sent);
        since = clock_mono();
    }
    return RC_OK;
}

/* Who goes says why first: that is in our buffer, whole.  Not waited for: who only refuses to read may stay silent for ever. */
static enum rc
last_words(int fd, struct error *e)
{
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(PRIV_PIPE_PAYLOAD_MAX);
    struct error ignored = ERROR_INIT;
    enum priv_pipe_type type;
    const struct reading there = {.fd = fd, .at_once = true};
    if (read_frame(&there, &type, &payload, &ignored) == RC_OK && type == PRIV_PIPE_FAILURE)
        return priv_pipe_failure(buffer_span(&payload), e);
    return e->code;
}

enum rc
priv_pipe_write(int fd, const _Atomic(bool) *cancel, enum priv_pipe_type type,
                const struct span *parts, size_t count, struct error *e)
{
    uint8_t header[PRIV_PIPE_HEADER] = {[4] = (uint8_t)type};
    struct iovec all[PARTS_MAX + 1] = {{.iov_base = header, .iov_len = sizeof header}};
    size_t length = 0, used = 1;
    for (size_t i = 0; i < count && used <= PARTS_MAX; i++) {
        union { /* sendmsg's structure lacks the const that it keeps to */
            const uint8_t *constant;
            void *plain;
        } at = {.constant = parts[i].data};
        all[used++] = (struct iovec){.iov_base = at.plain, .iov_len = parts[i].len};
        length += parts[i].len;
    }
    for (size_t i = 0; i < 4; i++)
        header[i] = (uint8_t)(length >> (8 * i));
    enum rc rc = write_all(fd, cancel, all, used, e);
    return rc == RC_AGAIN ? last_words(fd, e) : rc;
}

void
priv_pipe_fail(int fd, const struct error *why)
{
    struct error ignored = ERROR_INIT;
    const uint8_t code = (uint8_t)(why->code == RC_OK ? RC_IO : why->code);
    size_t len = strlen(why->text);
    const struct span parts[] = {span_of(&code, 1), span_of(why->text, len)};
    (void)priv_pipe_write(fd, NULL, PRIV_PIPE_FAILURE, parts, 2, &ignored);
}
