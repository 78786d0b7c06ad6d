/* fuzz_cli.c -- any words are a command or a refusal with exit status 2; so are its places in fulls.  Input: words ended by NUL. */
#include <stdlib.h>

#include "controller/cli/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { WORDS_MAX = 80 };

static void
must(bool good)
{
    if (!good)
        abort();
}

static void
check_places(struct cli *cli)
{
    for (size_t i = 0; i < cli->argument_count; i++) {
        struct error e = ERROR_INIT;
        struct cli_place place;
        if (cli_parse_place(cli, cli->arguments[i], &place, &e) != RC_OK)
            must(cli->exit == CLI_USAGE && e.text[0] != '\0');
        else
            must(strlen(place.source) < sizeof place.source &&
                 (place.path[0] == '\0' || place.path[0] == '/'));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *words[WORDS_MAX + 1] = {(char[]){"koffer"}};
    int count = 1;
    CLEANUP(own_freep) char *text = calloc(1, len + 1);
    if (text == NULL)
        return 0;
    if (len > 0)
        memcpy(text, data, len);
    for (size_t at = 0; at < len && count < WORDS_MAX; at += strlen(text + at) + 1)
        words[count++] = text + at;

    struct error e = ERROR_INIT;
    struct cli cli = {0};
    if (cli_parse(&cli, count, words, &e) != RC_OK) {
        must(cli.exit == CLI_USAGE && e.text[0] != '\0');
        return 0;
    }
    must(cli.help || cli.version || cli.command != NULL);
    check_places(&cli);
    return 0;
}
