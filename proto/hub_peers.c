/* hub_peers.c -- nng's side of the hub: connections, frames, time.  See hub_internal.h. */
#include "common/base/log.h"
#include "proto/crowd.h"
#include "proto/hub_internal.h"
#include "proto/tuning.h"

struct hub_peer *
hub_peers_find(struct hub *hub, uint64_t number)
{
    struct hub_peer *peer;
    TAILQ_FOREACH(peer, &hub->peers, next)
    {
        if (peer->number == number && peer->state == HUB_LIVE)
            return peer;
    }
    return NULL;
}

static void
post(struct hub *hub, struct hub_mail *mail)
{
    STAILQ_INSERT_TAIL(&hub->mail, mail, next);
    monitor_changed(&hub->monitor);
}

static const char *
peer_name(const struct hub_peer *peer)
{
    return peer->local ? "local" : peer->tls.identity.name;
}

/* ---- the first frame */

static bool
is_root(nng_stream *stream)
{
    uint64_t uid = UINT64_MAX;
    return nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
           (uid == 0 || uid == geteuid());
}

/* Who is it?  The answer comes from the certificate or the kernel, never from a message. */
static enum rc
identify(struct hub_peer *peer, struct error *e)
{
    struct tls_view view;
    nng_stream *stream = channel_stream(peer->control.channel);

    if (peer->local)
        return is_root(stream) ? RC_OK : error_set(e, RC_DENIED, "only root may use this socket");
    TRY(tls_view_stream(stream, &view, e));
    if (view.state != TLS_DONE || !view.peer.verified)
        /* not covered: the handshake has refused it before */
        return error_set(e, RC_DENIED, "the peer is not verified");
    peer->tls = view.peer;
    return RC_OK;
}

/* One certificate must not take the places of all the others. */
static enum rc
check_share(struct hub *hub, const struct hub_peer *peer, struct error *e)
{
    struct hub_peer *other;
    unsigned count = 0;

    TAILQ_FOREACH(other, &hub->peers, next)
    count += other->state == HUB_LIVE && !other->local && tls_peer_same(&other->tls, &peer->tls);
    return peer->local || count < HUB_PEERS_EACH
               ? RC_OK
               : error_set(e, RC_DENIED, "%d connections of this certificate are open already",
                           HUB_PEERS_EACH);
}

static enum rc
welcome(struct hub *hub, struct hub_peer *peer, struct error *e)
{
    TRY(identify(peer, e));
    TRY(check_share(hub, peer, e));
    peer->number = ++hub->last_number;
    peer->state = HUB_LIVE;
    control_beat(&peer->control);
    post(hub, &peer->up);
    return RC_OK;
}

/* ---- frames */

static enum rc
queue_frame(struct hub *hub, struct hub_peer *peer, const struct frame *frame,
            struct buffer *payload, struct error *e)
{
    if (hub->mail_count >= HUB_MAILBOX || hub->mail_bytes + payload->len > HUB_MAILBOX_BYTES)
        return error_set(e, RC_NO_MEMORY, "the mailbox is full");
    struct hub_mail *mail = calloc(1, sizeof *mail);
    if (mail == NULL)
        return error_set(e, RC_NO_MEMORY, "a frame in the mailbox");
    *mail = (struct hub_mail){.kind = HUB_FRAME, .peer = peer, .frame = *frame, .bytes = *payload};
    *payload = BUFFER_INIT(payload->limit); /* handed over */
    hub->mail_count++;
    hub->mail_bytes += mail->bytes.len;
    post(hub, mail);
    return RC_OK;
}

static enum rc
take_frame(struct hub *hub, struct hub_peer *peer, const uint8_t *header, struct buffer *payload,
           struct error *e)
{
    struct frame frame;
    bool reopened;

    if (peer->state == HUB_NEW)
        TRY(welcome(hub, peer, e));
    TRY(control_received(&peer->control, header, payload, &frame, &reopened, e));
    if (reopened) {
        hub->woken = true;
        monitor_changed(&hub->monitor);
    }
    return frame.type == CONTROL_HEARTBEAT ? RC_OK : queue_frame(hub, peer, &frame, payload, e);
}

static bool
on_received(void *context, const uint8_t *header, struct buffer *payload)
{
    struct hub_peer *peer = context;
    struct hub *hub = peer->hub;
    struct error e = ERROR_INIT;

    monitor_lock(&hub->monitor);
    bool ok = take_frame(hub, peer, header, payload, &e) == RC_OK;
    if (!ok) {
        log_warning("closing a peer", LOG_TEXT("reason", e.text), LOG_TEXT("peer", peer_name(peer)),
                    LOG_TEXT("address", peer->tls.address));
        channel_close(peer->control.channel);
    }
    monitor_unlock(&hub->monitor);
    return ok;
}

static void
on_sent(void *context)
{
    struct hub_peer *peer = context;
    monitor_lock(&peer->hub->monitor);
    control_sent(&peer->control);
    monitor_unlock(&peer->hub->monitor);
}

static void
on_ended(void *context, int nng_error, const struct error *protocol)
{
    struct hub_peer *peer = context;
    struct hub *hub = peer->hub;

    monitor_lock(&hub->monitor);
    if (protocol != NULL)
        log_warning("closing a peer", LOG_TEXT("reason", protocol->text),
                    LOG_TEXT("peer", peer_name(peer)), LOG_TEXT("address", peer->tls.address));
    else
        log_debug("a connection ended", LOG_TEXT("reason", nng_strerror(nng_error)));
    if (peer->state == HUB_LIVE) {
        peer->state = HUB_LOST;
        post(hub, &peer->down);
    } else {
        peer->state = HUB_DONE;
        hub->done_count++;
        monitor_changed(&hub->monitor);
    }
    monitor_unlock(&hub->monitor);
}

