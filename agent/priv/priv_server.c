/* priv_server.c -- the loop, and what the network side may say.  See priv_server.h. */
#include "agent/priv/priv_server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/priv/priv_server_internal.h"
#include "common/base/log.h"

enum { LOOK_MS = 250 /* how soon a connection that was closed meanwhile is seen */ };

/* ---- the connection */

/* *full: the socket that has no room, to be waited for; -1: none. */
static enum rc
send_now(struct priv_server *s, const struct priv_message *m, int descriptor, bool last, int *full,
         struct error *e)
{
    bool no_room = false;
    (void)pthread_mutex_lock(&s->lock);
    enum rc rc = s->client < 0 || s->broken
                     ? error_set(e, RC_AGAIN, "the network side of this agent is not there")
                     : priv_channel_send_now(s->client, m, descriptor, &no_room, e);
    *full = no_room && !last ? s->client : -1;
    if (rc != RC_OK && *full < 0 && s->client >= 0)
        s->broken = true;
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}

static enum rc
send_until(struct priv_server *s, const struct priv_message *m, int descriptor, struct mono end,
           struct error *e)
{
    for (;;) {
        struct error why = ERROR_INIT;
        int64_t ms = clock_ms_until(end, clock_mono());
        struct pollfd room = {.events = POLLOUT};
        enum rc rc = send_now(s, m, descriptor, ms == 0, &room.fd, &why);
        if (rc != RC_OK && room.fd >= 0) {
            /* Without the lock: the loop may close it meanwhile, then the next look says so. */
            (void)poll(&room, 1, (int)(ms < LOOK_MS ? ms : LOOK_MS));
            continue;
        }
        if (rc != RC_OK)
            *e = why;
        return rc;
    }
}

enum rc
priv_server_send(struct priv_server *s, const struct priv_message *m, struct error *e)
{
    return send_until(s, m, -1, s->round_ends, e);
}

enum rc
priv_server_lend(struct priv_server *s, const struct priv_message *m, int descriptor,
                 struct error *e)
{
    return send_until(s, m, descriptor, clock_after_ms(clock_mono(), PRIV_CHANNEL_MS), e);
}

struct priv_message *
priv_server_message(struct priv_server *s, enum priv_type type)
{
    memset(&s->out, 0, sizeof s->out);
    s->out.type = type;
    return &s->out;
}

static bool
is_broken(struct priv_server *s)
{
    (void)pthread_mutex_lock(&s->lock);
    bool broken = s->broken;
    (void)pthread_mutex_unlock(&s->lock);
    return broken;
}

static void
hang_up(struct priv_server *s)
{
    (void)pthread_mutex_lock(&s->lock);
    priv_channel_close(&s->client);
    s->broken = false;
    (void)pthread_mutex_unlock(&s->lock);
    s->greeted = s->controller = false;
    s->sent_count = 0;
}

static void
take_client(struct priv_server *s)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_closep) int fd = -1;
    enum rc rc = priv_channel_accept(s->options->listener, s->options->peer, &fd, &e);
    s->allowance -= 1000; /* to be turned away costs as much as to speak */
    if (rc != RC_OK && rc != RC_AGAIN) {
        log_error(&e, "turned away");
        s->deaf_until =
            clock_after_ms(clock_mono(), PRIV_SERVER_TICK_MS); /* out of descriptors, perhaps */
    }
    if (rc != RC_OK)
        return;
    if (s->client >= 0) {
        log_warning("a second network side was turned away");
        priv_channel_close(&fd);
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    s->client = fd;
    (void)pthread_mutex_unlock(&s->lock);
    fd = -1;
    s->heard = clock_mono();
    log_info("the network side is there");
}

/* ---- what it says */

static enum rc
introduce_source(struct priv_server *s, const struct config_section *section, struct error *e)
{
    struct priv_message *m = priv_server_message(s, PRIV_SOURCE);
    struct priv_source *out = &m->is.source;
    const struct source_kind *kind = source_kind_of(config_text(section, "kind"));
    (void)snprintf(out->name, sizeof out->name, "%s", config_title(section));
    (void)snprintf(out->kind, sizeof out->kind, "%s", kind->name);
    out->required = config_bool(section, "required");
    kind->describe(section, out->description, sizeof out->description);
    return priv_server_send(s, m, e);
}

