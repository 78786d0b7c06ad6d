/* data.c -- serve data streams out of and into the vault.  See data.h. */
#include "controller/fleet/data.h"

#include <pthread.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/base/wire.h"
#include "common/crypto/keys.h"
#include "controller/authority/authority.h"
#include "controller/fleet/data_reach.h"

enum { DATA_VERSION = 1, HAVE_MAX = 1024, JOBS_MAX = 256 };

struct expected {
    uint64_t job;
    struct id token;
    enum data_direction direction;
    struct id *roots; /* of a restore, owned; none: nothing may be fetched yet */
    size_t root_count;
    enum certificate_role role; /* of whom it belongs to: an agent, an operator, or root here */
    bool local;
    char name[CERTIFICATE_NAME_MAX + 1];
    bool used;
    struct stream *stream;    /* while it is served; borrowed */
    struct vault_fence fence; /* of a capture's session; zeros: none, or taken */
    bool finished;            /* the session is held, for whoever takes the fence */
};

struct data {
    struct vault *vault;
    struct data_options options;
    struct stream_listener *listener, *local;
    pthread_mutex_t lock;
    struct expected jobs[JOBS_MAX]; /* job 0: free */
};

/* One stream while it is served. */
struct service {
    struct data *data;
    struct stream *stream;
    struct vault_session *session; /* captures */
    bool finished; /* what it captured is the cycle's now: nothing more is said on this stream */
    struct expected job;
    struct data_reach *reach; /* restores */
    struct buffer payload, blob;
};

/* With the lock held. */
static struct expected *
find(struct data *d, uint64_t job)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (d->jobs[i].job == job)
            return &d->jobs[i];
    return NULL;
}

static enum rc
expect(struct data *d, struct expected *what, struct id *token, struct error *e)
{
    TRY(keys_random(what->token.bytes, sizeof what->token.bytes, e));
    (void)pthread_mutex_lock(&d->lock);
    struct expected *place = find(d, 0);
    if (place != NULL)
        *place = *what;
    (void)pthread_mutex_unlock(&d->lock);
    if (place == NULL)
        return error_set(e, RC_AGAIN, "%d data streams are expected already", (int)JOBS_MAX);
    *token = what->token;
    return RC_OK;
}

enum rc
data_expect(struct data *d, uint64_t job, const char *agent, enum data_direction direction,
            struct id *token, struct error *e)
{
    struct expected what = {.job = job, .direction = direction, .role = CERTIFICATE_AGENT};
    (void)snprintf(what.name, sizeof what.name, "%s", agent);
    return expect(d, &what, token, e);
}

enum rc
data_expect_operator(struct data *d, uint64_t job, const char *name, struct id *token,
                     struct error *e)
{
    struct expected what = {
        .job = job, .direction = DATA_RESTORE, .role = CERTIFICATE_OPERATOR, .local = name == NULL};
    (void)snprintf(what.name, sizeof what.name, "%s", name == NULL ? "" : name);
    return expect(d, &what, token, e);
}

void
data_forget(struct data *d, uint64_t job)
{
    (void)pthread_mutex_lock(&d->lock);
    struct expected *place = job == 0 ? NULL : find(d, job);
    if (place != NULL && place->stream != NULL)
        stream_cancel(place->stream);
    if (place != NULL) {
        vault_fence_release(d->vault, &place->fence);
        free(place->roots);
        *place = (struct expected){0};
    }
    (void)pthread_mutex_unlock(&d->lock);
}

void
data_heard(struct data *d, uint64_t job)
{
    struct error stale = ERROR_INIT; /* whoever uses the session will be told */
    (void)pthread_mutex_lock(&d->lock);
    struct expected *place = job == 0 ? NULL : find(d, job);
    if (place != NULL && place->fence.number != 0 &&
        vault_fence_check(d->vault, &place->fence, &stale) != RC_OK)
        log_debug("an agent whose session is over was heard of", LOG_U64("job", job));
    (void)pthread_mutex_unlock(&d->lock);
}

bool
data_fence(struct data *d, uint64_t job, struct vault_fence *out)
{
    (void)pthread_mutex_lock(&d->lock);
    struct expected *place = job == 0 ? NULL : find(d, job);
    bool there = place != NULL && place->finished && place->fence.number != 0;
    if (there) {
        *out = place->fence;
        place->fence = (struct vault_fence){0};
    }
    (void)pthread_mutex_unlock(&d->lock);
    return there;
}

