/* cli_parse.c -- words to a command of the table, its arguments and options.  See cli.h. */
#include <stdarg.h>

#include "controller/cli/cli.h"

enum rc
cli_wrong(struct cli *cli, struct error *e, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cli->exit = CLI_USAGE;
    return error_set(e, RC_INVALID, "%s", text);
}

static const struct cli_option *
find_option(const struct cli_option *options, const char *name, size_t len)
{
    for (const struct cli_option *o = options; o != NULL && o->name != NULL; o++)
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

bool
cli_parse_is_noun(const char *noun)
{
    for (const struct cli_command *c = cli_next_command(NULL); c != NULL; c = cli_next_command(c))
        if (text_equal(c->noun, noun))
            return true;
    return false;
}

static const struct cli_command *
find_command(const char *noun, const char *verb)
{
    for (const struct cli_command *c = cli_next_command(NULL); c != NULL; c = cli_next_command(c)) {
        bool same_verb = c->verb == NULL ? verb == NULL : verb != NULL && text_equal(c->verb, verb);
        if (text_equal(c->noun, noun) && same_verb)
            return c;
    }
    return NULL;
}

static enum rc
take_word(struct cli *cli, const char *word, struct error *e)
{
    if (cli->command != NULL) {
        if (cli->argument_count == cli->command->most)
            return cli_wrong(cli, e, "'%s' is one argument too many", CLI_SAFE(word));
        cli->arguments[cli->argument_count++] = word;
        return RC_OK;
    }
    if (cli->noun == NULL) {
        cli->command = find_command(word, NULL);
        cli->noun = word;
        if (cli->command == NULL && !cli_parse_is_noun(word))
            return cli_wrong(cli, e, "there is no command '%s'", CLI_SAFE(word));
        return RC_OK;
    }
    cli->command = find_command(cli->noun, word);
    if (cli->command == NULL)
        return cli_wrong(cli, e, "there is no command '%s %s'", cli->noun, CLI_SAFE(word));
    return RC_OK;
}

static void
note_global(struct cli *cli, const char *name, const char *value)
{
    if (text_equal(name, "controller"))
        cli->controller = value;
    else if (text_equal(name, "json"))
        cli->json = true;
    else if (text_equal(name, "help"))
        cli->help = true;
    else
        cli->version = true;
}

/* The word behind the option is its value unless it has one after '='; *at moves over it. */
static enum rc
take_option(struct cli *cli, int argc, char *argv[], int *at, struct error *e)
{
    const char *word = argv[*at] + 2;
    size_t len = strcspn(word, "=");
    const struct cli_option *global = find_option(cli_global_options, word, len);
    const struct cli_option *own =
        cli->command == NULL ? NULL : find_option(cli->command->options, word, len);
    const struct cli_option *o = own != NULL ? own : global;
    const char *value = word[len] == '=' ? word + len + 1 : NULL;
    if (o == NULL)
        return cli_wrong(cli, e, "there is no option '--%s'%s", CLI_SAFE(word),
                         cli->command == NULL ? " before a command" : " here");
    if (o->argument == NULL && value != NULL)
        return cli_wrong(cli, e, "--%s takes no value", o->name);
    if (o->argument != NULL && value == NULL) {
        if (*at + 1 == argc)
            return cli_wrong(cli, e, "--%s needs a value: --%s %s", o->name, o->name, o->argument);
        value = argv[++*at];
    }
    if (o == global) {
        note_global(cli, o->name, value);
        return RC_OK;
    }
    if (!o->repeated && cli_option(cli, o->name) != NULL)
        return cli_wrong(cli, e, "--%s is given twice", o->name);
    if (cli->option_count == CLI_OPTIONS_MAX)
        return cli_wrong(cli, e, "more than %d options", CLI_OPTIONS_MAX);
    cli->options[cli->option_count].name = o->name;
    cli->options[cli->option_count++].value = value == NULL ? "" : value;
    return RC_OK;
}

static enum rc
check_complete(struct cli *cli, struct error *e)
{
    if (cli->noun == NULL)
        return cli_wrong(cli, e, "a command is missing");
    if (cli->command == NULL)
        return cli_wrong(cli, e, "'%s' needs a verb", cli->noun);
    if (cli->argument_count < cli->command->least)
        return cli_wrong(cli, e, "the argument %s is missing", cli->command->arguments);
    const struct cli_option *o = cli->command->options;
    for (; o != NULL && o->name != NULL; o++)
        if (o->required && cli_option(cli, o->name) == NULL)
            return cli_wrong(cli, e, "--%s %s is missing", o->name, o->argument);
    return RC_OK;
}

enum rc
cli_parse(struct cli *cli, int argc, char *argv[], struct error *e)
{
    bool words_only = false;
    for (int at = 1; at < argc; at++) {
        if (!words_only && text_equal(argv[at], "--"))
            words_only = true;
        else if (!words_only && text_equal(argv[at], "-h"))
            cli->help = true;
        else if (!words_only && strncmp(argv[at], "--", 2) == 0)
            TRY(take_option(cli, argc, argv, &at, e));
        else if (!words_only && argv[at][0] == '-' && argv[at][1] != '\0')
            return cli_wrong(cli, e, "there is no option '%s'; options are words behind two dashes",
                             CLI_SAFE(argv[at]));
        else
            TRY(take_word(cli, argv[at], e));
    }
    return cli->help || cli->version ? RC_OK : check_complete(cli, e);
}

const char *
cli_option(const struct cli *cli, const char *name)
{
    const char *value;
    return cli_option_all(cli, name, &value, 1) == 0 ? NULL : value;
}

size_t
cli_option_all(const struct cli *cli, const char *name, const char **out, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < cli->option_count; i++) {
        if (!text_equal(cli->options[i].name, name))
            continue;
        if (count < max)
            out[count] = cli->options[i].value;
        count++;
    }
    return count;
}

