/* campaign_seals.c -- a key with its nonce seals one message, ever (S5).  A case seals a content that is new, or one that was
 * there before as another type, in another domain, with other children: the four differ in the header only.  Every hundredth also
 * seals one secret to one recipient again. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/blob/blob_open.h"
#include "common/crypto/aead.h"
#include "common/crypto/keys.h"
#include "tests/support/campaign.h"

enum { VARIANTS = 4, SECRET_EVERY = 100 };

/* What was there, by its first 8 bytes: they are a key's, as good as random, and 0 is none. */
struct seen {
    uint64_t *slots;
    size_t mask;
};

struct world {
    struct campaign *campaign;
    struct blob_sealer *sealers[2]; /* of two domains */
    struct keys_private *recipient;
    struct seen keys, shares;
    struct buffer blob;
};

static void
must(bool good, const struct error *e)
{
    if (!good)
        (void)fprintf(stderr, "%s\n", e->text);
    assert(good);
}

static struct seen
seen_new(uint64_t count)
{
    struct seen s = {.mask = 1023};
    while (s.mask < 2 * count)
        s.mask = 2 * s.mask + 1;
    s.slots = calloc(s.mask + 1, sizeof *s.slots);
    assert(s.slots != NULL);
    return s;
}

/* Was it there already? */
static bool
seen_add(struct seen *s, const uint8_t bytes[static 8])
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    size_t at = value & s->mask;
    while (s->slots[at] != 0 && s->slots[at] != value)
        at = (at + 1) & s->mask;
    bool there = s->slots[at] == value;
    s->slots[at] = value;
    return there;
}

static void
seal_blob(struct world *w, uint64_t n)
{
    static const struct id child = {{1}};
    struct error e = ERROR_INIT;
    struct blob_ref ref;
    struct aead_key derived;
    uint64_t plain[2] = {w->campaign->seed, n / VARIANTS};
    unsigned variant = (unsigned)(n % VARIANTS);
    enum blob_type type = variant % 2 == 1 ? BLOB_NODE : BLOB_DATA;
    enum rc rc = blob_seal(w->sealers[variant == 2], type, &child, variant == 3 ? 1 : 0,
                           span_of(plain, sizeof plain), &w->blob, &ref, &e);
    must(rc == RC_OK && blob_open_derive(&ref.key, &derived, &e) == RC_OK, &e);
    if (seen_add(&w->keys, derived.bytes))
        campaign_violation(w->campaign, "two different blobs are sealed with one key and nonce");
}

static void
seal_secret(struct world *w)
{
    static const struct id secret = {{7}};
    struct error e = ERROR_INIT;
    struct keys_public to;
    uint8_t sealed[KEYS_SEALED_SIZE];
    must(keys_public_of(w->recipient, &to, &e) == RC_OK &&
             keys_seal(&to, span_of("info", 4), &secret, sealed, &e) == RC_OK,
         &e);
    if (seen_add(&w->shares, sealed))
        campaign_violation(w->campaign, "two seals to a recipient have the same ephemeral key");
}

static void
set_up(struct world *w)
{
    struct error e = ERROR_INIT;
    const struct blob_domain domains[2] = {{.id = {1}, .secret = {{1}}},
                                           {.id = {2}, .secret = {{2}}}};
    for (size_t i = 0; i < 2; i++)
        must(blob_sealer_new(&domains[i], BLOB_LEVEL_DEFAULT, &w->sealers[i], &e) == RC_OK, &e);
    must(keys_generate(KEYS_RECEIVING, &w->recipient, &e) == RC_OK, &e);
    w->keys = seen_new(w->campaign->cases);
    w->shares = seen_new(w->campaign->cases / SECRET_EVERY);
    w->blob = BUFFER_INIT(LIMIT_BLOB);
}

static void
tear_down(struct world *w)
{
    for (size_t i = 0; i < 2; i++)
        blob_sealer_free(w->sealers[i]);
    keys_private_free(w->recipient);
    free(w->keys.slots);
    free(w->shares.slots);
    buffer_free(&w->blob);
}

int
main(int argc, char *argv[])
{
    struct campaign c;
    if (!campaign_begin(&c, argc, argv, 0))
        return 2;
    struct world w = {.campaign = &c};
    set_up(&w);
    for (uint64_t n; campaign_next(&c, &n);) {
        seal_blob(&w, n);
        if (n % SECRET_EVERY == 0)
            seal_secret(&w);
    }
    tear_down(&w);
    return campaign_end(&c);
}
