/* ldif.c -- see ldif.h. */
#include "agent/source/ldap/ldif.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* One physical line without its end; CRLF counts as one end. */
static struct span
take_line(struct ldif_reader *r)
{
    const uint8_t *end = memchr(r->left.data, '\n', r->left.len);
    size_t len = end == NULL ? r->left.len : (size_t)(end - r->left.data);
    struct span line = span_of(r->left.data, len);
    size_t used = end == NULL ? len : len + 1;
    r->left.data += used;
    r->left.len -= used;
    r->line++;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool
continues(const struct ldif_reader *r)
{
    return r->left.len > 0 && r->left.data[0] == ' ';
}

/* A logical line, unfolded into the arena and NUL-terminated. */
static enum rc
take_logical(struct ldif_reader *r, struct arena *a, struct span *out, struct error *e)
{
    struct ldif_reader ahead = *r;
    size_t total = take_line(&ahead).len;
    while (continues(&ahead))
        total += take_line(&ahead).len - 1;

    uint8_t *text = arena_alloc(a, total + 1);
    if (text == NULL)
        return error_set(e, RC_NO_MEMORY, "line %zu: LDIF too large", r->line);
    struct span line = take_line(r);
    size_t len = 0;
    for (;;) {
        if (line.len > 0)
            memcpy(text + len, line.data, line.len);
        len += line.len;
        if (!continues(r))
            break;
        line = take_line(r);
        line.data++;
        line.len--;
    }
    *out = span_of(text, len);
    return RC_OK;
}

static int
base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* In place: the result is shorter than the text. */
static bool
unbase64(char *text, size_t *len)
{
    size_t in = *len, out = 0, padding = 0;
    while (in > 0 && padding < 2 && text[in - 1] == '=') {
        in--;
        padding++;
    }
    if ((in + padding) % 4 != 0)
        return false;
    uint32_t bits = 0;
    for (size_t i = 0; i < in; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xffffffu;
        if (i % 4 > 0)
            text[out++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xffu);
    }
    text[out] = '\0';
    *len = out;
    return true;
}

/* Names and options: letters, digits and "-;._"; a NUL in one would end it early. */
static bool
is_name(const uint8_t *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum(name[i]) && (name[i] == '\0' || strchr("-;._", name[i]) == NULL))
            return false;
    return len > 0;
}

static enum rc
parse_line(struct span line, size_t number, struct arena *a, struct ldif_attribute **out,
           struct error *e)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (colon == NULL || !is_name(line.data, (size_t)(colon - line.data)))
        return error_set(e, RC_CORRUPT, "line %zu: not of the form 'name: value'", number);
    struct ldif_attribute *attribute = arena_alloc(a, sizeof *attribute);
    char *name = arena_printf(a, "%.*s", (int)(colon - line.data), (const char *)line.data);
    size_t rest = line.len - (size_t)(colon - line.data) - 1;
    char *value = arena_alloc(a, rest + 1);
    if (attribute == NULL || name == NULL || value == NULL)
        return error_set(e, RC_NO_MEMORY, "line %zu: LDIF too large", number);

    const uint8_t *from = colon + 1;
    if (rest > 0 && *from == '<')
        return error_set(e, RC_CORRUPT, "line %zu: a value from elsewhere", number);
    bool encoded = rest > 0 && *from == ':';
    if (encoded) {
        from++;
        rest--;
    }
    while (rest > 0 && *from == ' ') {
        from++;
        rest--;
    }
    if (rest > 0)
        memcpy(value, from, rest);
    if (encoded && !unbase64(value, &rest))
        return error_set(e, RC_CORRUPT, "line %zu: not base64", number);
    *attribute = (struct ldif_attribute){.name = name, .value = value, .value_len = rest};
    *out = attribute;
    return RC_OK;
}

/* Blank lines, comments and the version line before an entry. */
static void
skip_between(struct ldif_reader *r)
{
    while (r->left.len > 0) {
        struct ldif_reader ahead = *r;
        struct span line = take_line(&ahead);
        bool comment = line.len > 0 && line.data[0] == '#';
        bool version = line.len >= 8 && memcmp(line.data, "version:", 8) == 0;
        if (line.len > 0 && !comment && !version)
            return;
        while ((comment || version) && continues(&ahead))
            (void)take_line(&ahead);
        *r = ahead;
    }
}

static bool
at_blank(const struct ldif_reader *r)
{
    return r->left.len == 0 || r->left.data[0] == '\n' ||
           (r->left.len > 1 && r->left.data[0] == '\r' && r->left.data[1] == '\n');
}

enum rc
ldif_next(struct ldif_reader *r, struct arena *a, const struct ldif_entry **out, struct error *e)
{
    skip_between(r);
    if (r->left.len == 0) {
        *out = NULL;
        return RC_OK;
    }
    struct ldif_entry *entry = arena_alloc(a, sizeof *entry);
    if (entry == NULL)
        return error_set(e, RC_NO_MEMORY, "line %zu: LDIF too large", r->line);
    entry->line = r->line;

    struct ldif_attribute **tail = &entry->attributes;
    while (!at_blank(r)) {
        size_t number = r->line;
        struct span line;
        struct ldif_attribute *attribute = NULL;
        TRY(take_logical(r, a, &line, e));
        if (line.len > 0 && line.data[0] == '#')
            continue;
        TRY(parse_line(line, number, a, &attribute, e));
        if (entry->dn != NULL) {
            *tail = attribute;
            tail = &attribute->next;
        } else if (strcasecmp(attribute->name, "dn") == 0) {
            entry->dn = attribute->value;
        } else {
            return error_set(e, RC_CORRUPT, "line %zu: an entry begins with 'dn:'", number);
        }
    }
    if (entry->dn == NULL)
        return error_set(e, RC_CORRUPT, "line %zu: an entry without 'dn:'", entry->line);
    *out = entry;
    return RC_OK;
}

const char *
ldif_value(const struct ldif_entry *entry, const char *name)
{
    for (const struct ldif_attribute *at = entry->attributes; at != NULL; at = at->next)
        if (strcasecmp(at->name, name) == 0)
            return at->value;
    return NULL;
}

bool
ldif_has(const struct ldif_entry *entry, const char *name, const char *value)
{
    for (const struct ldif_attribute *at = entry->attributes; at != NULL; at = at->next)
        if (strcasecmp(at->name, name) == 0 && strcasecmp(at->value, value) == 0)
            return true;
    return false;
}
