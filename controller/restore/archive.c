/* archive.c -- see archive.h. */
#include "controller/restore/archive.h"

#include <stdio.h>

#include "common/base/text.h"

/* ---- the record */

static enum rc
decode(struct span bytes, uint64_t number, struct arena *arena, struct archive_set *out,
       struct error *e)
{
    uint8_t *kept = arena_alloc(arena, bytes.len);
    if (kept == NULL)
        return error_set(e, RC_NO_MEMORY, "record of full %llu", (unsigned long long)number);
    memcpy(kept, bytes.data, bytes.len);
    TRY_IN(record_decode_full(span_of(kept, bytes.len), arena, &out->full, e), e, "full %llu",
           (unsigned long long)number);

    struct record_archive *archives =
        arena_alloc(arena, (out->full.archive_count + 1) * sizeof *archives);
    if (archives == NULL)
        return error_set(e, RC_NO_MEMORY, "record of full %llu", (unsigned long long)number);
    for (size_t i = 0; i < out->full.archive_count; i++)
        TRY_IN(record_decode_archive(out->full.archives[i], arena, &archives[i], e), e, "full %llu",
               (unsigned long long)number);
    out->archives = archives;
    return RC_OK;
}

enum rc
archive_load(struct vault *v, uint64_t number, struct arena *arena, struct archive_set *out,
             struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    TRY(vault_read_full(v, number, &bytes, e));
    return decode(buffer_span(&bytes), number, arena, out, e);
}

enum rc
archive_load_record(struct vault *v, const struct vault_full *full, struct arena *arena,
                    struct archive_set *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    TRY(vault_full_read(v, full, &bytes, e));
    return decode(buffer_span(&bytes), full->number, arena, out, e);
}

static enum rc
take_record(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)e;
    ((struct vault_full *)ctx)->name = f->record;
    return RC_OK;
}

/* It was committed, and its record is not there: is another in its place? */
static enum rc
complain_of_record(struct vault *v, uint64_t number, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    size_t count;
    TRY(vault_fulls(v, &fulls, &count, e));
    for (size_t i = 0; i < count; i++)
        if (fulls[i].number == number)
            return error_set(e, RC_CORRUPT,
                             "the record of full %llu is not the one that was committed",
                             (unsigned long long)number);
    return error_set(e, RC_NOT_FOUND, "the record of full %llu is not in the vault any more",
                     (unsigned long long)number);
}

enum rc
archive_load_committed(struct vault *v, struct catalogue *c, uint64_t number, struct arena *arena,
                       struct archive_set *out, struct error *e)
{
    struct vault_full full = {.number = number};
    TRY(catalogue_full_find(c, number, take_record, &full, e));
    enum rc rc = archive_load_record(v, &full, arena, out, e);
    return rc == RC_NOT_FOUND ? complain_of_record(v, number, e) : rc;
}

/* ---- an archive */

typedef bool archive_matches(const struct record_archive *a, const char *name);

static bool
is_named(const struct record_archive *a, const char *name)
{
    char both[2 * LIMIT_LABEL + 2];
    (void)snprintf(both, sizeof both, "%s.%s", a->host, a->source);
    return text_equal(both, name);
}

/* Old records may hold sources with a dot: one says what another host's archive is called. */
static bool
is_named_in_short(const struct record_archive *a, const char *name)
{
    return strchr(name, '.') == NULL && text_equal(a->source, name);
}

static enum rc
complain(const struct archive_set *set, enum rc code, const char *name, struct error *e)
{
    char list[300] = "", shown[2 * LIMIT_LABEL];
    size_t used = 0;
    for (size_t i = 0; i < set->full.archive_count && used < sizeof list; i++) {
        int n = snprintf(list + used, sizeof list - used, "%s%s.%s", i > 0 ? ", " : "",
                         set->archives[i].host, set->archives[i].source);
        used += n > 0 ? (size_t)n : 0;
    }
    return error_set(e, code, "%s '%s' in full %llu; it holds: %s",
                     code == RC_NOT_FOUND ? "there is no archive"
                                          : "more than one archive is named",
                     text_escape(span_of(name, strlen(name)), shown, sizeof shown),
                     (unsigned long long)set->full.number, list);
}

