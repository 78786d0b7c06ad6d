/* dump_trailer.c -- see dump_trailer.h. */
#include "agent/source/mariadb/dump_trailer.h"

#include <string.h>

void
dump_trailer_feed(struct dump_trailer *t, struct span bytes)
{
    t->bytes += bytes.len;
    if (bytes.len >= DUMP_TRAILER_TAIL) {
        memcpy(t->tail, bytes.data + bytes.len - DUMP_TRAILER_TAIL, DUMP_TRAILER_TAIL);
        t->len = DUMP_TRAILER_TAIL;
        return;
    }
    if (bytes.len == 0)
        return;
    size_t room = DUMP_TRAILER_TAIL - bytes.len;
    if (t->len > room) {
        memmove(t->tail, t->tail + t->len - room, room);
        t->len = room;
    }
    memcpy(t->tail + t->len, bytes.data, bytes.len);
    t->len += bytes.len;
}

bool
dump_trailer_complete(const struct dump_trailer *t)
{
    static const char words[] = "-- Dump completed", dated[] = " on ";
    if (t->len == 0 || t->tail[t->len - 1] != '\n')
        return false;
    size_t end = t->len - 1, start = end;
    while (start > 0 && t->tail[start - 1] != '\n')
        start--;
    if (start == 0 && t->bytes > t->len)
        return false; /* longer than any trailer */
    size_t len = end - start, need = sizeof words - 1;
    if (len < need || memcmp(t->tail + start, words, need) != 0)
        return false;
    return len == need ||
           (len > need + 4 && memcmp(t->tail + start + need, dated, sizeof dated - 1) == 0);
}
