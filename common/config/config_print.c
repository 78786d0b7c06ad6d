/* config_print.c -- the table as a commented example and as a part of a man page.  See config.h. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/config/config.h"

struct page {
    struct buffer *out;
    unsigned depth;
    bool off; /* inside a section that is commented out as a whole */
};

static enum rc
put(const struct page *p, struct error *e, bool off, const char *text, const char *more)
{
    return buffer_printf(p->out, e, "%*s%s%s%s\n", (int)p->depth * 4, "", off ? "#" : "", text,
                         more);
}

/* The help, broken into comment lines. */
static enum rc
put_help(const struct page *p, const char *help, struct error *e)
{
    enum { WIDTH = 92 };
    size_t room = WIDTH - (size_t)p->depth * 4;
    while (*help != '\0') {
        size_t len = strlen(help), take = len;
        if (len > room) {
            take = room;
            while (take > 0 && help[take] != ' ')
                take--;
            if (take == 0)
                take = strcspn(help, " ");
        }
        TRY(buffer_printf(p->out, e, "%*s# %.*s\n", (int)p->depth * 4, "", (int)take, help));
        help += take;
        help += strspn(help, " ");
    }
    return RC_OK;
}

/* Something of the right type, where the table has no default. */
static const char *
placeholder(const struct config_key *key, char number[static 32])
{
    switch (key->type) {
    case CONFIG_LIST:
        return "{}";
    case CONFIG_NUMBER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        (void)snprintf(number, 32, "%" PRIu64, key->min);
        return number;
    case CONFIG_BOOL:
        return "no";
    case CONFIG_CHOICE:
        return key->choices[0];
    case CONFIG_PATH:
        return "/CHANGE/ME";
    case CONFIG_TEXT:
    case CONFIG_SECTION:
        break;
    }
    return "CHANGE-ME";
}

static enum rc
put_text(const struct page *p, const char *text, struct error *e)
{
    TRY(buffer_append(p->out, span_of("\"", 1), e));
    for (; *text != '\0'; text++) {
        if (strchr("\"\\$", *text) != NULL)
            TRY(buffer_append(p->out, span_of("\\", 1), e));
        TRY(buffer_append(p->out, span_of(text, 1), e));
    }
    return buffer_append(p->out, span_of("\"", 1), e);
}

static enum rc
put_value(const struct page *p, const struct config_key *key, struct error *e)
{
    char number[32];
    const char *value = key->fallback != NULL ? key->fallback : placeholder(key, number);
    bool off = p->off || !key->required;
    TRY(buffer_printf(p->out, e, "%*s%s%s = ", (int)p->depth * 4, "", off ? "#" : "", key->name));
    if (key->type == CONFIG_TEXT || key->type == CONFIG_PATH)
        TRY(put_text(p, value, e));
    else
        TRY(buffer_printf(p->out, e, "%s", value));
    return buffer_printf(p->out, e, "\n");
}

static enum rc
put_keys(const struct page *p, const struct config_key *keys, struct error *e)
{
    for (const struct config_key *key = keys; key->name != NULL; key++) {
        if (key != keys)
            TRY(buffer_printf(p->out, e, "\n"));
        TRY(put_help(p, key->help, e));
        if (key->type != CONFIG_SECTION) {
            TRY(put_value(p, key, e));
            continue;
        }
        const struct page inner = {p->out, p->depth + 1, p->off || !key->required};
        TRY(put(p, e, inner.off, key->name, key->titled ? " \"change-me\" {" : " {"));
        TRY(put_keys(&inner, key->keys, e));
        TRY(put(p, e, inner.off, "}", ""));
    }
    return RC_OK;
}

enum rc
config_print_example(const struct config_key *keys, struct buffer *out, struct error *e)
{
    const struct page p = {.out = out};
    TRY(buffer_printf(
        out, e,
        "# Every key with its meaning.  What stands behind a bare # is the default, or shows the\n"
        "# form where there is none; the other keys must be set.\n\n"));
    return put_keys(&p, keys, e);
}

/* Running text for mdoc(7): nothing may look like a macro, every sentence begins a line. */
static enum rc
man_text(struct buffer *out, const char *text, struct error *e)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool begins = c == text || c[-1] == '\n';
        if (begins && (*c == '.' || *c == '\''))
            TRY(buffer_append(out, span_of("\\&", 2), e));
        if (*c == '\\')
            TRY(buffer_append(out, span_of("\\e", 2), e));
        else
            TRY(buffer_append(out, span_of(c, 1), e));
        if (*c == '.' && c[1] == ' ') {
            TRY(buffer_append(out, span_of("\n", 1), e));
            c += strspn(c + 1, " ");
        }
    }
    return buffer_append(out, span_of("\n", 1), e);
}

static const char *
type_name(const struct config_key *key)
{
    static const char *const names[] = {
        [CONFIG_TEXT] = "text",     [CONFIG_LIST] = "list",         [CONFIG_NUMBER] = "number",
        [CONFIG_SIZE] = "size",     [CONFIG_DURATION] = "duration", [CONFIG_BOOL] = "yes | no",
        [CONFIG_CHOICE] = "choice", [CONFIG_PATH] = "path",         [CONFIG_SECTION] = "title",
    };
    return names[key->type];
}

static enum rc
man_head(const struct config_key *key, struct buffer *out, struct error *e)
{
    if (key->type == CONFIG_SECTION)
        return buffer_printf(out, e, ".It Ic %s%s Brq ...\n", key->name,
                             key->titled ? " Ar title" : "");
    if (key->type != CONFIG_CHOICE)
        return buffer_printf(out, e, ".It Ic %s No = Ar %s\n", key->name, type_name(key));
    TRY(buffer_printf(out, e, ".It Ic %s No =", key->name));
    for (const char *const *c = key->choices; *c != NULL; c++)
        TRY(buffer_printf(out, e, "%s Cm %s", c == key->choices ? "" : " |", *c));
    return buffer_printf(out, e, "\n");
}

static enum rc
man_rule(const struct config_key *key, struct buffer *out, struct error *e)
{
    if (key->required)
        return buffer_printf(out, e, "Required.\n");
    if (key->fallback == NULL)
        return RC_OK;
    TRY(buffer_printf(out, e, "Default:\n.Ql "));
    for (const char *c = key->fallback; *c != '\0'; c++)
        TRY(buffer_printf(out, e, "%s", *c == '"' ? "\\(dq" : (const char[]){*c, '\0'}));
    return buffer_printf(out, e, " .\n");
}

enum rc
config_print_man(const struct config_key *keys, struct buffer *out, struct error *e)
{
    for (const struct config_key *key = keys; key->name != NULL; key++) {
        TRY(man_head(key, out, e));
        TRY(man_text(out, key->help, e));
        TRY(man_rule(key, out, e));
        if (key->type != CONFIG_SECTION)
            continue;
        TRY(buffer_printf(out, e, ".Bl -tag -width Ds\n"));
        TRY(config_print_man(key->keys, out, e));
        TRY(buffer_printf(out, e, ".El\n"));
    }
    return RC_OK;
}
