/*
 * stream_listen.c -- the controller's side: accept, wait for the first frame, give it a thread.
 * See stream.h.
 *
 * A stream is on the list from its arrival until stream_close.  The loop's thread looks at those
 * without a thread of their own: a first frame starts one, the end or the deadline frees it.
 */
#include <assert.h>
#include <signal.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/own.h"
#include "proto/acceptor.h"
#include "proto/crowd.h"
#include "proto/stream_internal.h"
#include "proto/tuning.h"

struct stream_listener {
    struct monitor monitor;
    struct tls_setup *setup;
    struct acceptor *acceptor;
    enum tls_demand demand;
    void (*accepted)(void *ctx, struct stream *s);
    void *ctx;
    struct stream *streams;
    unsigned threads;
    bool running, closing;
    pthread_t loop;
};

/* ---- the list, under the monitor */

static void
add(struct stream_listener *l, struct stream *s)
{
    s->next = l->streams;
    s->link = &l->streams;
    if (s->next != NULL)
        s->next->link = &s->next;
    l->streams = s;
    monitor_changed(&l->monitor);
}

/* A first frame takes milliseconds; whoever waits longest is the least likely to send one. */
static void
make_room(struct stream_listener *l)
{
    struct stream *waiting[CROWD_MAX];
    struct crowd crowd = {.count = 0};
    size_t count = 0;

    for (struct stream *s = l->streams; s != NULL && count < CROWD_MAX; s = s->next) {
        if (!s->started && !s->evicted)
            waiting[count++] = s;
    }
    if (count < STREAM_WAITING_MAX)
        return;
    while (count-- > 0) /* the newest came first */
        crowd_add(&crowd, waiting[count]->origin, waiting[count]);
    struct stream *victim = crowd_choose(&crowd);
    victim->evicted = true;
    stream_cancel(victim);
}

void
stream_listener_forget(struct stream *s)
{
    struct stream_listener *l = s->listener;
    monitor_lock(&l->monitor);
    if (s->link != NULL) {
        *s->link = s->next;
        if (s->next != NULL)
            s->next->link = s->link;
    }
    monitor_changed(&l->monitor);
    monitor_unlock(&l->monitor);
}

void
stream_listener_notice(struct stream_listener *l)
{
    monitor_lock(&l->monitor);
    monitor_changed(&l->monitor);
    monitor_unlock(&l->monitor);
}

/* ---- a thread per connection */

static void *
serve(void *context)
{
    struct stream *s = context;
    struct stream_listener *l = s->listener;

    l->accepted(l->ctx, s);
    monitor_lock(&l->monitor);
    l->threads--;
    monitor_changed(&l->monitor);
    monitor_unlock(&l->monitor);
    return NULL;
}

/* How many threads serve the same bearer; of those without a certificate, the same address.  With the monitor held. */
static unsigned
share_of(const struct stream_listener *l, const struct stream *s)
{
    unsigned count = 0;
    for (const struct stream *other = l->streams; other != NULL; other = other->next)
        count += other->started && tls_peer_same(&other->peer, &s->peer) &&
                 (s->peer.verified || other->origin == s->origin);
    return count;
}

static enum rc
admit(struct stream_listener *l, struct stream *s, struct error *e)
{
    pthread_t thread;

    TRY(l->setup == NULL ? stream_learn_local_peer(s, e) : stream_learn_peer(s, e));
    if (l->setup != NULL && l->demand == TLS_DEMAND_CERTIFICATE && !s->peer.verified)
        /* not covered: the handshake has refused it before */
        return error_set(e, RC_DENIED, "the peer is not verified");
    monitor_lock(&l->monitor);
    bool greedy = share_of(l, s) >= STREAM_CONNECTIONS_EACH;
    bool room = l->threads < STREAM_CONNECTIONS_MAX && !l->closing && !greedy;
    if (room) {
        l->threads++;
        monitor_lock(&s->monitor);
        s->started = true;
        monitor_unlock(&s->monitor);
    }
    monitor_unlock(&l->monitor);
    if (greedy)
        return error_set(e, RC_AGAIN, "%d connections of this peer are open already",
                         STREAM_CONNECTIONS_EACH);
    if (!room)
        return error_set(e, RC_AGAIN, "%d connections are open already", STREAM_CONNECTIONS_MAX);
    int error = pthread_create(&thread, NULL, serve, s);
    if (error == 0) {
        error = pthread_detach(thread);
        assert(error == 0);
        return RC_OK;
    }
    monitor_lock(&l->monitor);
    l->threads--;
    monitor_unlock(&l->monitor);
    return error_set(e, RC_NO_MEMORY, "start a thread: %s", strerror(error));
}

