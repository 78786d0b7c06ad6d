/*
 * cli.h -- koffer, the operator's hand: noun-verb commands from one table.
 *
 * Every noun has a file that lists its commands (`cli_agent_commands`); cli_commands.c joins them.  The table drives
 * parsing, --help, completion and the man page.  main() is cli_main():
 *
 *     parse -> command->run(cli, e) -> exit status
 *
 * A command asks with cli_call(), which connects when it is first needed, and prints: one JSON document with --json, else text.  Whatever comes from
 * the controller is foreign: it reaches the terminal through CLI_SAFE, table or cli_paragraph only.
 *
 * Threads: one.  Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_H
#define CONTROLLER_CLI_CLI_H

#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "proto/koffer.pb-c.h"
#include "proto/link.h"
#include "proto/message.h"

/* Documented in koffer(1). */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3,
    CLI_NOT_FOUND = 4,
    CLI_DENIED = 5,
    CLI_INCOMPLETE = 6,
    CLI_INTERRUPTED = 130,
};

enum { CLI_ARGUMENTS_MAX = 4, CLI_OPTIONS_MAX = 64, CLI_SHOWN = 512 };

struct cli_option {
    const char *name;     /* without the dashes; NULL ends a list */
    const char *argument; /* "DIR"; NULL: a switch */
    const char *help;
    bool required, repeated;
};

struct cli;

struct cli_command {
    const char *noun, *verb; /* verb NULL: the noun is the command.  noun NULL ends a list */
    const char *arguments;   /* "NAME", "[CYCLE]", NULL */
    unsigned least, most;    /* how many */
    const struct cli_option *options;
    const char *help; /* sentences */
    bool hidden;
    enum rc (*run)(struct cli *cli, struct error *e);
};

struct cli {
    const struct cli_command *command;
    const char *noun; /* as far as it was given */
    const char *arguments[CLI_ARGUMENTS_MAX];
    size_t argument_count;
    struct {
        const char *name, *value;
    } options[CLI_OPTIONS_MAX];
    size_t option_count;
    const char *controller; /* URL; NULL: nobody said */
    char url[256];          /* room for the one of the operator's directory */
    bool json, help, version;
    struct link *link;
    bool afar;          /* connected with an operator's certificate */
    enum cli_exit exit; /* of an outcome that the code of an error cannot tell */
};

/* Parse, run, report; returns the exit status. */
int cli_main(int argc, char *argv[]);

/* ---- the table (cli_commands.c) */

extern const struct cli_option cli_global_options[];
/* The next command of the table, NULL after the last; starts with NULL. */
const struct cli_command *cli_next_command(const struct cli_command *after);
extern const struct cli_command cli_agent_commands[], cli_cycle_commands[], cli_full_commands[],
    cli_key_commands[], cli_operator_commands[], cli_restore_commands[], cli_source_commands[],
    cli_status_commands[], cli_vault_commands[], cli_audit_commands[], cli_own_commands[];

/* ---- parsing (cli_parse.c) */

/* RC_INVALID with cli->exit = CLI_USAGE when the words make no command. */
enum rc cli_parse(struct cli *cli, int argc, char *argv[], struct error *e);
bool cli_parse_is_noun(const char *word);
/* NULL when not given; a switch has the value "". */
const char *cli_option(const struct cli *cli, const char *name);
/* Values of a repeated option, in order; returns how many (at most `max` are filled in). */
size_t cli_option_all(const struct cli *cli, const char *name, const char **out, size_t max);
enum rc
cli_number(struct cli *cli, const char *what, const char *text, uint64_t *out, struct error *e);
/* Notes that the operator's words were wrong, and returns RC_INVALID. */
enum rc cli_wrong(struct cli *cli, struct error *e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* "FULL[:SOURCE[/PATH]]" */
struct cli_place {
    uint64_t full; /* 0: the newest good one ("latest") */
    char source[2 * LIMIT_LABEL + 2];
    const char *path; /* within the text; "" when not given */
};
enum rc cli_parse_place(struct cli *cli, const char *text, struct cli_place *out, struct error *e);
/* Is this the archive that the place names, in full or by a bare source? */
bool cli_place_names(const struct cli_place *place, const char *agent, const char *source);

/* ---- help, completion, manual (cli_help.c, cli_completion.c, cli_manual.c) */

void cli_print_help(const struct cli *cli, FILE *out);
void cli_print_completion(FILE *out);
void cli_print_manual(FILE *out);

/* ---- the controller (cli_connect.c) */

/* Request NULL: no body.  reply_type NULL: none is expected. */
enum rc
cli_call(struct cli *cli, uint16_t type, const ProtobufCMessage *request,
         const ProtobufCMessageDescriptor *reply_type, ProtobufCMessage **reply, struct error *e);

/* ---- foreign text, times (cli_print.c) */

/* One line of foreign text; `t` is evaluated twice. */
#define CLI_SAFE(t) text_escape(span_of((t), strlen(t)), (char[CLI_SHOWN]){0}, CLI_SHOWN)
/* Several lines of foreign text, each indented by `indent` blanks. */
void cli_paragraph(FILE *out, int indent, const char *text);
/* "2026-11-24T01:36:00Z", "-" for 0. */
const char *cli_time(int64_t ns, char out[static CLOCK_TEXT_SIZE]);
/* "cycle           17": for the show commands; nothing when the text is empty. */
void cli_field(const char *name, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
