/* session_order.c -- orders from the controller, checked field by field, as koffer-priv does again. */
#include <stdio.h>

#include "agent/net/session_internal.h"
#include "common/base/log.h"
#include "proto/message.h"

enum rc
session_send(struct session *s, uint16_t type, uint64_t correlation,
             const ProtobufCMessage *message, struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    TRY(message_pack(message, &body, e));
    const struct frame frame = {
        .type = type, .correlation = correlation, .body = buffer_span(&body)};
    return link_send(s->link, &frame, e);
}

static void
reply_with(struct session *s, const struct frame *request, uint8_t flags,
           const ProtobufCMessage *message)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    if (request->correlation == 0)
        return;
    enum rc rc = message_pack(message, &body, &e);
    const struct frame reply = {
        .flags = flags,
        .type = request->type,
        .correlation = request->correlation,
        .body = buffer_span(&body),
    };
    if (rc != RC_OK || link_send(s->link, &reply, &e) != RC_OK)
        log_error(&e, "cannot answer the controller");
}

void
session_answer(struct session *s, const struct frame *request, const struct error *why)
{
    Koffer__Empty empty;
    Koffer__Failure failure;
    koffer__empty__init(&empty);
    koffer__failure__init(&failure);
    if (why == NULL) {
        reply_with(s, request, FRAME_REPLY, &empty.base);
        return;
    }
    failure.code = (uint32_t)why->code;
    failure.text = message_text(why->text);
    reply_with(s, request, FRAME_REPLY | FRAME_FAILURE, &failure.base);
}

void
session_clock(struct session *s, const struct frame *frame)
{
    Koffer__ClockReading reading;
    koffer__clock_reading__init(&reading);
    reading.received = clock_wall().ns;
    reading.sent = clock_wall().ns;
    reply_with(s, frame, FRAME_REPLY, &reading.base);
}

static enum rc
copy_id(ProtobufCBinaryData from, const char *what, struct id *to, struct error *e)
{
    if (from.len != ID_SIZE)
        return error_set(e, RC_PROTOCOL, "%s of %zu bytes", what, from.len);
    memcpy(to->bytes, from.data, ID_SIZE);
    return RC_OK;
}

static enum rc
copy_text(const char *from, const char *what, char *to, size_t size, struct error *e)
{
    if ((size_t)snprintf(to, size, "%s", from) >= size)
        return error_set(e, RC_PROTOCOL, "%s is too long", what);
    return RC_OK;
}

static enum rc
copy_restore(const Koffer__RestoreOrder *from, struct job_order *to, struct error *e)
{
    if (from == NULL || from->root_sealed.len != KEYS_SEALED_SIZE)
        return error_set(e, RC_PROTOCOL, "a restore without a sealed root");
    TRY(copy_id(from->root_id, "root", &to->root, e));
    memcpy(to->root_sealed, from->root_sealed.data, KEYS_SEALED_SIZE);
    TRY(copy_text(from->path, "the path", to->path, sizeof to->path, e));
    TRY(copy_text(from->target, "the target", to->target, sizeof to->target, e));
    if (from->signature.len != KEYS_SIGNATURE_SIZE)
        return error_set(e, RC_PROTOCOL, "a restore without the controller's signature");
    memcpy(to->signature, from->signature.data, KEYS_SIGNATURE_SIZE);
    to->dry_run = from->dry_run;
    to->replace = from->replace;
    return RC_OK;
}

static enum rc
copy_order(const Koffer__StepOrder *from, struct job_order *to, struct error *e)
{
    to->job = from->job;
    to->cycle = from->cycle;
    if (from->verb <= 0 || (int)from->verb >= JOB_VERBS_)
        return error_set(e, RC_UNSUPPORTED, "this agent knows no step %d", (int)from->verb);
    to->verb = (enum job_verb)from->verb; /* the numbers are the same: asserted below */
    TRY(copy_text(from->source, "the name of the source", to->source, sizeof to->source, e));
    to->deadline_seconds = from->deadline_seconds;
    to->sequence = from->sequence;
    to->forget = from->forget;
    if (to->verb == JOB_CAPTURE || to->verb == JOB_RESTORE)
        TRY(copy_id(from->token, "token", &to->token, e));
    if (to->verb == JOB_SEAL)
        TRY(copy_id(from->previous, "previous record", &to->previous, e));
    if (from->receipt.len > 0)
        TRY(copy_id(from->receipt, "receipt", &to->receipt, e));
    return to->verb == JOB_RESTORE ? copy_restore(from->restore, to, e) : RC_OK;
}
_Static_assert((int)KOFFER__STEP_VERB__STEP_CHECK == (int)JOB_CHECK &&
                   (int)KOFFER__STEP_VERB__STEP_CAPTURE == (int)JOB_CAPTURE &&
                   (int)KOFFER__STEP_VERB__STEP_SEAL == (int)JOB_SEAL &&
                   (int)KOFFER__STEP_VERB__STEP_RELEASE == (int)JOB_RELEASE &&
                   (int)KOFFER__STEP_VERB__STEP_RESTORE == (int)JOB_RESTORE,
               "verbs have the same numbers on the wire and on the board");

static enum rc
take_order(struct session *s, const struct frame *frame, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    TRY(message_unpack(&koffer__step_order__descriptor, frame->body, &m, e));
    CLEANUP(own_freep) struct job_order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return error_set(e, RC_NO_MEMORY, "order");
    TRY(copy_order((const Koffer__StepOrder *)m, order, e));
    return priv_client_submit(s->priv, order, e);
}

void
session_order(struct session *s, const struct frame *frame)
{
    struct error e = ERROR_INIT;
    enum rc rc = take_order(s, frame, &e);
    if (rc != RC_OK)
        log_error(&e, "order refused");
    session_answer(s, frame, rc == RC_OK ? NULL : &e);
}

void
session_cancel(struct session *s, const struct frame *frame)
{
    struct error e = ERROR_INIT;
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    if (message_unpack(&koffer__job_ref__descriptor, frame->body, &m, &e) == RC_OK)
        priv_client_cancel(s->priv, ((const Koffer__JobRef *)m)->job);
    session_answer(s, frame, m == NULL ? &e : NULL);
}