enum rc
data_restrict_all(struct data *d, uint64_t job, const struct id *roots, size_t count,
                  struct error *e)
{
    struct id *copy = calloc(count + 1, sizeof *copy);
    if (copy == NULL)
        return error_set(e, RC_NO_MEMORY, "roots of a restore");
    memcpy(copy, roots, count * sizeof *copy);
    (void)pthread_mutex_lock(&d->lock);
    struct expected *place = job == 0 ? NULL : find(d, job);
    if (place != NULL) {
        free(place->roots);
        place->roots = TAKE(copy);
        place->root_count = count;
    }
    (void)pthread_mutex_unlock(&d->lock);
    free(copy);
    return RC_OK;
}

enum rc
data_restrict(struct data *d, uint64_t job, const struct id *root, struct error *e)
{
    return data_restrict_all(d, job, root, 1, e);
}

void
data_cut(struct data *d, enum certificate_role role, const char *name)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        const struct expected *place = &d->jobs[i];
        (void)pthread_mutex_lock(&d->lock);
        bool hit = place->role == role && !place->local && text_equal(place->name, name);
        uint64_t job = hit ? place->job : 0;
        (void)pthread_mutex_unlock(&d->lock);
        data_forget(d, job); /* 0: none */
    }
}

/* ---- may it? */

/* An operator's role was looked at when the job was begun; when it is taken away the stream is cut. */
static enum authority_role
role_of(const struct tls_peer *peer)
{
    if (peer->local)
        return AUTHORITY_ROOT;
    if (!peer->verified)
        return AUTHORITY_NOBODY;
    if (peer->identity.role == CERTIFICATE_OPERATOR)
        return AUTHORITY_RESTORE;
    return peer->identity.role == CERTIFICATE_AGENT ? AUTHORITY_AGENT : AUTHORITY_NOBODY;
}

static bool
is_owner(const struct expected *job, const struct tls_peer *peer)
{
    if (job->local || peer->local)
        return job->local && peer->local;
    return job->role == peer->identity.role && text_equal(job->name, peer->identity.name);
}

static enum rc
check_authority(const struct service *s, enum stream_type type, const struct expected *job,
                enum authority_object object, struct error *e)
{
    const struct tls_peer *peer = stream_peer(s->stream);
    return authority_check(
        &(struct authority_question){
            .role = role_of(peer),
            .who = peer->identity.name,
            .channel = AUTHORITY_DATA,
            .verb = (uint16_t)type,
            .object = object,
            .grant = job->direction == DATA_CAPTURE ? AUTHORITY_CAPTURE : AUTHORITY_RESTORING,
        },
        e);
}

/* Whose stream is this?  Fills s->job and marks the token used. */
static enum rc
claim(struct service *s, uint64_t job, const struct id *token, struct error *e)
{
    const struct tls_peer *peer = stream_peer(s->stream);
    enum rc rc = RC_OK;
    (void)pthread_mutex_lock(&s->data->lock);
    struct expected *place = job == 0 ? NULL : find(s->data, job);
    if (place == NULL || !keys_equal(place->token.bytes, token->bytes, ID_SIZE) || place->used)
        rc = error_set(e, RC_DENIED, "no data stream is expected with this token");
    else
        rc = check_authority(s, STREAM_HELLO, place,
                             is_owner(place, peer) ? AUTHORITY_OWN : AUTHORITY_OTHERS, e);
    if (rc == RC_OK && place->direction == DATA_RESTORE)
        rc = data_reach_new(place->roots, place->root_count, &s->reach, e);
    if (rc == RC_OK) {
        place->used = true;
        place->stream = s->stream;
        s->job = *place;
        s->job.roots = NULL; /* the table's */
    }
    (void)pthread_mutex_unlock(&s->data->lock);
    return rc;
}

static void
unclaim(struct service *s)
{
    (void)pthread_mutex_lock(&s->data->lock);
    struct expected *place = s->job.job == 0 ? NULL : find(s->data, s->job.job);
    if (place != NULL && place->stream == s->stream)
        place->stream = NULL;
    (void)pthread_mutex_unlock(&s->data->lock);
}

