/*
 * log.h -- one line per event, at the edge, with fields.
 *
 *     log_info("cycle sealed", LOG_U64("cycle", id), LOG_TEXT("host", name));
 *     log_error(&e, "cannot open the vault", LOG_TEXT("path", path));
 *
 * Written to stderr as `<priority>message field=value ...`; the <N> prefix (sd-daemon(3)) is there
 * only when stderr is the journal, a time stamp only when it is not.  Values are escaped, so
 * outside bytes cannot forge a line.
 * Threads: any; a line is written in one write(2).  Layer: common/base.
 */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

struct log_field {
    const char *name;
    const char *text; /* NULL: `number` counts */
    int64_t number;
};

#define LOG_TEXT(n, t) ((struct log_field){.name = (n), .text = (t)})
#define LOG_I64(n, v) ((struct log_field){.name = (n), .number = (int64_t)(v)})
#define LOG_U64(n, v) LOG_I64(n, v)

/* log_info(message, fields...): the list of fields may be empty. */
#define log_info(...) LOG_LINE_(LOG_LEVEL_INFO, __VA_ARGS__, LOG_END)
#define log_warning(...) LOG_LINE_(LOG_LEVEL_WARNING, __VA_ARGS__, LOG_END)
#define log_debug(...) LOG_LINE_(LOG_LEVEL_DEBUG, __VA_ARGS__, LOG_END)
/* log_error(error, message, fields...): the error's text and code come with it. */
#define log_error(error, ...) LOG_FAILURE_(error, __VA_ARGS__, LOG_END)

#define LOG_END ((struct log_field){.name = NULL})
#define LOG_LINE_(level, message, ...)                                                             \
    log_line((level), (message), (const struct log_field[]){__VA_ARGS__})
#define LOG_FAILURE_(error, message, ...)                                                          \
    log_failure((error), (message), (const struct log_field[]){__VA_ARGS__})

void log_line(enum log_level level, const char *message, const struct log_field *fields);
void log_failure(const struct error *e, const char *message, const struct log_field *fields);

/* Lines of a lower importance are dropped; LOG_LEVEL_INFO at the start. */
void log_set_level(enum log_level level);

#endif
