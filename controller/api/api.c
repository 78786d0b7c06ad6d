/* api.c -- the table of verbs.  See api.h. */
#include "controller/api/api.h"

#include "common/base/log.h"
#include "controller/api/api_internal.h"
#include "controller/fleet/fleet_reply.h"

#define VERB(type, request, verb)                                                                  \
    {                                                                                              \
        KOFFER__MESSAGE_TYPE__##type, &koffer__##request##__descriptor, verb                       \
    }

static const struct {
    uint16_t type;
    const ProtobufCMessageDescriptor *request;
    api_verb *verb;
} verbs[] = {
    VERB(STATUS, empty, api_status),
    VERB(AGENT_ADD, name_request, api_agent_add),
    VERB(AGENT_LIST, empty, api_agent_list),
    VERB(OPERATOR_ADD, name_request, api_operator_add),
    VERB(OPERATOR_LIST, empty, api_operator_list),
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
    VERB(RESTORE_FILES, restore_request, api_restore_files),
    VERB(VAULT_VERIFY, empty, api_vault_verify),
    VERB(VAULT_STATS, empty, api_vault_stats),
    VERB(JOB_STATUS, job_ref, api_job_status),
    VERB(JOB_CANCEL, job_ref, api_job_cancel),
};

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

/* The local socket is root's; from elsewhere only operators whose certificate counts. */
static enum rc
check_asker(const struct api *a, const struct hub_event *event, struct error *e)
{
    if (event->local)
        return RC_OK;
    if (event->tls.identity.role != CERTIFICATE_OPERATOR)
        return error_set(e, RC_DENIED, "only operators may ask this");
    return fleet_admit(a->options.catalogue, &event->tls, e);
}

static enum rc
answer(struct api *a, const struct hub_event *event, struct api_call *call, struct error *e)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (verbs[i].type != event->frame.type)
            continue;
        CLEANUP(message_freep) ProtobufCMessage *request = NULL;
        TRY(message_unpack(verbs[i].request, event->frame.body, &request, e));
        call->request = request;
        TRY(verbs[i].verb(call, e));
        return fleet_reply(a->options.hub, event, call->reply, e);
    }
    return error_set(e, RC_UNSUPPORTED, "this controller knows no request of type %u",
                     event->frame.type);
}

/* Noted once for each connection: with each request it would cost a write of the catalogue. */
static void
meet(const struct api *a, const struct hub_event *event)
{
    struct error e = ERROR_INIT;
    if (event->local || check_asker(a, event, &e) != RC_OK)
        return; /* a request will be told why */
    if (catalogue_peer_met(a->options.catalogue, CERTIFICATE_OPERATOR, event->tls.identity.name,
                           clock_wall(), &e) != RC_OK)
        log_error(&e, "cannot note when an operator was seen");
}

void
api_event(struct api *a, const struct hub_event *event)
{
    struct error e = ERROR_INIT;
    if (event->kind == HUB_UP)
        meet(a, event);
    if (event->kind != HUB_FRAME || (event->frame.flags & FRAME_REPLY) != 0)
        return;
    CLEANUP(arena_freep) struct arena *arena = arena_new(API_ARENA);
    struct api_call call = {
        .api = a,
        .arena = arena,
        .who = event->local ? "root" : event->tls.identity.name,
        .local = event->local,
        .remedy = "",
    };
    enum rc rc = arena == NULL ? error_set(&e, RC_NO_MEMORY, "request") : check_asker(a, event, &e);
    if (rc == RC_OK)
        rc = answer(a, event, &call, &e);
    if (rc != RC_OK) {
        log_info("request refused", LOG_TEXT("who", call.who), LOG_U64("type", event->frame.type),
                 LOG_TEXT("why", e.text));
        fleet_refuse(a->options.hub, event, &e, call.remedy);
    }
}
