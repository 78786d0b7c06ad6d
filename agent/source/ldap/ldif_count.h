/*
 * ldif_count.h -- count the entries of an LDIF as it passes by, and see whether it ends well.
 *
 *     struct ldif_count c = LDIF_COUNT_INIT;
 *     ldif_count_feed(&c, bytes);  ...        // any slicing gives the same answer
 *     if (!ldif_count_ended(&c)) ...          // no final newline: cut off
 *
 * An entry is a line that begins with "dn:"; folded lines begin with a blank, so no value can look like one.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_LDAP_LDIF_COUNT_H
#define AGENT_SOURCE_LDAP_LDIF_COUNT_H

#include <stdbool.h>

#include "common/base/span.h"

struct ldif_count {
    uint64_t entries, bytes;
    unsigned matched; /* of "dn:" on this line; over 3: no longer possible */
    uint8_t last;
};

#define LDIF_COUNT_INIT ((struct ldif_count){0})

void ldif_count_feed(struct ldif_count *c, struct span bytes);

static inline bool
ldif_count_ended(const struct ldif_count *c)
{
    return c->bytes > 0 && c->last == '\n';
}

#endif
