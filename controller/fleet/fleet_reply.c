/* fleet_reply.c -- see fleet_reply.h. */
#include "controller/fleet/fleet_reply.h"

#include "common/base/limits.h"
#include "common/base/log.h"
#include "proto/koffer.pb-c.h"

static enum rc
reply(struct hub *hub, const struct hub_event *request, uint8_t flags,
      const ProtobufCMessage *message, struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    TRY(message_pack(message, &body, e));
    const struct frame frame = {
        .flags = (uint8_t)(FRAME_REPLY | flags),
        .type = request->frame.type,
        .correlation = request->frame.correlation,
        .body = buffer_span(&body),
    };
    return hub_send(hub, request->peer, &frame, e);
}

enum rc
fleet_reply(struct hub *hub, const struct hub_event *request, const ProtobufCMessage *body,
            struct error *e)
{
    if (request->frame.correlation == 0)
        return RC_OK; /* no answer wanted */
    return reply(hub, request, 0, body, e);
}

void
fleet_refuse(struct hub *hub, const struct hub_event *request, const struct error *why,
             const char *remedy)
{
    struct error e = ERROR_INIT;
    Koffer__Failure failure;
    koffer__failure__init(&failure);
    failure.code = (uint32_t)why->code;
    failure.text = message_text(why->text);
    failure.remedy = message_text(remedy);
    if (request->frame.correlation != 0 &&
        reply(hub, request, FRAME_FAILURE, &failure.base, &e) != RC_OK)
        log_error(&e, "cannot answer a request");
}
