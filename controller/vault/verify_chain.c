/* verify_chain.c -- see verify_parts.h. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "controller/vault/verify_parts.h"

struct link {
    char host[LIMIT_LABEL + 1];
    uint64_t sequence;
    struct id name;
};

struct verify_chain {
    struct link *hosts; /* the last archive of each */
    size_t count, capacity;
};

enum rc
verify_chain_new(struct verify_chain **out, struct error *e)
{
    struct verify_chain *chain = calloc(1, sizeof *chain);

    if (chain == NULL)
        return error_set(e, RC_NO_MEMORY, "chains of archives");
    *out = chain;
    return RC_OK;
}

void
verify_chain_free(struct verify_chain *chain)
{
    if (chain == NULL)
        return;
    free(chain->hosts);
    free(chain);
}

/* NULL when the host is new. */
static struct link *
find_host(const struct verify_chain *chain, const char *host)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (text_equal(chain->hosts[i].host, host))
            return &chain->hosts[i];
    }
    return NULL;
}

/* NULL when out of memory. */
static struct link *
add_host(struct verify_chain *chain, const char *host)
{
    if (chain->count == chain->capacity) {
        size_t capacity = chain->capacity == 0 ? 16 : 2 * chain->capacity;
        struct link *grown = reallocarray(chain->hosts, capacity, sizeof *grown);
        if (grown == NULL)
            return NULL;
        chain->hosts = grown;
        chain->capacity = capacity;
    }
    struct link *link = &chain->hosts[chain->count++];
    (void)snprintf(link->host, sizeof link->host, "%s", host);
    return link;
}

/* A host that was set up anew begins again at 1. */
static bool
fits(const struct link *last, const struct record_archive *a)
{
    if (a->sequence == 1)
        return id_is_zero(&a->previous);
    return last != NULL && a->sequence == last->sequence + 1 && id_equal(&a->previous, &last->name);
}

static int
by_host_and_sequence(const void *x, const void *y)
{
    const struct record_archive *a = x, *b = y;
    int order = strcmp(a->host, b->host);

    if (order != 0)
        return order;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

enum rc
verify_chain_add(struct verify_chain *chain, struct verify *y, const struct vault_full *full,
                 struct record_archive *archives, size_t count, struct error *e)
{
    char name[VAULT_FULL_NAME_SIZE];

    if (count > 1)
        qsort(archives, count, sizeof *archives, by_host_and_sequence);
    for (size_t i = 0; i < count; i++) {
        const struct record_archive *a = &archives[i];
        struct link *last = find_host(chain, a->host);
        if (!fits(last, a))
            verify_gap(
                y,
                &(struct verify_gap){
                    .follows = a->name, .full = full->number, .hit = full->number, .hits = ""},
                "'fulls/%s': archive %" PRIu64 " of host %s does not follow the host's last one",
                vault_full_name(full, name), a->sequence, a->host);
        if (last == NULL)
            last = add_host(chain, a->host);
        if (last == NULL)
            return error_set(e, RC_NO_MEMORY, "chains of %zu hosts", chain->count);
        last->sequence = a->sequence;
        last->name = a->name;
    }
    return RC_OK;
}
