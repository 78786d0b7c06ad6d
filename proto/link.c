/* link.c -- the program's side of the link.  See link.h. */
#include "proto/link.h"

#include <signal.h>
#include <string.h>

#include "common/base/text.h"
#include "proto/koffer.pb-c.h"
#include "proto/link_internal.h"
#include "proto/message.h"

enum { FIRST_ATTEMPT_MS = 10000 };
/* Correlations of link_call have the high bit, so that they do not meet the program's own. */
#define CALL_BIT (UINT64_C(1) << 63)

void
link_event_clear(struct link_event *event)
{
    buffer_free(&event->bytes);
    *event = (struct link_event){.kind = LINK_TIMEOUT};
}

/* ---- life */

static enum rc
start_thread(struct link *link, struct error *e)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&link->thread, NULL, link_connection_run, link);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        return error_set(e, RC_NO_MEMORY, "start a thread: %s", strerror(error));
    return RC_OK;
}

static void
free_link(struct link *link)
{
    while (!STAILQ_EMPTY(&link->mail)) {
        struct link_mail *mail = STAILQ_FIRST(&link->mail);
        STAILQ_REMOVE_HEAD(&link->mail, next);
        buffer_free(&mail->bytes);
        free(mail);
    }
    tls_setup_free(link->setup);
    monitor_destroy(&link->monitor);
    free(link->url);
    free(link);
}

static enum rc
set_up(struct link *link, const struct link_options *options, struct error *e)
{
    link->once = options->once;
    link->dialling.monitor = &link->monitor;
    link->url = strdup(options->url);
    if (link->url == NULL)
        return error_set(e, RC_NO_MEMORY, "link");
    if (options->identity != NULL)
        TRY_IN(tls_setup_client(options->identity, options->expect, &link->setup, e), e, "%s",
               options->url);
    return start_thread(link, e);
}

/* Wait for the first attempt, which ends by itself. */
static enum rc
first_attempt(struct link *link, struct error *e)
{
    struct mono deadline = clock_after_ms(clock_mono(), FIRST_ATTEMPT_MS);
    bool in_time = true;

    monitor_lock(&link->monitor);
    while (!link->tried && in_time)
        in_time = monitor_wait_until(&link->monitor, deadline);
    struct error outcome = link->outcome;
    bool tried = link->tried;
    monitor_unlock(&link->monitor);
    if (!tried)
        return error_set(e, RC_TIMEOUT, "%s: no answer within %d s", link->url,
                         FIRST_ATTEMPT_MS / 1000);
    if (outcome.code != RC_OK)
        *e = outcome;
    return outcome.code;
}

enum rc
link_open(const struct link_options *options, struct link **out, struct error *e)
{
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return error_set(e, RC_NO_MEMORY, "link");
    monitor_init(&link->monitor);
    STAILQ_INIT(&link->mail);
    enum rc rc = set_up(link, options, e);
    if (rc != RC_OK) {
        free_link(link);
        return rc;
    }
    rc = options->once ? first_attempt(link, e) : RC_OK;
    if (rc != RC_OK) {
        link_close(link);
        return rc;
    }
    *out = link;
    return RC_OK;
}

void
link_close(struct link *link)
{
    if (link == NULL)
        return;
    monitor_lock(&link->monitor);
    link->closing = true;
    dialler_cancel(&link->dialling);
    monitor_changed(&link->monitor);
    monitor_unlock(&link->monitor);
    (void)pthread_join(link->thread, NULL);
    free_link(link);
}

/* ---- events */

/* With the monitor held; takes the mail's contents. */
static void
deliver(struct link *link, struct link_mail *mail, struct link_event *out)
{
    *out = (struct link_event){
        .kind = mail->kind, .why = mail->why, .frame = mail->frame, .bytes = mail->bytes};
    bool current = mail->connection == link->connection && link->phase == LINK_READY;
    if (mail->kind == LINK_FRAME && current)
        control_taken(&link->control);
}

