/*
 * cli_progress.h -- what is going on: lines that are redrawn in place on a terminal, plain lines elsewhere.
 *
 *     struct cli_progress p;  cli_progress_begin(&p, stdout);          // CLEANUP(cli_progress_end)
 *     cli_progress_line(&p, "%s  %s", name, bar); ...                  // terminal only: part of the picture
 *     cli_progress_show(&p);
 *     cli_progress_note(&p, "imap1.mail: sealed");                     // stays, everywhere
 *
 * All text is escaped.  Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_PROGRESS_H
#define CONTROLLER_CLI_CLI_PROGRESS_H

#include <stdio.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"

struct cli_progress {
    FILE *out;
    bool terminal;
    size_t width;
    unsigned drawn, lines; /* of the picture on the terminal; of the next one */
    struct buffer picture;
};

void cli_progress_begin(struct cli_progress *p, FILE *out);
/* Takes the picture away. */
void cli_progress_end(struct cli_progress *p);

void cli_progress_line(struct cli_progress *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void cli_progress_show(struct cli_progress *p);
void cli_progress_note(struct cli_progress *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

enum { CLI_PROGRESS_BAR = 64 };
/* "[######----] 60 %"; without a known total an empty text.  Returns `out`. */
const char *cli_progress_bar(uint64_t done, uint64_t total, char out[static CLI_PROGRESS_BAR]);

/* Speed of a counter, smoothed over some seconds. */
struct cli_rate {
    struct mono at;
    uint64_t value;
    double per_second;
};
void cli_rate_update(struct cli_rate *r, uint64_t value, struct mono now);
/* Seconds until `total`, 0 when unknown. */
uint64_t cli_rate_left(const struct cli_rate *r, uint64_t total);

#endif
