/*
 * clock.h -- two kinds of time that must not be mixed.
 *
 * `struct wall` is calendar time (may jump); `struct mono` is for deadlines and durations
 * (CLOCK_BOOTTIME: keeps counting through suspend).  Only the outermost loop asks the clock; the
 * rest takes the time as a parameter.
 * Layer: common/base.
 */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdint.h>

struct wall {
    int64_t ns; /* since 1970-01-01 00:00:00 UTC */
};

struct mono {
    int64_t ns; /* since some fixed point of this boot */
};

#define CLOCK_NS_PER_SECOND INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)

struct wall clock_wall(void);
struct mono clock_mono(void);

static inline struct mono
clock_after_ms(struct mono t, int64_t ms)
{
    return (struct mono){t.ns + ms * CLOCK_NS_PER_MS};
}

/* Nanoseconds from `from` to `to`; one of them may come from outside, so it stops at the ends. */
static inline int64_t
clock_between(struct wall from, struct wall to)
{
    int64_t ns;
    if (__builtin_sub_overflow(to.ns, from.ns, &ns))
        return to.ns < from.ns ? INT64_MIN : INT64_MAX;
    return ns;
}

/* A time in seconds and nanoseconds, which may come from outside: it stops at the ends. */
static inline struct wall
clock_wall_of(int64_t seconds, uint32_t ns)
{
    int64_t all;
    if (__builtin_mul_overflow(seconds, CLOCK_NS_PER_SECOND, &all) ||
        __builtin_add_overflow(all, (int64_t)ns, &all))
        return (struct wall){seconds < 0 ? INT64_MIN : INT64_MAX};
    return (struct wall){all};
}

/* Milliseconds from `now` until `deadline`, rounded up; 0 when it has passed. */
int64_t clock_ms_until(struct mono deadline, struct mono now);

enum { CLOCK_TEXT_SIZE = 32 };
/* "2026-11-24T01:36:00Z".  Returns `out`. */
const char *clock_text(struct wall t, char out[static CLOCK_TEXT_SIZE]);

#endif
