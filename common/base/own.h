/*
 * own.h -- ownership at a glance: scoped release and explicit hand-over.
 *
 *     CLEANUP(pack_writer_freep) struct pack_writer *w = NULL;   // released on every path
 *     ...
 *     *out = TAKE(w);                                            // now the caller's
 *
 * Layer: common/base.
 */
#ifndef COMMON_BASE_OWN_H
#define COMMON_BASE_OWN_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/compiler.h"

/* Hand a pointer over: yields its value and leaves NULL behind. */
#define TAKE(ptr)                                                                                  \
    __extension__({                                                                                \
        __typeof__(&(ptr)) take_from_ = &(ptr);                                                    \
        __typeof__(ptr) take_value_ = *take_from_;                                                 \
        *take_from_ = NULL;                                                                        \
        take_value_;                                                                               \
    })

/* Give `struct name`, which has name_free(), a companion usable with CLEANUP. */
#define DEFINE_FREEP(name)                                                                         \
    static inline void name##_freep(struct name **object)                                          \
    {                                                                                              \
        name##_free(*object);                                                                      \
    }

/* For any malloc'ed object: CLEANUP(own_freep) char *name = NULL; */
static inline void
own_freep(const void *address_of_pointer)
{
    void *object;
    memcpy(&object, address_of_pointer, sizeof object);
    free(object);
}

static inline void
own_closep(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

#endif
