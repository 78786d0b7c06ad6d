/* api.c -- the table of verbs.  See api.h. */
#include "controller/api/api.h"

#include <stdio.h>

#include "common/base/log.h"
#include "controller/api/api_internal.h"
#include "controller/fleet/fleet_reply.h"

#define VERB_ON(type, request, verb, object)                                                       \
    {                                                                                              \
        KOFFER__MESSAGE_TYPE__##type, &koffer__##request##__descriptor, verb, object               \
    }
#define VERB(type, request, verb) VERB_ON(type, request, verb, NULL)

static const struct {
    uint16_t type;
    const ProtobufCMessageDescriptor *request;
    api_verb *verb;
    api_object *object; /* NULL: the cluster's */
} verbs[] = {
    VERB(STATUS, empty, api_status),
    VERB(AGENT_ADD, name_request, api_agent_add),
    VERB_ON(CERTIFICATE_RENEW, renew_request, api_certificate_renew, api_own),
    VERB(AGENT_LIST, empty, api_agent_list),
    VERB(OPERATOR_ADD, name_request, api_operator_add),
    VERB(OPERATOR_LIST, empty, api_operator_list),
    VERB(AUDIT_SHOW, audit_request, api_audit_show),
    VERB(AUDIT_VERIFY, empty, api_audit_verify),
    VERB(AGENT_REVOKE, name_request, api_agent_revoke),
    VERB(OPERATOR_REVOKE, name_request, api_operator_revoke),
    VERB(OPERATOR_ROLE, name_request, api_operator_role),
    VERB(SOURCE_LIST, empty, api_source_list),
    VERB(SOURCE_FORGET, name_request, api_source_forget),
    VERB(CYCLE_START, cycle_start, api_cycle_start),
    VERB(CYCLE_STATUS, cycle_ref, api_cycle_status),
    VERB(CYCLE_CANCEL, cycle_ref, api_cycle_cancel),
    VERB(CYCLE_LIST, list_request, api_cycle_list),
    VERB(FULL_LIST, list_request, api_full_list),
    VERB(FULL_SHOW, full_ref, api_full_show),
    VERB(FULL_LS, ls_request, api_full_ls),
    VERB(FULL_CAT, cat_request, api_full_cat),
    VERB(FULL_VERIFY, full_ref, api_full_verify),
    VERB(KEY_LIST, empty, api_key_list),
    VERB(KEY_ADD, key_add, api_key_add),
    VERB(KEY_REMOVE, key_ref, api_key_remove),
    VERB(KEY_PROVE, key_proof, api_key_prove),
    VERB(KEY_REWRAP, key_rewrap, api_key_rewrap),
    VERB(KEY_ENVELOPE, envelope_offer, api_key_envelope),
    VERB(ROOT_LIST, root_request, api_root_list),
    VERB(AGENT_KEY, name_request, api_agent_key),
    VERB(RESTORE_BEGIN, restore_begin, api_restore_begin),
    VERB(RESTORE_REPORT, restore_report, api_restore_report),
    VERB_ON(RESTORE_FILES, restore_request, api_restore_files, api_whose_disk),
    VERB(VAULT_VERIFY, empty, api_vault_verify),
    VERB(VAULT_REPAIR, empty, api_vault_repair),
    VERB(VAULT_ACCEPT_GAP, full_ref, api_vault_accept_gap),
    VERB(VAULT_STATS, empty, api_vault_stats),
    VERB_ON(JOB_STATUS, job_ref, api_job_status, api_whose_job),
    VERB_ON(JOB_CANCEL, job_ref, api_job_cancel, api_whose_job),
};

const ProtobufCMessageDescriptor *
api_request_type(uint16_t verb)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (verbs[i].type == verb)
            return verbs[i].request;
    return NULL;
}

/* An answer is at most a control message; building it may take a few times that. */
#define API_ARENA (8u * LIMIT_CONTROL_MESSAGE + ARCHIVE_ARENA)

