/* api_describe.c -- see api_describe.h. */
#include "controller/api/api_describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"

enum { /* two of each, with numbers, fit into a record's AUDIT_OBJECT_MAX */
       PATH_SHOWN = 56,
       NAME_SHOWN = 44,
       FINGERPRINT_SHOWN = 16, /* of its bytes */
};

/* ---- parts */

/* Each slash once; of a long path the end. */
static const char *
path_end(const char *path, char out[static PATH_SHOWN + 1])
{
    static const char more[] = "...";
    size_t at = PATH_SHOWN;
    bool cut = false;
    out[at] = '\0';
    for (size_t i = strlen(path); i > 0 && !cut; i--) {
        if (path[i - 1] == '/' && out[at] == '/')
            continue;
        cut = at == sizeof more - 1;
        if (!cut)
            out[--at] = path[i - 1];
    }
    if (!cut)
        return out + at;
    while (((unsigned char)out[at] & 0xc0) == 0x80) /* not from amid a character */
        at++;
    at -= sizeof more - 1;
    memcpy(out + at, more, sizeof more - 1);
    return out + at;
}

static const char *
fingerprint(ProtobufCBinaryData id, char out[static 2 * FINGERPRINT_SHOWN + 1])
{
    size_t shown = id.len < FINGERPRINT_SHOWN ? id.len : FINGERPRINT_SHOWN;
    out[0] = '\0';
    if (shown > 0)
        text_hex(span_of(id.data, shown), out);
    return out;
}

/* ---- fulls */

static void
describe_path(uint64_t full, const char *source, const char *path, char *out, size_t size)
{
    char shown[PATH_SHOWN + 1];
    (void)snprintf(out, size, "full %" PRIu64 " %.*s:%s", full, (int)NAME_SHOWN, source,
                   path_end(path, shown));
}

static void
describe_ls(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__LsRequest *r = (const Koffer__LsRequest *)m;
    describe_path(r->full, r->source, r->path, out, size);
}

static void
describe_cat(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__CatRequest *r = (const Koffer__CatRequest *)m;
    describe_path(r->full, r->source, r->path, out, size);
}

static void
describe_restore(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__RestoreRequest *r = (const Koffer__RestoreRequest *)m;
    char target[PATH_SHOWN + 1], path[PATH_SHOWN + 1];
    (void)snprintf(out, size, "to %.*s:%s%s%s full %" PRIu64 " %.*s:%s", (int)NAME_SHOWN,
                   r->agent[0] == '\0' ? "controller" : r->agent, path_end(r->target, target),
                   r->dry_run ? " (dry run)" : "", r->replace ? " (replace)" : "", r->full,
                   (int)NAME_SHOWN, r->source, path_end(r->path, path));
}

static void
describe_begin(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__RestoreBegin *r = (const Koffer__RestoreBegin *)m;
    char target[PATH_SHOWN + 1], path[PATH_SHOWN + 1];
    (void)snprintf(out, size, "full %" PRIu64 " %.*s:%s%s%s", r->full, (int)NAME_SHOWN,
                   r->source[0] == '\0' ? "everything" : r->source, path_end(r->path, path),
                   r->browse ? " (browse)" : " to ", r->browse ? "" : path_end(r->target, target));
}

static void
describe_full(const ProtobufCMessage *m, char *out, size_t size)
{
    (void)snprintf(out, size, "full %" PRIu64, ((const Koffer__FullRef *)m)->full);
}

static void
describe_roots(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__RootRequest *r = (const Koffer__RootRequest *)m;
    char key[2 * FINGERPRINT_SHOWN + 1];
    (void)snprintf(out, size, "full %" PRIu64 " %.*s key %s", r->full, (int)NAME_SHOWN,
                   r->source[0] == '\0' ? "everything" : r->source,
                   fingerprint(r->fingerprint, key));
}

/* ---- keys */

static void
describe_key_add(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__KeyAdd *r = (const Koffer__KeyAdd *)m;
    char hex[2 * FINGERPRINT_SHOWN + 1];
    struct error ignored = ERROR_INIT;
    struct id id = {{0}};
    if (digest_sha256(span_of(r->public_key.data, r->public_key.len), &id, &ignored) != RC_OK)
        id = (struct id){{0}};
    ProtobufCBinaryData shown = message_bytes(id.bytes, ID_SIZE);
    (void)snprintf(out, size, "key %s '%.*s'", fingerprint(shown, hex), (int)NAME_SHOWN, r->label);
}

static void
describe_key(const ProtobufCMessage *m, char *out, size_t size)
{
    char hex[2 * FINGERPRINT_SHOWN + 1];
    (void)snprintf(out, size, "key %s", fingerprint(((const Koffer__KeyRef *)m)->fingerprint, hex));
}

static void
describe_proof(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__KeyProof *r = (const Koffer__KeyProof *)m;
    char hex[2 * FINGERPRINT_SHOWN + 1];
    (void)snprintf(out, size, "key %s %s", fingerprint(r->fingerprint, hex),
                   r->answer.len == 0 ? "(challenge)" : "(answer)");
}

