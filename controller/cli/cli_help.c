/* cli_help.c -- usage texts from the table.  See cli.h. */
#include "controller/cli/cli.h"

enum { COLUMN = 44 };

static int
print_name(const struct cli_command *c, FILE *out)
{
    return fprintf(out, "  koffer %s%s%s%s%s", c->noun, c->verb == NULL ? "" : " ",
                   c->verb == NULL ? "" : c->verb, c->arguments == NULL ? "" : " ",
                   c->arguments == NULL ? "" : c->arguments);
}

static int
first_sentence(const char *help)
{
    const char *end = strstr(help, ". ");
    return (int)(end == NULL ? strlen(help) : (size_t)(end - help) + 1);
}

/* Continues the line at `column`; later lines are indented to there. */
static void
print_wrapped(const char *text, int indent, FILE *out)
{
    enum { WIDTH = 100 };
    int at = indent;
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        if (at > indent && at + 1 + len > WIDTH) {
            (void)fprintf(out, "\n%*s", indent, "");
            at = indent;
        }
        at += fprintf(out, "%s%.*s", at > indent ? " " : "", len, text);
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}

static void
print_line(const struct cli_command *c, FILE *out)
{
    int used = print_name(c, out);
    char sentence[CLI_SHOWN];
    (void)snprintf(sentence, sizeof sentence, "%.*s", first_sentence(c->help), c->help);
    (void)fprintf(out, "%*s", used < COLUMN ? COLUMN - used : 2, "");
    print_wrapped(sentence, COLUMN, out);
}

static void
print_options(const struct cli_option *options, FILE *out)
{
    for (const struct cli_option *o = options; o != NULL && o->name != NULL; o++) {
        int used = fprintf(out, "  --%s%s%s%s", o->name, o->argument == NULL ? "" : " ",
                           o->argument == NULL ? "" : o->argument, o->repeated ? " ..." : "");
        (void)fprintf(out, "%*s", used < 24 ? 24 - used : 2, "");
        print_wrapped(o->help, 24, out);
    }
}

static void
print_command(const struct cli_command *c, FILE *out)
{
    (void)fprintf(out, "usage:\n");
    (void)print_name(c, out);
    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
        (void)fprintf(out, o->required ? " --%s %s" : " [--%s%s%s]%s", o->name,
                      o->argument == NULL ? ""
                      : o->required       ? o->argument
                                          : " ",
                      o->argument == NULL ? "" : o->argument, o->repeated ? "..." : "");
    (void)fprintf(out, "\n\n");
    print_wrapped(c->help, 0, out);
    if (c->options != NULL) {
        (void)fprintf(out, "\noptions:\n");
        print_options(c->options, out);
    }
}

void
cli_print_help(const struct cli *cli, FILE *out)
{
    if (cli->command != NULL) {
        print_command(cli->command, out);
        return;
    }
    (void)fprintf(out, "usage: koffer [--controller URL] [--json] NOUN VERB ...\n\ncommands:\n");
    for (const struct cli_command *c = cli_next_command(NULL); c != NULL; c = cli_next_command(c))
        if (!c->hidden && (cli->noun == NULL || text_equal(cli->noun, c->noun)))
            print_line(c, out);
    (void)fprintf(out, "\noptions for every command:\n");
    print_options(cli_global_options, out);
    (void)fprintf(out, "\nFULL is a number or 'latest'; SOURCE is AGENT.SOURCE.  More: koffer NOUN "
                       "VERB --help, koffer(1).\n");
}
