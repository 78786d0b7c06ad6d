/* recover_parse.c -- words and options.  See recover.h. */
#include <getopt.h>
#include <stdarg.h>

#include "common/base/text.h"
#include "controller/recover/recover.h"

static const char usage[] =
    "usage: koffer-recover VAULT list [--json]\n"
    "       koffer-recover VAULT show FULL [--json]\n"
    "       koffer-recover VAULT ls FULL[:SOURCE[/PATH]]\n"
    "       koffer-recover VAULT cat FULL:SOURCE/PATH\n"
    "       koffer-recover VAULT restore FULL[:SOURCE[/PATH]] --to DIR [--dry-run] [--replace]\n"
    "       koffer-recover VAULT verify\n"
    "       koffer-recover --version | --help\n"
    "FULL is a number, or 'latest'; SOURCE is AGENT.SOURCE.  Every command takes --controller-key HEX, as it\n"
    "stands on the recovery sheet.  ls of a source, cat and restore need the sheet's key (KFR1-...): on the\n"
    "standard input, or with --key-file FILE.\n";

void
recover_print_usage(FILE *out)
{
    (void)fputs(usage, out);
}

static enum rc PRINTF_LIKE(3, 4) wrong(struct recover *r, struct error *e, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    r->exit = RECOVER_USAGE;
    return error_set(e, RC_INVALID, "%s", text);
}

#define SHOWN(t) text_escape(span_of((t), strlen(t)), (char[200]){0}, 200)

static enum rc
parse_place(struct recover *r, const char *text, struct error *e)
{
    struct error why = ERROR_INIT;
    char full[24];
    size_t full_len = strcspn(text, ":");
    const char *source = text[full_len] == ':' ? text + full_len + 1 : text + full_len;
    size_t source_len = strcspn(source, "/");
    struct recover_place place = {.path = source + source_len};
    if (full_len >= sizeof full)
        return wrong(r, e, "'%s' does not begin with 'latest' or the number of a full",
                     SHOWN(text));
    if (source_len >= sizeof place.source || (text[full_len] == ':' && source_len == 0))
        return wrong(r, e, "'%s': a source is named as AGENT.SOURCE", SHOWN(text));
    (void)snprintf(full, sizeof full, "%.*s", (int)full_len, text);
    (void)snprintf(place.source, sizeof place.source, "%.*s", (int)source_len, source);
    if (!text_equal(full, "latest") &&
        text_parse_u64(full, 1, INT64_MAX, &place.full, &why) != RC_OK)
        return wrong(r, e, "'%s' is not 'latest' or the number of a full", SHOWN(full));
    while (*place.path == '/')
        place.path++;
    r->place = place;
    return RC_OK;
}

static enum rc
parse_controller_key(struct recover *r, const char *text, struct error *e)
{
    if (strlen(text) != 2 * KEYS_PUBLIC_SIZE ||
        !text_unhex(text, r->controller_key.bytes, KEYS_PUBLIC_SIZE))
        return wrong(r, e,
                     "--controller-key: '%s' is not the 64 hexadecimal digits behind 'controller "
                     "key' on the sheet",
                     SHOWN(text));
    r->has_controller_key = true;
    return RC_OK;
}

static enum rc
parse_options(struct recover *r, int argc, char *argv[], struct error *e)
{
    enum { KEY_FILE = 256, CONTROLLER_KEY, TO, DRY_RUN, REPLACE, JSON, VERSION };
    static const struct option known[] = {
        {"key-file", required_argument, NULL, KEY_FILE},
        {"controller-key", required_argument, NULL, CONTROLLER_KEY},
        {"to", required_argument, NULL, TO},
        {"dry-run", no_argument, NULL, DRY_RUN},
        {"replace", no_argument, NULL, REPLACE},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, VERSION},
        {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        if (c == KEY_FILE)
            r->key_file = optarg;
        else if (c == CONTROLLER_KEY)
            TRY(parse_controller_key(r, optarg, e));
        else if (c == TO)
            r->to = optarg;
        else if (c == DRY_RUN)
            r->dry_run = true;
        else if (c == REPLACE)
            r->replace = true;
        else if (c == JSON)
            r->json = true;
        else if (c == 'h')
            r->help = true;
        else if (c == VERSION)
            r->version = true;
        else
            return wrong(r, e, "the options are wrong");
    }
    return RC_OK;
}

static enum rc
check_words(struct recover *r, bool has_place, struct error *e)
{
    static const struct {
        const char *verb;
        bool place, to, json;
    } verbs[] = {
        {"list", false, false, true},   {"show", true, false, true},
        {"ls", true, false, false},     {"cat", true, false, false},
        {"restore", true, true, false}, {"verify", false, false, false},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!text_equal(verbs[i].verb, r->verb))
            continue;
        if (verbs[i].place != has_place)
            return wrong(r, e, has_place ? "%s takes no FULL" : "%s: name the FULL", r->verb);
        if (verbs[i].to != (r->to != NULL))
            return wrong(r, e, "--to DIR belongs to restore, which needs it");
        if ((r->json && !verbs[i].json) || (!verbs[i].to && (r->dry_run || r->replace)))
            return wrong(r, e, "%s does not have that option", r->verb);
        if (text_equal(r->verb, "cat") && r->place.path[0] == '\0')
            return wrong(r, e, "name a file: FULL:SOURCE/PATH");
        if (text_equal(r->verb, "show") && r->place.source[0] != '\0')
            return wrong(r, e, "show is about a whole full; write its number only");
        return RC_OK;
    }
    return wrong(r, e, "there is no command '%s'", SHOWN(r->verb));
}

enum rc
recover_parse(struct recover *r, int argc, char *argv[], struct error *e)
{
    TRY(parse_options(r, argc, argv, e));
    if (r->help || r->version)
        return RC_OK;
    int words = argc - optind;
    if (words < 2 || words > 3)
        return wrong(r, e, "name the directory of the vault and a command");
    r->directory = argv[optind];
    r->verb = argv[optind + 1];
    if (words == 3)
        TRY(parse_place(r, argv[optind + 2], e));
    return check_words(r, words == 3, e);
}
