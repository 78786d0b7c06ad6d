/* link_connection.c -- dial, keep alive, lose, wait, dial again.  See link_internal.h. */
#include <nng/nng.h>
#include <string.h>
#include <sys/random.h>

#include <nng/protocol/reqrep0/req.h>

#include "common/base/log.h"
#include "proto/envelope.h"
#include "proto/link_internal.h"
#include "proto/tuning.h"

enum { SEND_BUFFER = 64, RECEIVE_BUFFER = 64, QUEUED_MAX = 2 * HUB_OUTSTANDING };
/* A connection must live this long before the next attempt is made quickly again. */
enum { SETTLED_MS = 30000 };

/* ---- events for the program */

static void
post(struct link *link, enum link_kind kind, const struct error *why, struct buffer *bytes)
{
    struct link_mail *mail = calloc(1, sizeof *mail);
    if (mail == NULL)
        return; /* LINK_DOWN follows from silence if it was a frame; the rest repeats itself */
    *mail = (struct link_mail){.kind = kind, .connection = link->connection};
    if (why != NULL)
        mail->why = *why;
    if (bytes != NULL) {
        mail->bytes = *bytes;
        *bytes = BUFFER_INIT(0); /* handed over */
    }
    STAILQ_INSERT_TAIL(&link->mail, mail, next);
    monitor_changed(&link->monitor);
}

static void
become_ready(struct link *link)
{
    if (link->phase != LINK_JOINED)
        return;
    link->phase = LINK_READY;
    link->was_ready = link->tried = true;
    link->outcome = ERROR_INIT;
    post(link, LINK_UP, NULL, NULL);
}

/* ---- sending */

enum rc
link_connection_send(struct link *link, const struct frame *frame, struct error *e)
{
    const uint32_t word = ENVELOPE_REQUEST | ++link->last_request;
    nng_msg *msg = NULL;

    TRY(envelope_seal(frame, &word, 1, &msg, e));
    int error = nng_sendmsg(link->socket, msg, NNG_FLAG_NONBLOCK);
    if (error != 0) {
        nng_msg_free(msg);
        return error_set(e, RC_AGAIN, "send to the controller: %s", nng_strerror(error));
    }
    link->said = clock_mono();
    return RC_OK;
}

void
link_connection_heartbeat(struct link *link)
{
    struct error ignored = ERROR_INIT;
    const struct frame frame = {.type = ENVELOPE_HEARTBEAT,
                                .correlation = window_tell(&link->window)};
    if (link_connection_send(link, &frame, &ignored) != RC_OK)
        log_debug("heartbeat not sent");
}

/* ---- what nng tells us */

static void
on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link *link = context;
    monitor_lock(&link->monitor);
    bool ours = link->phase != LINK_DIALLING && nng_pipe_id(pipe) == nng_pipe_id(link->pipe);
    if (event == NNG_PIPE_EV_ADD_PRE && link->phase == LINK_DIALLING) {
        link->pipe = pipe;
        link->phase = LINK_JOINED;
        link->heard = link->said = clock_mono();
    } else if (event == NNG_PIPE_EV_ADD_PRE) {
        (void)nng_pipe_close(pipe); /* nng redialled by itself */
    } else if (event == NNG_PIPE_EV_ADD_POST && ours) {
        become_ready(link);
    } else if (event == NNG_PIPE_EV_REM_POST && ours) {
        link->phase = LINK_ENDED;
        monitor_changed(&link->monitor);
    }
    monitor_unlock(&link->monitor);
}

/* End the connection for a reason of ours, which the program will be told. */
static void
give_up(struct link *link)
{
    log_debug("closing the link", LOG_TEXT("reason", link->why.text));
    (void)nng_pipe_close(link->pipe);
}

