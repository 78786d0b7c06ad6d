/* api_peers.c -- status, agents, operators, sources. */
#include <stdio.h>

#include "common/base/log.h"
#include "controller/api/api_internal.h"

/* ---- lists */

struct listing {
    struct api_call *call;
    struct api_list list;
    struct wall now;
};

static enum rc
add_source(void *ctx, const struct catalogue_source *s, struct error *e)
{
    struct listing *l = ctx;
    Koffer__Source *out = API_NEW(l->call, Koffer__Source);
    TRY(api_push(l->call, &l->list, out, e));
    koffer__source__init(out);
    out->name = api_text(l->call, s->name);
    out->kind = api_text(l->call, s->kind);
    out->required = s->required;
    out->description = api_text(l->call, s->description);
    return RC_OK;
}

static const char *
agent_state(const struct api *a, const struct catalogue_peer *p, struct wall now)
{
    if (fleet_is_connected(a->options.fleet, p->name))
        return "connected";
    if (p->enrolled)
        return p->last_seen.ns != 0 ? "lost" : "enrolled";
    return p->token_until.ns > now.ns ? "waiting" : p->revoked.ns != 0 ? "revoked" : "expired";
}

static enum rc
add_agent(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct listing *l = ctx;
    struct api *a = l->call->api;
    char key[ID_TEXT_SIZE];
    struct listing sources = {.call = l->call};
    Koffer__Agent *out = API_NEW(l->call, Koffer__Agent);
    TRY(api_push(l->call, &l->list, out, e));
    koffer__agent__init(out);
    text_hex(span_of(p->signing.bytes, KEYS_PUBLIC_SIZE), key);
    out->name = api_text(l->call, p->name);
    out->state = api_text(l->call, agent_state(a, p, l->now));
    out->version = api_text(l->call, p->version);
    out->system = api_text(l->call, p->system);
    out->address = api_text(l->call, p->address);
    out->last_seen = fleet_is_connected(a->options.fleet, p->name) ? l->now.ns : p->last_seen.ns;
    out->enrolled = p->enrolled_at.ns;
    out->certificate_until = p->certificate_until.ns;
    out->clock_offset = p->clock_offset_ns;
    out->signing_key = p->enrolled ? api_text(l->call, key) : message_text("");
    out->problem = api_text(l->call, fleet_problem(a->options.fleet, p->name));
    TRY(catalogue_source_each(a->options.catalogue, p->name, add_source, &sources, e));
    out->n_sources = sources.list.count;
    out->sources = (Koffer__Source **)sources.list.items;
    return RC_OK;
}

enum rc
api_agent_list(struct api_call *call, struct error *e)
{
    struct listing l = {.call = call, .now = clock_wall()};
    Koffer__AgentList *reply = API_NEW(call, Koffer__AgentList);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "agents");
    TRY(catalogue_peer_each(call->api->options.catalogue, CERTIFICATE_AGENT, add_agent, &l, e));
    koffer__agent_list__init(reply);
    reply->n_agents = l.list.count;
    reply->agents = (Koffer__Agent **)l.list.items;
    call->reply = &reply->base;
    return RC_OK;
}

static enum rc
add_operator(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct listing *l = ctx;
    Koffer__Operator *out = API_NEW(l->call, Koffer__Operator);
    TRY(api_push(l->call, &l->list, out, e));
    koffer__operator__init(out);
    out->name = api_text(l->call, p->name);
    out->state = message_text(p->enrolled                     ? "enrolled"
                              : p->token_until.ns > l->now.ns ? "waiting"
                              : p->revoked.ns != 0            ? "revoked"
                                                              : "expired");
    out->role = api_text(l->call, p->operator_role);
    out->enrolled = p->enrolled_at.ns;
    out->last_seen = p->last_seen.ns;
    out->certificate_until = p->certificate_until.ns;
    return RC_OK;
}

enum rc
api_operator_list(struct api_call *call, struct error *e)
{
    struct listing l = {.call = call, .now = clock_wall()};
    Koffer__OperatorList *reply = API_NEW(call, Koffer__OperatorList);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "operators");
    TRY(catalogue_peer_each(call->api->options.catalogue, CERTIFICATE_OPERATOR, add_operator, &l,
                            e));
    koffer__operator_list__init(reply);
    reply->n_operators = l.list.count;
    reply->operators = (Koffer__Operator **)l.list.items;
    call->reply = &reply->base;
    return RC_OK;
}

