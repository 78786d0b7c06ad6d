/*
 * fleet_reply.h -- answers to requests: a message, or a failure with its remedy.
 *
 * Threads: any.  Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_FLEET_REPLY_H
#define CONTROLLER_FLEET_FLEET_REPLY_H

#include "proto/hub.h"
#include "proto/message.h"

enum rc fleet_reply(struct hub *hub, const struct hub_event *request, const ProtobufCMessage *body,
                    struct error *e);
/* Best effort; logged when it cannot be sent.  `remedy` may be "". */
void fleet_refuse(struct hub *hub, const struct hub_event *request, const struct error *why,
                  const char *remedy);

#endif