static enum rc
take_frame(struct link *link, nng_msg *msg, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(ENVELOPE_FRAME_MAX);
    struct frame frame;
    bool reopened = false;

    link->heard = clock_mono();
    TRY(envelope_open(msg, &bytes, &frame, e));
    if (frame.type == ENVELOPE_HEARTBEAT) {
        if (!window_acknowledged(&link->window, frame.correlation, &reopened))
            return error_set(e, RC_PROTOCOL, "the controller took more frames than it was sent");
        if (reopened) {
            link->woken = true;
            monitor_changed(&link->monitor);
        }
        return RC_OK;
    }
    if (link->queued >= QUEUED_MAX)
        return error_set(e, RC_PROTOCOL, "the controller sent more frames than it may");
    link->queued++;
    become_ready(link);
    post(link, LINK_FRAME, NULL, &bytes);
    return RC_OK;
}

static void
on_message(void *context)
{
    struct link *link = context;

    if (nng_aio_result(link->receive) != 0)
        return; /* the socket is closing */
    nng_msg *msg = nng_aio_get_msg(link->receive);
    monitor_lock(&link->monitor);
    bool alive = link->phase == LINK_JOINED || link->phase == LINK_READY;
    if (alive && take_frame(link, msg, &link->why) != RC_OK)
        give_up(link);
    monitor_unlock(&link->monitor);
    nng_msg_free(msg);
    nng_recv_aio(link->socket, link->receive);
}

static int
tick_ms(void)
{
    int ms = tuning_get()->heartbeat_ms / 4;
    return ms < 5 ? 5 : ms;
}

static bool
passed(struct mono since, int ms, struct mono now)
{
    return clock_ms_until(clock_after_ms(since, ms), now) == 0;
}

static void
look_after(struct link *link, struct mono now)
{
    const struct tuning *t = tuning_get();

    if (link->phase == LINK_DIALLING && passed(link->started, t->handshake_ms, now)) {
        /* TCP itself tries for minutes. */
        enum rc rc =
            error_set(&link->why, RC_TIMEOUT, "no answer within %d s", t->handshake_ms / 1000);
        (void)rc;
        (void)nng_dialer_close(link->dialer);
    }
    if (link->phase != LINK_READY)
        return;
    if (passed(link->heard, t->silence_ms, now)) {
        enum rc rc =
            error_set(&link->why, RC_TIMEOUT, "heard nothing for %d s", t->silence_ms / 1000);
        (void)rc;
        give_up(link);
    } else if (passed(link->said, t->heartbeat_ms, now)) {
        link_connection_heartbeat(link);
    }
}

static void
on_tick(void *context)
{
    struct link *link = context;

    if (nng_aio_result(link->tick) != 0)
        return;
    monitor_lock(&link->monitor);
    look_after(link, clock_mono());
    monitor_unlock(&link->monitor);
    nng_sleep_aio(tick_ms(), link->tick);
}

/* ---- one connection */

static int
open_socket(struct link *link)
{
    int error = nng_req0_open_raw(&link->socket);
    if (error != 0)
        return error;
    error = nng_socket_set_size(link->socket, NNG_OPT_RECVMAXSZ, ENVELOPE_RECEIVE_MAX);
    if (error == 0)
        error = nng_socket_set_int(link->socket, NNG_OPT_SENDBUF, SEND_BUFFER);
    if (error == 0)
        error = nng_socket_set_int(link->socket, NNG_OPT_RECVBUF, RECEIVE_BUFFER);
    for (int event = NNG_PIPE_EV_ADD_PRE; error == 0 && event <= NNG_PIPE_EV_REM_POST; event++)
        error = nng_pipe_notify(link->socket, (nng_pipe_ev)event, on_pipe, link);
    if (error == 0)
        error = nng_aio_alloc(&link->receive, on_message, link);
    if (error == 0)
        error = nng_aio_alloc(&link->tick, on_tick, link);
    return error;
}

/* From here on link_close and on_tick may close the dialer under us, which ends nng_dialer_start. */
static int
make_dialer(struct link *link)
{
    nng_dialer dialer = NNG_DIALER_INITIALIZER;

    int error = nng_dialer_create(&dialer, link->socket, link->url);
    if (error == 0 && link->setup != NULL)
        error = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, tls_setup_config(link->setup));
    if (error == 0 && link->setup != NULL)
        error = nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true);
    monitor_lock(&link->monitor);
    link->dialer = dialer;
    if (error == 0 && link->closing)
        error = NNG_ECLOSED;
    monitor_unlock(&link->monitor);
    return error;
}

