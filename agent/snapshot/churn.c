/* churn.c -- see churn.h. */
#include "agent/snapshot/churn.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/own.h"
#include "common/base/wire.h"
#include "common/crypto/digest.h"
#include "common/sys/file.h"

enum { VERSION = 1, HEAD = 12 };

static const char magic[] = "KFCH", file_name[] = "churn";

enum rc
churn_encode(const struct churn *c, struct buffer *out, struct error *e)
{
    struct id hash;
    struct wire_writer w = wire_writer_to(out, e);
    buffer_clear(out);
    wire_put_bytes(&w, span_of(magic, 4));
    wire_put_u32(&w, VERSION);
    wire_put_u32(&w, (uint32_t)c->count);
    for (size_t i = 0; i < c->count; i++) {
        wire_put_varbytes(&w, span_of(c->at[i].name, strlen(c->at[i].name)));
        wire_put_u64(&w, c->at[i].used);
        wire_put_i64(&w, c->at[i].time.ns);
    }
    TRY(wire_writer_finish(&w));
    TRY(digest_sha256(buffer_span(out), &hash, e));
    return buffer_append(out, span_of(hash.bytes, ID_SIZE), e);
}

static bool
take_entry(struct wire_reader *r, const struct churn_entry *before, struct churn_entry *entry)
{
    struct span name = wire_varbytes(r, CHURN_NAME_MAX);
    if (!wire_ok(r) || name.len == 0 || memchr(name.data, 0, name.len) != NULL)
        return false;
    memcpy(entry->name, name.data, name.len);
    entry->name[name.len] = '\0';
    entry->used = wire_u64(r);
    entry->time.ns = wire_i64(r);
    return wire_ok(r) && (before == NULL || strcmp(before->name, entry->name) < 0);
}

static enum rc
take_entries(struct wire_reader *r, struct churn *out, struct error *e)
{
    uint32_t count = wire_u32(r);
    if (!wire_ok(r) || count > CHURN_MAX)
        return error_set(e, RC_CORRUPT, "churn of %u volumes", count);
    for (out->count = 0; out->count < count; out->count++)
        if (!take_entry(r, out->count == 0 ? NULL : &out->at[out->count - 1], &out->at[out->count]))
            return error_set(e, RC_CORRUPT, "entry %zu of the churn is not one", out->count + 1);
    return wire_done(r) ? RC_OK : error_set(e, RC_CORRUPT, "bytes follow the churn");
}

enum rc
churn_decode(struct span bytes, struct churn *out, struct error *e)
{
    struct id hash;
    out->count = 0;
    if (bytes.len < HEAD + ID_SIZE || memcmp(bytes.data, magic, 4) != 0)
        return error_set(e, RC_CORRUPT, "no churn");
    struct span body = span_of(bytes.data, bytes.len - ID_SIZE);
    struct wire_reader r = wire_reader_of(body);
    (void)wire_bytes(&r, 4);
    uint32_t version = wire_u32(&r);
    if (version != VERSION)
        return error_set(e, RC_UNSUPPORTED, "churn of version %u; known is %d", version, VERSION);
    TRY(digest_sha256(body, &hash, e));
    if (memcmp(hash.bytes, bytes.data + body.len, ID_SIZE) != 0)
        return error_set(e, RC_CORRUPT, "the churn has a wrong checksum");
    return take_entries(&r, out, e);
}

static void
read_all(int statefd, struct churn *out)
{
    struct error ignored = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(CHURN_FILE_MAX);
    if (file_read(statefd, file_name, &bytes, &ignored) != RC_OK ||
        churn_decode(buffer_span(&bytes), out, &ignored) != RC_OK)
        out->count = 0;
}

static struct churn_entry *
find(struct churn *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->at[i].name, name) == 0)
            return &c->at[i];
    return NULL;
}

uint64_t
churn_last(int statefd, const char *name)
{
    CLEANUP(own_freep) struct churn *c = calloc(1, sizeof *c);
    if (c == NULL)
        return 0;
    read_all(statefd, c);
    const struct churn_entry *entry = find(c, name);
    return entry == NULL ? 0 : entry->used;
}

static struct churn_entry *
oldest(struct churn *c)
{
    struct churn_entry *found = &c->at[0];
    for (size_t i = 1; i < c->count; i++)
        if (c->at[i].time.ns < found->time.ns)
            found = &c->at[i];
    return found;
}

static int
compare(const void *a, const void *b)
{
    const struct churn_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

enum rc
churn_note(int statefd, const char *name, uint64_t used, struct wall now, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(CHURN_FILE_MAX);
    CLEANUP(own_freep) struct churn *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(e, RC_NO_MEMORY, "churn of '%s'", name);
    read_all(statefd, c);
    struct churn_entry *entry = find(c, name);
    if (entry == NULL)
        entry = c->count < CHURN_MAX ? &c->at[c->count++] : oldest(c);
    (void)snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->used = used;
    entry->time = now;
    qsort(c->at, c->count, sizeof c->at[0], compare);
    TRY(churn_encode(c, &bytes, e));
    return file_replace(statefd, file_name, buffer_span(&bytes), 0600, e);
}
