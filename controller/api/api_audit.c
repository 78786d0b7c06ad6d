/* api_audit.c -- what is kept of a request, and the verbs that show it. */
#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "controller/api/api_describe.h"
#include "controller/api/api_internal.h"

enum { SHOWN_DEFAULT = 50, SHOWN_MAX = 200 };

/* ---- records */

static struct audit_entry
entry_of(const struct api_call *call, const struct hub_event *event, enum audit_result result,
         const char *object, const char *why)
{
    struct audit_entry entry = {
        .wall = clock_wall(),
        .mono = clock_mono(),
        .result = result,
        .role = authority_role_name(call->role),
        .who = call->who,
        .address = event->local ? "" : event->tls.address,
        .object = object,
        .why = why,
    };
    struct error ignored = ERROR_INIT;
    if (!event->local)
        entry.certificate = event->tls.spki;
    if (event->frame.body.len > 0 &&
        digest_sha256(event->frame.body, &entry.parameters, &ignored) != RC_OK)
        entry.parameters = (struct id){{0}};
    return entry;
}

/* A reader asks piece by piece: one record for as long as it is the same thing. */
static bool
is_read_on(struct api_call *call, uint16_t type)
{
    struct id *last = &call->api->last_read;
    struct error ignored = ERROR_INIT;
    struct id now;
    if (type != KOFFER__MESSAGE_TYPE__FULL_CAT && type != KOFFER__MESSAGE_TYPE__FULL_LS)
        return false;
    if (api_reading_of(call->request, call->local, call->who, &now, &ignored) != RC_OK)
        return false;
    if (id_equal(&now, last))
        return true;
    *last = now;
    return false;
}

enum rc
api_audit_before(struct api_call *call, const struct hub_event *event, struct error *e)
{
    char object[AUDIT_OBJECT_MAX + 1], number[AUTHORITY_VERB_SIZE];
    uint16_t type = event->frame.type;
    enum authority_weight weight = authority_weight(AUTHORITY_REQUEST, type);
    if (weight == AUTHORITY_LIGHT || type == KOFFER__MESSAGE_TYPE__CERTIFICATE_RENEW)
        return RC_OK; /* renew.c keeps a renewal, when it is time for one */
    api_describe(call->request, object, sizeof object);
    if (is_read_on(call, type))
        return RC_OK;
    struct audit_entry entry = entry_of(call, event, AUDIT_ALLOWED, object, "");
    entry.verb = authority_verb_name(AUTHORITY_REQUEST, type, number);
    enum rc rc = audit_append(call->api->options.audit, &entry, e);
    if (rc == RC_OK || weight == AUTHORITY_WEIGHTY) {
        call->recorded = rc == RC_OK;
        if (rc != RC_OK) {
            call->api->last_read = (struct id){{0}};
            call->remedy =
                "this is done only when the audit log can hold it: make room on the disk "
                "of the controller's state directory";
        }
        return rc;
    }
    log_error(e, "not in the audit log", LOG_TEXT("who", call->who), LOG_TEXT("verb", entry.verb));
    *e = ERROR_INIT;
    return RC_OK;
}

void
api_audit_after(struct api_call *call, const struct hub_event *event, const struct error *why)
{
    char object[AUDIT_OBJECT_MAX + 1], number[AUTHORITY_VERB_SIZE];
    struct error e = ERROR_INIT;
    if (!call->recorded && why->code != RC_DENIED)
        return;
    api_describe(call->request, object, sizeof object);
    struct audit_entry entry = entry_of(call, event, AUDIT_FAILED, object, why->text);
    entry.verb = authority_verb_name(AUTHORITY_REQUEST, event->frame.type, number);
    if (!call->recorded)
        audit_refused(call->api->options.audit, &entry);
    else if (audit_append(call->api->options.audit, &entry, &e) != RC_OK)
        log_error(&e, "a failure is not in the audit log", LOG_TEXT("verb", entry.verb));
}

/* ---- show */

struct showing {
    struct api_call *call;
    struct api_list list;
};

static char *
hex_of(struct api_call *call, const struct id *id)
{
    char text[ID_TEXT_SIZE];
    return id_is_zero(id) ? message_text("") : api_text(call, id_text(id, text));
}

static enum rc
add_record(void *ctx, const struct audit_record *r, const struct id *hash, struct error *e)
{
    struct showing *s = ctx;
    Koffer__AuditEntry *out = API_NEW(s->call, Koffer__AuditEntry);
    (void)hash;
    TRY(api_push(s->call, &s->list, out, e));
    koffer__audit_entry__init(out);
    out->sequence = r->sequence;
    out->time = r->wall.ns;
    out->role = api_text(s->call, r->role);
    out->who = api_text(s->call, r->who);
    out->certificate = hex_of(s->call, &r->certificate);
    out->verb = api_text(s->call, r->verb);
    out->object = api_text(s->call, r->object);
    out->result = api_text(s->call, audit_result_name(r->result));
    out->why = api_text(s->call, r->why);
    out->parameters = hex_of(s->call, &r->parameters);
    out->address = api_text(s->call, r->address);
    return RC_OK;
}

enum rc
api_audit_show(struct api_call *call, struct error *e)
{
    const Koffer__AuditRequest *request = (const Koffer__AuditRequest *)call->request;
    struct audit *audit = call->api->options.audit;
    struct showing s = {.call = call};
    unsigned wanted = request->limit == 0 ? SHOWN_DEFAULT : request->limit;
    const struct audit_selection selection = {
        .before = request->before,
        .since = {request->since},
        .limit = wanted < SHOWN_MAX ? wanted : SHOWN_MAX,
    };
    Koffer__AuditList *reply = API_NEW(call, Koffer__AuditList);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "audit log");
    audit_pause(audit);
    enum rc rc = audit_show(audit_directory(audit), &selection, add_record, &s, e);
    audit_resume(audit);
    TRY(rc);
    koffer__audit_list__init(reply);
    reply->n_entries = s.list.count;
    reply->entries = (Koffer__AuditEntry **)s.list.items;
    call->reply = &reply->base;
    return RC_OK;
}

/* ---- verify */

enum rc
api_audit_verify(struct api_call *call, struct error *e)
{
    const struct api_options *o = &call->api->options;
    struct audit_report report;
    struct audit_head known;
    Koffer__AuditReport *reply = API_NEW(call, Koffer__AuditReport);
    if (reply == NULL)
        return error_set(e, RC_NO_MEMORY, "audit log");
    TRY(catalogue_audit_head(o->catalogue, &known.sequence, &known.hash, e));
    audit_pause(o->audit);
    enum rc rc = audit_verify(audit_directory(o->audit), o->signing, &known, &report, e);
    audit_resume(o->audit);
    TRY(rc);
    koffer__audit_report__init(reply);
    reply->whole = report.problem[0] == '\0';
    reply->records = report.records;
    reply->first = report.first;
    reply->last = report.last;
    reply->head = hex_of(call, &report.head);
    reply->problem = api_text(call, report.problem);
    reply->last_signed = report.last_signed.ns;
    call->reply = &reply->base;
    return RC_OK;
}
