/* config_shape.c -- the outline against the table.  See config_internal.h. */
#include <stdio.h>

#include "common/base/text.h"
#include "common/config/config_internal.h"

static size_t
key_count(const struct config_key *keys)
{
    size_t n = 0;
    while (keys[n].name != NULL)
        n++;
    return n;
}

static struct config_section *
new_section(struct config *c, const struct config_key *keys, unsigned line)
{
    struct config_section *s = arena_alloc(c->arena, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct config_section){.line = line, .value_count = key_count(keys)};
    s->values = arena_alloc(c->arena, (s->value_count + 1) * sizeof *s->values);
    for (size_t i = 0; s->values != NULL && i < s->value_count; i++)
        s->values[i].key = &keys[i];
    return s->values == NULL ? NULL : s;
}

static enum rc
unknown(const struct config *c, const struct config_section *s, const struct config_mention *m,
        struct error *e)
{
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < s->value_count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
                                 s->values[i].key->name);
    return config_complain_at(c, m->line, m->name, e, "unknown key; the keys known here are %s",
                              known);
}

static enum rc
check_form(const struct config *c, const struct config_key *key, const struct config_mention *m,
           struct error *e)
{
    const char *remedy = NULL;
    bool section = m->form == CONFIG_FORM_SECTION || m->form == CONFIG_FORM_TITLED;
    if (key->type == CONFIG_SECTION && key->titled && m->form != CONFIG_FORM_TITLED)
        remedy = "is a section with a title; write it as KEY \"title\" { ... }";
    else if (key->type == CONFIG_SECTION && !key->titled && m->form != CONFIG_FORM_SECTION)
        remedy = "is a section without a title; write it as KEY { ... }";
    else if (key->type == CONFIG_LIST && section)
        remedy = "is a list and no section; write KEY = {\"one\", \"two\"}";
    else if (key->type != CONFIG_SECTION && key->type != CONFIG_LIST &&
             m->form != CONFIG_FORM_VALUE)
        remedy = "takes one value; write KEY = VALUE";
    return remedy == NULL ? RC_OK : config_complain_at(c, m->line, m->name, e, "%s", remedy);
}

static enum rc
add_section(struct config *c, struct config_value *v, struct config_mention *m, struct error *e)
{
    bool full = (v->count & (v->count - 1)) == 0; /* 0, 1, 2, 4, 8...: double */
    if (full) {
        struct config_section **grown =
            arena_alloc(c->arena, (v->count == 0 ? 1 : v->count * 2) * sizeof(void *));
        if (grown == NULL)
            return error_set(e, RC_NO_MEMORY, "%s: sections", c->name);
        if (v->count > 0)
            memcpy(grown, v->sections, v->count * sizeof(void *));
        v->sections = grown;
    }
    m->section = new_section(c, v->key->keys, m->line);
    if (m->section == NULL)
        return error_set(e, RC_NO_MEMORY, "%s: section", c->name);
    v->sections[v->count++] = m->section;
    return RC_OK;
}

static enum rc
place(struct config *c, struct config_section *s, struct config_mention *m, struct error *e)
{
    struct config_value *v = NULL;
    for (size_t i = 0; v == NULL && i < s->value_count; i++)
        if (text_equal(s->values[i].key->name, m->name))
            v = &s->values[i];
    if (v == NULL)
        return unknown(c, s, m, e);
    TRY(check_form(c, v->key, m, e));
    if (v->line != 0 && !v->key->titled)
        return config_complain_at(c, m->line, m->name, e,
                                  "is set already on line %u; remove one of the two", v->line);
    if (v->line == 0)
        v->line = m->line;
    return v->key->type == CONFIG_SECTION ? add_section(c, v, m, e) : RC_OK;
}

enum rc
config_shape(struct config *c, const struct config_key *keys, struct config_outline *outline,
             struct error *e)
{
    c->root = new_section(c, keys, 1);
    if (c->root == NULL)
        return error_set(e, RC_NO_MEMORY, "%s: sections", c->name);
    for (size_t i = 0; i < outline->count; i++) {
        struct config_mention *m = &outline->mentions[i];
        struct config_section *parent =
            m->parent == CONFIG_NO_PARENT ? c->root : outline->mentions[m->parent].section;
        TRY(place(c, parent, m, e));
    }
    return RC_OK;
}