enum rc
link_next(struct link *link, struct mono deadline, struct link_event *out, struct error *e)
{
    (void)e;
    bool in_time = true;

    monitor_lock(&link->monitor);
    while (!link->woken && STAILQ_EMPTY(&link->mail) && in_time)
        in_time = monitor_wait_until(&link->monitor, deadline);
    struct link_mail *mail = STAILQ_FIRST(&link->mail);
    if (link->woken) {
        link->woken = false;
        *out = (struct link_event){.kind = LINK_WOKEN};
    } else if (mail != NULL) {
        STAILQ_REMOVE_HEAD(&link->mail, next);
        deliver(link, mail, out);
        free(mail);
    } else {
        *out = (struct link_event){.kind = LINK_TIMEOUT};
    }
    monitor_unlock(&link->monitor);
    return RC_OK;
}

static enum rc
send_locked(struct link *link, const struct frame *frame, struct error *e)
{
    if (link->phase != LINK_READY)
        return error_set(e, RC_AGAIN, "not connected to the controller");
    return control_send(&link->control, frame, e);
}

enum rc
link_send(struct link *link, const struct frame *frame, struct error *e)
{
    monitor_lock(&link->monitor);
    enum rc rc = send_locked(link, frame, e);
    monitor_unlock(&link->monitor);
    return rc;
}

void
link_wake(struct link *link)
{
    monitor_lock(&link->monitor);
    link->woken = true;
    monitor_changed(&link->monitor);
    monitor_unlock(&link->monitor);
}

/* ---- one question at a time */

/* A Failure becomes our error, with the controller's code. */
static enum rc
take_failure(struct span body, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    char text[384];

    TRY_IN(message_unpack(&koffer__failure__descriptor, body, &m, e), e, "the controller's answer");
    const Koffer__Failure *failure = (const Koffer__Failure *)m;
    bool known = failure->code != RC_OK && failure->code < RC_COUNT_;
    enum rc rc = known ? (enum rc)failure->code : RC_PROTOCOL;
    char remedy[128];
    (void)text_escape(span_of(failure->text, strlen(failure->text)), text, sizeof text);
    (void)text_escape(span_of(failure->remedy, strlen(failure->remedy)), remedy, sizeof remedy);
    if (remedy[0] == '\0')
        return error_set(e, rc, "%s", text);
    return error_set(e, rc, "%s; %s", text, remedy);
}

static enum rc
take_reply(const struct link_event *event, struct buffer *reply, struct error *e)
{
    if ((event->frame.flags & FRAME_FAILURE) != 0)
        return take_failure(event->frame.body, e);
    buffer_clear(reply);
    return buffer_append(reply, event->frame.body, e);
}

static bool
is_reply(const struct link_event *event, uint64_t correlation)
{
    return event->kind == LINK_FRAME && (event->frame.flags & FRAME_REPLY) != 0 &&
           event->frame.correlation == correlation;
}

enum rc
link_call(struct link *link, uint16_t type, struct span body, struct mono deadline,
          struct buffer *reply, struct error *e)
{
    const struct frame question = {
        .type = type, .correlation = CALL_BIT | ++link->calls, .body = body};

    TRY(link_send(link, &question, e));
    for (;;) {
        struct link_event event;
        TRY(link_next(link, deadline, &event, e));
        enum link_kind kind = event.kind;
        bool answered = is_reply(&event, question.correlation);
        enum rc rc = answered ? take_reply(&event, reply, e) : RC_OK;
        if (kind == LINK_DOWN)
            rc = error_set(e, RC_AGAIN, "the connection was lost: %s", event.why.text);
        link_event_clear(&event);
        if (answered || rc != RC_OK)
            return rc;
        if (kind == LINK_TIMEOUT)
            return error_set(e, RC_TIMEOUT, "no answer from the controller in time");
    }
}
