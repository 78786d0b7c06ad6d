/* cli_status.c -- koffer status, koffer version, and what the program says of itself. */
#include "controller/cli/cli.h"

#include <inttypes.h>

#include "controller/cli/cli_json.h"

static enum rc
fetch(struct cli *cli, ProtobufCMessage **reply, struct error *e)
{
    return cli_call(cli, KOFFER__MESSAGE_TYPE__STATUS, NULL, &koffer__status__descriptor, reply, e);
}

static void
print_full(const Koffer__Status *s)
{
    char time[CLOCK_TEXT_SIZE], age[TEXT_DURATION_MAX];
    if (s->last_full == 0) {
        cli_field("last full", "none yet");
        return;
    }
    int64_t old =
        clock_between((struct wall){s->last_full_sealed}, clock_wall()) / CLOCK_NS_PER_SECOND;
    cli_field("last full", "%" PRIu64 ", sealed %s, %s ago", s->last_full,
              cli_time(s->last_full_sealed, time), text_duration(old > 0 ? (uint64_t)old : 0, age));
}

static enum rc
status(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    char time[CLOCK_TEXT_SIZE], used[TEXT_SIZE_MAX], left[TEXT_SIZE_MAX];
    TRY(fetch(cli, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__Status *s = (const Koffer__Status *)reply;
    cli_field("cluster", "%s", s->cluster);
    cli_field("controller", "version %s, running since %s", s->version, cli_time(s->started, time));
    cli_field("agents", "%" PRIu32 " of %" PRIu32 " connected", s->agents_connected, s->agents);
    if (s->running_cycle != 0)
        cli_field("running cycle", "%" PRIu64 " (koffer cycle watch)", s->running_cycle);
    print_full(s);
    cli_field("vault", "%s, %s used, %s free", s->vault_path, text_size(s->vault_bytes, used),
              text_size(s->vault_free, left));
    for (size_t i = 0; i < s->n_problems; i++)
        cli_field("PROBLEM", "%s", s->problems[i]);
    return RC_OK;
}

/* The program's own version is an answer even when nobody answers. */
static enum rc
version(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    const char *theirs = NULL;
    if (fetch(cli, &reply, e) == RC_OK)
        theirs = ((const Koffer__Status *)reply)->version;
    else
        cli->exit = CLI_OK;
    if (cli->json)
        return cli_json_print_value(
            json_pack("{s:s, s:s?}", "version", KOFFER_VERSION, "controller", theirs), e);
    cli_field("koffer", "%s", KOFFER_VERSION);
    cli_field("controller", "%s", theirs != NULL ? theirs : e->text);
    return RC_OK;
}

static enum rc
completion(struct cli *cli, struct error *e)
{
    if (!text_equal(cli->arguments[0], "bash"))
        return cli_wrong(cli, e, "there is completion for bash only");
    cli_print_completion(stdout);
    return RC_OK;
}

static enum rc
manual(struct cli *cli, struct error *e)
{
    (void)cli;
    (void)e;
    cli_print_manual(stdout);
    return RC_OK;
}

const struct cli_command cli_status_commands[] = {
    {.noun = "status",
     .help = "Show the controller, its agents, the last full, the vault, and what is wrong.",
     .run = status},
    {.noun = NULL},
};

const struct cli_command cli_own_commands[] = {
    {.noun = "version",
     .help = "Print the version of this program and of the controller.",
     .run = version},
    {.noun = "completion",
     .arguments = "bash",
     .least = 1,
     .most = 1,
     .help = "Print a completion script for the shell.",
     .run = completion},
    {.noun = "man",
     .help = "Print the list of commands in mdoc(7), for the man page.",
     .hidden = true,
     .run = manual},
    {.noun = NULL},
};
