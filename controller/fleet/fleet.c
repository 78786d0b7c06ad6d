/* fleet.c -- greet agents, pass on what they say.  See fleet.h. */
#include "controller/fleet/fleet.h"

#include <stdio.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/record/mandate.h"
#include "controller/authority/authority.h"
#include "controller/fleet/fleet_clock.h"
#include "controller/fleet/fleet_reply.h"
#include "proto/message.h"

enum { PROTOCOL = 1, AGENTS_MAX = 1024, SOURCES_MAX = 256, JOBS_MAX = 256 };
/* As many orders are remembered with their agent: more than can be on their way. */
enum { ORDERS_KEPT = 1024 };
/* TLS and records tolerate more, but a cut across hosts means nothing when clocks differ this much. */
#define CLOCK_TOLERANCE_NS (5 * CLOCK_NS_PER_SECOND)

struct agent {
    char name[CERTIFICATE_NAME_MAX + 1];
    uint64_t peer; /* 0: not connected */
    bool greeted;  /* AgentHello accepted on this connection */
    int64_t clock_offset_ns;
    bool can[FLEET_FEATURES_];
    struct fleet_clock_measure clock;
    char problem[160];
};

static const char *const feature_names[FLEET_FEATURES_] = {
    [FLEET_CLOCK] = "clock",
    [FLEET_CUT] = "cut",
};

struct order {
    uint64_t job;
    const struct agent *agent;
    uint64_t unanswered; /* the connection on which the answer is awaited; 0: it has come */
};

struct fleet {
    struct fleet_options options;
    struct order orders[ORDERS_KEPT]; /* the newest, in a ring */
    size_t next_order;
    struct agent *agents[AGENTS_MAX];
    size_t count;
    uint64_t next_job;
};

enum rc
fleet_new(const struct fleet_options *options, struct fleet **out, struct error *e)
{
    struct fleet *f = calloc(1, sizeof *f);
    if (f == NULL)
        return error_set(e, RC_NO_MEMORY, "fleet");
    f->options = *options;
    /* Job numbers never repeat: an agent may answer for a job of an earlier controller. */
    f->next_job = (uint64_t)(clock_wall().ns / CLOCK_NS_PER_MS) << 12;
    *out = f;
    return RC_OK;
}

void
fleet_free(struct fleet *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->count; i++)
        free(f->agents[i]);
    free(f);
}

static struct agent *
by_name(const struct fleet *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (text_equal(f->agents[i]->name, name))
            return f->agents[i];
    return NULL;
}

static struct agent *
by_peer(const struct fleet *f, uint64_t peer)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->agents[i]->peer == peer)
            return f->agents[i];
    return NULL;
}

static enum rc
known_or_new(struct fleet *f, const char *name, struct agent **out, struct error *e)
{
    *out = by_name(f, name);
    if (*out != NULL)
        return RC_OK;
    if (f->count == AGENTS_MAX)
        return error_set(e, RC_NO_MEMORY, "more than %d agents", (int)AGENTS_MAX);
    struct agent *a = calloc(1, sizeof *a);
    if (a == NULL)
        return error_set(e, RC_NO_MEMORY, "agent");
    (void)snprintf(a->name, sizeof a->name, "%s", name);
    a->clock.best.offset_ns = RECORD_CLOCK_UNKNOWN;
    f->agents[f->count++] = a;
    *out = a;
    return RC_OK;
}

bool
fleet_is_connected(const struct fleet *f, const char *name)
{
    const struct agent *a = by_name(f, name);
    return a != NULL && a->peer != 0 && a->greeted;
}

size_t
fleet_connected_count(const struct fleet *f)
{
    size_t connected = 0;
    for (size_t i = 0; i < f->count; i++)
        connected += f->agents[i]->peer != 0 && f->agents[i]->greeted;
    return connected;
}

const char *
fleet_problem(const struct fleet *f, const char *name)
{
    const struct agent *a = by_name(f, name);
    return a == NULL ? "" : a->problem;
}

uint64_t
fleet_new_job(struct fleet *f)
{
    return f->next_job++;
}

static enum rc
send_to(struct fleet *f, const struct agent *a, uint16_t type, uint64_t correlation,
        const ProtobufCMessage *message, struct error *e)
{
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    TRY(message_pack(message, &body, e));
    const struct frame frame = {
        .type = type, .correlation = correlation, .body = buffer_span(&body)};
    return hub_send(f->options.hub, a->peer, &frame, e);
}

