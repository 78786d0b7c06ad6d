/* ldif_count.c -- see ldif_count.h. */
#include "agent/source/ldap/ldif_count.h"

#include <string.h>

enum { NO_MORE = 4 };

void
ldif_count_feed(struct ldif_count *c, struct span bytes)
{
    static const char mark[] = "dn:";
    if (bytes.len == 0)
        return;
    for (size_t i = 0; i < bytes.len;) {
        if (c->matched >= NO_MORE) { /* nothing to see before the next line */
            const uint8_t *end = memchr(bytes.data + i, '\n', bytes.len - i);
            if (end == NULL)
                break;
            i = (size_t)(end - bytes.data) + 1;
            c->matched = 0;
            continue;
        }
        uint8_t b = bytes.data[i++];
        if (b == '\n')
            c->matched = 0;
        else if ((b | 0x20) == mark[c->matched] || b == mark[c->matched])
            c->matched++;
        else
            c->matched = NO_MORE;
        if (c->matched == 3) {
            c->entries++;
            c->matched = NO_MORE;
        }
    }
    c->bytes += bytes.len;
    c->last = bytes.data[bytes.len - 1];
}