/* *out is NULL when there is none. */
static enum rc
find_one(const struct archive_set *set, const char *name, archive_matches *matches,
         const struct record_archive **out, struct error *e)
{
    *out = NULL;
    for (size_t i = 0; i < set->full.archive_count; i++) {
        if (!matches(&set->archives[i], name))
            continue;
        if (*out != NULL)
            return complain(set, RC_INVALID, name, e);
        *out = &set->archives[i];
    }
    return RC_OK;
}

enum rc
archive_select(const struct archive_set *set, const char *name, const struct record_archive **out,
               struct error *e)
{
    const struct record_archive *found;
    TRY(find_one(set, name, is_named, &found, e));
    if (found == NULL)
        TRY(find_one(set, name, is_named_in_short, &found, e));
    if (found == NULL)
        return complain(set, RC_NOT_FOUND, name, e);
    *out = found;
    return RC_OK;
}

/* ---- the root's key */

struct search {
    const struct id *recipient, *root;
    const struct keys_public
        *signer; /* of the full: whoever can write into a vault can make envelopes of his own */
    uint8_t *sealed;
    bool found, trusted;
};

static enum rc
look_into(void *ctx, const struct envelope *envelope, struct error *e)
{
    struct search *s = ctx;
    (void)e;
    bool trusted = keys_equal(envelope->signing_key.bytes, s->signer->bytes, KEYS_PUBLIC_SIZE);
    const struct envelope_root *root = envelope_find(envelope, s->root);
    if (root == NULL || !id_equal(&envelope->recipient, s->recipient) ||
        (s->found && (s->trusted || !trusted)))
        return RC_OK;
    memcpy(s->sealed, root->sealed, KEYS_SEALED_SIZE);
    s->found = true;
    s->trusted = trusted;
    return RC_OK;
}

enum rc
archive_sealed_root(struct vault *v, const struct archive_set *set,
                    const struct record_archive *archive, const struct id *recipient, bool *found,
                    uint8_t sealed[static KEYS_SEALED_SIZE], struct error *e)
{
    for (size_t i = 0; i < archive->recipient_count; i++) {
        if (!id_equal(&archive->recipients[i].fingerprint, recipient))
            continue;
        memcpy(sealed, archive->recipients[i].sealed, KEYS_SEALED_SIZE);
        *found = true;
        return RC_OK;
    }
    struct search s = {.recipient = recipient,
                       .root = &archive->root,
                       .signer = &set->full.signing_key,
                       .sealed = sealed};
    const struct vault_full full = {.number = set->full.number, .name = set->full.name};
    TRY(vault_each_envelope(v, &full, look_into, &s, e));
    *found = s.found;
    return RC_OK;
}

struct opening {
    const struct record_archive *archive;
    const struct keys_private *key;
    const struct keys_public *signer; /* of the full */
    struct id recipient, opened;
    bool trusted; /* only envelopes by the full's signer, or only the others */
    bool tried, found;
    struct error why;
};

static void
try_sealed(struct opening *o, const uint8_t sealed[static KEYS_SEALED_SIZE])
{
    o->tried = true;
    o->why = ERROR_INIT;
    o->found = record_open_sealed(&o->archive->vault, &o->archive->root, o->key, sealed, &o->opened,
                                  &o->why) == RC_OK;
}

static enum rc
try_envelope(void *ctx, const struct envelope *envelope, struct error *e)
{
    struct opening *o = ctx;
    (void)e;
    bool trusted = keys_equal(envelope->signing_key.bytes, o->signer->bytes, KEYS_PUBLIC_SIZE);
    const struct envelope_root *root = envelope_find(envelope, &o->archive->root);
    if (!o->found && root != NULL && trusted == o->trusted &&
        id_equal(&envelope->recipient, &o->recipient))
        try_sealed(o, root->sealed);
    return RC_OK;
}

