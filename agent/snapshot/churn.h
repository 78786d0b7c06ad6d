/*
 * churn.h -- how much space the last snapshot of a volume took, so that the next one gets enough (docs/formats/churn.md).
 *
 *     used = churn_last(statefd, "vg0/mail");               // 0: never measured
 *     TRY(churn_note(statefd, "vg0/mail", used, now, e));   // durable; the oldest of too many volumes is forgotten
 *
 * A cache: what cannot be read is taken as never measured, and written anew.
 * Threads: the caller keeps writers apart.  Layer: agent/snapshot, internal.
 */
#ifndef AGENT_SNAPSHOT_CHURN_H
#define AGENT_SNAPSHOT_CHURN_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"

enum {
    CHURN_NAME_MAX = 255, /* "<volume group>/<logical volume>" */
    CHURN_MAX = 256,      /* volumes of one host that are cut */
    CHURN_FILE_MAX = 128 * 1024,
};

struct churn_entry {
    char name[CHURN_NAME_MAX + 1];
    uint64_t used; /* bytes */
    struct wall time;
};
struct churn {
    struct churn_entry at[CHURN_MAX]; /* ascending by name */
    size_t count;
};
enum rc churn_encode(const struct churn *c, struct buffer *out, struct error *e);
enum rc churn_decode(struct span bytes, struct churn *out,
                     struct error *e); /* or RC_CORRUPT, RC_UNSUPPORTED */

uint64_t churn_last(int statefd, const char *name);
enum rc churn_note(int statefd, const char *name, uint64_t used, struct wall now, struct error *e);

#endif
