/*
 * ldif.h -- read LDIF content records (RFC 2849) from memory: folded lines, comments, base64 values.
 *
 *     struct ldif_reader r = ldif_read(text);
 *     do TRY(ldif_next(&r, arena, &entry, e)); while (entry != NULL ...);
 *
 * Total: any bytes give entries or RC_CORRUPT with the line.  Change records and URL values
 * ("name:< file:...") are RC_CORRUPT: a server's own dse.ldif has none.
 * Ownership: entries live in the arena.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_LDAP_LDIF_H
#define AGENT_SOURCE_LDAP_LDIF_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/span.h"

struct ldif_reader {
    struct span left;
    size_t line; /* of the next byte of `left`, from 1 */
};

struct ldif_attribute {
    const char *name;  /* without options as written; NUL-terminated */
    const char *value; /* NUL follows the last byte */
    size_t value_len;
    struct ldif_attribute *next;
};

struct ldif_entry {
    const char *dn;
    size_t line;
    struct ldif_attribute *attributes; /* in the order of the file */
};

static inline struct ldif_reader
ldif_read(struct span text)
{
    return (struct ldif_reader){.left = text, .line = 1};
}

/* *out is NULL at the end. */
enum rc
ldif_next(struct ldif_reader *r, struct arena *a, const struct ldif_entry **out, struct error *e);

/* First value of an attribute, its name compared without case; NULL when absent. */
const char *ldif_value(const struct ldif_entry *entry, const char *name);
/* Has an attribute this value?  Both without case. */
bool ldif_has(const struct ldif_entry *entry, const char *name, const char *value);

#endif