/* Signed: the network side of the agent carries it, and must not be able to make one. */
static enum rc
send_restore(struct fleet *f, const struct agent *a, const Koffer__StepOrder *order,
             struct error *e)
{
    Koffer__StepOrder whole = *order;
    Koffer__RestoreOrder restore = *order->restore;
    uint8_t signature[KEYS_SIGNATURE_SIZE];
    struct id root;
    if (restore.root_id.len != ID_SIZE || restore.root_sealed.len != KEYS_SEALED_SIZE)
        return error_set(e, RC_INVALID, "a restore without a sealed root");
    memcpy(root.bytes, restore.root_id.data, ID_SIZE);
    const struct mandate_restore mandate = {
        .vault = *vault_id(f->options.vault),
        .host = a->name,
        .job = order->job,
        .root = &root,
        .root_sealed = restore.root_sealed.data,
        .path = restore.path,
        .target = restore.target,
        .dry_run = restore.dry_run,
        .replace = restore.replace,
    };
    TRY(mandate_sign_restore(f->options.signer, &mandate, signature, e));
    restore.signature = message_bytes(signature, sizeof signature);
    whole.restore = &restore;
    return send_to(f, a, KOFFER__MESSAGE_TYPE__STEP, order->job, &whole.base, e);
}

enum rc
fleet_order(struct fleet *f, const char *name, const Koffer__StepOrder *order, struct error *e)
{
    const struct agent *a = by_name(f, name);
    if (a == NULL || a->peer == 0 || !a->greeted)
        return error_set(e, RC_AGAIN, "agent '%s' is not connected", name);
    f->orders[f->next_order++ % ORDERS_KEPT] = (struct order){order->job, a, a->peer};
    if (order->restore != NULL)
        return send_restore(f, a, order, e);
    return send_to(f, a, KOFFER__MESSAGE_TYPE__STEP, order->job, &order->base, e);
}

void
fleet_cancel(struct fleet *f, const char *name, uint64_t job)
{
    struct error e = ERROR_INIT;
    const struct agent *a = by_name(f, name);
    Koffer__JobRef ref;
    koffer__job_ref__init(&ref);
    ref.job = job;
    if (a == NULL || a->peer == 0)
        return;
    if (send_to(f, a, KOFFER__MESSAGE_TYPE__STEP_CANCEL, 0, &ref.base, &e) != RC_OK)
        log_error(&e, "cannot cancel a step", LOG_TEXT("agent", name), LOG_U64("job", job));
}

/* ---- clocks */

bool
fleet_can(const struct fleet *f, const char *name, enum fleet_feature feature)
{
    const struct agent *a = by_name(f, name);
    return a != NULL && a->can[feature];
}

static void
ask_clock(struct fleet *f, struct agent *a)
{
    struct error e = ERROR_INIT;
    Koffer__Empty empty;
    koffer__empty__init(&empty);
    if (!fleet_clock_wants(&a->clock))
        return;
    fleet_clock_ask(&a->clock, fleet_new_job(f), clock_wall(), clock_mono());
    if (send_to(f, a, KOFFER__MESSAGE_TYPE__CLOCK, a->clock.question, &empty.base, &e) != RC_OK) {
        log_error(&e, "cannot ask an agent for its clock", LOG_TEXT("agent", a->name));
        fleet_clock_stop(&a->clock);
    }
}

void
fleet_clock_measure(struct fleet *f, const char *name)
{
    struct agent *a = by_name(f, name);
    if (a == NULL)
        return;
    fleet_clock_begin(&a->clock);
    if (a->peer != 0 && a->greeted && a->can[FLEET_CLOCK])
        ask_clock(f, a);
    else
        fleet_clock_stop(&a->clock);
}

struct record_clock
fleet_clock(const struct fleet *f, const char *name)
{
    const struct agent *a = by_name(f, name);
    return a != NULL ? a->clock.best : (struct record_clock){.offset_ns = RECORD_CLOCK_UNKNOWN};
}