static enum rc
on_hello(struct priv_server *s, const struct priv_message *m, struct error *e)
{
    struct priv_message *reply = priv_server_message(s, PRIV_WELCOME);
    const struct config_section *root = config_root(s->options->jobs.config);
    if (m->is.version != PRIV_VERSION)
        return error_set(e, RC_UNSUPPORTED,
                         "the network side speaks version %u and this koffer-priv %d: install both "
                         "of one package",
                         m->is.version, (int)PRIV_VERSION);
    reply->is.instance = s->instance;
    TRY(priv_server_send(s, reply, e));
    for (size_t i = 0; i < config_count(root, "source"); i++)
        TRY(introduce_source(s, config_at(root, "source", i), e));
    TRY(priv_server_send(s, priv_server_message(s, PRIV_READY), e));
    s->greeted = true;
    s->sent_count = 0;
    s->next_progress = (struct mono){0};
    return RC_OK;
}

static enum rc
on_vault(struct priv_server *s, const struct priv_message *m, struct error *e)
{
    return job_set_vault(s->board, &m->is.vault, e);
}

static enum rc
on_order(struct priv_server *s, const struct priv_message *m, struct error *e)
{
    struct error why = ERROR_INIT;
    struct priv_message *reply = priv_server_message(s, PRIV_ANSWER);
    struct priv_answer *a = &reply->is.answer;
    a->job = m->is.order.job;
    a->rc = s->options->check(s->options->ctx, &why);
    if (a->rc == RC_OK)
        a->rc = job_submit(s->board, &m->is.order, &why);
    if (a->rc != RC_OK) {
        (void)snprintf(a->text, sizeof a->text, "%s", why.text);
        log_error(&why, "order refused", LOG_U64("job", a->job));
    }
    return priv_server_send(s, reply, e);
}

static enum rc
on_cancel(struct priv_server *s, const struct priv_message *m, struct error *e)
{
    (void)e;
    job_cancel(s->board, m->is.job);
    return RC_OK;
}

static enum rc
on_drop(struct priv_server *s, const struct priv_message *m, struct error *e)
{
    (void)e;
    job_drop(s->board, m->is.job);
    for (size_t i = 0; i < s->sent_count; i++)
        if (s->sent[i] == m->is.job)
            s->sent[i--] = s->sent[--s->sent_count];
    return RC_OK;
}

static enum rc
on_alive(struct priv_server *s, const struct priv_message *m, struct error *e)
{
    (void)e;
    s->controller = m->is.connected;
    return RC_OK;
}

typedef enum rc handler(struct priv_server *s, const struct priv_message *m, struct error *e);
static handler *const handlers[PRIV_NETWORK_TYPES_] = {
    [PRIV_HELLO] = on_hello,   [PRIV_VAULT] = on_vault, [PRIV_ORDER] = on_order,
    [PRIV_CANCEL] = on_cancel, [PRIV_DROP] = on_drop,   [PRIV_ALIVE] = on_alive,
};

static void
hear(struct priv_server *s)
{
    struct error e = ERROR_INIT;
    struct priv_message *m = &s->said;
    enum rc rc = priv_channel_receive(s->client, PRIV_FROM_NETWORK, m, NULL, &e);
    if (rc == RC_OK && !s->greeted && m->type != PRIV_HELLO)
        rc = error_set(&e, RC_PROTOCOL, "a packet of type %d before the greeting", (int)m->type);
    if (rc == RC_OK) {
        s->heard = clock_mono();
        rc = handlers[m->type](s, m, &e);
    }
    if (rc == RC_OK)
        return;
    if (rc == RC_AGAIN)
        log_info("the network side has gone");
    else
        log_error(&e, "the network side misbehaves: connection closed");
    hang_up(s);
}

/* ---- the loop */

