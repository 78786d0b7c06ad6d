/* memory.c -- verify once, then walk along.  See memory.h. */
#include "agent/capture/memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "common/base/wire.h"
#include "common/sys/file.h"

enum { WINDOW = 256 * 1024, RECORD_MEMORY = 4 * MEMORY_RECORD_MAX, LENGTH_MAX = 10 };

struct memory {
    int fd;
    uint64_t next, end; /* of the records still in the file */
    struct buffer window;
    size_t at; /* in the window */
    struct memory_ring ring;
    struct arena *arena;
    struct memory_record record; /* the next one, once `peeked` */
    bool peeked, over;
    unsigned strange; /* directories entered that the memory does not know */
};

static enum rc
hash_file(int fd, uint64_t len, struct memory_hash *out, struct error *e)
{
    CLEANUP(own_freep) uint8_t *bytes = malloc(WINDOW);
    XXH3_state_t *state = XXH3_createState();
    enum rc rc = RC_OK;
    if (bytes == NULL || state == NULL)
        rc = error_set(e, RC_NO_MEMORY, "checksum");
    else
        (void)XXH3_128bits_reset(state);
    for (uint64_t at = 0; rc == RC_OK && at < len;) {
        size_t want = len - at < WINDOW ? (size_t)(len - at) : WINDOW, got = 0;
        rc = file_read_at(fd, at, bytes, want, &got, e);
        if (rc == RC_OK && got < want)
            rc = error_set(e, RC_CORRUPT, "truncated while it was read");
        if (rc == RC_OK)
            (void)XXH3_128bits_update(state, bytes, got);
        at += got;
    }
    if (rc == RC_OK) {
        XXH128_canonical_t canonical;
        XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
        memcpy(out->bytes, canonical.digest, MEMORY_HASH_SIZE);
    }
    (void)XXH3_freeState(state);
    return rc;
}

static enum rc
check_header(int fd, const struct memory_key *key, struct error *e)
{
    uint8_t bytes[MEMORY_HEADER_SIZE];
    size_t got;
    TRY(file_read_at(fd, 0, bytes, sizeof bytes, &got, e));
    struct wire_reader r = wire_reader_of(span_of(bytes, got));
    struct span magic = wire_bytes(&r, 4);
    if (!wire_ok(&r) || memcmp(magic.data, "KFM1", 4) != 0)
        return error_set(e, RC_CORRUPT, "no memory of a capture");
    uint32_t version = wire_u32(&r);
    if (version != MEMORY_VERSION)
        return error_set(e, RC_INVALID, "version %u is not ours", version);
    struct span vault = wire_bytes(&r, RECORD_VAULT_ID_SIZE);
    uint64_t epoch = wire_u64(&r);
    struct span domain = wire_bytes(&r, BLOB_DOMAIN_SIZE);
    if (!wire_done(&r))
        return error_set(e, RC_CORRUPT, "truncated");
    if (memcmp(vault.data, key->vault.bytes, vault.len) != 0 || epoch != key->epoch ||
        memcmp(domain.data, key->domain, domain.len) != 0)
        return error_set(e, RC_INVALID, "it is of another vault, epoch or domain");
    return RC_OK;
}

static enum rc
check_trailer(struct memory *m, uint64_t size, struct memory_totals *totals, struct error *e)
{
    uint8_t bytes[MEMORY_TRAILER_SIZE];
    size_t got;
    if (size < MEMORY_HEADER_SIZE + MEMORY_TRAILER_SIZE)
        return error_set(e, RC_CORRUPT, "truncated");
    TRY(file_read_at(m->fd, size - sizeof bytes, bytes, sizeof bytes, &got, e));
    struct wire_reader r = wire_reader_of(span_of(bytes, got));
    (void)wire_id(&r);
    totals->files = wire_u64(&r);
    totals->bytes = wire_u64(&r);
    struct span sum = wire_bytes(&r, MEMORY_HASH_SIZE);
    uint64_t records = wire_u64(&r);
    struct span magic = wire_bytes(&r, 8);
    if (!wire_done(&r) || memcmp(magic.data, "KFMEMEND", 8) != 0 ||
        records != size - MEMORY_HEADER_SIZE - MEMORY_TRAILER_SIZE)
        return error_set(e, RC_CORRUPT, "truncated");
    struct memory_hash hash;
    TRY(hash_file(m->fd, size - 2 * sizeof(uint64_t) - MEMORY_HASH_SIZE, &hash, e));
    if (memcmp(hash.bytes, sum.data, MEMORY_HASH_SIZE) != 0)
        return error_set(e, RC_CORRUPT, "its checksum does not fit");
    m->end = size - MEMORY_TRAILER_SIZE;
    return RC_OK;
}

static enum rc
open_and_check(struct memory *m, const char *path, const struct memory_key *key,
               struct memory_totals *totals, struct error *e)
{
    m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (m->fd < 0)
        return error_errno(e, "open");
    struct stat st;
    if (fstat(m->fd, &st) != 0)
        return error_errno(e, "stat");
    TRY(check_header(m->fd, key, e));
    return check_trailer(m, (uint64_t)st.st_size, totals, e);
}

