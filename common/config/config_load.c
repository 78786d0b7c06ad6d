/* config_load.c -- libconfuse reads the values.  See config_internal.h. */
#include <confuse.h>
#include <pthread.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/config/config_internal.h"

/* libconfuse's lexer is one per process and its error function gets no context of ours: one parse
 * at a time, and a place for what it says. */
static pthread_mutex_t lexer = PTHREAD_MUTEX_INITIALIZER;
static struct {
    unsigned line; /* 0: nothing was said */
    char text[256];
} said;

static void hear(cfg_t *cfg, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

static void
hear(cfg_t *cfg, const char *fmt, va_list args)
{
    if (said.line != 0)
        return;
    said.line = cfg->line > 0 ? (unsigned)cfg->line : 1;
    (void)vsnprintf(said.text, sizeof said.text, fmt, args);
}

static cfg_opt_t *
options_of(struct arena *arena, const struct config_key *keys)
{
    size_t n = 0;
    while (keys[n].name != NULL)
        n++;
    cfg_opt_t *options = arena_alloc(arena, (n + 1) * sizeof *options);
    for (size_t i = 0; options != NULL && i < n; i++) {
        cfg_opt_t *o = &options[i];
        *o = (cfg_opt_t){.name = keys[i].name, .type = CFGT_STR, .flags = CFGF_NODEFAULT};
        if (keys[i].type == CONFIG_LIST) {
            o->flags = CFGF_LIST | (keys[i].fallback == NULL ? CFGF_NODEFAULT : 0);
            o->def.parsed =
                keys[i].fallback == NULL ? NULL : arena_printf(arena, "%s", keys[i].fallback);
        } else if (keys[i].type == CONFIG_SECTION) {
            o->type = CFGT_SEC;
            o->flags = CFGF_NODEFAULT;
            if (keys[i].titled)
                o->flags |= CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
            o->subopts = options_of(arena, keys[i].keys);
            if (o->subopts == NULL)
                return NULL;
        }
    }
    return options;
}

static enum rc
copy_list(struct config *c, struct config_value *v, cfg_opt_t *o, struct error *e)
{
    v->count = cfg_opt_size(o);
    v->list = arena_alloc(c->arena, (v->count + 1) * sizeof *v->list);
    bool good = v->list != NULL;
    for (size_t i = 0; good && i < v->count; i++) {
        v->list[i] = arena_printf(c->arena, "%s", cfg_opt_getnstr(o, (unsigned)i));
        good = v->list[i] != NULL;
    }
    return good ? RC_OK : error_set(e, RC_NO_MEMORY, "%s: list '%s'", c->name, v->key->name);
}

static enum rc
copy_text(struct config *c, struct config_value *v, cfg_opt_t *o, struct error *e)
{
    const char *text = cfg_opt_size(o) > 0 ? cfg_opt_getnstr(o, 0) : NULL;
    if (text == NULL)
        text = v->key->required ? NULL : v->key->fallback;
    v->text = text == NULL ? NULL : arena_printf(c->arena, "%s", text);
    if (text != NULL && v->text == NULL)
        return error_set(e, RC_NO_MEMORY, "%s: value '%s'", c->name, v->key->name);
    return RC_OK;
}

static enum rc
copy_section(struct config *c, struct config_section *s, cfg_t *cfg, struct error *e)
{
    if (cfg_title(cfg) != NULL) {
        s->title = arena_printf(c->arena, "%s", cfg_title(cfg));
        if (s->title == NULL)
            return error_set(e, RC_NO_MEMORY, "%s: title", c->name);
    }
    for (size_t i = 0; i < s->value_count; i++) {
        struct config_value *v = &s->values[i];
        cfg_opt_t *o = cfg_getopt(cfg, v->key->name);
        if (v->key->type == CONFIG_LIST)
            TRY(copy_list(c, v, o, e));
        else if (v->key->type != CONFIG_SECTION)
            TRY(copy_text(c, v, o, e));
        /* Titles are unique and both sides keep the file's order. */
        for (size_t at = 0; v->key->type == CONFIG_SECTION && at < v->count; at++)
            TRY(copy_section(c, v->sections[at], cfg_opt_getnsec(o, (unsigned)at), e));
    }
    return RC_OK;
}

/* What libconfuse said, at the key it was about. */
static enum rc
repeat(const struct config *c, const struct config_outline *outline, struct error *e)
{
    bool title = strncmp(said.text, "found duplicate title", strlen("found duplicate title")) == 0;
    const char *key = NULL;
    for (size_t i = 0; i < outline->count && outline->mentions[i].line <= said.line; i++)
        if (!title || outline->mentions[i].form == CONFIG_FORM_TITLED)
            key = outline->mentions[i].name;
    return config_complain_at(c, said.line, key, e, "%s; %s", said.text,
                              title ? "give every section a title of its own"
                                    : "correct the text there");
}

static enum rc
parse(struct config *c, cfg_opt_t *options, const char *text, const struct config_outline *outline,
      struct error *e)
{
    cfg_t *cfg = cfg_init(options, CFGF_NONE);
    if (cfg == NULL)
        return error_set(e, RC_NO_MEMORY, "%s: libconfuse", c->name);
    said.line = 0;
    (void)cfg_set_error_function(cfg, hear);
    int result = cfg_parse_buf(cfg, text);
    enum rc rc = result == CFG_SUCCESS && said.line == 0 ? copy_section(c, c->root, cfg, e)
                 : said.line != 0                        ? repeat(c, outline, e)
                                  : error_set(e, RC_NO_MEMORY, "%s: libconfuse gave up", c->name);
    (void)cfg_free(cfg);
    return rc;
}

enum rc
config_load(struct config *c, const struct config_key *keys, const char *text,
            const struct config_outline *outline, struct error *e)
{
    cfg_opt_t *options = options_of(c->arena, keys);
    if (options == NULL)
        return error_set(e, RC_NO_MEMORY, "%s: options", c->name);
    (void)pthread_mutex_lock(&lexer);
    enum rc rc = parse(c, options, text, outline, e);
    (void)pthread_mutex_unlock(&lexer);
    return rc;
}
