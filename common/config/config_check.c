/* config_check.c -- types, bounds, required keys.  See config_internal.h. */
#include <confuse.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/config/config_internal.h"

struct where {
    const struct config *config;
    const struct config_section *section;
    const struct config_value *value;
};

#define COMPLAIN(w, e, ...)                                                                        \
    config_complain((w)->config, (w)->section, (w)->value->key->name, (e), __VA_ARGS__)

static enum rc
check_bounds(const struct where *w, uint64_t n, const char *unit, struct error *e)
{
    const struct config_key *key = w->value->key;
    if (n < key->min)
        return COMPLAIN(w, e, "'%.40s' is too small; write at least %" PRIu64 "%s", w->value->text,
                        key->min, unit);
    if (key->max != 0 && n > key->max)
        return COMPLAIN(w, e, "'%.40s' is too large; write at most %" PRIu64 "%s", w->value->text,
                        key->max, unit);
    return RC_OK;
}

static enum rc
check_number(const struct where *w, uint64_t *out, struct error *e)
{
    static const char *const units[] = {[CONFIG_SIZE] = " bytes", [CONFIG_DURATION] = " s"};
    enum config_type type = w->value->key->type;
    struct error why = ERROR_INIT;
    enum rc rc = type == CONFIG_SIZE ? text_parse_size(w->value->text, out, &why)
                 : type == CONFIG_DURATION
                     ? text_parse_duration(w->value->text, out, &why)
                     : text_parse_u64(w->value->text, 0, UINT64_MAX, out, &why);
    if (rc != RC_OK && type == CONFIG_NUMBER)
        return COMPLAIN(w, e, "'%.40s' is not a number; write decimal digits only", w->value->text);
    if (rc != RC_OK)
        return COMPLAIN(w, e, "%s", why.text);
    return check_bounds(w, *out, type == CONFIG_NUMBER ? "" : units[type], e);
}

static enum rc
check_bool(const struct where *w, uint64_t *out, struct error *e)
{
    int truth = cfg_parse_boolean(w->value->text);
    if (truth != 0 && truth != 1)
        return COMPLAIN(w, e, "'%.40s' is neither yes nor no; write yes or no", w->value->text);
    *out = (uint64_t)truth;
    return RC_OK;
}

static enum rc
check_choice(const struct where *w, struct error *e)
{
    char known[160] = "";
    size_t used = 0;
    for (const char *const *c = w->value->key->choices; *c != NULL && used < sizeof known; c++) {
        if (text_equal(*c, w->value->text))
            return RC_OK;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                 c == w->value->key->choices ? "" : ", ", *c);
    }
    return COMPLAIN(w, e, "'%.40s' is not possible; choose one of %s", w->value->text, known);
}

static enum rc
check_path(const struct where *w, struct error *e)
{
    if (w->value->text[0] != '/')
        return COMPLAIN(w, e, "'%.80s' is a relative path; write it from the root, as /...",
                        w->value->text);
    if (strlen(w->value->text) >= PATH_MAX)
        return COMPLAIN(w, e, "the path is too long; keep it below %d bytes", PATH_MAX);
    return RC_OK;
}

/* The table's own judgement, about one text of the value. */
static enum rc
check_more(const struct where *w, const char *text, struct error *e)
{
    struct error why = ERROR_INIT;
    if (w->value->key->check == NULL || w->value->key->check(text, &why) == RC_OK)
        return RC_OK;
    return COMPLAIN(w, e, "%s", why.text);
}

static enum rc
check_text(const struct where *w, uint64_t *number, struct error *e)
{
    switch (w->value->key->type) {
    case CONFIG_NUMBER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        TRY(check_number(w, number, e));
        break;
    case CONFIG_BOOL:
        TRY(check_bool(w, number, e));
        break;
    case CONFIG_CHOICE:
        TRY(check_choice(w, e));
        break;
    case CONFIG_PATH:
        TRY(check_path(w, e));
        break;
    case CONFIG_TEXT:
    case CONFIG_LIST:
    case CONFIG_SECTION:
        break;
    }
    return check_more(w, w->value->text, e);
}

static enum rc
check_missing(const struct where *w, struct error *e)
{
    const struct config_key *key = w->value->key;
    if (!key->required || w->value->line != 0)
        return RC_OK;
    if (key->type == CONFIG_SECTION)
        return COMPLAIN(w, e, "is missing; add a section %s%s { ... }", key->name,
                        key->titled ? " \"title\"" : "");
    return COMPLAIN(w, e, "is missing; add %s = ...", key->name);
}

static enum rc
check_section(const struct config *c, const struct config_section *s, struct error *e);

static enum rc
check_subsections(const struct where *w, struct error *e)
{
    const struct config_value *v = w->value;
    for (size_t i = 0; i < v->count; i++) {
        const struct config_section *s = v->sections[i];
        struct error why = ERROR_INIT;
        if (v->key->titled && v->key->check != NULL && v->key->check(s->title, &why) != RC_OK)
            return config_complain_at(w->config, s->line, v->key->name, e, "%s", why.text);
        TRY(check_section(w->config, s, e));
    }
    return RC_OK;
}

static enum rc
check_section(const struct config *c, const struct config_section *s, struct error *e)
{
    for (size_t i = 0; i < s->value_count; i++) {
        struct config_value *v = &s->values[i];
        const struct where w = {.config = c, .section = s, .value = v};
        TRY(check_missing(&w, e));
        if (v->key->type == CONFIG_SECTION)
            TRY(check_subsections(&w, e));
        else if (v->text != NULL)
            TRY(check_text(&w, &v->number, e));
        for (size_t at = 0; v->key->type == CONFIG_LIST && at < v->count; at++)
            TRY(check_more(&w, v->list[at], e));
    }
    return RC_OK;
}

enum rc
config_check(const struct config *c, struct error *e)
{
    return check_section(c, c->root, e);
}