/* A flood is not refused but read slowly: the sender waits, and nothing else does. */
static bool
may_speak(struct priv_server *s, struct mono now)
{
    enum { THOUSAND = 1000 };
    int64_t ms = (now.ns - s->allowed_at.ns) / CLOCK_NS_PER_MS;
    s->allowance += (ms < THOUSAND ? ms : THOUSAND) * PRIV_SERVER_RATE;
    if (s->allowance > (int64_t)PRIV_SERVER_BURST * THOUSAND)
        s->allowance = (int64_t)PRIV_SERVER_BURST * THOUSAND;
    s->allowed_at = now;
    return s->allowance >= THOUSAND;
}

static enum rc
wait_and_serve(struct priv_server *s, struct error *e)
{
    enum { STOP, WAKE, LISTENER, CLIENT, COUNT };
    uint64_t woken;
    struct mono now = clock_mono();
    bool open = may_speak(s, now);
    bool listening = open && clock_ms_until(s->deaf_until, now) == 0;
    struct pollfd ready[COUNT] = {
        [STOP] = {.fd = s->options->stop, .events = POLLIN},
        [WAKE] = {.fd = s->wake, .events = POLLIN},
        [LISTENER] = {.fd = listening ? s->options->listener : -1, .events = POLLIN},
        [CLIENT] = {.fd = open ? s->client : -1, .events = POLLIN},
    };
    int ms = open ? PRIV_SERVER_TICK_MS : 1000 / PRIV_SERVER_RATE + 1;
    if (poll(ready, COUNT, ms) < 0 && errno != EINTR)
        return error_errno(e, "wait for the network side");
    s->round_ends = clock_after_ms(clock_mono(), PRIV_CHANNEL_MS);
    if (ready[WAKE].revents != 0)
        (void)!read(s->wake, &woken, sizeof woken);
    if (ready[CLIENT].revents != 0) {
        s->allowance -= 1000;
        hear(s);
    }
    if (ready[LISTENER].revents != 0)
        take_client(s);
    return RC_OK;
}

static bool
is_controller_there(const struct priv_server *s, struct mono now)
{
    return s->client >= 0 && s->controller &&
           clock_ms_until(clock_after_ms(s->heard, PRIV_SERVER_SILENCE_MS), now) > 0;
}

static enum rc
loop(struct priv_server *s, struct error *e)
{
    struct mono next_tick = {0};
    while (!s->options->stopping(s->options->ctx)) {
        TRY(wait_and_serve(s, e));
        struct mono now = clock_mono();
        priv_server_report(s, now);
        if (is_broken(s)) {
            log_warning("the network side does not listen: connection closed");
            hang_up(s);
        }
        if (clock_ms_until(next_tick, now) > 0)
            continue;
        next_tick = clock_after_ms(now, PRIV_SERVER_TICK_MS);
        job_tick(s->board, is_controller_there(s, now));
    }
    return RC_OK;
}

static void
wake(void *ctx)
{
    const struct priv_server *s = ctx;
    const uint64_t one = 1;
    (void)!write(s->wake, &one, sizeof one);
}

static enum rc
open_all(struct priv_server *s, struct error *e)
{
    struct job_options jobs = s->options->jobs;
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0)
        return error_errno(e, "eventfd");
    TRY(keys_random(&s->instance, sizeof s->instance, e));
    jobs.ports = priv_server_ports(s);
    jobs.wake = wake;
    jobs.wake_ctx = s;
    TRY(job_board_new(&jobs, &s->board, e));
    return job_reap(s->board, e);
}

enum rc
priv_server_run(const struct priv_server_options *options, struct error *e)
{
    CLEANUP(own_freep) struct priv_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(e, RC_NO_MEMORY, "server");
    s->options = options;
    s->wake = s->client = -1;
    (void)pthread_mutex_init(&s->lock, NULL);
    enum rc rc = open_all(s, e);
    if (rc == RC_OK)
        rc = loop(s, e);
    job_board_free(s->board); /* its jobs still speak to the client */
    hang_up(s);
    own_closep(&s->wake);
    (void)pthread_mutex_destroy(&s->lock);
    return rc;
}
