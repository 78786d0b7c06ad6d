/* cli_source.c -- koffer source ... */
#include "controller/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/table.h"
#include "controller/cli/cli_json.h"

static enum rc
list(struct cli *cli, struct error *e)
{
    static const char *const titles[] = {"SOURCE", "KIND",      "REQUIRED", "AGENT",
                                         ">FULL",  "LAST GOOD", "PROBLEM",  NULL};
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(table_freep) struct table *t = NULL;
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__SOURCE_LIST, NULL,
                 &koffer__source_status_list__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__SourceStatusList *sources = (const Koffer__SourceStatusList *)reply;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < sources->n_sources; i++) {
        const Koffer__SourceStatus *s = sources->sources[i];
        if (s->source == NULL)
            continue;
        table_put(t, "%s.%s", s->agent, s->source->name);
        table_put(t, "%s", s->source->kind);
        table_put(t, "%s", s->source->required ? "yes" : "no");
        table_put(t, "%s", s->withdrawn ? "withdrawn" : s->connected ? "connected" : "away");
        if (s->last_full == 0)
            table_put(t, "-");
        else
            table_put(t, "%" PRIu64, s->last_full);
        table_put_time(t, s->last_good);
        table_put(t, "%s", s->last_problem);
    }
    return table_print(t, stdout, e);
}

static enum rc
forget(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    Koffer__NameRequest request;
    koffer__name_request__init(&request);
    request.name = message_text(cli->arguments[0]);
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__SOURCE_FORGET, &request.base,
                 &koffer__empty__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    (void)printf("forgotten: cycles no longer ask for %s; the fulls that hold it keep it\n",
                 CLI_SAFE(cli->arguments[0]));
    return RC_OK;
}

const struct cli_command cli_source_commands[] = {
    {.noun = "source",
     .verb = "list",
     .help = "List everything that the agents protect, and when it last was in a good full.",
     .run = list},
    {.noun = "source",
     .verb = "forget",
     .arguments = "AGENT.SOURCE",
     .least = 1,
     .most = 1,
     .help = "Agree that a source is no longer in the configuration of its agent. Until then every "
             "cycle that misses it is incomplete.",
     .run = forget},
    {.noun = NULL},
};
