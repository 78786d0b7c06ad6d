/* hub.c -- the program's side of the hub.  See hub.h. */
#include "proto/hub.h"

#include <nng/nng.h>

#include <nng/protocol/reqrep0/rep.h>

#include "proto/envelope.h"
#include "proto/hub_internal.h"

/* Room towards all peers together; each has its own window. */
enum { SEND_BUFFER = 1024, RECEIVE_BUFFER = 64 };

void
hub_event_clear(struct hub_event *event)
{
    buffer_free(&event->bytes);
    *event = (struct hub_event){.kind = HUB_TIMEOUT};
}

/* ---- life */

static int
open_socket(struct hub *hub)
{
    int error = nng_rep0_open_raw(&hub->socket);
    if (error != 0)
        return error;
    hub->open = true;
    error = nng_socket_set_size(hub->socket, NNG_OPT_RECVMAXSZ, ENVELOPE_RECEIVE_MAX);
    if (error == 0)
        error = nng_socket_set_int(hub->socket, NNG_OPT_SENDBUF, SEND_BUFFER);
    if (error == 0)
        error = nng_socket_set_int(hub->socket, NNG_OPT_RECVBUF, RECEIVE_BUFFER);
    for (int event = NNG_PIPE_EV_ADD_PRE; error == 0 && event <= NNG_PIPE_EV_REM_POST; event++)
        error = nng_pipe_notify(hub->socket, (nng_pipe_ev)event, hub_peers_pipe, hub);
    if (error == 0)
        error = nng_aio_alloc(&hub->receive, hub_peers_message, hub);
    if (error == 0)
        error = nng_aio_alloc(&hub->tick, hub_peers_tick, hub);
    return error;
}

enum rc
hub_open(struct hub **out, struct error *e)
{
    struct hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return error_set(e, RC_NO_MEMORY, "hub");
    monitor_init(&hub->monitor);
    TAILQ_INIT(&hub->peers);
    STAILQ_INIT(&hub->mail);
    int error = open_socket(hub);
    if (error != 0) {
        hub_close(hub);
        return error_set(e, RC_NO_MEMORY, "open the hub: %s", nng_strerror(error));
    }
    nng_recv_aio(hub->socket, hub->receive);
    nng_sleep_aio(hub_peers_tick_ms(), hub->tick);
    *out = hub;
    return RC_OK;
}

static void
free_mail_and_peers(struct hub *hub)
{
    while (!STAILQ_EMPTY(&hub->mail)) {
        struct hub_mail *mail = STAILQ_FIRST(&hub->mail);
        STAILQ_REMOVE_HEAD(&hub->mail, next);
        if (mail->kind == HUB_FRAME) {
            buffer_free(&mail->bytes);
            free(mail);
        }
    }
    while (!TAILQ_EMPTY(&hub->peers))
        hub_peers_forget(hub, TAILQ_FIRST(&hub->peers));
}

void
hub_close(struct hub *hub)
{
    if (hub == NULL)
        return;
    /* Before the socket: nng would queue a receive on a closed socket, and free it under us.
     * The socket waits for its pipes, and for what they call. */
    if (hub->tick != NULL)
        nng_aio_stop(hub->tick);
    if (hub->receive != NULL)
        nng_aio_stop(hub->receive);
    if (hub->open)
        (void)nng_close(hub->socket);
    nng_aio_free(hub->tick);
    nng_aio_free(hub->receive);
    for (size_t i = 0; i < hub->listener_count; i++)
        tls_setup_free(hub->listeners[i].setup);
    free_mail_and_peers(hub);
    monitor_destroy(&hub->monitor);
    free(hub);
}

/* ---- events */

/* With the monitor held. */
static void
deliver(struct hub *hub, struct hub_mail *mail, struct hub_event *out)
{
    struct hub_peer *peer = mail->peer;

    *out = (struct hub_event){
        .kind = mail->kind, .peer = peer->number, .local = peer->local, .tls = peer->tls};
    if (mail->kind == HUB_DOWN) {
        hub_peers_forget(hub, peer);
        return;
    }
    if (mail->kind != HUB_FRAME)
        return;
    struct error ignored = ERROR_INIT;
    out->bytes = mail->bytes;
    enum rc rc = frame_decode(buffer_span(&out->bytes), &out->frame, &ignored);
    (void)rc; /* it was decoded when it came */
    peer->queued--;
    hub->mail_count--;
    hub->mail_bytes -= out->bytes.len;
    if (window_taken(&peer->window) && !peer->gone)
        hub_peers_heartbeat(hub, peer);
    free(mail);
}

enum rc
hub_next(struct hub *hub, struct mono deadline, struct hub_event *out, struct error *e)
{
    (void)e;
    bool in_time = true;

    monitor_lock(&hub->monitor);
    while (!hub->woken && STAILQ_EMPTY(&hub->mail) && in_time)
        in_time = monitor_wait_until(&hub->monitor, deadline);
    struct hub_mail *mail = STAILQ_FIRST(&hub->mail);
    if (hub->woken) {
        hub->woken = false;
        *out = (struct hub_event){.kind = HUB_WOKEN};
    } else if (mail != NULL) {
        STAILQ_REMOVE_HEAD(&hub->mail, next);
        deliver(hub, mail, out);
    } else {
        *out = (struct hub_event){.kind = HUB_TIMEOUT};
    }
    monitor_unlock(&hub->monitor);
    return RC_OK;
}

static enum rc
send_locked(struct hub *hub, uint64_t number, const struct frame *frame, struct error *e)
{
    struct hub_peer *peer = hub_peers_find(hub, number);

    if (peer == NULL || peer->gone)
        return error_set(e, RC_NOT_FOUND, "peer %llu is gone", (unsigned long long)number);
    if (!window_may_send(&peer->window))
        return error_set(e, RC_AGAIN, "peer %llu has not taken the last %d frames yet",
                         (unsigned long long)number, HUB_OUTSTANDING);
    TRY(hub_peers_send(hub, peer, frame, e));
    window_sent(&peer->window);
    return RC_OK;
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
    if (peer != NULL && !peer->gone)
        (void)nng_pipe_close(peer->pipe);
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
