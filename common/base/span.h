/* span.h -- a borrowed run of bytes.  Pass by value; never owns.  Layer: common/base. */
#ifndef COMMON_BASE_SPAN_H
#define COMMON_BASE_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *data;
    size_t len;
};

static inline struct span
span_of(const void *data, size_t len)
{
    return (struct span){.data = data, .len = len};
}

#endif
