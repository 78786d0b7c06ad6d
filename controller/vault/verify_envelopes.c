/* verify_envelopes.c -- see verify_parts.h. */
#include "common/base/text.h"
#include "controller/vault/verify_parts.h"

static const struct verify_full *
full_of(const struct verify *y, const struct envelope *envelope)
{
    for (size_t i = 0; i < y->full_count; i++) {
        const struct vault_full *full = &y->fulls[i].full;
        if (full->number == envelope->number && id_equal(&full->name, &envelope->full))
            return &y->fulls[i];
    }
    return NULL;
}

static bool
has_root(const struct verify_full *full, const struct id *root)
{
    for (size_t i = 0; i < full->root_count; i++)
        if (id_equal(&full->roots[i], root))
            return true;
    return false;
}

/* When one full is verified the others' records are not read, and so say nothing about who signs here. */
static bool
is_known_signer(const struct verify *y, const struct keys_public *key)
{
    if (y->options->only_full != 0)
        return true;
    for (size_t i = 0; i < y->full_count; i++)
        if (y->fulls[i].read &&
            memcmp(y->fulls[i].signing_key.bytes, key->bytes, KEYS_PUBLIC_SIZE) == 0)
            return true;
    return false;
}

static enum rc
check(const struct verify *y, const struct envelope *envelope, struct error *e)
{
    const struct verify_full *full = full_of(y, envelope);
    if (full == NULL)
        return error_set(e, RC_CORRUPT, "the full that it is about is not here");
    for (size_t i = 0; full->read && i < envelope->root_count; i++)
        if (!has_root(full, &envelope->roots[i].root))
            return error_set(e, RC_CORRUPT, "it holds a root that its full has not");
    if (!is_known_signer(y, &envelope->signing_key))
        return error_set(e, RC_CORRUPT, "it is signed by a key that signed no full here");
    return RC_OK;
}

static enum rc
read_envelope(struct verify *y, const struct vault_full *name, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(VAULT_ENVELOPE_ARENA);
    struct envelope envelope;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "envelope");
    TRY(vault_envelope_read(y->vault, name, arena, &envelope, e));
    return check(y, &envelope, e);
}

static enum rc
look_at(void *ctx, const char *file, struct error *e)
{
    struct verify *y = ctx;
    struct vault_full name;
    struct error why = ERROR_INIT;
    char shown[LIMIT_NAME];
    uint64_t only = y->options->only_full;

    TRY(verify_check_cancel(y, e));
    (void)text_escape(span_of(file, strlen(file)), shown, sizeof shown);
    if (!vault_envelope_parse_name(file, &name)) {
        verify_find(y, VAULT_BAD_ENVELOPE, 0, "'envelopes/%s' is not the name of an envelope",
                    shown);
        return RC_OK;
    }
    if (only != 0 && name.number != only)
        return RC_OK;
    enum rc rc = read_envelope(y, &name, &why);
    if (rc == RC_NO_MEMORY) {
        *e = why;
        return rc;
    }
    if (rc != RC_OK)
        verify_find(y, VAULT_BAD_ENVELOPE, name.number,
                    "'envelopes/%s': %s; the full is readable to its other recipients as before",
                    shown, why.text);
    return RC_OK;
}

enum rc
verify_envelopes(struct verify *y, struct error *e)
{
    return vault_envelope_list(y->vault, look_at, y, e);
}