enum rc
cli_number(struct cli *cli, const char *what, const char *text, uint64_t *out, struct error *e)
{
    struct error why = ERROR_INIT;
    if (text_parse_u64(text, 1, INT64_MAX, out, &why) != RC_OK)
        return cli_wrong(cli, e, "'%s' is not the number of a %s", CLI_SAFE(text), what);
    return RC_OK;
}

enum rc
cli_parse_place(struct cli *cli, const char *text, struct cli_place *out, struct error *e)
{
    char full[24];
    size_t full_len = strcspn(text, ":");
    const char *source = text[full_len] == ':' ? text + full_len + 1 : text + full_len;
    size_t source_len = strcspn(source, "/");
    struct cli_place place = {.path = source + source_len};
    if (full_len >= sizeof full)
        return cli_wrong(cli, e, "'%s' does not begin with 'latest' or the number of a full",
                         CLI_SAFE(text));
    if (source_len >= sizeof place.source || (text[full_len] == ':' && source_len == 0))
        return cli_wrong(cli, e, "'%s': a source is named as AGENT.SOURCE", CLI_SAFE(text));
    (void)snprintf(full, sizeof full, "%.*s", (int)full_len, text);
    (void)snprintf(place.source, sizeof place.source, "%.*s", (int)source_len, source);
    if (!text_equal(full, "latest"))
        TRY(cli_number(cli, "full (or 'latest')", full, &place.full, e));
    *out = place;
    return RC_OK;
}

bool
cli_place_names(const struct cli_place *place, const char *agent, const char *source)
{
    char both[sizeof place->source];
    int len = snprintf(both, sizeof both, "%s.%s", agent, source);
    if (len >= 0 && (size_t)len < sizeof both && text_equal(place->source, both))
        return true;
    return strchr(place->source, '.') == NULL && text_equal(place->source, source);
}
