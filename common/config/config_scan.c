/*
 * config_scan.c -- a look at the text before libconfuse sees it.
 *
 * libconfuse 3.3 would misread some texts in silence: it drops characters it does not know, expands
 * ${NAME} from the environment, lets a later value replace an earlier one, keeps its lexer's state
 * after an unterminated string, and counts a comment's line three times.  All of that ends here:
 * what passes is a sequence of
 *
 *     key = atom | key = { atom, ... } | key [title] { ... }        atom: a bare word or a string
 *
 * with every string closed on its own line.  See config_internal.h.
 */
#include <stdint.h>

#include "common/base/text.h"
#include "common/config/config_internal.h"

enum token { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_SIGN };

struct scan {
    const struct config *config;
    char *at;
    unsigned line;
    const char *key; /* the last one mentioned, for messages */
    size_t parent;
    enum token token;
    char sign;
    char *start; /* of the token; the word's length is at - start */
    unsigned token_line;
    struct config_outline *out;
};

#define COMPLAIN(s, e, ...)                                                                        \
    config_complain_at((s)->config, (s)->token_line, (s)->key, (e), __VA_ARGS__)

static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.:/@%-", c) != NULL);
}

static enum rc
check_characters(const struct config *c, const char *text, struct error *e)
{
    unsigned line = 1;
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        line += byte == '\n';
        if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f)
            return config_complain_at(c, line, NULL, e, "control character 0x%02x; remove it%s",
                                      byte, byte == '\r' ? " (the file has DOS line ends)" : "");
    }
    return RC_OK;
}

static void
skip_blanks(struct scan *s)
{
    bool comment = false;
    for (; *s->at != '\0'; s->at++) {
        comment = (comment || *s->at == '#') && *s->at != '\n';
        s->line += *s->at == '\n';
        if (comment)
            *s->at = ' ';
        else if (*s->at != ' ' && *s->at != '\t' && *s->at != '\n')
            return;
    }
}

/* From the opening quote past the closing one. */
static enum rc
take_string(struct scan *s, struct error *e)
{
    char quote = *s->at++;
    for (; *s->at != quote; s->at++) {
        if (*s->at == '\0' || *s->at == '\n')
            return COMPLAIN(s, e, "the string is not closed; end it with %c on the same line",
                            quote);
        if (quote == '"' && s->at[0] == '$' && s->at[1] == '{')
            return COMPLAIN(s, e,
                            "the environment is not consulted; write the value itself, or "
                            "\\${ where these characters are meant");
        if (*s->at != '\\')
            continue;
        s->at++;
        if (*s->at == '\0' || *s->at == '\n' || (quote == '"' && strchr("\"\\$", *s->at) == NULL))
            return COMPLAIN(s, e, "a backslash may stand before \", \\ and $ only; double it");
    }
    s->at++;
    return RC_OK;
}

static enum rc
next(struct scan *s, struct error *e)
{
    skip_blanks(s);
    s->start = s->at;
    s->token_line = s->line;
    s->sign = '\0';
    char c = *s->at;
    if (c == '\0') {
        s->token = TOKEN_END;
        return RC_OK;
    }
    if (c == '"' || c == '\'') {
        s->token = TOKEN_STRING;
        return take_string(s, e);
    }
    if (strchr("={},", c) != NULL) {
        s->token = TOKEN_SIGN;
        s->sign = c;
        s->at++;
        return RC_OK;
    }
    s->token = TOKEN_WORD;
    while (is_word(*s->at))
        s->at++;
    /* libconfuse takes // for the beginning of a comment. */
    if (s->at == s->start || (s->start[0] == '/' && s->start[1] == '/') ||
        (*s->at != '\0' && strchr(" \t\n={},#", *s->at) == NULL)) {
        char shown[32];
        size_t len = strcspn(s->start, " \t\n={},#");
        return COMPLAIN(s, e, "'%s' cannot stand bare; put it in double quotes",
                        text_escape(span_of(s->start, len), shown, sizeof shown));
    }
    return RC_OK;
}

