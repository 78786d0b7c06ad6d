/* cli_cycle.c -- koffer cycle ... */
#include "controller/cli/cli_cycle.h"

#include <inttypes.h>

#include "common/base/table.h"
#include "controller/cli/cli_cut.h"
#include "controller/cli/cli_json.h"

enum { SOURCES_MAX = CLI_OPTIONS_MAX };

static enum rc
wanted_cycle(struct cli *cli, Koffer__CycleRef *out, struct error *e)
{
    koffer__cycle_ref__init(out);
    return cli->argument_count == 0 ? RC_OK
                                    : cli_number(cli, "cycle", cli->arguments[0], &out->cycle, e);
}

static enum rc
start(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    const char *sources[SOURCES_MAX];
    char *lent[SOURCES_MAX];
    Koffer__CycleStart request;
    koffer__cycle_start__init(&request);
    request.n_sources = cli_option_all(cli, "source", sources, SOURCES_MAX);
    for (size_t i = 0; i < request.n_sources; i++)
        lent[i] = message_text(sources[i]);
    request.sources = lent;
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__CYCLE_START, &request.base,
                 &koffer__cycle_ref__descriptor, &reply, e));
    uint64_t cycle = ((const Koffer__CycleRef *)reply)->cycle;
    if (cli_option(cli, "wait") != NULL)
        return cli_cycle_watch(cli, cycle, e);
    if (cli->json)
        return cli_json_print(reply, e);
    (void)printf("cycle %" PRIu64 " started; koffer cycle watch shows it\n", cycle);
    return RC_OK;
}

static enum rc
watch(struct cli *cli, struct error *e)
{
    Koffer__CycleRef ref;
    TRY(wanted_cycle(cli, &ref, e));
    return cli_cycle_watch(cli, ref.cycle, e);
}

static enum rc
cancel(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    Koffer__CycleRef ref;
    TRY(wanted_cycle(cli, &ref, e));
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__CYCLE_CANCEL, &ref.base, &koffer__cycle_ref__descriptor,
                 &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    (void)printf("cycle %" PRIu64 " is being cancelled; koffer cycle watch shows its end\n",
                 ((const Koffer__CycleRef *)reply)->cycle);
    return RC_OK;
}

static enum rc
list(struct cli *cli, struct error *e)
{
    static const char *const titles[] = {"CYCLE",   "STATE",  "STARTED", ">TOOK",   ">SOURCES",
                                         ">FAILED", ">BYTES", ">SENT",   "PROBLEM", NULL};
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(table_freep) struct table *t = NULL;
    Koffer__ListRequest request;
    koffer__list_request__init(&request);
    uint64_t limit = 0;
    if (cli_option(cli, "limit") != NULL)
        TRY(cli_number(cli, "limit", cli_option(cli, "limit"), &limit, e));
    request.limit = (uint32_t)(limit < UINT32_MAX ? limit : UINT32_MAX);
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__CYCLE_LIST, &request.base,
                 &koffer__cycle_list__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__CycleList *cycles = (const Koffer__CycleList *)reply;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < cycles->n_cycles; i++) {
        const Koffer__CycleSummary *c = cycles->cycles[i];
        char took[TEXT_DURATION_MAX];
        int64_t seconds = clock_between((struct wall){c->started}, (struct wall){c->finished}) /
                          CLOCK_NS_PER_SECOND;
        table_put(t, "%" PRIu64, c->cycle);
        table_put(t, "%s", c->state);
        table_put_time(t, c->started);
        table_put(t, "%s",
                  c->finished == 0 || seconds < 0 ? "-" : text_duration((uint64_t)seconds, took));
        table_put(t, "%" PRIu32, c->sources);
        table_put(t, "%" PRIu32, c->failed);
        table_put_size(t, c->bytes);
        table_put_size(t, c->bytes_sent);
        table_put(t, "%s", c->problem);
    }
    return table_print(t, stdout, e);
}

