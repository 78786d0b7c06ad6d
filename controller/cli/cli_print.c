/* cli_print.c -- foreign text and times, made fit for a terminal.  See cli.h. */
#include <stdarg.h>

#include "controller/cli/cli.h"

void
cli_paragraph(FILE *out, int indent, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char shown[2 * CLI_SHOWN];
        (void)fprintf(out, "%*s%s\n", indent, "",
                      text_escape(span_of(text, len), shown, sizeof shown));
        text += len;
        text += *text == '\n';
    }
}

const char *
cli_time(int64_t ns, char out[static CLOCK_TEXT_SIZE])
{
    if (ns == 0)
        return memcpy(out, "-", 2);
    return clock_text((struct wall){ns}, out);
}

void
cli_field(const char *name, const char *fmt, ...)
{
    char text[2 * CLI_SHOWN], shown[2 * CLI_SHOWN];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (text[0] == '\0')
        return; /* unknown yet */
    (void)printf("%-16s %s\n", name, text_escape(span_of(text, strlen(text)), shown, sizeof shown));
}