static enum rc
on_clock(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    const struct mono now = clock_mono();
    if ((event->frame.flags & FRAME_FAILURE) != 0) {
        fleet_clock_stop(&a->clock);
        return error_set(e, RC_PROTOCOL, "agent '%s' says that it can tell its clock, and does not",
                         a->name);
    }
    TRY(message_unpack(&koffer__clock_reading__descriptor, event->frame.body, &m, e));
    const Koffer__ClockReading *reading = (const Koffer__ClockReading *)m;
    if (!fleet_clock_answer(&a->clock, event->frame.correlation, (struct wall){reading->received},
                            (struct wall){reading->sent}, now))
        log_warning("an agent's clock makes no sense", LOG_TEXT("agent", a->name));
    ask_clock(f, a);
    return RC_OK;
}

/* ---- hello */

static enum rc
check_hello(const Koffer__AgentHello *hello, struct error *e)
{
    if (hello->protocol_min > PROTOCOL || hello->protocol_max < PROTOCOL) {
        return error_set(e, RC_UNSUPPORTED,
                         "agent speaks protocol %u to %u and this controller %d: install matching "
                         "versions",
                         hello->protocol_min, hello->protocol_max, (int)PROTOCOL);
    }
    if (hello->n_required_features > 0) {
        return error_set(e, RC_UNSUPPORTED,
                         "agent requires the feature '%.60s', which this controller does not have: "
                         "update the controller",
                         hello->required_features[0]);
    }
    if (hello->n_sources > SOURCES_MAX || hello->n_jobs > JOBS_MAX)
        return error_set(e, RC_PROTOCOL, "agent declares %zu sources", hello->n_sources);
    return RC_OK;
}

static enum rc
save_sources(struct fleet *f, const char *agent, Koffer__Source *const *sources, size_t count,
             struct error *e)
{
    CLEANUP(own_freep) struct catalogue_source *saved = calloc(count + 1, sizeof *saved);
    if (saved == NULL)
        return error_set(e, RC_NO_MEMORY, "sources of an agent");
    for (size_t i = 0; i < count; i++) {
        TRY(text_check_source(sources[i]->name, e));
        TRY(text_check_name("kind of source", sources[i]->kind, e));
        saved[i] = (struct catalogue_source){
            .name = sources[i]->name,
            .kind = sources[i]->kind,
            .description = sources[i]->description,
            .required = sources[i]->required,
        };
    }
    return catalogue_sources_set(f->options.catalogue, agent, saved, count, e);
}

static void
judge_clock(struct agent *a, int64_t theirs, struct wall now)
{
    a->clock_offset_ns = clock_between(now, (struct wall){theirs});
    a->problem[0] = '\0';
    if (a->clock_offset_ns > CLOCK_TOLERANCE_NS || a->clock_offset_ns < -CLOCK_TOLERANCE_NS) {
        (void)snprintf(a->problem, sizeof a->problem,
                       "its clock is off by %lld s: synchronise the clocks of this host and the "
                       "controller (chrony, systemd-timesyncd)",
                       (long long)(a->clock_offset_ns / CLOCK_NS_PER_SECOND));
        log_warning("clock of an agent is off", LOG_TEXT("agent", a->name),
                    LOG_I64("seconds", a->clock_offset_ns / CLOCK_NS_PER_SECOND));
    }
}

static enum rc
welcome(struct fleet *f, const struct hub_event *event, struct wall now, struct error *e)
{
    Koffer__Welcome reply;
    koffer__welcome__init(&reply);
    struct keys_public keys[LIMIT_RECIPIENTS];
    ProtobufCBinaryData recipients[LIMIT_RECIPIENTS];
    uint8_t signature[KEYS_SIGNATURE_SIZE];
    const struct record_vault_id *id = vault_id(f->options.vault);
    size_t count = roster_current(f->options.roster, keys);
    for (size_t i = 0; i < count; i++)
        recipients[i] = message_bytes(keys[i].bytes, KEYS_PUBLIC_SIZE);
    reply.protocol = PROTOCOL;
    reply.version = message_text(KOFFER_VERSION);
    reply.clock = now.ns;
    reply.vault_id = message_bytes(id->bytes, sizeof id->bytes);
    reply.vault_epoch = vault_epoch(f->options.vault);
    reply.data_url = message_text(f->options.data_url);
    const struct mandate_recipients mandate = {
        .vault = *id,
        .recipients = keys,
        .count = count,
    };
    TRY(mandate_sign_recipients(f->options.signer, &mandate, signature, e));
    reply.recipients_signature = message_bytes(signature, sizeof signature);
    reply.n_recipients = count;
    reply.recipients = recipients;
    return fleet_reply(f->options.hub, event, &reply.base, e);
}

