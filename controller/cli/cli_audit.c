/* cli_audit.c -- koffer audit ... */
#include <inttypes.h>

#include "common/base/table.h"
#include "controller/cli/cli.h"
#include "controller/cli/cli_json.h"

static enum rc
take_since(struct cli *cli, Koffer__AuditRequest *request, struct error *e)
{
    const char *text = cli_option(cli, "since");
    struct error why = ERROR_INIT;
    uint64_t seconds;
    if (text == NULL)
        return RC_OK;
    if (text_parse_duration(text, &seconds, &why) != RC_OK || seconds > INT32_MAX)
        return cli_wrong(cli, e, "'%s' is no age; write 90m, 12h, 7d or 4w", CLI_SAFE(text));
    request->since = clock_wall().ns - (int64_t)seconds * CLOCK_NS_PER_SECOND;
    return RC_OK;
}

static void
put_entry(struct table *t, const Koffer__AuditEntry *a)
{
    table_put(t, "%" PRIu64, a->sequence);
    table_put_time(t, a->time);
    table_put(t, "%s", a->who);
    table_put(t, "%s", a->role);
    table_put(t, "%s", a->verb);
    table_put(t, "%s", a->result);
    table_put(t, "%s%s%s", a->object, a->object[0] != '\0' && a->why[0] != '\0' ? ": " : "",
              a->why);
}

static enum rc
show(struct cli *cli, struct error *e)
{
    static const char *const titles[] = {">NUMBER", "TIME",   "WHO",  "ROLE",
                                         "VERB",    "RESULT", "WHAT", NULL};
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(table_freep) struct table *t = NULL;
    Koffer__AuditRequest request;
    uint64_t limit = 0;
    koffer__audit_request__init(&request);
    if (cli_option(cli, "limit") != NULL)
        TRY(cli_number(cli, "limit", cli_option(cli, "limit"), &limit, e));
    request.limit = (uint32_t)(limit < UINT32_MAX ? limit : UINT32_MAX);
    TRY(take_since(cli, &request, e));
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__AUDIT_SHOW, &request.base,
                 &koffer__audit_list__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__AuditList *list = (const Koffer__AuditList *)reply;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < list->n_entries; i++)
        put_entry(t, list->entries[i]);
    return table_print(t, stdout, e);
}

static enum rc
verify(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    char time[CLOCK_TEXT_SIZE];
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__AUDIT_VERIFY, NULL, &koffer__audit_report__descriptor,
                 &reply, e));
    const Koffer__AuditReport *r = (const Koffer__AuditReport *)reply;
    if (!r->whole)
        cli->exit = CLI_FAILED;
    if (cli->json)
        return cli_json_print(reply, e);
    cli_field("audit log", "%s", r->whole ? "whole" : "BROKEN");
    if (!r->whole)
        cli_field("first break", "%s", r->problem);
    cli_field("records", "%" PRIu64 " (%" PRIu64 " to %" PRIu64 ")", r->records, r->first, r->last);
    cli_field("last signed", "%s", cli_time(r->last_signed, time));
    cli_field("head", "%s", r->head);
    return RC_OK;
}

static const struct cli_option show_options[] = {
    {.name = "limit", .argument = "N", .help = "At most so many, the newest first; default 50."},
    {.name = "since", .argument = "AGE", .help = "Not older than this: 90m, 12h, 7d, 4w."},
    {.name = NULL},
};

const struct cli_command cli_audit_commands[] = {
    {.noun = "audit",
     .verb = "show",
     .options = show_options,
     .help = "Show what was done that has to do with trust, by whom, and what was refused: who was "
             "let in or taken out, roles, restores, looks into fulls, cancelled cycles.",
     .run = show},
    {.noun = "audit",
     .verb = "verify",
     .help =
         "Check that no record of the audit log was changed, taken out or cut off, and name the "
         "first break. The head it prints names the whole log: written down elsewhere, it "
         "proves later that nothing before it has changed.",
     .run = verify},
    {.noun = NULL},
};
