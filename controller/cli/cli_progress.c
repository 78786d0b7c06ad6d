/* cli_progress.c -- see cli_progress.h. */
#include "controller/cli/cli_progress.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "controller/cli/cli.h"

enum { WIDTH_UNKNOWN = 80, PICTURE_MAX = 64 * 1024 };

void
cli_progress_begin(struct cli_progress *p, FILE *out)
{
    struct winsize size;
    *p = (struct cli_progress){.out = out, .picture = BUFFER_INIT(PICTURE_MAX)};
    p->terminal = isatty(fileno(out)) == 1;
    bool known = p->terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    p->width = known ? size.ws_col : WIDTH_UNKNOWN;
}

static void
take_away(struct cli_progress *p)
{
    if (p->drawn > 0) /* up to its first line, and clear all below */
        (void)fprintf(p->out, "\033[%uA\033[J", p->drawn);
    p->drawn = 0;
}

void
cli_progress_end(struct cli_progress *p)
{
    take_away(p);
    buffer_free(&p->picture);
    (void)fflush(p->out);
}

/* As many bytes of escaped text as fit into `columns` characters. */
static int
fitting(const char *text, size_t columns)
{
    size_t at = 0;
    for (size_t used = 0; text[at] != '\0'; at++) {
        used += ((unsigned char)text[at] & 0xc0) != 0x80;
        if (used > columns)
            break;
    }
    return (int)at;
}

void
cli_progress_line(struct cli_progress *p, const char *fmt, ...)
{
    struct error ignored = ERROR_INIT; /* a picture without a line is no failure */
    char text[CLI_SHOWN];
    if (!p->terminal)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *shown = CLI_SAFE(text);
    if (buffer_printf(&p->picture, &ignored, "%.*s\n", fitting(shown, p->width - 1), shown) ==
        RC_OK)
        p->lines++;
}

void
cli_progress_show(struct cli_progress *p)
{
    take_away(p);
    if (p->lines > 0)
        (void)fwrite(p->picture.data, 1, p->picture.len, p->out);
    p->drawn = p->lines;
    p->lines = 0;
    buffer_clear(&p->picture);
    (void)fflush(p->out);
}

void
cli_progress_note(struct cli_progress *p, const char *fmt, ...)
{
    char text[CLI_SHOWN];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    take_away(p);
    (void)fprintf(p->out, "%s\n", CLI_SAFE(text));
    (void)fflush(p->out);
}

const char *
cli_progress_bar(uint64_t done, uint64_t total, char out[static CLI_PROGRESS_BAR])
{
    enum { CELLS = 20 };
    static const char full[] = "####################", empty[] = "--------------------";
    if (total == 0) {
        out[0] = '\0';
        return out;
    }
    double share = done >= total ? 1.0 : (double)done / (double)total;
    int cells = (int)(share * CELLS);
    (void)snprintf(out, CLI_PROGRESS_BAR, "[%.*s%.*s] %3d %%", cells, full, CELLS - cells, empty,
                   (int)(share * 100));
    return out;
}

void
cli_rate_update(struct cli_rate *r, uint64_t value, struct mono now)
{
    const double memory = 0.7; /* of what was, against what is */
    double seconds = (double)(now.ns - r->at.ns) / (double)CLOCK_NS_PER_SECOND;
    if (r->at.ns != 0 && seconds > 0 && value >= r->value) {
        double fresh = (double)(value - r->value) / seconds;
        r->per_second = r->per_second <= 0 ? fresh : memory * r->per_second + (1 - memory) * fresh;
    }
    r->at = now;
    r->value = value;
}

uint64_t
cli_rate_left(const struct cli_rate *r, uint64_t total)
{
    if (r->per_second < 1 || total <= r->value)
        return 0;
    return (uint64_t)((double)(total - r->value) / r->per_second) + 1;
}
