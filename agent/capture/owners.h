/*
 * owners.h -- names of users and groups, asked for once per number.
 *
 * The name service may be slow (LDAP), so answers are kept for one capture, also "has no name".
 * Names longer than LIMIT_NAME count as none.  The table is bounded; a full one starts over.
 * Threads: one.  Layer: agent/capture.
 */
#ifndef AGENT_CAPTURE_OWNERS_H
#define AGENT_CAPTURE_OWNERS_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/own.h"
#include "common/base/span.h"

struct owners;
enum rc owners_new(struct owners **out, struct error *e);
void owners_free(struct owners *o);
DEFINE_FREEP(owners)

/* Empty when there is no name.  Borrowed until the next question of the same kind.  An error only
 * when we could not ask for want of memory or descriptors: "no name" would be untrue. */
enum rc owners_user(struct owners *o, uint32_t uid, struct span *out, struct error *e);
enum rc owners_group(struct owners *o, uint32_t gid, struct span *out, struct error *e);

#endif