static enum rc
add_source_status(void *ctx, const struct catalogue_source *s, struct error *e)
{
    struct listing *l = ctx;
    struct listing one = {.call = l->call};
    Koffer__SourceStatus *out = API_NEW(l->call, Koffer__SourceStatus);
    TRY(api_push(l->call, &l->list, out, e));
    koffer__source_status__init(out);
    TRY(add_source(&one, s, e));
    out->agent = api_text(l->call, s->agent);
    out->source = (Koffer__Source *)one.list.items[0];
    out->connected = fleet_is_connected(l->call->api->options.fleet, s->agent);
    out->last_full = s->last_full;
    out->last_good = s->last_good.ns;
    out->last_problem = api_text(l->call, s->last_problem);
    out->withdrawn = s->withdrawn;
    return RC_OK;
}

enum rc
api_source_list(struct api_call *call, struct error *e)
{
    struct listing l = {.call = call};
    Koffer__SourceStatusList *reply = API_NEW(call, Koffer__SourceStatusList);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "sources");
    TRY(catalogue_source_each(call->api->options.catalogue, NULL, add_source_status, &l, e));
    koffer__source_status_list__init(reply);
    reply->n_sources = l.list.count;
    reply->sources = (Koffer__SourceStatus **)l.list.items;
    call->reply = &reply->base;
    return RC_OK;
}

/* "agent.source" cannot be cut at a dot, since both may hold some: compare with what there is. */
struct forgetting {
    const char *wanted;
    char agent[LIMIT_LABEL + 1], source[LIMIT_LABEL + 1];
    bool found;
};

static enum rc
find_named(void *ctx, const struct catalogue_source *s, struct error *e)
{
    struct forgetting *f = ctx;
    char both[2 * LIMIT_LABEL + 2];
    (void)e;
    (void)snprintf(both, sizeof both, "%s.%s", s->agent, s->name);
    if (!f->found && text_equal(both, f->wanted)) {
        f->found = true;
        (void)snprintf(f->agent, sizeof f->agent, "%s", s->agent);
        (void)snprintf(f->source, sizeof f->source, "%s", s->name);
    }
    return RC_OK;
}

enum rc
api_source_forget(struct api_call *call, struct error *e)
{
    const Koffer__NameRequest *request = (const Koffer__NameRequest *)call->request;
    struct forgetting f = {.wanted = request->name};
    Koffer__Empty *reply = API_NEW(call, Koffer__Empty);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "source");
    TRY(catalogue_source_each(call->api->options.catalogue, NULL, find_named, &f, e));
    if (!f.found)
        return error_set(e, RC_NOT_FOUND, "there is no source '%.150s'; see 'koffer source list'",
                         request->name);
    TRY(catalogue_source_forget(call->api->options.catalogue, f.agent, f.source, e));
    log_info("source forgotten", LOG_TEXT("source", request->name), LOG_TEXT("by", call->who));
    koffer__empty__init(reply);
    call->reply = &reply->base;
    return RC_OK;
}

/* ---- status */

struct survey {
    struct listing problems;
    uint32_t agents;
};

/* It renews by itself, while it is connected: then this is never said. */
static enum rc
look_at_certificate(struct survey *s, const struct catalogue_peer *p, struct error *e)
{
    struct api_call *call = s->problems.call;
    struct wall now = clock_wall();
    int64_t soon = call->api->options.renew->seconds / 6 * CLOCK_NS_PER_SECOND;
    const char *role = certificate_role_name(p->role);
    char when[CLOCK_TEXT_SIZE];
    if (!p->enrolled || p->certificate_until.ns == 0 || p->certificate_until.ns - now.ns > soon)
        return RC_OK;
    if (p->certificate_until.ns <= now.ns)
        return api_push(
            call, &s->problems.list,
            arena_printf(call->arena,
                         "the certificate of %s %s has expired: 'koffer %s add %s "
                         "--replace' here, then '%s enroll' there",
                         role, p->name, role, p->name,
                         p->role == CERTIFICATE_AGENT ? "koffer-agent" : "koffer operator"),
            e);
    return api_push(call, &s->problems.list,
                    arena_printf(call->arena,
                                 "the certificate of %s %s ends on %s: it renews by itself when "
                                 "that connects",
                                 role, p->name, clock_text(p->certificate_until, when)),
                    e);
}

static enum rc
look_at_operator(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    return look_at_certificate(ctx, p, e);
}

static enum rc
look_at_agent(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct survey *s = ctx;
    struct api_call *call = s->problems.call;
    const struct fleet *fleet = call->api->options.fleet;
    const char *problem = fleet_problem(fleet, p->name);
    if (!p->enrolled)
        return RC_OK;
    s->agents++;
    TRY(look_at_certificate(s, p, e));
    if (!fleet_is_connected(fleet, p->name))
        TRY(api_push(call, &s->problems.list,
                     arena_printf(call->arena, "agent %s is not connected", p->name), e));
    if (problem[0] != '\0')
        TRY(api_push(call, &s->problems.list,
                     arena_printf(call->arena, "agent %s: %s", p->name, problem), e));
    return RC_OK;
}

