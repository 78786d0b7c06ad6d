/* hub_peers.c -- nng's side of the hub: pipes, messages, time.  See hub_internal.h. */
#include "common/base/log.h"
#include "proto/envelope.h"
#include "proto/hub_internal.h"
#include "proto/tuning.h"

/* What a well-behaved peer has under way at most, twice over. */
enum { QUEUED_MAX = 2 * HUB_OUTSTANDING };

struct hub_peer *
hub_peers_find(struct hub *hub, uint64_t number)
{
    struct hub_peer *peer;
    TAILQ_FOREACH(peer, &hub->peers, next)
    {
        if (peer->number == number)
            return peer;
    }
    return NULL;
}

static struct hub_peer *
find_pipe(struct hub *hub, int pipe_id)
{
    struct hub_peer *peer;
    TAILQ_FOREACH(peer, &hub->peers, next)
    {
        if (!peer->gone && nng_pipe_id(peer->pipe) == pipe_id)
            return peer;
    }
    return NULL;
}

void
hub_peers_forget(struct hub *hub, struct hub_peer *peer)
{
    TAILQ_REMOVE(&hub->peers, peer, next);
    hub->peer_count--;
    free(peer);
}

static void
post(struct hub *hub, struct hub_mail *mail)
{
    STAILQ_INSERT_TAIL(&hub->mail, mail, next);
    monitor_changed(&hub->monitor);
}

static void
announce(struct hub *hub, struct hub_peer *peer)
{
    if (peer->announced)
        return;
    peer->announced = true;
    post(hub, &peer->up);
}

/* ---- sending */

enum rc
hub_peers_send(struct hub *hub, struct hub_peer *peer, const struct frame *frame, struct error *e)
{
    const uint32_t words[] = {(uint32_t)nng_pipe_id(peer->pipe),
                              ENVELOPE_REQUEST | ++hub->last_request};
    nng_msg *msg = NULL;

    TRY(envelope_seal(frame, words, 2, &msg, e));
    int error = nng_sendmsg(hub->socket, msg, NNG_FLAG_NONBLOCK);
    if (error != 0) {
        nng_msg_free(msg);
        return error_set(e, RC_AGAIN, "send to peer %llu: %s", (unsigned long long)peer->number,
                         nng_strerror(error));
    }
    peer->said = clock_mono();
    return RC_OK;
}

void
hub_peers_heartbeat(struct hub *hub, struct hub_peer *peer)
{
    struct error ignored = ERROR_INIT;
    const struct frame frame = {.type = ENVELOPE_HEARTBEAT,
                                .correlation = window_tell(&peer->window)};
    if (hub_peers_send(hub, peer, &frame, &ignored) != RC_OK)
        log_debug("heartbeat not sent", LOG_U64("peer", peer->number));
}

/* ---- pipes */

static bool
is_root(nng_pipe pipe)
{
    uint64_t uid = UINT64_MAX;
    return nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
           (uid == 0 || uid == geteuid());
}

static bool
is_local(const struct hub *hub, nng_pipe pipe)
{
    int id = nng_listener_id(nng_pipe_listener(pipe));
    for (size_t i = 0; i < hub->listener_count; i++) {
        if (nng_listener_id(hub->listeners[i].nng) == id)
            return hub->listeners[i].setup == NULL;
    }
    return false;
}

/* Who is it?  The answer comes from the certificate or the kernel, never from a message. */
static enum rc
identify(struct hub *hub, nng_pipe pipe, struct hub_peer *peer, struct error *e)
{
    struct tls_view view;

    if (hub->peer_count >= HUB_PEERS)
        return error_set(e, RC_AGAIN, "%d peers are connected already", HUB_PEERS);
    if (is_local(hub, pipe)) {
        peer->local = true;
        return is_root(pipe) ? RC_OK : error_set(e, RC_DENIED, "only root may use this socket");
    }
    TRY(tls_view_pipe(pipe, &view, e));
    if (view.state != TLS_DONE || !view.peer.verified)
        return error_set(e, RC_DENIED, "peer is not verified");
    peer->tls = view.peer;
    return RC_OK;
}

static void
pipe_arrives(struct hub *hub, nng_pipe pipe)
{
    struct error e = ERROR_INIT;
    struct hub_peer *peer = calloc(1, sizeof *peer);

    if (peer == NULL || identify(hub, pipe, peer, &e) != RC_OK) {
        log_warning("refused a connection", LOG_TEXT("reason", peer == NULL ? "memory" : e.text));
        free(peer);
        (void)nng_pipe_close(pipe);
        return;
    }
    peer->number = ++hub->last_number;
    peer->pipe = pipe;
    peer->heard = peer->said = clock_mono();
    peer->up = (struct hub_mail){.kind = HUB_UP, .peer = peer};
    peer->down = (struct hub_mail){.kind = HUB_DOWN, .peer = peer};
    TAILQ_INSERT_TAIL(&hub->peers, peer, next);
    hub->peer_count++;
}

static void
pipe_leaves(struct hub *hub, struct hub_peer *peer)
{
    peer->gone = true;
    if (peer->announced)
        post(hub, &peer->down);
    else
        hub_peers_forget(hub, peer);
}

