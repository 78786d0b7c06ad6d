/* table.c -- see table.h. */
#include "common/base/table.h"

#include <stdarg.h>

#include "common/base/clock.h"
#include "common/base/text.h"

enum { CELL_MAX = 2048 }; /* a file name of 255 bytes, all escaped, with room for a target */

struct table {
    const char *const *titles;
    size_t columns;
    char **cells;
    size_t count, capacity;
    bool failed;
};

enum rc
table_new(const char *const *titles, struct table **out, struct error *e)
{
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL)
        return error_set(e, RC_NO_MEMORY, "table");
    t->titles = titles;
    while (titles[t->columns] != NULL)
        t->columns++;
    *out = t;
    return RC_OK;
}

void
table_free(struct table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

static void
add(struct table *t, const char *text)
{
    if (t->count == t->capacity) {
        size_t wanted = t->capacity == 0 ? 64 : t->capacity * 2;
        char **grown = reallocarray(t->cells, wanted, sizeof *grown);
        if (grown == NULL) {
            t->failed = true;
            return;
        }
        t->cells = grown;
        t->capacity = wanted;
    }
    char *copy = strdup(text);
    t->failed = t->failed || copy == NULL;
    if (copy != NULL)
        t->cells[t->count++] = copy;
}

void
table_put(struct table *t, const char *fmt, ...)
{
    char text[CELL_MAX], shown[CELL_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(t, text_escape(span_of(text, strlen(text)), shown, sizeof shown));
}

void
table_put_size(struct table *t, uint64_t bytes)
{
    char text[TEXT_SIZE_MAX];
    add(t, text_size(bytes, text));
}

void
table_put_time(struct table *t, int64_t ns)
{
    char text[CLOCK_TEXT_SIZE];
    add(t, ns == 0 ? "-" : clock_text((struct wall){ns}, text));
}

/* Characters, not bytes: continuation bytes of UTF-8 take no place. */
static size_t
width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static size_t
column_width(const struct table *t, size_t column)
{
    size_t widest = strlen(t->titles[column] + (t->titles[column][0] == '>')); /* at least 1 */
    for (size_t i = column; i < t->count; i += t->columns)
        if (width_of(t->cells[i]) > widest)
            widest = width_of(t->cells[i]);
    return widest;
}

static void
print_cell(const struct table *t, size_t column, const char *text, size_t width, FILE *out)
{
    bool right = t->titles[column][0] == '>', last = column + 1 == t->columns;
    text = text[0] == '\0' && !last ? "-" : text;
    int blanks = (int)(width - width_of(text));
    if (right)
        (void)fprintf(out, "%*s%s", blanks, "", text);
    else
        (void)fprintf(out, "%s%*s", text, last ? 0 : blanks, "");
    (void)fputs(last ? "\n" : "  ", out);
}

enum rc
table_print(const struct table *t, FILE *out, struct error *e)
{
    enum { COLUMNS_MAX = 16 };
    size_t widths[COLUMNS_MAX] = {0};
    if (t->failed)
        return error_set(e, RC_NO_MEMORY, "table");
    for (size_t c = 0; c < t->columns && c < COLUMNS_MAX; c++)
        widths[c] = column_width(t, c);
    for (size_t c = 0; c < t->columns; c++)
        print_cell(t, c, t->titles[c] + (t->titles[c][0] == '>'), widths[c], out);
    for (size_t i = 0; i < t->count; i++)
        print_cell(t, i % t->columns, t->cells[i], widths[i % t->columns], out);
    return RC_OK;
}
