/* cli_restore.c -- koffer restore ... */
#include "controller/cli/cli_restore.h"
#include "controller/cli/cli.h"
#include "controller/cli/cli_job.h"
#include "controller/cli/cli_key.h"

static enum rc
files(struct cli *cli, struct error *e)
{
    struct cli_place place;
    const char *target = cli_option(cli, "to"), *agent = cli_option(cli, "on");
    TRY(cli_parse_place(cli, cli->arguments[0], &place, e));
    if (target[0] != '/')
        return cli_wrong(cli, e, "'%s' is a relative path; write it from the root, as /...",
                         CLI_SAFE(target));
    if (agent == NULL)
        return cli_restore_here(cli, &place, target, e);
    Koffer__RestoreRequest request;
    koffer__restore_request__init(&request);
    request.full = place.full;
    request.source = place.source;
    request.path = message_text(place.path);
    request.target = message_text(target);
    request.agent = message_text(agent);
    request.dry_run = cli_option(cli, "dry-run") != NULL;
    request.replace = cli_option(cli, "replace") != NULL;
    return cli_job_run(cli, KOFFER__MESSAGE_TYPE__RESTORE_FILES, &request.base, e);
}

static const struct cli_option files_options[] = {
    {.name = "to",
     .argument = "DIR",
     .required = true,
     .help = "Absolute path of the directory to restore to; made if need be."},
    {.name = "on",
     .argument = "AGENT",
     .help = "Restore on that agent's host, below one of its restore roots, instead of this "
             "machine."},
    CLI_KEY_OPTION,
    {.name = "dry-run", .help = "Say what would be restored, and write nothing."},
    {.name = "replace",
     .help = "Overwrite what exists; without it existing files are kept and counted."},
    {.name = NULL},
};

const struct cli_command cli_restore_commands[] = {
    {.noun = "restore",
     .verb = "files",
     .arguments = "FULL[:SOURCE[/PATH]]",
     .least = 1,
     .most = 1,
     .options = files_options,
     .help =
         "Restore files, with all their metadata, to a directory of this machine, or with --on of "
         "an agent's. Without a source every archive of the full is restored, each to "
         "DIR/AGENT.SOURCE. Ctrl-C cancels it; what was restored until then stays. With custody "
         "'operator' the key of a recovery sheet is needed (--key); it stays on this machine.",
     .run = files},
    {.noun = NULL},
};