static void
describe_rewrap(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__KeyRewrap *r = (const Koffer__KeyRewrap *)m;
    char hex[2 * FINGERPRINT_SHOWN + 1];
    size_t len = (size_t)snprintf(out, size, "%zu keys", r->n_fingerprints);
    if (r->n_fingerprints == 0)
        len = (size_t)snprintf(out, size, "all keys");
    for (size_t i = 0; i < r->n_fingerprints && len + 1 < size; i++, len = strlen(out))
        (void)snprintf(out + len, size - len, " %s", fingerprint(r->fingerprints[i], hex));
}

static void
describe_envelope(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__EnvelopeOffer *r = (const Koffer__EnvelopeOffer *)m;
    char hex[2 * FINGERPRINT_SHOWN + 1];
    (void)snprintf(out, size, "full %" PRIu64 " %zu roots to key %s", r->full, r->n_roots,
                   fingerprint(r->fingerprint, hex));
}

/* ---- peers, jobs, cycles */

static void
describe_name(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__NameRequest *r = (const Koffer__NameRequest *)m;
    (void)snprintf(out, size, "%s%s%s%s", r->name, r->role[0] == '\0' ? "" : " role ", r->role,
                   r->replace ? " (replace)" : "");
}

static void
describe_renewal(const ProtobufCMessage *m, char *out, size_t size)
{
    (void)m;
    (void)snprintf(out, size, "its own certificate");
}

static void
describe_job(const ProtobufCMessage *m, char *out, size_t size)
{
    (void)snprintf(out, size, "job %" PRIu64, ((const Koffer__JobRef *)m)->job);
}

static void
describe_cycle(const ProtobufCMessage *m, char *out, size_t size)
{
    (void)snprintf(out, size, "cycle %" PRIu64, ((const Koffer__CycleRef *)m)->cycle);
}

static void
describe_start(const ProtobufCMessage *m, char *out, size_t size)
{
    const Koffer__CycleStart *r = (const Koffer__CycleStart *)m;
    size_t len = 0;
    (void)snprintf(out, size, "%s", r->n_sources == 0 ? "everything" : "");
    for (size_t i = 0; i < r->n_sources && len + 1 < size; i++, len = strlen(out))
        (void)snprintf(out + len, size - len, "%s%s", i == 0 ? "" : " ", r->sources[i]);
}

/* ---- the table */

static const struct {
    const ProtobufCMessageDescriptor *type;
    void (*describe)(const ProtobufCMessage *m, char *out, size_t size);
} descriptions[] = {
    {&koffer__name_request__descriptor, describe_name},
    {&koffer__renew_request__descriptor, describe_renewal},
    {&koffer__restore_request__descriptor, describe_restore},
    {&koffer__restore_begin__descriptor, describe_begin},
    {&koffer__ls_request__descriptor, describe_ls},
    {&koffer__cat_request__descriptor, describe_cat},
    {&koffer__full_ref__descriptor, describe_full},
    {&koffer__root_request__descriptor, describe_roots},
    {&koffer__key_add__descriptor, describe_key_add},
    {&koffer__key_ref__descriptor, describe_key},
    {&koffer__key_proof__descriptor, describe_proof},
    {&koffer__key_rewrap__descriptor, describe_rewrap},
    {&koffer__envelope_offer__descriptor, describe_envelope},
    {&koffer__job_ref__descriptor, describe_job},
    {&koffer__cycle_ref__descriptor, describe_cycle},
    {&koffer__cycle_start__descriptor, describe_start},
};
enum { DESCRIPTIONS = sizeof descriptions / sizeof *descriptions };

bool
api_describes(const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; i < DESCRIPTIONS; i++)
        if (descriptions[i].type == type)
            return true;
    return false;
}

void
api_describe(const ProtobufCMessage *request, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; request != NULL && i < DESCRIPTIONS; i++)
        if (request->descriptor == descriptions[i].type)
            descriptions[i].describe(request, out, size);
}

/* ---- what a reader looks into */

static enum rc
add_text(struct digest *d, const char *text, struct error *e)
{
    return digest_update(d, span_of(text, strlen(text) + 1), e);
}

static enum rc
add_place(struct digest *d, uint64_t full, const char *source, const char *path, struct error *e)
{
    TRY(digest_update(d, span_of(&full, sizeof full), e));
    TRY(add_text(d, source, e));
    return add_text(d, path, e);
}

enum rc
api_reading_of(const ProtobufCMessage *request, bool local, const char *who, struct id *out,
               struct error *e)
{
    CLEANUP(digest_freep) struct digest *d = NULL;
    const Koffer__LsRequest *ls = (const Koffer__LsRequest *)request;
    const Koffer__CatRequest *cat = (const Koffer__CatRequest *)request;
    TRY(digest_new(&d, e));
    TRY(add_text(d, request->descriptor->name, e));
    TRY(add_text(d, local ? "local" : "", e));
    TRY(add_text(d, who, e));
    TRY(request->descriptor == &koffer__ls_request__descriptor
            ? add_place(d, ls->full, ls->source, ls->path, e)
            : add_place(d, cat->full, cat->source, cat->path, e));
    return digest_final(d, out, e);
}