static enum rc
mention(struct scan *s, struct error *e)
{
    struct config_outline *o = s->out;
    if (o->count == o->capacity) {
        size_t wanted = o->capacity == 0 ? 64 : o->capacity * 2;
        struct config_mention *grown = reallocarray(o->mentions, wanted, sizeof *grown);
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "outline of %zu keys", wanted);
        o->mentions = grown;
        o->capacity = wanted;
    }
    char *name = arena_printf(s->config->arena, "%.*s", (int)(s->at - s->start), s->start);
    if (name == NULL)
        return error_set(e, RC_NO_MEMORY, "name of a key");
    o->mentions[o->count++] =
        (struct config_mention){.name = name, .line = s->token_line, .parent = s->parent};
    s->key = name;
    return RC_OK;
}

static bool
is_atom(const struct scan *s)
{
    return s->token == TOKEN_WORD || s->token == TOKEN_STRING;
}

static enum rc
take_list(struct scan *s, struct error *e)
{
    TRY(next(s, e));
    while (is_atom(s)) {
        TRY(next(s, e));
        if (s->sign != ',')
            break;
        TRY(next(s, e));
    }
    if (s->sign != '}')
        return COMPLAIN(s, e, "the list is not well formed; write %s = {\"one\", \"two\"}", s->key);
    return RC_OK;
}

static enum rc
take_value(struct scan *s, struct error *e)
{
    struct config_mention *m = &s->out->mentions[s->out->count - 1];
    TRY(next(s, e));
    if (s->sign == '{') {
        m->form = CONFIG_FORM_LIST;
        return take_list(s, e);
    }
    if (!is_atom(s))
        return COMPLAIN(s, e, "a value is missing after '='; write %s = VALUE", s->key);
    return RC_OK;
}

static enum rc
take_key(struct scan *s, struct error *e)
{
    TRY(mention(s, e));
    struct config_mention *m = &s->out->mentions[s->out->count - 1];
    TRY(next(s, e));
    if (s->sign == '=')
        return take_value(s, e);
    m->form = CONFIG_FORM_SECTION;
    if (is_atom(s)) {
        m->form = CONFIG_FORM_TITLED;
        TRY(next(s, e));
    }
    if (s->sign != '{')
        return COMPLAIN(s, e, "'=' or '{' is missing; write %s = VALUE, or %s { ... }", s->key,
                        s->key);
    if (++s->out->sections > CONFIG_SECTIONS_MAX)
        return COMPLAIN(s, e, "more than %d sections; split the work over several hosts",
                        CONFIG_SECTIONS_MAX);
    s->parent = s->out->count - 1;
    return RC_OK;
}

static enum rc
close_section(struct scan *s, struct error *e)
{
    if (s->parent == CONFIG_NO_PARENT)
        return COMPLAIN(s, e, "'}' closes nothing; remove it");
    s->parent = s->out->mentions[s->parent].parent;
    return RC_OK;
}

static enum rc
finish(struct scan *s, struct error *e)
{
    if (s->parent == CONFIG_NO_PARENT)
        return RC_OK;
    const struct config_mention *open = &s->out->mentions[s->parent];
    return config_complain_at(s->config, open->line, open->name, e,
                              "the section is not closed; add '}' at its end");
}

enum rc
config_scan(const struct config *c, char *text, struct config_outline *out, struct error *e)
{
    struct scan s = {.config = c, .at = text, .line = 1, .parent = CONFIG_NO_PARENT, .out = out};
    TRY(check_characters(c, text, e));
    for (;;) {
        TRY(next(&s, e));
        if (s.token == TOKEN_END)
            return finish(&s, e);
        if (s.sign == '}')
            TRY(close_section(&s, e));
        else if (s.token == TOKEN_WORD)
            TRY(take_key(&s, e));
        else
            return COMPLAIN(&s, e, "a key is expected here; write KEY = VALUE");
    }
}