enum rc
api_new(const struct api_options *options, struct api **out, struct error *e)
{
    CLEANUP(api_freep) struct api *a = calloc(1, sizeof *a);
    if (a == NULL)
        return error_set(e, RC_NO_MEMORY, "api");
    a->options = *options;
    a->started = clock_wall();
    TRY(tree_reader_new(vault_source(options->vault), &a->reader, e));
    *out = TAKE(a);
    return RC_OK;
}

void
api_free(struct api *a)
{
    if (a == NULL)
        return;
    tree_reader_free(a->reader);
    free(a);
}

char *
api_text(struct api_call *call, const char *text)
{
    char *copy = arena_printf(call->arena, "%s", text);
    return copy != NULL ? copy : message_text("");
}

enum rc
api_push(struct api_call *call, struct api_list *list, void *item, struct error *e)
{
    if (list->count == list->capacity) {
        size_t wider = list->capacity == 0 ? 16 : list->capacity * 2;
        void **items = arena_alloc(call->arena, wider * sizeof *items);
        if (items == NULL || item == NULL)
            return error_set(e, RC_NO_MEMORY, "the answer is too long; ask for less");
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = wider;
    }
    if (item == NULL)
        return error_set(e, RC_NO_MEMORY, "the answer is too long; ask for less");
    list->items[list->count++] = item;
    return RC_OK;
}

/* ---- who asks */

static enum rc
take_role(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct error unknown = ERROR_INIT;
    (void)e;
    if (authority_role_parse(p->operator_role, ctx, &unknown) != RC_OK)
        *(enum authority_role *)ctx = AUTHORITY_NOBODY;
    return RC_OK;
}

static bool
is_present(const struct api *a, uint64_t peer)
{
    for (size_t i = 0; i < API_PRESENT_MAX; i++)
        if (peer != 0 && a->present[i].peer == peer)
            return true;
    return false;
}

/* The local socket is root's; from elsewhere a certificate must count, and its bearer's role is in the catalogue. */
static enum rc
identify(const struct api *a, const struct hub_event *event, enum authority_role *role,
         struct error *e)
{
    const struct certificate_identity *identity = &event->tls.identity;
    *role = event->local ? AUTHORITY_ROOT : AUTHORITY_NOBODY;
    if (event->local)
        return RC_OK;
    if (identity->role != CERTIFICATE_OPERATOR)
        return error_set(e, RC_DENIED, "only operators may ask this");
    TRY(is_present(a, event->peer) ? fleet_admit_open(a->options.catalogue, &event->tls, e)
                                   : fleet_admit(a->options.catalogue, &event->tls, e));
    return catalogue_peer_find(a->options.catalogue, CERTIFICATE_OPERATOR, identity->name,
                               take_role, role, e);
}

/* Noted once for each connection: with each request it would cost a write of the catalogue. */
static void
meet(struct api *a, const struct hub_event *event)
{
    struct error e = ERROR_INIT;
    enum authority_role role;
    if (event->local || identify(a, event, &role, &e) != RC_OK)
        return; /* a request will be told why */
    for (size_t i = 0; i < API_PRESENT_MAX; i++) {
        if (a->present[i].peer != 0)
            continue;
        a->present[i].peer = event->peer;
        (void)snprintf(a->present[i].name, sizeof a->present[i].name, "%s",
                       event->tls.identity.name);
        break;
    }
    if (catalogue_peer_met(a->options.catalogue, CERTIFICATE_OPERATOR, event->tls.identity.name,
                           clock_wall(), &e) != RC_OK)
        log_error(&e, "cannot note when an operator was seen");
}

static void
part(struct api *a, uint64_t peer)
{
    for (size_t i = 0; i < API_PRESENT_MAX; i++)
        if (a->present[i].peer == peer)
            a->present[i].peer = 0;
}

void
api_cut(struct api *a, const char *operator)
{
    for (size_t i = 0; i < API_PRESENT_MAX; i++) {
        if (a->present[i].peer == 0 || !text_equal(a->present[i].name, operator))
            continue;
        log_info("an operator's connection ends", LOG_TEXT("operator", operator));
        hub_close_peer(a->options.hub, a->present[i].peer);
        a->present[i].peer = 0;
    }
}

