/* cli_operator.c -- koffer operator ... */
#include "controller/cli/cli_operator.h"

#include "common/base/table.h"
#include "controller/cli/cli_json.h"
#include "controller/cli/cli_peer.h"

static enum rc
add(struct cli *cli, struct error *e)
{
    return cli_peer_add(cli, KOFFER__MESSAGE_TYPE__OPERATOR_ADD, "koffer operator enroll", e);
}

static enum rc
list(struct cli *cli, struct error *e)
{
    static const char *const titles[] = {"OPERATOR",  "ROLE",        "STATE", "ENROLLED",
                                         "LAST SEEN", "CERTIFICATE", NULL};
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(table_freep) struct table *t = NULL;
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__OPERATOR_LIST, NULL, &koffer__operator_list__descriptor,
                 &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__OperatorList *operators = (const Koffer__OperatorList *)reply;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < operators->n_operators; i++) {
        const Koffer__Operator *o = operators->operators[i];
        table_put(t, "%s", o->name);
        table_put(t, "%s", o->role[0] == '\0' ? "-" : o->role);
        table_put(t, "%s", o->state);
        table_put_time(t, o->enrolled);
        table_put_time(t, o->last_seen);
        table_put_time(t, o->certificate_until);
    }
    return table_print(t, stdout, e);
}

static enum rc
take_away(struct cli *cli, struct error *e)
{
    return cli_peer_revoke(cli, KOFFER__MESSAGE_TYPE__OPERATOR_REVOKE, "operator", e);
}

static enum rc
role(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    Koffer__NameRequest request;
    koffer__name_request__init(&request);
    request.name = message_text(cli->arguments[0]);
    request.role = message_text(cli->arguments[1]);
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__OPERATOR_ROLE, &request.base,
                 &koffer__empty__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    (void)printf("operator '%s' has the role %s now\n", CLI_SAFE(cli->arguments[0]),
                 CLI_SAFE(cli->arguments[1]));
    return RC_OK;
}

#define ROLES                                                                                      \
    "viewer (look), operator (also start and cancel cycles, verify), restore (look, also into "    \
    "fulls, and restore through agents), or admin (everything)"

static const struct cli_option add_options[] = {
    {.name = "role", .argument = "ROLE", .help = "What the operator may do: " ROLES "."},
    {.name = "replace",
     .help = "Allow a name that is enrolled already; its old certificate ends when the new one is "
             "issued. Its role stays unless --role is given."},
    {.name = NULL},
};

static const struct cli_option enroll_options[] = {
    {.name = "replace", .help = "Replace the certificate that is there."},
    {.name = NULL},
};

const struct cli_command cli_operator_commands[] = {
    {.noun = "operator",
     .verb = "add",
     .arguments = "NAME",
     .least = 1,
     .most = 1,
     .options = add_options,
     .help = "Print a token with which an operator on another machine gets a certificate, once. "
             "There 'koffer operator enroll' reads it from its standard input.",
     .run = add},
    {.noun = "operator",
     .verb = "enroll",
     .options = enroll_options,
     .help = "Get a certificate with the token that 'koffer operator add' printed, read from the "
             "standard input. It is kept in the directory KOFFER_OPERATOR names, else for root in "
             "/etc/koffer/operator and for others in ~/.config/koffer.",
     .run = cli_operator_enroll},
    {.noun = "operator",
     .verb = "list",
     .help = "List the operators, their roles and certificates.",
     .run = list},
    {.noun = "operator",
     .verb = "revoke",
     .arguments = "NAME",
     .least = 1,
     .most = 1,
     .help = "Take an operator's certificate and role away; open connections are closed at once.",
     .run = take_away},
    {.noun = "operator",
     .verb = "role",
     .arguments = "NAME ROLE",
     .least = 2,
     .most = 2,
     .help =
         "Give an operator another role: " ROLES ". It counts from the next request on. Who was "
         "an operator before there were roles is an admin.",
     .run = role},
    {.noun = NULL},
};