static void
admit_or_close(struct stream_listener *l, struct stream *s)
{
    struct error e = ERROR_INIT;
    if (admit(l, s, &e) == RC_OK)
        return;
    tls_report_refused("refused a data stream", s->peer.address, s->peer.identity.name, e.text);
    stream_close(s);
}

/* ---- the loop */

enum fate { WAIT, ADMIT, CLOSE };

static enum fate
fate_of(struct stream *s, struct mono now)
{
    const struct tuning t = tuning_get();
    if (s->started)
        return WAIT;
    if (stream_is_settled(s) && !s->evicted)
        return ADMIT;
    struct mono deadline = clock_after_ms(s->begun, t.handshake_ms + t.stream_hello_ms);
    return s->evicted || stream_has_ended(s) || clock_ms_until(deadline, now) == 0 ? CLOSE : WAIT;
}

/* The first stream with which something is to be done. */
static struct stream *
pick(struct stream_listener *l, enum fate *fate)
{
    struct mono now = clock_mono();
    for (struct stream *s = l->streams; s != NULL; s = s->next) {
        *fate = fate_of(s, now);
        if (*fate != WAIT)
            return s;
    }
    return NULL;
}

static int
interval_ms(void)
{
    int ms = tuning_get().stream_hello_ms / 8;
    return ms < 5 ? 5 : ms;
}

static void *
run(void *context)
{
    struct stream_listener *l = context;

    monitor_lock(&l->monitor);
    while (!l->closing) {
        enum fate fate = WAIT;
        struct stream *s = pick(l, &fate);
        if (s == NULL) {
            (void)monitor_wait_until(&l->monitor, clock_after_ms(clock_mono(), interval_ms()));
            continue;
        }
        monitor_unlock(&l->monitor);
        if (fate == ADMIT)
            admit_or_close(l, s);
        else
            stream_close(s);
        monitor_lock(&l->monitor);
    }
    monitor_unlock(&l->monitor);
    return NULL;
}

static void
on_stream(void *context, nng_stream *nng)
{
    struct stream_listener *l = context;
    struct stream *s = NULL;
    struct error e = ERROR_INIT;
    uint64_t origin = crowd_origin_of(nng);

    if (stream_begin(nng, l->setup, false, l, &s, &e) != RC_OK) {
        tls_report_refused("refused a data stream", "", "", e.text);
        return;
    }
    s->origin = origin;
    monitor_lock(&l->monitor);
    make_room(l);
    add(l, s);
    monitor_unlock(&l->monitor);
}

/* ---- life */

static enum rc
start_loop(struct stream_listener *l, struct error *e)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&l->loop, NULL, run, l);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        return error_set(e, RC_NO_MEMORY, "start a thread: %s", strerror(error));
    l->running = true;
    return RC_OK;
}

static enum rc
set_up(struct stream_listener *l, const struct stream_listen_options *options, struct error *e)
{
    if (options->identity != NULL)
        TRY_IN(tls_setup_server(options->identity, options->demand, &l->setup, e), e,
               "listen on %s", options->url);
    TRY(start_loop(l, e));
    return acceptor_open(options->url, l->setup, on_stream, l, &l->acceptor, e);
}

enum rc
stream_listen(const struct stream_listen_options *options, struct stream_listener **out,
              struct error *e)
{
    struct stream_listener *l = calloc(1, sizeof *l);
    if (l == NULL)
        return error_set(e, RC_NO_MEMORY, "listen on %s", options->url);
    monitor_init(&l->monitor);
    l->demand = options->demand;
    l->accepted = options->accepted;
    l->ctx = options->ctx;
    enum rc rc = set_up(l, options, e);
    if (rc != RC_OK) {
        stream_listener_close(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

enum rc
stream_listener_port(const struct stream_listener *l, unsigned *out, struct error *e)
{
    return acceptor_port(l->acceptor, out, e);
}

/* The threads see their streams cancelled, close them and return. */
static void
end_threads(struct stream_listener *l)
{
    monitor_lock(&l->monitor);
    for (struct stream *s = l->streams; s != NULL; s = s->next) {
        if (s->started)
            stream_cancel(s);
    }
    while (l->threads > 0)
        monitor_wait(&l->monitor);
    monitor_unlock(&l->monitor);
}

void
stream_listener_close(struct stream_listener *l)
{
    if (l == NULL)
        return;
    acceptor_close(l->acceptor);
    monitor_lock(&l->monitor);
    l->closing = true;
    monitor_changed(&l->monitor);
    monitor_unlock(&l->monitor);
    if (l->running)
        (void)pthread_join(l->loop, NULL);
    end_threads(l);
    while (l->streams != NULL)
        stream_close(l->streams);
    tls_setup_free(l->setup);
    monitor_destroy(&l->monitor);
    free(l);
}
