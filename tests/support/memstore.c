/* memstore.c -- see memstore.h. */
#include "tests/support/memstore.h"

enum { BUCKETS = 4096 };

struct stored {
    struct stored *next;
    struct id id;
    size_t len;
    uint8_t bytes[];
};

struct memstore {
    struct blob_sink sink;     /* first: the interfaces are cast back */
    struct blob_source source; /* see from_source */
    struct stored *buckets[BUCKETS];
    size_t count, bytes, gets, fail_at;
    enum rc fail_with;
};

static struct stored **
place_of(struct memstore *s, const struct id *id)
{
    struct stored **at = &s->buckets[(id->bytes[0] | id->bytes[1] << 8) % BUCKETS];
    while (*at != NULL && !id_equal(&(*at)->id, id))
        at = &(*at)->next;
    return at;
}

static enum rc
put(struct blob_sink *sink, const struct id *id, struct span blob, struct error *e)
{
    struct memstore *s = (struct memstore *)sink;
    TRY(blob_check(blob, id, e));
    struct stored **at = place_of(s, id);
    if (*at != NULL)
        return RC_OK;
    struct stored *new = malloc(sizeof *new + blob.len);
    if (new == NULL)
        return error_set(e, RC_NO_MEMORY, "memory store");
    *new = (struct stored){.id = *id, .len = blob.len};
    memcpy(new->bytes, blob.data, blob.len);
    *at = new;
    s->count++;
    s->bytes += blob.len;
    return RC_OK;
}

static struct memstore *
from_source(struct blob_source *source)
{
    char *at = (char *)source - offsetof(struct memstore, source);
    void *store = at;
    return store;
}

static enum rc
get(struct blob_source *source, const struct id *id, struct buffer *out, struct error *e)
{
    struct memstore *s = from_source(source);
    s->gets++;
    if (s->fail_at != 0 && s->gets >= s->fail_at)
        return error_set(e, s->fail_with, "memory store: fails as it was told");
    struct stored *found = *place_of(s, id);
    if (found == NULL)
        return error_set(e, RC_NOT_FOUND, "memory store: no such blob");
    buffer_clear(out);
    return buffer_append(out, span_of(found->bytes, found->len), e);
}

struct memstore *
memstore_new(void)
{
    struct memstore *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->sink.put = put;
        s->source.get = get;
    }
    return s;
}

void
memstore_free(struct memstore *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (s->buckets[i] != NULL) {
            struct stored *next = s->buckets[i]->next;
            free(s->buckets[i]);
            s->buckets[i] = next;
        }
    }
    free(s);
}

struct blob_sink *
memstore_sink(struct memstore *s)
{
    return &s->sink;
}

struct blob_source *
memstore_source(struct memstore *s)
{
    return &s->source;
}

size_t
memstore_count(const struct memstore *s)
{
    return s->count;
}

size_t
memstore_bytes(const struct memstore *s)
{
    return s->bytes;
}

size_t
memstore_gets(const struct memstore *s)
{
    return s->gets;
}

void
memstore_fail_gets(struct memstore *s, size_t n, enum rc rc)
{
    s->fail_at = n == 0 ? 0 : s->gets + n;
    s->fail_with = rc;
}

bool
memstore_has(struct memstore *s, const struct id *id)
{
    return *place_of(s, id) != NULL;
}

void
memstore_drop(struct memstore *s, const struct id *id)
{
    struct stored **at = place_of(s, id);
    struct stored *dropped = *at;
    if (dropped == NULL)
        return;
    *at = dropped->next;
    s->count--;
    s->bytes -= dropped->len;
    free(dropped);
}
