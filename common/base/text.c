/* text.c -- see text.h. */
#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
text_hex(struct span bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        *out++ = digits[bytes.data[i] >> 4];
        *out++ = digits[bytes.data[i] & 15];
    }
    *out = '\0';
}

static int
nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
text_unhex(const char *text, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = nibble(text[2 * i]);
        int low = high < 0 ? -1 : nibble(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/*
 * Characters that make a terminal show what follows in another order than it is in: U+061C, U+200E, U+200F, U+202A
 * to U+202E, U+2066 to U+2069; and the line breaks U+2028, U+2029 (Unicode annex 9, section 2).
 */
static bool
is_direction(const uint8_t *c)
{
    if (c[0] == 0xd8)
        return c[1] == 0x9c;
    if (c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

/* Length of the well-formed UTF-8 sequence at the front, or 0 (RFC 3629, table in section 4). */
static size_t
utf8_length(struct span s)
{
    uint8_t c = s.data[0];
    size_t len = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (len == 0 || s.len < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s.data[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s.data[1] < 0xa0) || (c == 0xed && s.data[1] > 0x9f) ||
        (c == 0xf0 && s.data[1] < 0x90) || (c == 0xf4 && s.data[1] > 0x8f))
        return 0;
    if (c == 0xc2 && s.data[1] < 0xa0) /* C1 controls */
        return 0;
    return is_direction(s.data) ? 0 : len;
}

const char *
text_escape(struct span bytes, char *out, size_t out_size)
{
    enum { PIECE_MAX = 4, ELLIPSIS = 3 };
    size_t used = 0;

    for (size_t at = 0; at < bytes.len;) {
        uint8_t c = bytes.data[at];
        char piece[PIECE_MAX + 1];
        size_t taken = 1, len;
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            piece[0] = (char)c;
            len = 1;
        } else if ((len = utf8_length(span_of(bytes.data + at, bytes.len - at))) > 0) {
            memcpy(piece, bytes.data + at, len);
            taken = len;
        } else {
            (void)snprintf(piece, sizeof piece, "\\x%02x", c);
            len = PIECE_MAX;
        }
        if (used + len + ELLIPSIS + 1 > out_size) {
            size_t room = out_size - used - 1;
            memcpy(out + used, "...", room < ELLIPSIS ? room : ELLIPSIS);
            used += room < ELLIPSIS ? room : ELLIPSIS;
            break;
        }
        memcpy(out + used, piece, len);
        used += len;
        at += taken;
    }
    out[used] = '\0';
    return out;
}

/* Reads digits; *rest is what follows them.  False on no digit or overflow. */
static bool
take_number(const char *text, uint64_t *out, const char **rest)
{
    uint64_t value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9'; c++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
            return false;
    *out = value;
    *rest = c;
    return c != text;
}

enum rc
text_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct error *e)
{
    uint64_t value;
    const char *rest;
    if (!take_number(text, &value, &rest) || *rest != '\0' || value < min || value > max) {
        return error_set(e, RC_INVALID, "'%.40s' is not a number from %" PRIu64 " to %" PRIu64,
                         text, min, max);
    }
    *out = value;
    return RC_OK;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static enum rc
parse_with_unit(const char *text, const struct unit *units, const char *example, uint64_t *out,
                struct error *e)
{
    uint64_t value;
    const char *rest;
    if (take_number(text, &value, &rest)) {
        while (*rest == ' ')
            rest++;
        for (const struct unit *u = units; u->name != NULL; u++) {
            if (strcmp(rest, u->name) == 0 && !__builtin_mul_overflow(value, u->factor, &value)) {
                *out = value;
                return RC_OK;
            }
        }
    }
    return error_set(e, RC_INVALID, "'%.40s' is not understood; write for example %s", text,
                     example);
}

enum rc
text_parse_size(const char *text, uint64_t *out, struct error *e)
{
    static const struct unit units[] = {
        {"", 1},           {"B", 1},
        {"K", 1ULL << 10}, {"KiB", 1ULL << 10},
        {"M", 1ULL << 20}, {"MiB", 1ULL << 20},
        {"G", 1ULL << 30}, {"GiB", 1ULL << 30},
        {"T", 1ULL << 40}, {"TiB", 1ULL << 40},
        {NULL, 0},
    };
    return parse_with_unit(text, units, "512M or 2G", out, e);
}

enum rc
text_parse_duration(const char *text, uint64_t *seconds, struct error *e)
{
    static const struct unit units[] = {
        {"", 1},     {"s", 1},     {"m", 60},     {"min", 60},
        {"h", 3600}, {"d", 86400}, {"w", 604800}, {NULL, 0},
    };
    return parse_with_unit(text, units, "90s, 15m, 1h or 7d", seconds, e);
}

const char *
text_size(uint64_t bytes, char out[static TEXT_SIZE_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 1000.0 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024.0;
        unit++;
    }
    if (unit == 0)
        (void)snprintf(out, TEXT_SIZE_MAX, "%u B", (unsigned)bytes);
    else
        (void)snprintf(out, TEXT_SIZE_MAX, value < 10.0 ? "%.2f %s" : "%.1f %s", value,
                       units[unit]);
    return out;
}

const char *
text_duration(uint64_t seconds, char out[static TEXT_DURATION_MAX])
{
    unsigned s = (unsigned)(seconds % 60), m = (unsigned)(seconds / 60 % 60);
    unsigned h = (unsigned)(seconds / 3600 % 24);
    uint64_t d = seconds / 86400;
    if (d > 0)
        (void)snprintf(out, TEXT_DURATION_MAX, "%" PRIu64 " d %u h", d, h);
    else if (h > 0)
        (void)snprintf(out, TEXT_DURATION_MAX, "%u h %u min", h, m);
    else if (m > 0)
        (void)snprintf(out, TEXT_DURATION_MAX, "%u min %u s", m, s);
    else
        (void)snprintf(out, TEXT_DURATION_MAX, "%u s", s);
    return out;
}

static bool
is_alnum_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

enum rc
text_check_name(const char *what, const char *text, struct error *e)
{
    enum { NAME_MAX_LEN = 64 };
    size_t len = strlen(text);
    bool good = len > 0 && len <= NAME_MAX_LEN && is_alnum_lower(text[0]);
    for (size_t i = 0; good && i < len; i++)
        good = is_alnum_lower(text[i]) || text[i] == '-' || text[i] == '_' || text[i] == '.';
    if (good)
        return RC_OK;

    char shown[80];
    return error_set(e, RC_INVALID,
                     "'%s' is not a %s: use 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with "
                     "a letter or digit",
                     text_escape(span_of(text, len), shown, sizeof shown), what);
}

enum rc
text_check_source(const char *text, struct error *e)
{
    TRY(text_check_name("source name", text, e));
    if (strchr(text, '.') != NULL)
        return error_set(e, RC_INVALID,
                         "'%s' is not a source name: a dot in it would read as HOST.SOURCE; use "
                         "'-' instead",
                         text);
    return RC_OK;
}

const char *
text_mode(char type, uint32_t mode, char out[static TEXT_MODE_SIZE])
{
    memcpy(out, "?rwxrwxrwx", TEXT_MODE_SIZE);
    out[0] = type;
    for (unsigned bit = 0; bit < 9; bit++)
        if ((mode >> (8 - bit) & 1) == 0)
            out[1 + bit] = '-';
    if ((mode & 04000) != 0)
        out[3] = out[3] == 'x' ? 's' : 'S';
    if ((mode & 02000) != 0)
        out[6] = out[6] == 'x' ? 's' : 'S';
    if ((mode & 01000) != 0)
        out[9] = out[9] == 'x' ? 't' : 'T';
    return out;
}