static enum rc
hello(struct service *s, struct error *e)
{
    enum stream_type type;
    TRY(stream_receive_within(s->stream, STREAM_HELLO_MS, &type, &s->payload, e));
    struct wire_reader r = wire_reader_of(buffer_span(&s->payload));
    uint32_t version = wire_u32(&r);
    uint64_t job = wire_u64(&r);
    struct id token = wire_id(&r);
    if (type != STREAM_HELLO || !wire_done(&r))
        return error_set(e, RC_PROTOCOL, "a data stream must begin with HELLO");
    if (version != DATA_VERSION)
        return error_set(e, RC_UNSUPPORTED, "data stream version %u", version);
    if (s->data->options.admit != NULL && !stream_peer(s->stream)->local)
        TRY(s->data->options.admit(s->data->options.ctx, stream_peer(s->stream), e));
    TRY(claim(s, job, &token, e));

    uint8_t epoch[8];
    for (size_t i = 0; i < sizeof epoch; i++)
        epoch[i] = (uint8_t)(vault_epoch(s->data->vault) >> (8 * i));
    const struct span parts[] = {
        span_of(vault_id(s->data->vault)->bytes, RECORD_VAULT_ID_SIZE),
        span_of(epoch, sizeof epoch),
    };
    return stream_send(s->stream, STREAM_WELCOME, parts, 2, e);
}

static enum rc
answer_have(struct service *s, struct error *e)
{
    uint8_t known[HAVE_MAX];
    size_t count = s->payload.len / ID_SIZE;
    if (count == 0 || count > HAVE_MAX || s->payload.len % ID_SIZE != 0)
        return error_set(e, RC_PROTOCOL, "HAVE with %zu bytes", s->payload.len);
    for (size_t i = 0; i < count; i++) {
        struct id id;
        bool has;
        memcpy(id.bytes, s->payload.data + i * ID_SIZE, ID_SIZE);
        TRY(vault_session_has(s->session, &id, &has, e));
        known[i] = has;
    }
    return stream_send(s->stream, STREAM_HAVE_REPLY, &(struct span){known, count}, 1, e);
}

static enum rc
take_put(struct service *s, struct error *e)
{
    struct wire_reader r = wire_reader_of(buffer_span(&s->payload));
    struct id id = wire_id(&r);
    bool known;
    if (!wire_ok(&r))
        return error_set(e, RC_PROTOCOL, "PUT without an id");
    return vault_session_put(s->session, &id, r.rest, &known, e);
}

/* The job may have been given up meanwhile: then nobody will ask for the fence. */
static enum rc
note_fence(struct service *s, const struct vault_fence *fence, bool finished, struct error *e)
{
    (void)pthread_mutex_lock(&s->data->lock);
    struct expected *place = find(s->data, s->job.job);
    bool wanted = place != NULL && place->stream == s->stream;
    if (wanted) {
        place->fence = *fence;
        place->finished = finished;
    }
    (void)pthread_mutex_unlock(&s->data->lock);
    if (wanted)
        return RC_OK;
    vault_fence_release(s->data->vault, fence);
    return error_set(e, RC_STALE, "job %llu is over", (unsigned long long)s->job.job);
}

static enum rc
begin_session(struct service *s, struct error *e)
{
    TRY(vault_session_begin_for(s->data->vault, s->job.name, s->job.job, &s->session, e));
    return note_fence(s, vault_session_fence(s->session), false, e);
}

/* All of it is durable; from here on the session lives until its full is committed or given up. */
static enum rc
finish(struct service *s, struct error *e)
{
    struct vault_fence fence;
    TRY(vault_session_flush(s->session, e));
    TRY(vault_session_hold(s->session, &fence, e));
    s->finished = true;
    TRY(note_fence(s, &fence, true, e));
    struct vault_session_counts counts = vault_session_counted(s->session);
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(64);
    struct wire_writer w = wire_writer_to(&body, e);
    wire_put_u64(&w, counts.blobs);
    wire_put_u64(&w, counts.bytes);
    wire_put_u64(&w, counts.known);
    TRY(wire_writer_finish(&w));
    return stream_send(s->stream, STREAM_FINISHED, &(struct span){body.data, body.len}, 1, e);
}

/* One that is missing, damaged or not read by its disk is answered by nothing behind its id: the others can still be restored. */
static enum rc
read_blob(struct service *s, const struct id *id, struct error *e)
{
    struct error why = ERROR_INIT;
    enum rc rc = vault_get(s->data->vault, id, &s->blob, &why);
    if (rc == RC_OK)
        return data_reach_served(s->reach, buffer_span(&s->blob), e);
    if (rc != RC_NOT_FOUND && rc != RC_CORRUPT && rc != RC_IO) {
        *e = why;
        return rc;
    }
    log_error(&why, "a blob that is to be restored", LOG_U64("job", s->job.job));
    buffer_clear(&s->blob);
    return RC_OK;
}

