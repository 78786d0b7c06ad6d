/*
 * text.h -- strings from outside, made safe; numbers and sizes, read and written.
 *
 * Every parser here takes the whole string or refuses it, and names the text it refused.
 * Layer: common/base.
 */
#ifndef COMMON_BASE_TEXT_H
#define COMMON_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/span.h"

/* 2 * bytes.len digits and a NUL are written to `out`. */
void text_hex(struct span bytes, char *out);
/* `text` must hold exactly 2 * len digits before its end or another character. */
bool text_unhex(const char *text, uint8_t *out, size_t len);

/*
 * Foreign bytes for a log line or a terminal: printable ASCII and well-formed UTF-8 stay; control
 * characters, backslash, stray bytes and characters that turn the direction of writing become \xNN.
 * Truncated to fit with "..." at the end.  Returns `out`.
 */
const char *text_escape(struct span bytes, char *out, size_t out_size);

enum rc
text_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct error *e);
/* "512", "64K", "16M", "2G", "1T" (powers of 1024, optional B or iB). */
enum rc text_parse_size(const char *text, uint64_t *out, struct error *e);
/* "90", "90s", "15m", "1h", "7d", "2w": seconds. */
enum rc text_parse_duration(const char *text, uint64_t *seconds, struct error *e);

enum { TEXT_SIZE_MAX = 16, TEXT_DURATION_MAX = 24 };
/* "1.4 GiB", "312 B".  Returns `out`. */
const char *text_size(uint64_t bytes, char out[static TEXT_SIZE_MAX]);
/* "3 s", "4 min 10 s", "2 h 5 min", "3 d 4 h".  Returns `out`. */
const char *text_duration(uint64_t seconds, char out[static TEXT_DURATION_MAX]);

enum { TEXT_MODE_SIZE = 11 };
/* "drwxr-s---": a letter for the type and permission bits, as ls(1) writes them.  Returns `out`. */
const char *text_mode(char type, uint32_t mode, char out[static TEXT_MODE_SIZE]);

/*
 * A name of a host, source or operator: 1..64 of [a-z0-9-_.], beginning with a letter or digit.
 * `what` is used in the message ("host name").
 */
enum rc text_check_name(const char *what, const char *text, struct error *e);
/* The same without dots, for a source that is declared: "host.source" then has one meaning, whatever a host declares. */
enum rc text_check_source(const char *text, struct error *e);

static inline bool
text_equal(const char *a, const char *b)
{
    return __builtin_strcmp(a, b) == 0;
}

#endif
