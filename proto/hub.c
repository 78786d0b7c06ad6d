/* hub.c -- the program's side of the hub.  See hub.h. */
#include "proto/hub.h"

#include "proto/hub_internal.h"

void
hub_event_clear(struct hub_event *event)
{
    buffer_free(&event->bytes);
    *event = (struct hub_event){.kind = HUB_TIMEOUT};
}

/* ---- life */

enum rc
hub_open(struct hub **out, struct error *e)
{
    struct hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return error_set(e, RC_NO_MEMORY, "hub");
    monitor_init(&hub->monitor);
    TAILQ_INIT(&hub->peers);
    STAILQ_INIT(&hub->mail);
    int error = nng_aio_alloc(&hub->tick, hub_peers_tick, hub);
    if (error != 0) {
        hub_close(hub);
        return error_set(e, RC_NO_MEMORY, "open the hub: %s", nng_strerror(error));
    }
    nng_sleep_aio(hub_peers_tick_ms(), hub->tick);
    *out = hub;
    return RC_OK;
}

static void
free_mail(struct hub *hub)
{
    while (!STAILQ_EMPTY(&hub->mail)) {
        struct hub_mail *mail = STAILQ_FIRST(&hub->mail);
        STAILQ_REMOVE_HEAD(&hub->mail, next);
        if (mail->kind == HUB_FRAME) {
            buffer_free(&mail->bytes);
            free(mail);
        }
    }
}

static void
close_channels(struct hub *hub)
{
    struct hub_peer *peer;
    TAILQ_FOREACH(peer, &hub->peers, next)
    control_close(&peer->control);
}

static void
free_peers(struct hub *hub)
{
    while (!TAILQ_EMPTY(&hub->peers)) {
        struct hub_peer *peer = TAILQ_FIRST(&hub->peers);
        TAILQ_REMOVE(&hub->peers, peer, next);
        free(peer);
    }
}

void
hub_close(struct hub *hub)
{
    if (hub == NULL)
        return;
    if (hub->tick != NULL)
        nng_aio_stop(hub->tick);
    for (size_t i = 0; i < hub->listener_count; i++)
        acceptor_close(hub->listeners[i].acceptor);
    close_channels(hub); /* from here on nobody calls us */
    free_mail(hub);
    free_peers(hub);
    for (size_t i = 0; i < hub->listener_count; i++)
        tls_setup_free(hub->listeners[i].setup);
    nng_aio_free(hub->tick);
    monitor_destroy(&hub->monitor);
    free(hub);
}

/* ---- events, with the monitor held */

static void
deliver(struct hub *hub, struct hub_mail *mail, struct hub_event *out)
{
    struct hub_peer *peer = mail->peer;

    *out = (struct hub_event){
        .kind = mail->kind, .peer = peer->number, .local = peer->local, .tls = peer->tls};
    if (mail->kind == HUB_DOWN) {
        peer->state = HUB_DONE;
        hub->done_count++;
    }
    if (mail->kind != HUB_FRAME)
        return;
    out->frame = mail->frame;
    out->bytes = mail->bytes;
    hub->mail_count--;
    hub->mail_bytes -= mail->bytes.len;
    control_taken(&peer->control);
    free(mail);
}

static bool
take_event(struct hub *hub, struct hub_event *out)
{
    struct hub_mail *mail = STAILQ_FIRST(&hub->mail);

    if (hub->woken) {
        hub->woken = false;
        *out = (struct hub_event){.kind = HUB_WOKEN};
        return true;
    }
    if (mail == NULL)
        return false;
    STAILQ_REMOVE_HEAD(&hub->mail, next);
    deliver(hub, mail, out);
    return true;
}

enum rc
hub_next(struct hub *hub, struct mono deadline, struct hub_event *out, struct error *e)
{
    (void)e;
    bool in_time = true, taken = false;

    while (!taken && in_time) {
        hub_peers_sweep(hub);
        monitor_lock(&hub->monitor);
        while (!hub->woken && STAILQ_EMPTY(&hub->mail) && hub->done_count == 0 && in_time)
            in_time = monitor_wait_until(&hub->monitor, deadline);
        taken = take_event(hub, out);
        monitor_unlock(&hub->monitor);
    }
    if (!taken)
        *out = (struct hub_event){.kind = HUB_TIMEOUT};
    return RC_OK;
}

/* ---- sending */

static enum rc
send_locked(struct hub *hub, uint64_t number, const struct frame *frame, struct error *e)
{
    struct hub_peer *peer = hub_peers_find(hub, number);
    if (peer == NULL)
        return error_set(e, RC_NOT_FOUND, "peer %llu is gone", (unsigned long long)number);
    return control_send(&peer->control, frame, e);
}

enum rc
hub_send(struct hub *hub, uint64_t peer, const struct frame *frame, struct error *e)
{
    monitor_lock(&hub->monitor);
    enum rc rc = send_locked(hub, peer, frame, e);
    monitor_unlock(&hub->monitor);
    return rc;
}

void
hub_close_peer(struct hub *hub, uint64_t number)
{
    monitor_lock(&hub->monitor);
    struct hub_peer *peer = hub_peers_find(hub, number);
    if (peer != NULL)
        channel_close(peer->control.channel);
    monitor_unlock(&hub->monitor);
}

void
hub_wake(struct hub *hub)
{
    monitor_lock(&hub->monitor);
    hub->woken = true;
    monitor_changed(&hub->monitor);
    monitor_unlock(&hub->monitor);
}