void
fleet_welcome_again(struct fleet *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct agent *a = f->agents[i];
        const struct hub_event hello = {
            .peer = a->peer,
            .frame = {.type = KOFFER__MESSAGE_TYPE__AGENT_HELLO, .correlation = 1}};
        struct error e = ERROR_INIT;
        /* One that cannot be told now is told when it connects the next time. */
        if (a->greeted && welcome(f, &hello, clock_wall(), &e) != RC_OK) {
            log_error(&e, "cannot tell an agent what has changed", LOG_TEXT("agent", a->name));
            hub_close_peer(f->options.hub, a->peer);
        }
    }
}

/* An agent says hello again on its connection when its other half was restarted.  An order that crosses such a hello is not lost:
 * it counts as one of the jobs that the agent has, and its answer is still to come. */
static enum rc
tell_up(struct fleet *f, const struct agent *a, const Koffer__AgentHello *hello, struct error *e)
{
    CLEANUP(own_freep) uint64_t *jobs = calloc(hello->n_jobs + ORDERS_KEPT, sizeof *jobs);
    size_t count = hello->n_jobs;
    if (jobs == NULL)
        return error_set(e, RC_NO_MEMORY, "jobs of an agent");
    for (size_t i = 0; i < hello->n_jobs; i++)
        jobs[i] = hello->jobs[i];
    for (size_t i = 0; i < ORDERS_KEPT; i++)
        if (f->orders[i].agent == a && f->orders[i].unanswered == a->peer)
            jobs[count++] = f->orders[i].job;
    f->options.owner.up(f->options.owner.ctx, a->name, jobs, count);
    return RC_OK;
}

static void
note_features(struct agent *a, const Koffer__AgentHello *hello)
{
    memset(a->can, 0, sizeof a->can);
    for (size_t i = 0; i < hello->n_features; i++)
        for (size_t known = 0; known < FLEET_FEATURES_; known++)
            a->can[known] = a->can[known] || text_equal(hello->features[i], feature_names[known]);
}

static enum rc
on_hello(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    TRY(message_unpack(&koffer__agent_hello__descriptor, event->frame.body, &m, e));
    const Koffer__AgentHello *hello = (const Koffer__AgentHello *)m;
    struct wall now = clock_wall();

    TRY(check_hello(hello, e));
    note_features(a, hello);
    judge_clock(a, hello->clock, now);
    TRY(catalogue_peer_seen(f->options.catalogue, CERTIFICATE_AGENT, a->name, hello->version,
                            hello->system, event->tls.address, a->clock_offset_ns, now, e));
    TRY(save_sources(f, a->name, hello->sources, hello->n_sources, e));
    TRY(welcome(f, event, now, e));
    a->greeted = true;
    log_info("agent connected", LOG_TEXT("agent", a->name), LOG_TEXT("address", event->tls.address),
             LOG_TEXT("version", hello->version), LOG_U64("sources", hello->n_sources));
    return tell_up(f, a, hello, e);
}

/* ---- what agents say later */

/* A job that nobody remembers is its teller's: of an earlier controller, and so of no consequence. */
static enum authority_object
whose_job(const struct fleet *f, const struct agent *a, uint64_t job)
{
    for (size_t i = 0; i < ORDERS_KEPT; i++)
        if (f->orders[i].agent != NULL && f->orders[i].job == job && f->orders[i].agent != a)
            return AUTHORITY_OTHERS;
    return AUTHORITY_OWN;
}

static enum rc
check_authority(const struct agent *a, const struct hub_event *event, enum authority_object object,
                struct error *e)
{
    bool answer = (event->frame.flags & FRAME_REPLY) != 0;
    return authority_check(
        &(struct authority_question){.role = AUTHORITY_AGENT,
                                     .who = a->name,
                                     .channel = answer ? AUTHORITY_ANSWER : AUTHORITY_REQUEST,
                                     .verb = event->frame.type,
                                     .object = object},
        e);
}

static enum rc
on_sources(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    TRY(message_unpack(&koffer__source_list__descriptor, event->frame.body, &m, e));
    const Koffer__SourceList *list = (const Koffer__SourceList *)m;
    if (list->n_sources > SOURCES_MAX)
        return error_set(e, RC_PROTOCOL, "agent declares %zu sources", list->n_sources);
    return save_sources(f, a->name, list->sources, list->n_sources, e);
}

