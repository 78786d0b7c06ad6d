/* api_trust.c -- who is let in, as what, and who no longer is. */
#include <stdio.h>

#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "common/crypto/token.h"
#include "controller/api/api_internal.h"

/* ---- tokens */

/* "root" and "controller" stand for somebody else in the audit log, and in what is shown. */
static enum rc
check_name(enum certificate_role role, const char *name, struct error *e)
{
    const char *what = role == CERTIFICATE_AGENT ? "host name" : "operator name";
    if (text_equal(name, "root") || text_equal(name, "controller"))
        return error_set(e, RC_INVALID, "%s '%s': that is what root and the controller are called",
                         what, name);
    return text_check_name(what, name, e);
}

static enum rc
invite(struct api_call *call, enum certificate_role role, struct error *e)
{
    const struct api_options *o = &call->api->options;
    const Koffer__NameRequest *request = (const Koffer__NameRequest *)call->request;
    struct wall now = clock_wall();
    struct wall until = {now.ns + (int64_t)o->token_seconds * CLOCK_NS_PER_SECOND};
    struct token token = {.identity = {.role = role},
                          .expiry = (uint64_t)(until.ns / CLOCK_NS_PER_SECOND),
                          .spki = *o->spki};
    struct id hash;
    Koffer__Token *reply = API_NEW(call, Koffer__Token);
    char *text = arena_alloc(call->arena, TOKEN_TEXT_SIZE);
    if (reply == NULL || text == NULL)
        return error_set(e, RC_NO_MEMORY, "token");

    TRY(check_name(role, request->name, e));
    TRY(keys_random(token.secret.bytes, ID_SIZE, e));
    (void)snprintf(token.identity.name, sizeof token.identity.name, "%s", request->name);
    (void)snprintf(token.controller, sizeof token.controller, "%s", o->controller);
    (void)snprintf(token.url, sizeof token.url, "%s", o->enroll_url);
    TRY(digest_sha256(span_of(token.secret.bytes, ID_SIZE), &hash, e));
    TRY(catalogue_peer_invite(o->catalogue, role, request->name, request->replace, &hash, until,
                              now, e));
    if (role == CERTIFICATE_OPERATOR && request->role[0] != '\0')
        TRY(catalogue_operator_invited(o->catalogue, request->name, request->role, e));
    TRY(token_encode(&token, text, e));
    o->token_made(o->ctx);
    log_info("token made", LOG_TEXT("for", request->name), LOG_TEXT("by", call->who));

    koffer__token__init(reply);
    reply->token = text;
    reply->expires = until.ns;
    reply->enroll_url = api_text(call, o->enroll_url);
    call->reply = &reply->base;
    return RC_OK;
}

enum rc
api_agent_add(struct api_call *call, struct error *e)
{
    return invite(call, CERTIFICATE_AGENT, e);
}

static enum rc
take_operator_role(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    *(bool *)ctx = p->operator_role[0] != '\0';
    return RC_OK;
}

/* Who has a role keeps it when none is named; nobody gets one by silence. */
static enum rc
check_role(struct api_call *call, const Koffer__NameRequest *request, struct error *e)
{
    enum authority_role role;
    bool has = false;
    if (request->role[0] != '\0')
        return authority_role_parse(request->role, &role, e);
    enum rc rc = catalogue_peer_find(call->api->options.catalogue, CERTIFICATE_OPERATOR,
                                     request->name, take_operator_role, &has, e);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (has)
        return RC_OK;
    call->remedy = "say --role viewer, operator, restore, or admin";
    return error_set(e, RC_INVALID, "what may this operator do? No role was named");
}

enum rc
api_operator_add(struct api_call *call, struct error *e)
{
    TRY(check_role(call, (const Koffer__NameRequest *)call->request, e));
    return invite(call, CERTIFICATE_OPERATOR, e);
}

/* ---- revocation, roles */

static enum rc
reply_empty(struct api_call *call, struct error *e)
{
    Koffer__Empty *reply = API_NEW(call, Koffer__Empty);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "reply");
    koffer__empty__init(reply);
    call->reply = &reply->base;
    return RC_OK;
}

static enum rc
take_away(struct api_call *call, enum certificate_role role, struct error *e)
{
    const struct api_options *o = &call->api->options;
    const Koffer__NameRequest *request = (const Koffer__NameRequest *)call->request;
    TRY(reply_empty(call, e));
    enum rc rc = catalogue_peer_revoke(o->catalogue, role, request->name, clock_wall(), e);
    if (rc != RC_NOT_FOUND) /* also after a half success: what counts no more must be gone */
        o->revoked(o->ctx, role, request->name);
    if (rc != RC_NOT_FOUND && role == CERTIFICATE_OPERATOR)
        jobs_cut(o->jobs, request->name);
    log_info("revoked", LOG_TEXT("role", certificate_role_name(role)),
             LOG_TEXT("name", request->name), LOG_TEXT("by", call->who));
    return rc;
}

enum rc
api_agent_revoke(struct api_call *call, struct error *e)
{
    return take_away(call, CERTIFICATE_AGENT, e);
}

enum rc
api_operator_revoke(struct api_call *call, struct error *e)
{
    return take_away(call, CERTIFICATE_OPERATOR, e);
}

/* What was begun with a role that allowed it ends with that role: tickets that nobody used, streams, agents' restores. */
static void
end_restores(struct api_call *call, const char *name, enum authority_role role)
{
    struct error may_not = ERROR_INIT;
    const struct authority_question q = {
        .role = role,
        .who = name,
        .channel = AUTHORITY_REQUEST,
        .verb = KOFFER__MESSAGE_TYPE__RESTORE_BEGIN,
        .object = AUTHORITY_CLUSTER,
    };
    if (authority_check(&q, &may_not) != RC_OK)
        jobs_cut(call->api->options.jobs, name);
}

enum rc
api_operator_role(struct api_call *call, struct error *e)
{
    const Koffer__NameRequest *request = (const Koffer__NameRequest *)call->request;
    enum authority_role role;
    TRY(authority_role_parse(request->role, &role, e));
    TRY(reply_empty(call, e));
    TRY(catalogue_operator_role(call->api->options.catalogue, request->name, request->role, e));
    end_restores(call, request->name, role);
    log_info("operator has another role", LOG_TEXT("operator", request->name),
             LOG_TEXT("role", request->role), LOG_TEXT("by", call->who));
    return RC_OK;
}
