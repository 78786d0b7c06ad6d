/*
 * session_renew.c -- a new certificate before the old one ends.
 *
 * Asked for over the connection that the old one made, with a new key that is on disk only together with its certificate
 * (papers_renew): a crash before that leaves the old pair, which counts until the new one was used; a crash behind it leaves
 * the new pair, which the controller knew before it gave it.  The connection is changed when no step runs.
 */
#include <stdio.h>

#include "agent/net/papers.h"
#include "agent/net/session_internal.h"
#include "common/base/log.h"
#include "proto/message.h"

enum { RENEW = 2 /* correlation */, ASK_AGAIN_MS_MAX = 3600 * 1000, ASK_AGAIN_MS_MIN = 1000 };

static void
note_job(void *ctx, const struct job_status *status)
{
    (void)status;
    *(bool *)ctx = false;
}

bool
session_is_idle(struct session *s)
{
    bool idle = true;
    priv_client_each(s->priv, note_job, &idle);
    return idle;
}

const char *
session_expired(const struct session *s)
{
    return s->options->certificate->not_after.ns > clock_wall().ns
               ? ""
               : "has expired: get a token by 'koffer agent add NAME --replace' on the controller's "
                 "host, and run 'koffer-agent enroll' here";
}

/* An answer may be lost: again after a tenth of what is left. */
static struct mono
next_try(const struct session *s, struct mono now)
{
    int64_t left = (s->options->certificate->not_after.ns - clock_wall().ns) / CLOCK_NS_PER_MS / 10;
    left = left > ASK_AGAIN_MS_MAX ? ASK_AGAIN_MS_MAX : left;
    return clock_after_ms(now, left < ASK_AGAIN_MS_MIN ? ASK_AGAIN_MS_MIN : (int)left);
}

static enum rc
ask(struct session *s, struct error *e)
{
    CLEANUP(own_freep) char *pem = NULL;
    Koffer__RenewRequest request;
    keys_private_free(TAKE(s->next_key));
    TRY(keys_generate(KEYS_SIGNING, &s->next_key, e));
    TRY(certificate_make_request(s->next_key, &s->options->certificate->identity, &pem, e));
    koffer__renew_request__init(&request);
    request.request = pem;
    return session_send(s, KOFFER__MESSAGE_TYPE__CERTIFICATE_RENEW, RENEW, &request.base, e);
}

void
session_renew(struct session *s, struct mono now)
{
    struct error e = ERROR_INIT;
    bool due = clock_wall().ns >= certificate_renewal(s->options->certificate).ns;
    if (!s->welcome || s->renewed || !due || clock_ms_until(s->ask_again, now) > 0)
        return;
    s->ask_again = next_try(s, now);
    if (ask(s, &e) != RC_OK)
        log_error(&e, "cannot ask for a new certificate");
}

static enum rc
take(struct session *s, const struct frame *frame, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    struct certificate_facts facts;
    if ((frame->flags & FRAME_FAILURE) != 0) {
        TRY(message_unpack(&koffer__failure__descriptor, frame->body, &m, e));
        return error_set(e, RC_DENIED, "the controller gives none: %s",
                         ((const Koffer__Failure *)m)->text);
    }
    TRY(message_unpack(&koffer__renew_reply__descriptor, frame->body, &m, e));
    const char *certificate = ((const Koffer__RenewReply *)m)->certificate;
    TRY(certificate_inspect(certificate, &facts, e));
    if (s->next_key == NULL)
        return error_set(e, RC_PROTOCOL, "nobody asked for it");
    TRY(papers_renew(s->options->directory, s->next_key, certificate, e));
    s->renewed = true;
    log_info("certificate renewed; it is used when no step runs");
    return RC_OK;
}

void
session_renewed(struct session *s, const struct frame *frame)
{
    struct error e = ERROR_INIT;
    if (take(s, frame, &e) != RC_OK)
        log_error(&e, "new certificate");
    keys_private_free(TAKE(s->next_key));
}
