/* cli_manual.c -- the list of commands as a part of koffer(1), in mdoc(7).  See cli.h. */
#include "controller/cli/cli.h"

/* Every sentence begins a line; nothing may look like a request. */
static void
print_text(const char *text, FILE *out)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool begins = c == text || c[-1] == '\n';
        if (begins && (*c == '.' || *c == '\''))
            (void)fprintf(out, "\\&");
        if (*c == '\\')
            (void)fprintf(out, "\\e");
        else
            (void)fputc(*c, out);
        if (*c == '.' && c[1] == ' ' && c[2] >= 'A' && c[2] <= 'Z') {
            (void)fputc('\n', out);
            c++;
        }
    }
    (void)fputc('\n', out);
}

static void
print_arguments(const char *arguments, FILE *out)
{
    size_t len = strlen(arguments);
    if (arguments[0] == '[')
        (void)fprintf(out, " Op Ar %.*s", (int)len - 2, arguments + 1);
    else
        (void)fprintf(out, " Ar %s", arguments);
}

static void
print_option(const struct cli_option *o, FILE *out)
{
    const char *argument = o->argument == NULL ? "" : o->argument;
    (void)fprintf(out, " %sFl -%s%s%s%s", o->required ? "" : "Op ", o->name,
                  o->argument == NULL ? "" : " Ar ", argument, o->repeated ? " ..." : "");
}

static void
print_command(const struct cli_command *c, FILE *out)
{
    (void)fprintf(out, ".It Cm %s%s%s", c->noun, c->verb == NULL ? "" : " Cm ",
                  c->verb == NULL ? "" : c->verb);
    if (c->arguments != NULL)
        print_arguments(c->arguments, out);
    const struct cli_option *o = c->options;
    for (; o != NULL && o->name != NULL; o++)
        if (o->required)
            print_option(o, out);
    (void)fputc('\n', out);
    print_text(c->help, out);
    if (c->options == NULL)
        return;
    (void)fprintf(out, ".Bl -tag -width Ds\n");
    for (o = c->options; o->name != NULL; o++) {
        (void)fprintf(out, ".It Fl -%s%s%s\n", o->name, o->argument == NULL ? "" : " Ar ",
                      o->argument == NULL ? "" : o->argument);
        print_text(o->help, out);
        if (o->repeated)
            (void)fprintf(out, "May be given several times.\n");
    }
    (void)fprintf(out, ".El\n");
}

void
cli_print_manual(FILE *out)
{
    for (const struct cli_command *c = cli_next_command(NULL); c != NULL; c = cli_next_command(c))
        if (!c->hidden)
            print_command(c, out);
}