static void
close_socket(struct link *link)
{
    /* Before the socket: nng would queue a receive on a closed socket, and free it under us. */
    if (link->tick != NULL)
        nng_aio_stop(link->tick);
    if (link->receive != NULL)
        nng_aio_stop(link->receive);
    (void)nng_close(link->socket);
    nng_aio_free(link->tick);
    nng_aio_free(link->receive);
    link->tick = link->receive = NULL;
}

/* Forget the last connection; false when it is time to go. */
static bool
begin(struct link *link)
{
    monitor_lock(&link->monitor);
    link->connection++;
    link->phase = LINK_DIALLING;
    link->was_ready = false;
    link->socket = (nng_socket)NNG_SOCKET_INITIALIZER;
    link->dialer = (nng_dialer)NNG_DIALER_INITIALIZER;
    link->window = (struct window){.sent = 0};
    link->queued = 0;
    link->why = ERROR_INIT;
    link->started = clock_mono();
    bool go = !link->closing;
    monitor_unlock(&link->monitor);
    return go;
}

/* Connect and stay connected as long as it goes; what ended it is in `why`. */
static enum rc
connect_and_stay(struct link *link, struct error *why)
{
    int error = open_socket(link);
    if (error == 0)
        error = make_dialer(link);
    if (error == 0) {
        nng_recv_aio(link->socket, link->receive);
        nng_sleep_aio(tick_ms(), link->tick);
        error = nng_dialer_start(link->dialer, 0);
    }
    monitor_lock(&link->monitor);
    while (error == 0 && link->phase != LINK_ENDED && !link->closing)
        monitor_wait(&link->monitor);
    link->phase = LINK_ENDED;
    monitor_unlock(&link->monitor);
    close_socket(link);

    if (link->why.code != RC_OK) {
        *why = link->why;
        return error_context(why, "%s", link->url);
    }
    return tls_setup_explain(link->setup, error == 0 ? NNG_ECONNSHUT : error, link->url, why);
}

/* ---- one after the other */

/* Somewhere in the upper half of `ms`, so that a hundred agents do not come back at once. */
static int64_t
jitter(int ms)
{
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return ms;
    return ms - (int64_t)(chance % (uint32_t)(ms / 2 + 1));
}

static int
next_pause(int pause_ms, bool settled)
{
    const struct tuning *t = tuning_get();
    if (settled || pause_ms == 0)
        return t->retry_min_ms;
    return pause_ms * 2 > t->retry_max_ms ? t->retry_max_ms : pause_ms * 2;
}

/* Tell the program, unless it was told the same before; then wait. */
static bool
rest(struct link *link, const struct error *why, struct error *told, int pause_ms)
{
    monitor_lock(&link->monitor);
    if (link->was_ready || strcmp(told->text, why->text) != 0)
        post(link, LINK_DOWN, why, NULL);
    *told = *why;
    link->outcome = *why;
    link->tried = true;
    monitor_changed(&link->monitor);
    struct mono until = clock_after_ms(clock_mono(), jitter(pause_ms));
    bool waiting = !link->once;
    while (waiting && !link->closing)
        waiting = monitor_wait_until(&link->monitor, until);
    bool go = !link->closing && !link->once;
    monitor_unlock(&link->monitor);
    return go;
}

void *
link_connection_run(void *context)
{
    struct link *link = context;
    struct error told = ERROR_INIT;
    int pause_ms = 0;

    while (begin(link)) {
        struct error why = ERROR_INIT;
        enum rc rc = connect_and_stay(link, &why);
        (void)rc; /* it always ends for a reason */
        bool settled = clock_ms_until(clock_after_ms(link->started, SETTLED_MS), clock_mono()) == 0;
        pause_ms = next_pause(pause_ms, settled);
        if (!rest(link, &why, &told, pause_ms))
            break;
    }
    return NULL;
}
