/*
 * api_describe.h -- what a request is about, in the words of the audit log.
 *
 *     api_describe(call->request, object, sizeof object);        // "full 17 imap1.mail:/var/spool"
 *
 * What decides stands first (the full and the source, the agent and the target), and a long path is shown by its end with
 * each slash once: no padding pushes out of the record what matters.  The record's hash of the request holds all of it.
 *
 * Threads: any.  Layer: controller/api.
 */
#ifndef CONTROLLER_API_API_DESCRIBE_H
#define CONTROLLER_API_API_DESCRIBE_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "proto/koffer.pb-c.h"
#include "proto/message.h"

/* "" for NULL, and for a type that has no words. */
void api_describe(const ProtobufCMessage *request, char *out, size_t size);
/* Are there words for requests of this type? */
bool api_describes(const ProtobufCMessageDescriptor *type);

/* A FULL_LS or FULL_CAT: equal for pieces of the same file or folder, by the same reader, and for nothing else. */
enum rc api_reading_of(const ProtobufCMessage *request, bool local, const char *who, struct id *out,
                       struct error *e);

#endif