static enum rc
on_progress(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    TRY(message_unpack(&koffer__progress__descriptor, event->frame.body, &m, e));
    uint64_t job = ((const Koffer__Progress *)m)->job;
    TRY(check_authority(a, event, whose_job(f, a, job), e));
    f->options.owner.progress(f->options.owner.ctx, a->name, (const Koffer__Progress *)m);
    return RC_OK;
}

static enum rc
on_result(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    Koffer__Empty empty;
    koffer__empty__init(&empty);
    TRY(message_unpack(&koffer__step_result__descriptor, event->frame.body, &m, e));
    uint64_t job = ((const Koffer__StepResult *)m)->job;
    TRY(check_authority(a, event, whose_job(f, a, job), e));
    /* Acknowledged first: what follows may order the next step. */
    TRY(fleet_reply(f->options.hub, event, &empty.base, e));
    f->options.owner.result(f->options.owner.ctx, a->name, (const Koffer__StepResult *)m);
    return RC_OK;
}

/* The answer to an order: silence means accepted, a failure is a result like any other. */
static enum rc
on_order_reply(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e)
{
    TRY(check_authority(a, event, whose_job(f, a, event->frame.correlation), e));
    for (size_t i = 0; i < ORDERS_KEPT; i++)
        if (f->orders[i].agent == a && f->orders[i].job == event->frame.correlation)
            f->orders[i].unanswered = 0;
    if ((event->frame.flags & FRAME_FAILURE) == 0)
        return RC_OK;
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    TRY(message_unpack(&koffer__failure__descriptor, event->frame.body, &m, e));
    const Koffer__Failure *failure = (const Koffer__Failure *)m;
    Koffer__StepResult result;
    koffer__step_result__init(&result);
    result.job = event->frame.correlation;
    result.code = failure->code != RC_OK ? failure->code : RC_IO;
    result.text = failure->text;
    result.remedy = failure->remedy;
    f->options.owner.result(f->options.owner.ctx, a->name, &result);
    return RC_OK;
}

static enum rc
on_renew(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    CLEANUP(own_freep) char *certificate = NULL;
    Koffer__RenewReply reply;
    (void)a;
    TRY(message_unpack(&koffer__renew_request__descriptor, event->frame.body, &m, e));
    TRY(renew_certificate(f->options.renew, &event->tls, authority_role_name(AUTHORITY_AGENT),
                          ((const Koffer__RenewRequest *)m)->request, clock_wall(), &certificate,
                          e));
    koffer__renew_reply__init(&reply);
    reply.certificate = certificate;
    return fleet_reply(f->options.hub, event, &reply.base, e);
}

typedef enum rc
handler(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e);
static const struct {
    uint16_t type;
    bool before_hello;
    handler *handle;
} handlers[] = {
    {KOFFER__MESSAGE_TYPE__AGENT_HELLO, true, on_hello},
    {KOFFER__MESSAGE_TYPE__AGENT_SOURCES, false, on_sources},
    {KOFFER__MESSAGE_TYPE__STEP_PROGRESS, false, on_progress},
    {KOFFER__MESSAGE_TYPE__STEP_RESULT, false, on_result},
    {KOFFER__MESSAGE_TYPE__CERTIFICATE_RENEW, false, on_renew},
    {KOFFER__MESSAGE_TYPE__STEP, false, on_order_reply},
    {KOFFER__MESSAGE_TYPE__STEP_CANCEL, false, on_order_reply},
    {KOFFER__MESSAGE_TYPE__CLOCK, false, on_clock},
};

static enum rc
on_frame(struct fleet *f, struct agent *a, const struct hub_event *event, struct error *e)
{
    TRY(check_authority(a, event, AUTHORITY_OWN, e));
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (handlers[i].type == event->frame.type && (a->greeted || handlers[i].before_hello))
            return handlers[i].handle(f, a, event, e);
    return error_set(e, RC_DENIED, "an agent may not send messages of type %u before its hello",
                     event->frame.type);
}

static void
on_up(struct fleet *f, struct agent *a, uint64_t peer)
{
    if (a->peer != 0) { /* it came back before we noticed that it had gone */
        log_info("agent connects again", LOG_TEXT("agent", a->name));
        hub_close_peer(f->options.hub, a->peer);
        /* Its owner must not wait for a hello that may never come; the hello takes it back. */
        if (a->greeted)
            f->options.owner.lost(f->options.owner.ctx, a->name);
    }
    a->peer = peer;
    a->greeted = false;
    fleet_clock_stop(&a->clock);
}

