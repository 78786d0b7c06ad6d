/* vault_lease.c -- a small table under one lock.  See vault_lease.h. */
#include "controller/vault/vault_lease.h"

#include <pthread.h>
#include <stdio.h>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/crypto/keys.h"

struct lease {
    uint64_t number; /* 0: free */
    char host[LIMIT_LABEL + 1];
    uint64_t job;
    bool held;
    struct mono until;  /* unless held */
    uint32_t next_pack; /* every pack from here on is newer than the session */
    uint8_t *pins;      /* a bit for each older pack; as long as it had to be so far */
    size_t pins_size;   /* bytes */
};

struct vault_leases {
    pthread_mutex_t lock;
    struct mono (*clock)(void);
    int64_t lease_ms;
    uint64_t opening; /* random: a fence of an earlier opening fits no lease */
    uint64_t last;    /* number given last */
    struct lease leases[LIMIT_SESSIONS];
};

enum rc
vault_leases_new(struct mono (*clock)(void), int64_t lease_ms, struct vault_leases **out,
                 struct error *e)
{
    CLEANUP(own_freep) struct vault_leases *l = calloc(1, sizeof *l);

    if (l == NULL || pthread_mutex_init(&l->lock, NULL) != 0)
        return error_set(e, RC_NO_MEMORY, "table of sessions");
    TRY(keys_random(&l->opening, sizeof l->opening, e));
    l->clock = clock == NULL ? clock_mono : clock;
    l->lease_ms = lease_ms;
    *out = TAKE(l);
    return RC_OK;
}

static void
end(struct lease *lease)
{
    free(lease->pins);
    *lease = (struct lease){0};
}

void
vault_leases_free(struct vault_leases *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        end(&l->leases[i]);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

void
vault_leases_lock(struct vault_leases *l)
{
    (void)pthread_mutex_lock(&l->lock);
}

void
vault_leases_unlock(struct vault_leases *l)
{
    (void)pthread_mutex_unlock(&l->lock);
}

/* Nobody has to come by for a lease to end: whoever looks at the table sees it end. */
static void
end_the_silent(struct vault_leases *l)
{
    struct mono now = l->clock();

    for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
        struct lease *lease = &l->leases[i];
        if (lease->number != 0 && !lease->held && clock_ms_until(lease->until, now) == 0)
            end(lease);
    }
}

/* NULL when it is over. */
static struct lease *
find(struct vault_leases *l, const struct vault_fence *fence)
{
    end_the_silent(l);
    for (size_t i = 0; i < LIMIT_SESSIONS && fence->opening == l->opening; i++) {
        if (fence->number != 0 && l->leases[i].number == fence->number)
            return &l->leases[i];
    }
    return NULL;
}

/* ---- a life */

static void
fence_off(struct vault_leases *l, const char *host, uint64_t job)
{
    for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
        struct lease *lease = &l->leases[i];
        if (lease->number != 0 && host[0] != '\0' && lease->job == job &&
            text_equal(lease->host, host))
            end(lease);
    }
}

static struct lease *
find_free(struct vault_leases *l)
{
    for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
        if (l->leases[i].number == 0)
            return &l->leases[i];
    }
    return NULL;
}

enum rc
vault_leases_begin(struct vault_leases *l, const char *host, uint64_t job, uint32_t next_pack,
                   struct vault_fence *out, struct error *e)
{
    const char *whose = host == NULL ? "" : host;

    vault_leases_lock(l);
    end_the_silent(l);
    fence_off(l, whose, job);
    struct lease *lease = find_free(l);
    if (lease != NULL) {
        *lease = (struct lease){.number = ++l->last,
                                .job = job,
                                .until = clock_after_ms(l->clock(), l->lease_ms),
                                .next_pack = next_pack};
        (void)snprintf(lease->host, sizeof lease->host, "%s", whose);
        *out = (struct vault_fence){.opening = l->opening, .number = lease->number};
    }
    vault_leases_unlock(l);
    if (lease == NULL)
        return error_set(e, RC_AGAIN, "%u sessions with the vault are open already",
                         LIMIT_SESSIONS);
    return RC_OK;
}

enum rc
vault_leases_check(struct vault_leases *l, const struct vault_fence *fence, struct error *e)
{
    struct lease *lease = find(l, fence);

    if (lease == NULL)
        return error_set(e, RC_STALE,
                         "the session with the vault is over (nothing was heard of it for too "
                         "long, or a newer one took its place): what it was told counts no more; "
                         "begin again, what is stored is not sent twice");
    lease->until = clock_after_ms(l->clock(), l->lease_ms);
    return RC_OK;
}

enum rc
vault_leases_hold(struct vault_leases *l, const struct vault_fence *fence, struct error *e)
{
    vault_leases_lock(l);
    enum rc rc = vault_leases_check(l, fence, e);
    if (rc == RC_OK)
        find(l, fence)->held = true;
    vault_leases_unlock(l);
    return rc;
}

void
vault_leases_release(struct vault_leases *l, const struct vault_fence *fence)
{
    vault_leases_lock(l);
    struct lease *lease = find(l, fence);
    if (lease != NULL)
        end(lease);
    vault_leases_unlock(l);
}

size_t
vault_leases_count(struct vault_leases *l)
{
    size_t count = 0;

    vault_leases_lock(l);
    end_the_silent(l);
    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        count += l->leases[i].number != 0 ? 1 : 0;
    vault_leases_unlock(l);
    return count;
}

/* ---- pins */

static enum rc
make_room(struct lease *lease, uint32_t pack, struct error *e)
{
    size_t wanted = (size_t)pack / 8 + 1;

    if (wanted <= lease->pins_size)
        return RC_OK;
    /* All that can be asked for at once: what is newer needs no bit. */
    size_t size = (size_t)lease->next_pack / 8 + 1;
    uint8_t *grown = realloc(lease->pins, size);
    if (grown == NULL)
        return error_set(e, RC_NO_MEMORY, "pins on %u packs", lease->next_pack);
    memset(grown + lease->pins_size, 0, size - lease->pins_size);
    lease->pins = grown;
    lease->pins_size = size;
    return RC_OK;
}

enum rc
vault_leases_pin(struct vault_leases *l, const struct vault_fence *fence, uint32_t pack,
                 struct error *e)
{
    TRY(vault_leases_check(l, fence, e));
    struct lease *lease = find(l, fence);
    if (pack >= lease->next_pack)
        return RC_OK;
    TRY(make_room(lease, pack, e));
    lease->pins[pack / 8] |= (uint8_t)(1u << pack % 8);
    return RC_OK;
}

static bool
needs(const struct lease *lease, uint32_t pack)
{
    if (pack >= lease->next_pack)
        return true;
    return pack / 8 < lease->pins_size && (lease->pins[pack / 8] >> pack % 8 & 1) != 0;
}

bool
vault_leases_keep(struct vault_leases *l, uint32_t pack)
{
    end_the_silent(l);
    for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
        if (l->leases[i].number != 0 && needs(&l->leases[i], pack))
            return true;
    }
    return false;
}
