/*
 * cli_json.h -- control messages as JSON, field by field, by protobuf-c's own description of them.
 *
 * Names are those of koffer.proto.  Times (int64) become RFC 3339 texts with nanoseconds, null when
 * not set; `clock_offset` stays a number of nanoseconds.  Texts that are no UTF-8 and runs of bytes that are none are
 * escaped as \xNN (with \x5c for the backslash); `data` is base64.
 * Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_JSON_H
#define CONTROLLER_CLI_CLI_JSON_H

#include <jansson.h>

#include "proto/message.h"

/* NULL when out of memory.  The caller's reference. */
json_t *cli_json_of(const ProtobufCMessage *message);
/* One document and a line feed on stdout. */
enum rc cli_json_print(const ProtobufCMessage *message, struct error *e);
/* The same for a value at hand; takes the reference, NULL is RC_NO_MEMORY. */
enum rc cli_json_print_value(json_t *value, struct error *e);

#endif