/* It is gone, or counts as gone. */
static void
let_go(struct fleet *f, struct agent *a)
{
    struct error e = ERROR_INIT;
    if (a->greeted && catalogue_peer_met(f->options.catalogue, CERTIFICATE_AGENT, a->name,
                                         clock_wall(), &e) != RC_OK)
        log_error(&e, "cannot note when an agent was seen", LOG_TEXT("agent", a->name));
    a->peer = 0;
    fleet_clock_stop(&a->clock);
    if (a->greeted)
        f->options.owner.lost(f->options.owner.ctx, a->name);
    a->greeted = false;
}

static void
on_down(struct fleet *f, uint64_t peer)
{
    struct agent *a = by_peer(f, peer);
    if (a == NULL)
        return; /* replaced by a newer connection already */
    log_warning("agent lost", LOG_TEXT("agent", a->name));
    let_go(f, a);
}

void
fleet_cut(struct fleet *f, const char *name, const char *why)
{
    struct agent *a = by_name(f, name);
    if (a == NULL || a->peer == 0)
        return;
    log_info("an agent's connection ends", LOG_TEXT("agent", name), LOG_TEXT("why", why));
    hub_close_peer(f->options.hub, a->peer);
    let_go(f, a);
}

struct admission {
    const struct tls_peer *peer;
    bool open;    /* it was admitted, and is connected since */
    bool renewed; /* with the certificate that was made last */
};

/* A certificate alone is not enough: the catalogue must know its bearer. */
static enum rc
accept_enrolled(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct admission *a = ctx;
    const char *role = certificate_role_name(p->role);
    if (!p->enrolled)
        return error_set(e, RC_DENIED, "%s '%s' %s", role, p->name,
                         p->revoked.ns != 0 ? "was revoked" : "is not enrolled");
    a->renewed = !id_is_zero(&p->renewed) && id_equal(&p->renewed, &a->peer->spki);
    if (a->open && !id_is_zero(&p->previous) && id_equal(&p->previous, &a->peer->spki))
        return RC_OK;
    if (!a->renewed && !id_is_zero(&p->certificate) && !id_equal(&p->certificate, &a->peer->spki))
        return error_set(e, RC_DENIED, "%s '%s' has a newer certificate: this one counts no more",
                         role, p->name);
    return RC_OK;
}

enum rc
fleet_admit_open(struct catalogue *c, const struct tls_peer *peer, struct error *e)
{
    struct admission a = {.peer = peer, .open = true};
    TRY(catalogue_peer_find(c, peer->identity.role, peer->identity.name, accept_enrolled, &a, e));
    return a.renewed ? fleet_admit(c, peer, e) : RC_OK;
}

enum rc
fleet_admit(struct catalogue *c, const struct tls_peer *peer, struct error *e)
{
    struct admission a = {.peer = peer};
    const struct certificate_identity *who = &peer->identity;
    TRY(catalogue_peer_find(c, who->role, who->name, accept_enrolled, &a, e));
    if (!a.renewed)
        return RC_OK;
    /* Its first use: from here on the old one counts no more. */
    TRY(catalogue_peer_promote(c, who->role, who->name, &peer->spki, e));
    log_info("a renewed certificate is used", LOG_TEXT("role", certificate_role_name(who->role)),
             LOG_TEXT("name", who->name));
    return RC_OK;
}

enum rc
fleet_event(struct fleet *f, const struct hub_event *event, bool *taken, struct error *e)
{
    struct agent *a;
    *taken = false;
    if (event->kind == HUB_DOWN) {
        *taken = by_peer(f, event->peer) != NULL;
        on_down(f, event->peer);
        return RC_OK;
    }
    if (event->local || (event->kind != HUB_UP && event->kind != HUB_FRAME) ||
        event->tls.identity.role != CERTIFICATE_AGENT)
        return RC_OK;

    *taken = true;
    TRY(fleet_admit(f->options.catalogue, &event->tls, e));
    TRY(known_or_new(f, event->tls.identity.name, &a, e));
    if (event->kind == HUB_UP) {
        on_up(f, a, event->peer);
        return RC_OK;
    }
    if (a->peer != event->peer)
        return RC_OK; /* of a connection that has been replaced */
    return on_frame(f, a, event, e);
}
