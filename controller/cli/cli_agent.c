/* cli_agent.c -- koffer agent ... */
#include "common/base/table.h"
#include "controller/cli/cli.h"
#include "controller/cli/cli_json.h"
#include "controller/cli/cli_peer.h"

static enum rc
fetch(struct cli *cli, ProtobufCMessage **reply, struct error *e)
{
    return cli_call(cli, KOFFER__MESSAGE_TYPE__AGENT_LIST, NULL, &koffer__agent_list__descriptor,
                    reply, e);
}

static enum rc
add(struct cli *cli, struct error *e)
{
    return cli_peer_add(cli, KOFFER__MESSAGE_TYPE__AGENT_ADD, "koffer-agent enroll", e);
}

static enum rc
list(struct cli *cli, struct error *e)
{
    static const char *const titles[] = {"AGENT",   "STATE",     "VERSION", ">SOURCES",
                                         "ADDRESS", "LAST SEEN", "PROBLEM", NULL};
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(table_freep) struct table *t = NULL;
    TRY(fetch(cli, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__AgentList *agents = (const Koffer__AgentList *)reply;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < agents->n_agents; i++) {
        const Koffer__Agent *a = agents->agents[i];
        table_put(t, "%s", a->name);
        table_put(t, "%s", a->state);
        table_put(t, "%s", a->version);
        table_put(t, "%zu", a->n_sources);
        table_put(t, "%s", a->address);
        table_put_time(t, a->last_seen);
        table_put(t, "%s", a->problem);
    }
    return table_print(t, stdout, e);
}

static enum rc
take_away(struct cli *cli, struct error *e)
{
    return cli_peer_revoke(cli, KOFFER__MESSAGE_TYPE__AGENT_REVOKE, "agent", e);
}

static void
print_agent(const Koffer__Agent *a)
{
    char time[CLOCK_TEXT_SIZE];
    cli_field("agent", "%s", a->name);
    cli_field("state", "%s", a->state);
    if (a->problem[0] != '\0')
        cli_field("problem", "%s", a->problem);
    cli_field("version", "%s", a->version);
    cli_field("system", "%s", a->system);
    cli_field("address", "%s", a->address);
    cli_field("last seen", "%s", cli_time(a->last_seen, time));
    cli_field("enrolled", "%s", cli_time(a->enrolled, time));
    if (a->certificate_until != 0)
        cli_field("certificate", "until %s", cli_time(a->certificate_until, time));
    if (a->last_seen != 0)
        cli_field("clock", "%+.3f s against the controller's",
                  (double)a->clock_offset / (double)CLOCK_NS_PER_SECOND);
    cli_field("signing key", "%s", a->signing_key);
    for (size_t i = 0; i < a->n_sources; i++)
        cli_field(i == 0 ? "sources" : "", "%s (%s%s) %s", a->sources[i]->name, a->sources[i]->kind,
                  a->sources[i]->required ? "" : ", optional", a->sources[i]->description);
}

static enum rc
show(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    TRY(fetch(cli, &reply, e));
    const Koffer__AgentList *agents = (const Koffer__AgentList *)reply;
    for (size_t i = 0; i < agents->n_agents; i++) {
        if (!text_equal(agents->agents[i]->name, cli->arguments[0]))
            continue;
        if (cli->json)
            return cli_json_print(&agents->agents[i]->base, e);
        print_agent(agents->agents[i]);
        return RC_OK;
    }
    return error_set(e, RC_NOT_FOUND, "there is no agent '%s'; see koffer agent list",
                     CLI_SAFE(cli->arguments[0]));
}

const struct cli_command cli_agent_commands[] = {
    {.noun = "agent",
     .verb = "add",
     .arguments = "NAME",
     .least = 1,
     .most = 1,
     .options = cli_peer_add_options,
     .help = "Print a token with which the host enrols, once. Give it to 'koffer-agent enroll' on "
             "that host, which reads it from its standard input.",
     .run = add},
    {.noun = "agent",
     .verb = "list",
     .help = "List the agents: enrolled, connected, lost, or waiting for their host to enrol.",
     .run = list},
    {.noun = "agent",
     .verb = "revoke",
     .arguments = "NAME",
     .least = 1,
     .most = 1,
     .help = "Take a host's certificate away: its connections are closed at once, and it cannot "
             "come back until it enrols again. Its fulls stay and can be restored; its sources are "
             "missed by every cycle until they are forgotten.",
     .run = take_away},
    {.noun = "agent",
     .verb = "show",
     .arguments = "NAME",
     .least = 1,
     .most = 1,
     .help = "Show one agent with its sources.",
     .run = show},
    {.noun = NULL},
};