/* By the record, by envelopes of the full's signer, by any: one that does not open keeps no other from being tried. */
static enum rc
try_all(struct vault *v, const struct archive_set *set, struct opening *o, struct error *e)
{
    const struct vault_full full = {.number = set->full.number, .name = set->full.name};
    for (size_t i = 0; i < o->archive->recipient_count && !o->found; i++)
        if (id_equal(&o->archive->recipients[i].fingerprint, &o->recipient))
            try_sealed(o, o->archive->recipients[i].sealed);
    for (int pass = 0; pass < 2 && !o->found; pass++) {
        o->trusted = pass == 0;
        TRY(vault_each_envelope(v, &full, try_envelope, o, e));
    }
    return RC_OK;
}

enum rc
archive_open_root(struct vault *v, const struct archive_set *set,
                  const struct record_archive *archive, const struct keys_private *key,
                  struct blob_ref *root, struct error *e)
{
    struct opening o = {.archive = archive, .key = key, .signer = &set->full.signing_key};
    struct keys_public own;
    TRY(keys_public_of(key, &own, e));
    TRY(keys_fingerprint(&own, &o.recipient, e));
    TRY(try_all(v, set, &o, e));
    if (!o.tried)
        return error_set(e, RC_DENIED,
                         "archive %s.%s of full %llu is sealed to this key neither by its record "
                         "nor by an envelope; use one of its %zu recipients' keys",
                         archive->host, archive->source, (unsigned long long)set->full.number,
                         archive->recipient_count);
    if (!o.found) {
        *e = o.why;
        return error_context(e, "archive %s.%s", archive->host, archive->source);
    }
    *root = (struct blob_ref){.id = archive->root, .key = o.opened};
    keys_wipe(&o.opened, sizeof o.opened);
    return RC_OK;
}

/* ---- what lacks a recipient */

struct lacking {
    const struct archive_set *set;
    const struct id *recipient;
    const struct keys_public *own; /* NULL: none */
    bool *missing;
};

static bool
is_sealed_to(const struct record_archive *archive, const struct id *recipient)
{
    for (size_t i = 0; i < archive->recipient_count; i++)
        if (id_equal(&archive->recipients[i].fingerprint, recipient))
            return true;
    return false;
}

/* Anybody who can write into the vault can make an envelope that opens nothing. */
static bool
is_believed(const struct lacking *l, const struct envelope *envelope)
{
    const uint8_t *signer = envelope->signing_key.bytes;
    return keys_equal(signer, l->set->full.signing_key.bytes, KEYS_PUBLIC_SIZE) ||
           (l->own != NULL && keys_equal(signer, l->own->bytes, KEYS_PUBLIC_SIZE));
}

static enum rc
strike_out(void *ctx, const struct envelope *envelope, struct error *e)
{
    const struct lacking *l = ctx;
    (void)e;
    if (!id_equal(&envelope->recipient, l->recipient) || !is_believed(l, envelope))
        return RC_OK;
    for (size_t i = 0; i < l->set->full.archive_count; i++)
        if (envelope_find(envelope, &l->set->archives[i].root) != NULL)
            l->missing[i] = false;
    return RC_OK;
}

enum rc
archive_missing(struct vault *v, const struct archive_set *set, const struct id *recipient,
                const struct keys_public *own, bool *missing, size_t *count, struct error *e)
{
    struct lacking l = {.set = set, .recipient = recipient, .own = own, .missing = missing};
    const struct vault_full full = {.number = set->full.number, .name = set->full.name};
    size_t found = 0;
    for (size_t i = 0; i < set->full.archive_count; i++)
        missing[i] = !is_sealed_to(&set->archives[i], recipient);
    TRY(vault_each_envelope(v, &full, strike_out, &l, e));
    for (size_t i = 0; i < set->full.archive_count; i++)
        found += missing[i];
    *count = found;
    return RC_OK;
}