static void
print_source(const Koffer__CycleSource *s)
{
    char size[TEXT_SIZE_MAX], sent[TEXT_SIZE_MAX];
    (void)printf("  %s.%s", CLI_SAFE(s->agent), CLI_SAFE(s->source));
    (void)printf("  %s", CLI_SAFE(s->state));
    if (s->totals != NULL)
        (void)printf("  %" PRIu64 " files, %" PRIu64 " directories, %s", s->totals->files,
                     s->totals->directories, text_size(s->totals->bytes, size));
    if (s->progress != NULL)
        (void)printf(", %s sent", text_size(s->progress->bytes_sent, sent));
    (void)printf("\n");
    if (s->totals != NULL && s->totals->unreadable + s->totals->fuzzy > 0)
        (void)printf("      %" PRIu64 " unreadable, %" PRIu64 " changed while they were read\n",
                     s->totals->unreadable, s->totals->fuzzy);
    cli_paragraph(stdout, 6, s->problem);
    cli_paragraph(stdout, 6, s->remedy);
    for (size_t i = 0; i < s->n_warnings; i++)
        cli_paragraph(stdout, 6, s->warnings[i]);
}

void
cli_cycle_print(const Koffer__CycleStatus *s)
{
    char started[CLOCK_TEXT_SIZE], took[TEXT_DURATION_MAX];
    int64_t seconds =
        clock_between((struct wall){s->started}, (struct wall){s->finished}) / CLOCK_NS_PER_SECOND;
    (void)printf("cycle %" PRIu64 ": %s, started %s", s->cycle, CLI_SAFE(s->state),
                 cli_time(s->started, started));
    if (s->started_by[0] != '\0')
        (void)printf(" by %s", CLI_SAFE(s->started_by));
    if (s->finished != 0 && seconds >= 0)
        (void)printf(", took %s", text_duration((uint64_t)seconds, took));
    (void)printf("\n");
    cli_paragraph(stdout, 2, s->problem);
    for (size_t i = 0; i < s->n_sources; i++)
        print_source(s->sources[i]);
}

/* Nothing when everything was read live. */
static enum rc
print_cuts(const Koffer__CycleStatus *s, struct error *e)
{
    CLEANUP(table_freep) struct table *t = NULL;
    char skew[CLI_CUT_TEXT];
    bool any = false;
    TRY(cli_cut_begin(&t, e));
    for (size_t i = 0; i < s->n_sources; i++) {
        const Koffer__CycleSource *from = s->sources[i];
        cli_cut_put(t, from->agent, from->source, from->cut, from->facts, from->n_facts);
        any = any || (from->cut != NULL && from->cut->until != 0);
    }
    if (!any)
        return RC_OK;
    (void)printf("\n");
    if (s->skew >= 0)
        (void)printf("skew of the snapshots: %s\n\n", cli_cut_ms(s->skew, skew));
    return table_print(t, stdout, e);
}

static enum rc
show(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    Koffer__CycleRef ref;
    TRY(wanted_cycle(cli, &ref, e));
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__CYCLE_STATUS, &ref.base,
                 &koffer__cycle_status__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    cli_cycle_print((const Koffer__CycleStatus *)reply);
    return print_cuts((const Koffer__CycleStatus *)reply, e);
}

static const struct cli_option start_options[] = {
    {.name = "source",
     .argument = "SOURCE",
     .repeated = true,
     .help = "Only this source: AGENT.SOURCE, or AGENT for all of that agent's. Such a cycle is a "
             "full only if it covers every required source."},
    {.name = "wait", .help = "Watch it until it is over, as 'koffer cycle watch' does."},
    {.name = NULL},
};

static const struct cli_option list_options[] = {
    {.name = "limit", .argument = "N", .help = "At most so many, the newest first."},
    {.name = NULL},
};

const struct cli_command cli_cycle_commands[] = {
    {.noun = "cycle",
     .verb = "start",
     .options = start_options,
     .help = "Start a full backup of all sources.",
     .run = start},
    {.noun = "cycle",
     .verb = "watch",
     .arguments = "[CYCLE]",
     .most = 1,
     .help = "Show the progress of the newest cycle, or of another, until it is over. Ctrl-C stops "
             "watching; the cycle goes on. The exit status tells what became of it.",
     .run = watch},
    {.noun = "cycle",
     .verb = "cancel",
     .arguments = "[CYCLE]",
     .most = 1,
     .help = "Cancel the running cycle.",
     .run = cancel},
    {.noun = "cycle",
     .verb = "list",
     .options = list_options,
     .help = "List the cycles, the newest first.",
     .run = list},
    {.noun = "cycle",
     .verb = "show",
     .arguments = "[CYCLE]",
     .most = 1,
     .help =
         "Show the newest cycle, or another, source by source: what became of it, who was not ready in "
         "time, and when each was cut, by the controller's clock, with the locks that were held.",
     .run = show},
    {.noun = NULL},
};
