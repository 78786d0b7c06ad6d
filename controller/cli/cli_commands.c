/* cli_commands.c -- all commands, in the order of the man page.  See cli.h. */
#include "controller/cli/cli.h"

static const struct cli_command *const lists[] = {
    cli_status_commands, cli_agent_commands, cli_operator_commands, cli_source_commands,
    cli_cycle_commands,  cli_full_commands,  cli_restore_commands,  cli_key_commands,
    cli_vault_commands,  cli_audit_commands, cli_own_commands,
};

const struct cli_option cli_global_options[] = {
    {.name = "controller",
     .argument = "URL",
     .help = "Where the controller is: ipc:///run/koffer/control (the default, for root on its "
             "host) or tls+tcp://HOST:PORT."},
    {.name = "json", .help = "Print one JSON document instead of text."},
    {.name = "help", .help = "Explain a command, or list them."},
    {.name = "version", .help = "Print the version of this program."},
    {.name = NULL},
};

const struct cli_command *
cli_next_command(const struct cli_command *after)
{
    bool found = after == NULL;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const struct cli_command *c = lists[i]; c->noun != NULL; c++) {
            if (found)
                return c;
            found = c == after;
        }
    }
    return NULL;
}
