/* log.c -- formats one line on the stack and writes it at once.  See log.h. */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/text.h"

enum { LINE_MAX_BYTES = 2048, VALUE_MAX_BYTES = 600 };

static _Atomic(int) least_important = LOG_LEVEL_INFO;

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
};

static void PRINTF_LIKE(2, 3) put(struct line *line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t room = sizeof line->bytes - line->len - 1; /* one byte stays for the newline */
    int n = vsnprintf(line->bytes + line->len, room, fmt, args);
    va_end(args);
    if (n > 0)
        line->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void
put_value(struct line *line, const char *text)
{
    char shown[VALUE_MAX_BYTES];
    (void)text_escape(span_of(text, strlen(text)), shown, sizeof shown);
    bool plain = shown[0] != '\0' && strpbrk(shown, " \"=") == NULL;
    put(line, plain ? "%s" : "\"%s\"", shown);
}

static void
write_line(enum log_level level, const char *message, const struct error *e,
           const struct log_field *fields)
{
    if ((int)level > atomic_load(&least_important))
        return;

    struct line line = {.len = 0};
    char stamp[CLOCK_TEXT_SIZE];
    if (getenv("JOURNAL_STREAM") != NULL) /* NOLINT(concurrency-mt-unsafe): nobody calls setenv */
        put(&line, "<%d>", (int)level);
    else
        put(&line, "%s ", clock_text(clock_wall(), stamp));
    put(&line, "%s%s",
        level == LOG_LEVEL_ERROR     ? "error: "
        : level == LOG_LEVEL_WARNING ? "warning: "
                                     : "",
        message);
    if (e != NULL) {
        put(&line, ": ");
        char shown[VALUE_MAX_BYTES];
        put(&line, "%s", text_escape(span_of(e->text, strlen(e->text)), shown, sizeof shown));
        put(&line, " code=%s", rc_name(e->code));
    }
    for (const struct log_field *f = fields; f->name != NULL; f++) {
        put(&line, " %s=", f->name);
        if (f->text != NULL)
            put_value(&line, f->text);
        else
            put(&line, "%lld", (long long)f->number);
    }
    line.bytes[line.len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line.bytes, line.len);
    (void)written; /* nowhere left to complain */
}

void
log_line(enum log_level level, const char *message, const struct log_field *fields)
{
    write_line(level, message, NULL, fields);
}

void
log_failure(const struct error *e, const char *message, const struct log_field *fields)
{
    write_line(LOG_LEVEL_ERROR, message, e, fields);
}

void
log_set_level(enum log_level level)
{
    atomic_store(&least_important, (int)level);
}
