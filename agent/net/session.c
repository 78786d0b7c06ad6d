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

enum { PROTOCOL = 1, DESCRIPTION_MAX = 200, HELLO = 1 /* correlation */ };

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

struct hello {
    Koffer__AgentHello message;
    Koffer__Source sources[JOB_SOURCES_MAX];
    Koffer__Source *source_list[JOB_SOURCES_MAX];
    char descriptions[JOB_SOURCES_MAX][DESCRIPTION_MAX];
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
add_sources(const struct session *s, struct hello *h)
{
    const struct config_section *root = config_root(s->options->jobs.config);
    size_t count = config_count(root, "source");
    for (size_t i = 0; i < count && i < JOB_SOURCES_MAX; i++) {
        const struct config_section *section = config_at(root, "source", i);
        const struct source_kind *kind = source_kind_of(config_text(section, "kind"));
        koffer__source__init(&h->sources[i]);
        kind->describe(section, h->descriptions[i], DESCRIPTION_MAX);
        h->sources[i].name = message_text(config_title(section));
        h->sources[i].kind = message_text(kind->name);
        h->sources[i].required = config_bool(section, "required");
        h->sources[i].description = h->descriptions[i];
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
    add_sources(s, h);
    job_each(s->board, add_job, h);
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
    job_set_vault(s->board, &vault);
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
        job_drop(s->board, frame->correlation);
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
    } else {
        (void)error_set(&e, RC_UNSUPPORTED, "this agent takes no messages of type %u", frame->type);
        session_answer(s, frame, &e);
    }
}

static void
on_event(struct session *s, const struct link_event *event)
{
    struct error e = ERROR_INIT;
    if (event->kind == LINK_UP) {
        s->welcome = false;
        if (say_hello(s, &e) != RC_OK)
            log_error(&e, "hello");
    } else if (event->kind == LINK_DOWN) {
        if (s->welcome || event->why.text[0] != '\0')
            log_error(&event->why, "no connection to the controller",
                      LOG_TEXT("url", s->options->url));
        s->welcome = false;
    } else if (event->kind == LINK_FRAME) {
        on_frame(s, &event->frame);
    }
}

static void
wake(void *ctx)
{
    const struct session *s = ctx;
    link_wake(s->link);
}

static enum rc
open_all(struct session *s, struct error *e)
{
    struct job_options jobs = s->options->jobs;
    const struct link_options link = {
        .url = s->options->url, .identity = s->options->identity, .expect = s->options->expect};
    TRY(keys_random(&s->number, sizeof s->number, e));
    jobs.ports = session_ports(s);
    jobs.wake = wake;
    jobs.wake_ctx = s;
    TRY(job_board_new(&jobs, &s->board, e));
    TRY(job_reap(s->board, e));
    return link_open(&link, &s->link, e);
}

static enum rc
loop(struct session *s, struct error *e)
{
    while (!s->options->stopping(s->options->ctx)) {
        struct link_event event = {.bytes = BUFFER_INIT(LIMIT_CONTROL_MESSAGE)};
        TRY(link_next(s->link, clock_after_ms(clock_mono(), SESSION_TICK_MS), &event, e));
        on_event(s, &event);
        link_event_clear(&event);
        session_report(s, clock_mono());
        job_tick(s->board, s->welcome);
    }
    return RC_OK;
}

enum rc
session_run(const struct session_options *options, struct error *e)
{
    struct session s = {.options = options};
    (void)pthread_mutex_init(&s.lock, NULL);
    enum rc rc = open_all(&s, e);
    if (rc == RC_OK)
        rc = loop(&s, e);
    job_board_free(s.board); /* before the link: its jobs' last word wakes it */
    link_close(s.link);
    (void)pthread_mutex_destroy(&s.lock);
    return rc;
}