enum rc
memory_open(const char *path, const struct memory_key *key, struct memory **out,
            struct memory_totals *totals, struct error *e)
{
    CLEANUP(memory_freep) struct memory *m = calloc(1, sizeof *m);
    if (m == NULL)
        return error_set(e, RC_NO_MEMORY, "memory '%s'", path);
    m->fd = -1;
    m->window = BUFFER_INIT(2 * MEMORY_RECORD_MAX);
    m->arena = arena_new(RECORD_MEMORY);
    if (m->arena == NULL)
        return error_set(e, RC_NO_MEMORY, "memory '%s'", path);
    TRY_IN(open_and_check(m, path, key, totals, e), e, "memory '%s'", path);
    m->next = MEMORY_HEADER_SIZE;
    *out = TAKE(m);
    return RC_OK;
}

void
memory_free(struct memory *m)
{
    if (m == NULL)
        return;
    if (m->fd >= 0)
        (void)close(m->fd);
    buffer_free(&m->window);
    arena_free(m->arena);
    free(m);
}

/* At least `want` bytes into the window, fewer at the end of the records. */
static enum rc
fill(struct memory *m, size_t want, struct error *e)
{
    if (m->window.len - m->at >= want || m->next == m->end)
        return RC_OK;
    if (m->at > 0) {
        memmove(m->window.data, m->window.data + m->at, m->window.len - m->at);
        m->window.len -= m->at;
        m->at = 0;
    }
    size_t more = want > WINDOW ? want : WINDOW, got;
    if (more > m->end - m->next)
        more = (size_t)(m->end - m->next);
    TRY(buffer_reserve(&m->window, more, e));
    TRY(file_read_at(m->fd, m->next, m->window.data + m->window.len, more, &got, e));
    m->window.len += got;
    m->next = got < more ? m->end : m->next + got;
    return RC_OK;
}

static enum rc
next_record(struct memory *m, struct error *e)
{
    TRY(fill(m, LENGTH_MAX, e));
    struct span rest = span_of(m->window.data + m->at, m->window.len - m->at);
    struct wire_reader r = wire_reader_of(rest);
    uint64_t len = wire_varint(&r);
    if (!wire_ok(&r) || len > MEMORY_RECORD_MAX)
        return error_set(e, RC_CORRUPT, "memory: a bad length");
    m->at += rest.len - r.rest.len;
    TRY(fill(m, (size_t)len, e));
    if (m->window.len - m->at < len)
        return error_set(e, RC_CORRUPT, "memory: truncated");
    arena_reset(m->arena);
    struct span body = span_of(m->window.data + m->at, (size_t)len);
    m->at += (size_t)len;
    return memory_record_decode(body, &m->ring, m->arena, &m->record, e);
}

/* The next record; NULL at the end, and after anything unexpected: what follows is then read anew.
 * */
static const struct memory_record *
peek(struct memory *m)
{
    struct error ignored = ERROR_INIT;
    if (!m->peeked && !m->over) {
        m->over =
            (m->at == m->window.len && m->next == m->end) || next_record(m, &ignored) != RC_OK;
        m->peeked = !m->over;
    }
    return m->peeked ? &m->record : NULL;
}

static void
consume(struct memory *m)
{
    m->peeked = false;
}

/* Past the leave of a directory that was entered already. */
static void
skip_directory(struct memory *m)
{
    unsigned depth = 1;
    for (const struct memory_record *r; depth > 0 && (r = peek(m)) != NULL; consume(m)) {
        if (r->kind == MEMORY_ENTER)
            depth++;
        else if (r->kind == MEMORY_LEAVE)
            depth--;
    }
}

static int
compare(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Move to `name` in the present directory. */
static const struct memory_record *
advance(struct memory *m, struct span name)
{
    const struct memory_record *r;
    while ((r = peek(m)) != NULL && r->kind != MEMORY_LEAVE) {
        int order = compare(r->name, name);
        if (order >= 0)
            return order == 0 ? r : NULL;
        bool directory = r->kind == MEMORY_ENTER;
        consume(m);
        if (directory)
            skip_directory(m);
    }
    return NULL;
}

void
memory_enter(struct memory *m, struct span name)
{
    const struct memory_record *r = m->strange == 0 ? advance(m, name) : NULL;
    if (r != NULL && r->kind == MEMORY_ENTER)
        consume(m);
    else
        m->strange++;
}

void
memory_leave(struct memory *m)
{
    if (m->strange > 0)
        m->strange--;
    else
        skip_directory(m);
}

const struct memory_record *
memory_find(struct memory *m, struct span name)
{
    const struct memory_record *r = m->strange == 0 ? advance(m, name) : NULL;
    return r != NULL && r->kind == MEMORY_FILE ? r : NULL;
}