void
hub_peers_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct hub *hub = context;
    monitor_lock(&hub->monitor);
    struct hub_peer *peer = find_pipe(hub, nng_pipe_id(pipe));
    if (event == NNG_PIPE_EV_ADD_PRE)
        pipe_arrives(hub, pipe);
    else if (peer != NULL && event == NNG_PIPE_EV_ADD_POST)
        announce(hub, peer); /* not earlier: until now nng would have dropped what we send */
    else if (peer != NULL && event == NNG_PIPE_EV_REM_POST)
        pipe_leaves(hub, peer);
    monitor_unlock(&hub->monitor);
}

/* ---- messages */

static enum rc
take_heartbeat(struct hub *hub, struct hub_peer *peer, const struct frame *frame, struct error *e)
{
    bool reopened;
    if (!window_acknowledged(&peer->window, frame->correlation, &reopened))
        return error_set(e, RC_PROTOCOL, "peer took more frames than it was sent");
    if (reopened) {
        hub->woken = true;
        monitor_changed(&hub->monitor);
    }
    return RC_OK;
}

static enum rc
queue_frame(struct hub *hub, struct hub_peer *peer, struct buffer *bytes, struct error *e)
{
    if (peer->queued >= QUEUED_MAX)
        return error_set(e, RC_PROTOCOL, "peer sent %d frames more than it may", HUB_OUTSTANDING);
    if (hub->mail_count >= HUB_MAILBOX || hub->mail_bytes + bytes->len > HUB_MAILBOX_BYTES)
        return error_set(e, RC_NO_MEMORY, "the mailbox is full");
    struct hub_mail *mail = calloc(1, sizeof *mail);
    if (mail == NULL)
        return error_set(e, RC_NO_MEMORY, "a frame in the mailbox");
    *mail = (struct hub_mail){.kind = HUB_FRAME, .peer = peer, .bytes = *bytes};
    *bytes = BUFFER_INIT(0); /* handed over */
    peer->queued++;
    hub->mail_count++;
    hub->mail_bytes += mail->bytes.len;
    announce(hub, peer);
    post(hub, mail);
    return RC_OK;
}

static enum rc
take_message(struct hub *hub, struct hub_peer *peer, nng_msg *msg, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(ENVELOPE_FRAME_MAX);
    struct frame frame;

    peer->heard = clock_mono();
    TRY(envelope_open(msg, &bytes, &frame, e));
    return frame.type == ENVELOPE_HEARTBEAT ? take_heartbeat(hub, peer, &frame, e)
                                            : queue_frame(hub, peer, &bytes, e);
}

static const char *
peer_name(const struct hub_peer *peer)
{
    return peer->local ? "local" : peer->tls.identity.name;
}

void
hub_peers_message(void *context)
{
    struct hub *hub = context;
    struct error e = ERROR_INIT;

    if (nng_aio_result(hub->receive) != 0)
        return; /* the socket is closing */
    nng_msg *msg = nng_aio_get_msg(hub->receive);
    monitor_lock(&hub->monitor);
    struct hub_peer *peer = find_pipe(hub, nng_pipe_id(nng_msg_get_pipe(msg)));
    if (peer != NULL && take_message(hub, peer, msg, &e) != RC_OK) {
        log_warning("closing a peer", LOG_TEXT("reason", e.text), LOG_TEXT("peer", peer_name(peer)),
                    LOG_TEXT("address", peer->tls.address));
        (void)nng_pipe_close(peer->pipe);
    }
    monitor_unlock(&hub->monitor);
    nng_msg_free(msg);
    nng_recv_aio(hub->socket, hub->receive);
}

/* ---- time */

int
hub_peers_tick_ms(void)
{
    int ms = tuning_get()->heartbeat_ms / 4;
    return ms < 5 ? 5 : ms;
}

static void
look_after(struct hub *hub, struct hub_peer *peer, struct mono now)
{
    const struct tuning *t = tuning_get();

    if (clock_ms_until(clock_after_ms(peer->heard, t->silence_ms), now) == 0) {
        log_warning("closing a silent peer", LOG_TEXT("peer", peer_name(peer)),
                    LOG_TEXT("address", peer->tls.address));
        (void)nng_pipe_close(peer->pipe);
        peer->heard = now; /* once is enough */
        return;
    }
    if (clock_ms_until(clock_after_ms(peer->said, t->heartbeat_ms), now) == 0)
        hub_peers_heartbeat(hub, peer);
}

void
hub_peers_tick(void *context)
{
    struct hub *hub = context;
    struct hub_peer *peer;

    if (nng_aio_result(hub->tick) != 0)
        return;
    struct mono now = clock_mono();
    monitor_lock(&hub->monitor);
    TAILQ_FOREACH(peer, &hub->peers, next)
    {
        if (!peer->gone && peer->announced)
            look_after(hub, peer, now);
    }
    monitor_unlock(&hub->monitor);
    nng_sleep_aio(hub_peers_tick_ms(), hub->tick);
}