/* ---- whose is it */

void
api_job_started(struct api_call *call, uint64_t job)
{
    struct api *a = call->api;
    struct api_started *s = &a->started_jobs[a->next_started++ % API_STARTED_KEPT];
    *s = (struct api_started){.job = job, .local = call->local};
    (void)snprintf(s->who, sizeof s->who, "%s", call->who);
    jobs_owned(a->options.jobs, job, call->who, call->local);
}

enum authority_object
api_whose_job(const struct api_call *call)
{
    uint64_t job = ((const Koffer__JobRef *)call->request)->job;
    for (size_t i = 0; i < API_STARTED_KEPT; i++) {
        const struct api_started *s = &call->api->started_jobs[i];
        if (s->job == job && s->local == call->local && text_equal(s->who, call->who))
            return AUTHORITY_OWN;
    }
    return AUTHORITY_OTHERS;
}

/* The controller writes as root: where on its own disk is for root there to say.  An agent has its restore roots. */
enum authority_object
api_whose_disk(const struct api_call *call)
{
    const Koffer__RestoreRequest *request = (const Koffer__RestoreRequest *)call->request;
    return request->agent[0] == '\0' ? AUTHORITY_CLUSTER : AUTHORITY_OTHERS;
}

/* One's own certificate. */
enum authority_object
api_own(const struct api_call *call)
{
    (void)call;
    return AUTHORITY_OWN;
}

/* ---- requests */

static enum rc
check_authority(const struct api_call *call, uint16_t type, api_object *object, struct error *e)
{
    return authority_check(
        &(struct authority_question){
            .role = call->role,
            .who = call->who,
            .channel = AUTHORITY_REQUEST,
            .verb = type,
            .object = object == NULL ? AUTHORITY_CLUSTER : object(call),
        },
        e);
}

static enum rc
answer(struct api *a, const struct hub_event *event, struct api_call *call,
       ProtobufCMessage **request, struct error *e)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (verbs[i].type != event->frame.type)
            continue;
        TRY(message_unpack(verbs[i].request, event->frame.body, request, e));
        call->request = *request;
        TRY(check_authority(call, event->frame.type, verbs[i].object, e));
        TRY(api_audit_before(call, event, e));
        TRY(verbs[i].verb(call, e));
        return fleet_reply(a->options.hub, event, call->reply, e);
    }
    TRY(check_authority(call, event->frame.type, NULL, e));
    return error_set(e, RC_UNSUPPORTED, "this controller knows no request of type %u",
                     event->frame.type);
}

void
api_event(struct api *a, const struct hub_event *event)
{
    struct error e = ERROR_INIT;
    if (event->kind == HUB_UP)
        meet(a, event);
    if (event->kind == HUB_DOWN)
        part(a, event->peer);
    if (event->kind != HUB_FRAME || (event->frame.flags & FRAME_REPLY) != 0)
        return;
    CLEANUP(arena_freep) struct arena *arena = arena_new(API_ARENA);
    CLEANUP(message_freep) ProtobufCMessage *request = NULL;
    struct api_call call = {
        .api = a,
        .arena = arena,
        .who = event->local ? "root" : event->tls.identity.name,
        .local = event->local,
        .tls = &event->tls,
        .remedy = "",
    };
    enum rc rc =
        arena == NULL ? error_set(&e, RC_NO_MEMORY, "request") : identify(a, event, &call.role, &e);
    if (rc == RC_OK)
        rc = answer(a, event, &call, &request, &e);
    if (rc != RC_OK) {
        api_audit_after(&call, event, &e);
        log_info("request refused", LOG_TEXT("who", call.who), LOG_U64("type", event->frame.type),
                 LOG_TEXT("why", e.text));
        fleet_refuse(a->options.hub, event, &e, call.remedy);
    }
}