static enum rc
look_at_source(void *ctx, const struct catalogue_source *src, struct error *e)
{
    struct survey *s = ctx;
    struct api_call *call = s->problems.call;
    if (src->withdrawn)
        return api_push(call, &s->problems.list,
                        arena_printf(call->arena,
                                     "source %s.%s is no longer in the configuration of its agent, "
                                     "or that was revoked; "
                                     "if that is meant: koffer source forget %s.%s",
                                     src->agent, src->name, src->agent, src->name),
                        e);
    if (!src->required || src->last_full != 0)
        return RC_OK;
    return api_push(
        call, &s->problems.list,
        arena_printf(call->arena, "source %s.%s is in no full yet", src->agent, src->name), e);
}

static enum rc
take_sealed(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)e;
    *(int64_t *)ctx = f->sealed.ns;
    return RC_OK;
}

/* After the loss of a catalogue its peers must be let in again, one by one: nobody is trusted for what he was. */
static enum rc
look_at_stranger(void *ctx, const char *host, struct error *e)
{
    struct survey *s = ctx;
    struct api_call *call = s->problems.call;
    return api_push(call, &s->problems.list,
                    arena_printf(call->arena,
                                 "host %s has an archive in the newest full and is not known: run "
                                 "'koffer agent add %s' and 'koffer-agent enroll' there",
                                 host, host),
                    e);
}

static enum rc
look_at_own(struct survey *s, struct error *e)
{
    struct api_call *call = s->problems.call;
    const struct api_options *o = &call->api->options;
    const char *problem = o->problem == NULL ? "" : o->problem(o->ctx);
    char vault[VAULT_PROBLEM_SIZE];
    if (vault_problem(o->vault, vault)[0] != '\0')
        TRY(api_push(call, &s->problems.list, api_text(call, vault), e));
    if (cycle_vault_problem(o->cycles)[0] != '\0')
        TRY(api_push(call, &s->problems.list, api_text(call, cycle_vault_problem(o->cycles)), e));
    if (problem[0] == '\0')
        return RC_OK;
    return api_push(call, &s->problems.list, arena_printf(call->arena, "%s", problem), e);
}

enum rc
api_status(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    struct survey survey = {.problems = {.call = call}};
    struct vault_stats stats;
    const struct cycle *running = cycle_running(o->cycles);
    Koffer__Status *reply = API_NEW(call, Koffer__Status);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "status");
    koffer__status__init(reply);
    TRY(catalogue_peer_each(o->catalogue, CERTIFICATE_AGENT, look_at_agent, &survey, e));
    TRY(catalogue_peer_each(o->catalogue, CERTIFICATE_OPERATOR, look_at_operator, &survey, e));
    TRY(catalogue_source_each(o->catalogue, NULL, look_at_source, &survey, e));
    TRY(catalogue_strangers(o->catalogue, look_at_stranger, &survey, e));
    TRY(look_at_own(&survey, e));
    TRY(catalogue_full_newest(o->catalogue, &reply->last_full, e));
    if (reply->last_full != 0)
        TRY(catalogue_full_find(o->catalogue, reply->last_full, take_sealed,
                                &reply->last_full_sealed, e));
    TRY(vault_stats(o->vault, &stats, e));
    reply->version = message_text(KOFFER_VERSION);
    reply->cluster = api_text(call, o->cluster);
    reply->agents = survey.agents;
    reply->agents_connected = (uint32_t)fleet_connected_count(o->fleet);
    reply->running_cycle = running != NULL ? running->number : 0;
    reply->vault_path = api_text(call, vault_path(o->vault));
    reply->vault_bytes = stats.bytes_packs;
    reply->vault_free = stats.free;
    reply->n_problems = survey.problems.list.count;
    reply->problems = (char **)survey.problems.list.items;
    reply->started = call->api->started.ns;
    call->reply = &reply->base;
    return RC_OK;
}

/* ---- renewal */

enum rc
api_certificate_renew(struct api_call *call, struct error *e)
{
    CLEANUP(own_freep) char *pem = NULL;
    Koffer__RenewReply *reply = API_NEW(call, Koffer__RenewReply);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "certificate");
    koffer__renew_reply__init(reply);
    TRY(renew_certificate(call->api->options.renew, call->tls, authority_role_name(call->role),
                          ((const Koffer__RenewRequest *)call->request)->request, clock_wall(),
                          &pem, e));
    reply->certificate = api_text(call, pem);
    call->reply = &reply->base;
    return RC_OK;
}
