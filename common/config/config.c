/* config.c -- what was read, handed out.  See config.h. */
#include "common/config/config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/config/config_internal.h"

void
config_free(struct config *c)
{
    if (c == NULL)
        return;
    arena_free(c->arena);
    free(c);
}

const struct config_section *
config_root(const struct config *c)
{
    return c->root;
}

static const struct config_value *
find(const struct config_section *s, const char *name)
{
    for (size_t i = 0; i < s->value_count; i++)
        if (text_equal(s->values[i].key->name, name))
            return &s->values[i];
    /* not covered: a mistake in our own tables */
    assert(false && "the key is in the table");
    return NULL;
}

size_t
config_count(const struct config_section *s, const char *name)
{
    const struct config_value *v = find(s, name);
    assert(v->key->type == CONFIG_SECTION);
    return v->count;
}

const struct config_section *
config_at(const struct config_section *s, const char *name, size_t i)
{
    const struct config_value *v = find(s, name);
    assert(v->key->type == CONFIG_SECTION && i < v->count);
    return v->sections[i];
}

const char *
config_title(const struct config_section *s)
{
    return s->title;
}

unsigned
config_line(const struct config_section *s, const char *name)
{
    unsigned line = name == NULL ? 0 : find(s, name)->line;
    return line == 0 ? s->line : line;
}

bool
config_is_set(const struct config_section *s, const char *name)
{
    return find(s, name)->line != 0;
}

const char *
config_text(const struct config_section *s, const char *name)
{
    const struct config_value *v = find(s, name);
    assert(v->key->type == CONFIG_TEXT || v->key->type == CONFIG_PATH ||
           v->key->type == CONFIG_CHOICE);
    return v->text;
}

uint64_t
config_number(const struct config_section *s, const char *name)
{
    const struct config_value *v = find(s, name);
    assert(v->key->type == CONFIG_NUMBER || v->key->type == CONFIG_SIZE ||
           v->key->type == CONFIG_DURATION);
    return v->number;
}

bool
config_bool(const struct config_section *s, const char *name)
{
    const struct config_value *v = find(s, name);
    assert(v->key->type == CONFIG_BOOL);
    return v->number != 0;
}

size_t
config_list_count(const struct config_section *s, const char *name)
{
    const struct config_value *v = find(s, name);
    assert(v->key->type == CONFIG_LIST);
    return v->count;
}

const char *
config_list_at(const struct config_section *s, const char *name, size_t i)
{
    const struct config_value *v = find(s, name);
    assert(v->key->type == CONFIG_LIST && i < v->count);
    return v->list[i];
}

static enum rc
complain(const struct config *c, unsigned line, const char *key, struct error *e, const char *text)
{
    if (key == NULL)
        return error_set(e, RC_INVALID, "%s:%u: %s", c->name, line, text);
    return error_set(e, RC_INVALID, "%s:%u: '%s': %s", c->name, line, key, text);
}

enum rc
config_complain(const struct config *c, const struct config_section *s, const char *name,
                struct error *e, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return complain(c, config_line(s, name), name, e, text);
}

enum rc
config_complain_at(const struct config *c, unsigned line, const char *key, struct error *e,
                   const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return complain(c, line, key, e, text);
}
