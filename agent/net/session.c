/* session.c -- the loop, and the hello.  See session.h. */
#include "agent/net/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "agent/net/session_internal.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "proto/message.h"

enum { PROTOCOL = 1, HELLO = 1 /* correlation */ };

/* ---- hello */

/* "Debian GNU/Linux 12 (bookworm)" of os-release(5), else the kernel's name. */
static void
name_system(char *out, size_t size)
{
    struct error ignored = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(65536);
    struct utsname kernel;
    (void)snprintf(out, size, "%s", uname(&kernel) == 0 ? kernel.sysname : "unknown");
    if (file_read(AT_FDCWD, "/etc/os-release", &text, &ignored) != RC_OK ||
        buffer_append(&text, span_of("", 1), &ignored) != RC_OK)
        return;
    const char *name = strstr((const char *)text.data, "PRETTY_NAME=\"");
    if (name == NULL)
        return;
    name += sizeof "PRETTY_NAME=\"" - 1;
    (void)snprintf(out, size, "%.*s", (int)strcspn(name, "\"\n"), name);
}

/* What this agent can do beyond the protocol's first version; the controller asks nothing of it that it does not name. */
static const char *const features[] = {"clock", "cut"};
enum { FEATURES = sizeof features / sizeof *features };

struct hello {
    Koffer__AgentHello message;
    char *features[FEATURES];
    Koffer__Source sources[JOB_SOURCES_MAX];
    Koffer__Source *source_list[JOB_SOURCES_MAX];
    uint64_t jobs[JOB_MAX];
    char system[128];
};

static void
add_job(void *ctx, const struct job_status *status)
{
    struct hello *h = ctx;
    h->jobs[h->message.n_jobs++] = status->job;
}

static void
add_features(struct hello *h)
{
    for (size_t i = 0; i < FEATURES; i++)
        h->features[i] = message_text(features[i]);
    h->message.n_features = FEATURES;
    h->message.features = h->features;
}

static void
add_sources(const struct session *s, struct hello *h)
{
    const struct priv_source *sources;
    size_t count = priv_client_sources(s->priv, &sources);
    for (size_t i = 0; i < count; i++) {
        koffer__source__init(&h->sources[i]);
        h->sources[i].name = message_text(sources[i].name);
        h->sources[i].kind = message_text(sources[i].kind);
        h->sources[i].required = sources[i].required;
        h->sources[i].description = message_text(sources[i].description);
        h->source_list[i] = &h->sources[i];
        h->message.n_sources++;
    }
    h->message.sources = h->source_list;
}

static enum rc
say_hello(struct session *s, struct error *e)
{
    CLEANUP(own_freep) struct hello *h = calloc(1, sizeof *h);
    if (h == NULL)
        return error_set(e, RC_NO_MEMORY, "hello");
    koffer__agent_hello__init(&h->message);
    name_system(h->system, sizeof h->system);
    h->message.protocol_min = h->message.protocol_max = PROTOCOL;
    h->message.version = message_text(KOFFER_VERSION);
    h->message.system = h->system;
    h->message.clock = clock_wall().ns;
    h->message.session = s->number;
    add_features(h);
    add_sources(s, h);
    priv_client_each(s->priv, add_job, h);
    h->message.jobs = h->jobs;
    return session_send(s, KOFFER__MESSAGE_TYPE__AGENT_HELLO, HELLO, &h->message.base, e);
}

/* ---- welcome */

static enum rc
copy_vault(const struct session *s, const Koffer__Welcome *w, struct job_vault *out,
           struct error *e)
{
    if (w->vault_id.len != RECORD_VAULT_ID_SIZE || w->n_recipients == 0 ||
        w->n_recipients > LIMIT_RECIPIENTS)
        return error_set(e, RC_PROTOCOL, "the controller's welcome is malformed");
    memcpy(out->id.bytes, w->vault_id.data, RECORD_VAULT_ID_SIZE);
    if (memcmp(out->id.bytes, s->options->vault.bytes, RECORD_VAULT_ID_SIZE) != 0)
        return error_set(e, RC_DENIED,
                         "the controller uses another vault than the one this agent "
                         "was enrolled for: enrol it anew if that is meant");
    out->epoch = w->vault_epoch;
    for (size_t i = 0; i < w->n_recipients; i++) {
        if (w->recipients[i].len != KEYS_PUBLIC_SIZE)
            return error_set(e, RC_PROTOCOL, "the controller's welcome is malformed");
        memcpy(out->recipients[i].bytes, w->recipients[i].data, KEYS_PUBLIC_SIZE);
    }
    if (w->recipients_signature.len != KEYS_SIGNATURE_SIZE)
        return error_set(e, RC_PROTOCOL, "the controller's welcome is malformed");
    memcpy(out->signature, w->recipients_signature.data, KEYS_SIGNATURE_SIZE);
    out->recipient_count = w->n_recipients;
    return RC_OK;
}

static enum rc
take_welcome(struct session *s, const struct frame *frame, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    struct job_vault vault = {.epoch = 0};
    if ((frame->flags & FRAME_FAILURE) != 0) {
        TRY(message_unpack(&koffer__failure__descriptor, frame->body, &m, e));
        return error_set(e, RC_DENIED, "the controller refuses us: %s",
                         ((const Koffer__Failure *)m)->text);
    }
    TRY(message_unpack(&koffer__welcome__descriptor, frame->body, &m, e));
    const Koffer__Welcome *w = (const Koffer__Welcome *)m;
    if (w->protocol != PROTOCOL)
        return error_set(e, RC_UNSUPPORTED, "the controller chose protocol %u", w->protocol);
    TRY(copy_vault(s, w, &vault, e));
    priv_client_set_vault(s->priv, &vault);
    (void)pthread_mutex_lock(&s->lock);
    (void)snprintf(s->data_url, sizeof s->data_url, "%s", w->data_url);
    (void)pthread_mutex_unlock(&s->lock);
    s->welcome = true;
    s->sent_count = 0; /* results are sent again over the new connection */
    log_info("connected", LOG_TEXT("controller", s->options->expect),
             LOG_TEXT("version", w->version));
    return RC_OK;
}