static enum rc
answer_get(struct service *s, struct error *e)
{
    struct wire_reader r = wire_reader_of(buffer_span(&s->payload));
    struct id id = wire_id(&r);
    if (!wire_done(&r))
        return error_set(e, RC_PROTOCOL, "GET with %zu bytes", s->payload.len);
    TRY(check_authority(s, STREAM_GET, &s->job,
                        data_reach_holds(s->reach, &id) ? AUTHORITY_OWN : AUTHORITY_OTHERS, e));
    TRY(read_blob(s, &id, e));
    const struct span parts[] = {span_of(id.bytes, ID_SIZE), buffer_span(&s->blob)};
    return stream_send(s->stream, STREAM_BLOB, parts, 2, e);
}

/* What a job of each direction may say after HELLO. */
static enum rc (*const verbs[2][STREAM_TYPES_])(struct service *s, struct error *e) = {
    [DATA_CAPTURE] =
        {[STREAM_HAVE] = answer_have, [STREAM_PUT] = take_put, [STREAM_FINISH] = finish},
    [DATA_RESTORE] = {[STREAM_GET] = answer_get},
};

static enum rc
serve(struct service *s, struct error *e)
{
    TRY(hello(s, e));
    if (s->job.direction == DATA_CAPTURE)
        TRY(begin_session(s, e));
    for (;;) {
        enum stream_type type;
        TRY(stream_receive(s->stream, &type, &s->payload, e));
        TRY(check_authority(s, type, &s->job, AUTHORITY_OWN, e));
        if (verbs[s->job.direction][type] == NULL)
            return error_set(e, RC_DENIED, "frame type %d is not for this job", (int)type);
        if (s->finished)
            return error_set(e, RC_DENIED, "frame type %d after FINISH", (int)type);
        TRY(verbs[s->job.direction][type](s, e));
    }
}

static void
record_refusal(struct service *s, const struct error *why)
{
    const struct tls_peer *peer = stream_peer(s->stream);
    char object[AUDIT_OBJECT_MAX + 1];
    (void)snprintf(object, sizeof object, "job %llu", (unsigned long long)s->job.job);
    audit_refused(s->data->options.audit, &(struct audit_entry){
                                              .wall = clock_wall(),
                                              .mono = clock_mono(),
                                              .role = certificate_role_name(peer->identity.role),
                                              .who = peer->identity.name,
                                              .address = peer->address,
                                              .verb = "DATA",
                                              .object = s->job.job != 0 ? object : "",
                                              .why = why->text,
                                              .certificate = peer->spki,
                                          });
}

static void
accepted(void *ctx, struct stream *stream)
{
    struct error e = ERROR_INIT;
    struct service s = {
        .data = ctx,
        .stream = stream,
        .payload = BUFFER_INIT(STREAM_PAYLOAD_MAX),
        .blob = BUFFER_INIT(LIMIT_BLOB),
    };
    enum rc rc = serve(&s, &e);
    if (rc != RC_AGAIN &&
        rc != RC_CANCELLED) { /* anything but "the peer has gone", the usual end */
        log_error(&e, "data stream", LOG_TEXT("peer", stream_peer(stream)->identity.name),
                  LOG_TEXT("address", stream_peer(stream)->address), LOG_U64("job", s.job.job));
        stream_fail(stream, &e);
    }
    if (rc == RC_DENIED)
        record_refusal(&s, &e);
    unclaim(&s);
    vault_session_free(s.session);
    data_reach_free(s.reach);
    buffer_free(&s.payload);
    buffer_free(&s.blob);
    stream_close(stream);
}

enum rc
data_open(const struct data_options *options, struct data **out, struct error *e)
{
    struct data *d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(e, RC_NO_MEMORY, "data streams");
    d->vault = options->vault;
    d->options = *options;
    (void)pthread_mutex_init(&d->lock, NULL);
    const struct stream_listen_options listen = {.url = options->url,
                                                 .identity = options->identity,
                                                 .demand = TLS_DEMAND_CERTIFICATE,
                                                 .accepted = accepted,
                                                 .ctx = d};
    const struct stream_listen_options local = {
        .url = options->local, .accepted = accepted, .ctx = d};
    enum rc rc = stream_listen(&listen, &d->listener, e);
    if (rc == RC_OK && options->local != NULL)
        rc = stream_listen(&local, &d->local, e);
    if (rc != RC_OK) {
        data_close(d);
        return error_context(e, "data streams on %s", options->url);
    }
    *out = d;
    return RC_OK;
}

void
data_close(struct data *d)
{
    if (d == NULL)
        return;
    if (d->listener != NULL)
        stream_listener_close(d->listener);
    if (d->local != NULL)
        stream_listener_close(d->local);
    for (size_t i = 0; i < JOBS_MAX; i++)
        free(d->jobs[i].roots);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
}

enum rc
data_port(const struct data *d, unsigned *out, struct error *e)
{
    return stream_listener_port(d->listener, out, e);
}
