/*
 * id.h -- 32 bytes that name something: a blob, a pack, a record, a key.
 *
 * Always a SHA-256 or a derived key; written as 64 lower-case hexadecimal digits.
 * Layer: common/base.
 */
#ifndef COMMON_BASE_ID_H
#define COMMON_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/error.h"

enum { ID_SIZE = 32, ID_TEXT_SIZE = 2 * ID_SIZE + 1 };

struct id {
    uint8_t bytes[ID_SIZE];
};

static inline bool
id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_SIZE) == 0;
}

static inline int
id_compare(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_SIZE);
}

static inline bool
id_is_zero(const struct id *a)
{
    static const struct id zero;
    return id_equal(a, &zero);
}

/* Returns `text`, so that it can stand in a printf argument list. */
const char *id_text(const struct id *id, char text[static ID_TEXT_SIZE]);

/* Exactly 64 hexadecimal digits, else RC_INVALID. */
enum rc id_parse(const char *text, struct id *out, struct error *e);

#endif