/* ---- the loop */

static void
on_reply(struct session *s, const struct frame *frame)
{
    struct error e = ERROR_INIT;
    if (frame->type == KOFFER__MESSAGE_TYPE__STEP_RESULT)
        priv_client_drop(s->priv, frame->correlation);
    else if (frame->type == KOFFER__MESSAGE_TYPE__CERTIFICATE_RENEW)
        session_renewed(s, frame);
    else if (frame->type == KOFFER__MESSAGE_TYPE__AGENT_HELLO &&
             take_welcome(s, frame, &e) != RC_OK)
        log_error(&e, "hello");
}

static void
on_frame(struct session *s, const struct frame *frame)
{
    struct error e = ERROR_INIT;
    if ((frame->flags & FRAME_REPLY) != 0) {
        on_reply(s, frame);
    } else if (frame->type == KOFFER__MESSAGE_TYPE__STEP && s->welcome) {
        session_order(s, frame);
    } else if (frame->type == KOFFER__MESSAGE_TYPE__STEP_CANCEL && s->welcome) {
        session_cancel(s, frame);
    } else if (frame->type == KOFFER__MESSAGE_TYPE__CLOCK && s->welcome) {
        session_clock(s, frame);
    } else {
        (void)error_set(&e, RC_UNSUPPORTED, "this agent takes no messages of type %u", frame->type);
        session_answer(s, frame, &e);
    }
}

static void
on_event(struct session *s, const struct link_event *event)
{
    if (event->kind == LINK_UP) {
        s->up = true;
        s->welcome = false;
        s->told = 0;
    } else if (event->kind == LINK_DOWN) {
        s->up = false;
        if (s->welcome || event->why.text[0] != '\0')
            log_error(&event->why, "no connection to the controller",
                      LOG_TEXT("url", s->options->url),
                      LOG_TEXT("certificate", session_expired(s)));
        s->welcome = false;
    } else if (event->kind == LINK_FRAME) {
        on_frame(s, &event->frame);
    }
}

/* Again when koffer-priv was lost meanwhile: what was running in it may be no more, and its sources others.  The welcome of this
 * connection holds: orders may be on their way, and the controller knows that such a hello cannot name them yet. */
static void
greet(struct session *s)
{
    struct error e = ERROR_INIT;
    uint64_t instance;
    if (!s->up || !priv_client_ready(s->priv, &instance) || instance == s->told)
        return;
    if (say_hello(s, &e) == RC_OK)
        s->told = instance;
    else if (e.code != RC_AGAIN)
        log_error(&e, "hello");
}

static void
wake(void *ctx)
{
    const struct session *s = ctx;
    link_wake(s->link);
}

static void
start_stream(void *ctx, const struct priv_stream *what, int fd)
{
    struct session *s = ctx;
    char url[PRIV_URL_MAX];
    (void)pthread_mutex_lock(&s->lock);
    (void)snprintf(url, sizeof url, "%s", s->data_url);
    (void)pthread_mutex_unlock(&s->lock);
    relay_start(s->relay, what, fd, url);
}

static enum rc
open_all(struct session *s, struct error *e)
{
    const struct link_options link = {
        .url = s->options->url, .identity = s->options->identity, .expect = s->options->expect};
    const struct relay_options relay = {.identity = s->options->identity,
                                        .expect = s->options->expect};
    const struct priv_client_options priv = {
        .path = s->options->socket, .wake = wake, .stream = start_stream, .ctx = s};
    TRY(keys_random(&s->number, sizeof s->number, e));
    TRY(relay_new(&relay, &s->relay, e));
    TRY(link_open(&link, &s->link, e));
    return priv_client_open(&priv, &s->priv, e);
}

static enum rc
loop(struct session *s, struct error *e)
{
    while (!(s->renewed && session_is_idle(s))) {
        s->stopped = s->options->stopping(s->options->ctx);
        if (s->stopped)
            return RC_OK;
        struct link_event event = {.bytes = BUFFER_INIT(LIMIT_CONTROL_MESSAGE)};
        TRY(link_next(s->link, clock_after_ms(clock_mono(), SESSION_TICK_MS), &event, e));
        on_event(s, &event);
        link_event_clear(&event);
        greet(s);
        session_report(s, clock_mono());
        session_renew(s, clock_mono());
        priv_client_tick(s->priv, s->welcome);
    }
    return RC_OK;
}

enum rc
session_run(const struct session_options *options, bool *renewed, struct error *e)
{
    struct session s = {.options = options};
    (void)pthread_mutex_init(&s.lock, NULL);
    enum rc rc = open_all(&s, e);
    if (rc == RC_OK)
        rc = loop(&s, e);
    /* A renewed certificate in the middle of a stop is found at the next start. */
    *renewed = rc == RC_OK && s.renewed && !s.stopped;
    keys_private_free(s.next_key);
    priv_client_close(s.priv); /* before what its thread uses */
    relay_free(s.relay);
    link_close(s.link);
    (void)pthread_mutex_destroy(&s.lock);
    return rc;
}