/* ---- connections */

static void
forget(struct hub *hub, struct hub_peer *peer)
{
    TAILQ_REMOVE(&hub->peers, peer, next);
    hub->peer_count--;
    hub->done_count--;
}

void
hub_peers_sweep(struct hub *hub)
{
    monitor_lock(&hub->monitor);
    struct hub_peer *peer = hub->done_count == 0 ? NULL : TAILQ_FIRST(&hub->peers);
    while (peer != NULL && hub->done_count > 0) {
        struct hub_peer *next = TAILQ_NEXT(peer, next);
        if (peer->state == HUB_DONE) {
            forget(hub, peer);
            monitor_unlock(&hub->monitor);
            control_close(&peer->control);
            free(peer);
            monitor_lock(&hub->monitor);
            next = TAILQ_FIRST(&hub->peers); /* the list may be another by now */
        }
        peer = next;
    }
    monitor_unlock(&hub->monitor);
}

/* A first frame takes milliseconds; whoever waits longest is the least likely to send one. */
static void
make_room(struct hub *hub)
{
    struct crowd crowd = {.count = 0};
    struct hub_peer *peer;

    TAILQ_FOREACH(peer, &hub->peers, next)
    {
        if (peer->state == HUB_NEW && !peer->local && !peer->evicted)
            crowd_add(&crowd, peer->origin, peer);
    }
    if (crowd.count < HUB_WAITING)
        return;
    struct hub_peer *victim = crowd_choose(&crowd);
    victim->evicted = true;
    channel_close(victim->control.channel);
}

/* Root must get in to see what is wrong, however many others there are. */
static bool
is_full(const struct hub *hub, bool local)
{
    return hub->peer_count - hub->done_count >= HUB_PEERS + (local ? HUB_PEERS_LOCAL : 0u);
}

static enum rc
add_peer(struct hub_listener *listener, nng_stream *stream, uint64_t origin, struct error *e)
{
    struct hub *hub = listener->hub;
    struct hub_peer *peer = calloc(1, sizeof *peer);
    const struct channel_owner owner = {
        .context = peer, .received = on_received, .sent = on_sent, .ended = on_ended};
    bool local = listener->setup == NULL;

    if (!local)
        make_room(hub);
    if (peer == NULL || is_full(hub, local)) {
        nng_stream_free(stream);
        free(peer);
        return error_set(e, RC_AGAIN, "%zu peers are connected already", hub->peer_count);
    }
    *peer = (struct hub_peer){.hub = hub, .local = local, .origin = origin};
    peer->arrived = clock_mono();
    peer->up = (struct hub_mail){.kind = HUB_UP, .peer = peer};
    peer->down = (struct hub_mail){.kind = HUB_DOWN, .peer = peer};
    if (control_open(&peer->control, stream, owner, e) != RC_OK) {
        free(peer);
        return e->code;
    }
    TAILQ_INSERT_TAIL(&hub->peers, peer, next);
    hub->peer_count++;
    channel_start(peer->control.channel);
    return RC_OK;
}

void
hub_peers_accept(void *context, nng_stream *stream)
{
    struct hub_listener *listener = context;
    struct error e = ERROR_INIT;

    uint64_t origin = crowd_origin_of(stream);
    hub_peers_sweep(listener->hub); /* a flood must not pile up while the program is busy */
    monitor_lock(&listener->hub->monitor);
    enum rc rc = add_peer(listener, stream, origin, &e);
    monitor_unlock(&listener->hub->monitor);
    if (rc != RC_OK)
        tls_report_refused("refused a connection", "", "", e.text);
}

/* ---- time */

int
hub_peers_tick_ms(void)
{
    int ms = tuning_get().heartbeat_ms / 4;
    return ms < 5 ? 5 : ms;
}

static bool
passed(struct mono since, int ms, struct mono now)
{
    return clock_ms_until(clock_after_ms(since, ms), now) == 0;
}

static void
close_peer(struct hub_peer *peer, const char *why)
{
    log_warning("closing a peer", LOG_TEXT("reason", why), LOG_TEXT("peer", peer_name(peer)),
                LOG_TEXT("address", peer->tls.address));
    channel_close(peer->control.channel);
}

static void
look_after(struct hub_peer *peer, struct mono now)
{
    const struct tuning t = tuning_get();
    struct channel *channel = peer->control.channel;

    if (peer->state == HUB_NEW && passed(peer->arrived, t.handshake_ms, now)) {
        channel_close(channel);
    } else if (peer->state == HUB_LIVE && passed(channel_heard(channel), t.silence_ms, now)) {
        close_peer(peer, "it is silent");
    } else if (peer->state == HUB_LIVE && channel_is_stuck(channel, now, t.stuck_ms)) {
        close_peer(peer, "a message does not go on");
    } else if (peer->state == HUB_LIVE && passed(channel_said(channel), t.heartbeat_ms, now)) {
        control_beat(&peer->control);
    }
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
    look_after(peer, now);
    monitor_unlock(&hub->monitor);
    nng_sleep_aio(hub_peers_tick_ms(), hub->tick);
}
