/* link_connection.c -- dial, keep alive, lose, wait, dial again.  See link_internal.h. */
#include <string.h>
#include <sys/random.h>

#include "common/base/log.h"
#include "proto/link_internal.h"
#include "proto/tuning.h"

/* A connection must live this long before the next attempt is made quickly again. */
enum { SETTLED_MS = 30000 };

/* ---- events for the program, with the monitor held */

static struct link_mail *
post(struct link *link, enum link_kind kind)
{
    struct link_mail *mail = calloc(1, sizeof *mail);
    if (mail == NULL)
        return NULL;
    *mail = (struct link_mail){.kind = kind, .connection = link->connection};
    STAILQ_INSERT_TAIL(&link->mail, mail, next);
    monitor_changed(&link->monitor);
    return mail;
}

static void
become_ready(struct link *link)
{
    if (link->phase != LINK_JOINING)
        return;
    link->phase = LINK_READY;
    link->was_ready = link->tried = true;
    link->outcome = ERROR_INIT;
    (void)post(link, LINK_UP);
}

/* The first reason counts. */
static void
note(struct link *link, const struct error *why)
{
    if (link->why.code == RC_OK)
        link->why = *why;
}

/* ---- the channel's callbacks */

static enum rc
take_frame(struct link *link, const uint8_t *header, struct buffer *payload, struct error *e)
{
    struct frame frame;
    bool reopened;

    become_ready(link);
    TRY(control_received(&link->control, header, payload, &frame, &reopened, e));
    if (reopened) {
        link->woken = true;
        monitor_changed(&link->monitor);
    }
    if (frame.type == CONTROL_HEARTBEAT)
        return RC_OK;
    struct link_mail *mail = post(link, LINK_FRAME);
    if (mail == NULL)
        return error_set(e, RC_NO_MEMORY, "a frame from the controller");
    mail->frame = frame;
    mail->bytes = *payload;
    *payload = BUFFER_INIT(payload->limit); /* handed over */
    return RC_OK;
}

static bool
on_received(void *context, const uint8_t *header, struct buffer *payload)
{
    struct link *link = context;
    struct error e = ERROR_INIT;

    monitor_lock(&link->monitor);
    bool ok = take_frame(link, header, payload, &e) == RC_OK;
    if (!ok) {
        note(link, &e);
        channel_close(link->control.channel);
    }
    monitor_unlock(&link->monitor);
    return ok;
}

static void
on_sent(void *context)
{
    struct link *link = context;
    monitor_lock(&link->monitor);
    control_sent(&link->control);
    monitor_unlock(&link->monitor);
}

static void
on_ended(void *context, int nng_error, const struct error *protocol)
{
    struct link *link = context;
    struct error e = ERROR_INIT;

    if (protocol != NULL) {
        e = *protocol;
    } else {
        enum rc rc = tls_setup_explain(link->setup, nng_error, "connection", &e);
        (void)rc; /* it is in `e` */
    }
    monitor_lock(&link->monitor);
    note(link, &e);
    link->phase = LINK_ENDED;
    monitor_changed(&link->monitor);
    monitor_unlock(&link->monitor);
}

/* ---- time */

static int
tick_ms(void)
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
give_up(struct link *link, int ms)
{
    struct error e = ERROR_INIT;
    enum rc rc = error_set(&e, RC_TIMEOUT, "heard nothing for %d.%d s", ms / 1000, ms / 100 % 10);
    (void)rc;
    note(link, &e);
    channel_close(link->control.channel);
}

static void
look_after(struct link *link, struct mono now)
{
    const struct tuning t = tuning_get();
    struct channel *channel = link->control.channel;

    if (link->phase == LINK_JOINING && passed(link->started, t.handshake_ms, now))
        give_up(link, t.handshake_ms);
    else if (link->phase == LINK_READY && passed(channel_heard(channel), t.silence_ms, now))
        give_up(link, t.silence_ms);
    else if (link->phase == LINK_READY && passed(channel_said(channel), t.heartbeat_ms, now))
        control_beat(&link->control);
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

static enum rc
begin(struct link *link, nng_stream *stream, struct error *e)
{
    const struct channel_owner owner = {
        .context = link, .received = on_received, .sent = on_sent, .ended = on_ended};

    if (nng_aio_alloc(&link->tick, on_tick, link) != 0) {
        nng_stream_free(stream);
        return error_set(e, RC_NO_MEMORY, "connection");
    }
    monitor_lock(&link->monitor);
    enum rc rc = control_open(&link->control, stream, owner, e);
    if (rc == RC_OK) {
        link->phase = LINK_JOINING;
        channel_start(link->control.channel);
        control_beat(&link->control);
    }
    monitor_unlock(&link->monitor);
    if (rc == RC_OK)
        nng_sleep_aio(tick_ms(), link->tick);
    return rc;
}

static void
end(struct link *link)
{
    if (link->tick != NULL)
        nng_aio_stop(link->tick);
    if (link->control.channel != NULL)
        control_close(&link->control);
    nng_aio_free(link->tick);
    link->tick = NULL;
}

/* Connect and stay connected as long as it goes; always ends for a reason. */
static enum rc
connect_and_stay(struct link *link, struct error *why)
{
    nng_stream *stream = NULL;

    TRY(dialler_dial(link->url, link->setup, tuning_get().handshake_ms, &link->dialling, &stream,
                     why));
    enum rc rc = begin(link, stream, why);
    monitor_lock(&link->monitor);
    while (rc == RC_OK && link->phase != LINK_ENDED && !link->closing)
        monitor_wait(&link->monitor);
    link->phase = LINK_ENDED;
    monitor_unlock(&link->monitor);
    end(link);
    if (rc != RC_OK)
        return rc;
    *why = link->why;
    return error_context(why, "%s", link->url);
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
    const struct tuning t = tuning_get();
    if (settled || pause_ms == 0)
        return t.retry_min_ms;
    return pause_ms * 2 > t.retry_max_ms ? t.retry_max_ms : pause_ms * 2;
}

/* Forget the last connection. */
static void
start_over(struct link *link)
{
    monitor_lock(&link->monitor);
    link->connection++;
    link->phase = LINK_IDLE;
    link->was_ready = false;
    link->why = ERROR_INIT;
    link->started = clock_mono();
    monitor_unlock(&link->monitor);
}

/* Tell the program, unless it was told the same before; then wait.  False: it is time to go. */
static bool
rest(struct link *link, const struct error *why, struct error *told, int pause_ms)
{
    monitor_lock(&link->monitor);
    if (link->was_ready || strcmp(told->text, why->text) != 0) {
        struct link_mail *mail = post(link, LINK_DOWN);
        if (mail != NULL)
            mail->why = *why;
    }
    *told = link->outcome = *why;
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
    bool go = true;

    while (go) {
        struct error why = ERROR_INIT;
        start_over(link);
        enum rc rc = connect_and_stay(link, &why);
        (void)rc; /* it is in `why` */
        bool settled = passed(link->started, SETTLED_MS, clock_mono());
        pause_ms = next_pause(pause_ms, settled);
        go = rest(link, &why, &told, pause_ms);
    }
    return NULL;
}
