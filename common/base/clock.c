/* clock.c -- see clock.h. */
#include "common/base/clock.h"

#include <assert.h>
#include <stdbool.h>
#include <time.h>

static int64_t
read_clock(clockid_t clock)
{
    struct timespec t;
    int failed = clock_gettime(clock, &t);
    assert(failed == 0); /* it cannot, for the clocks that we name */
    return (int64_t)t.tv_sec * CLOCK_NS_PER_SECOND + t.tv_nsec;
}

struct wall
clock_wall(void)
{
    return (struct wall){read_clock(CLOCK_REALTIME)};
}

struct mono
clock_mono(void)
{
    return (struct mono){read_clock(CLOCK_BOOTTIME)};
}

int64_t
clock_ms_until(struct mono deadline, struct mono now)
{
    if (deadline.ns <= now.ns)
        return 0;
    return (deadline.ns - now.ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
}

const char *
clock_text(struct wall t, char out[static CLOCK_TEXT_SIZE])
{
    time_t seconds = (time_t)(t.ns / CLOCK_NS_PER_SECOND);
    struct tm parts;
    bool fits = gmtime_r(&seconds, &parts) != NULL &&
                strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) != 0;
    assert(fits); /* 64 bits of nanoseconds end in the years 1677 and 2262 */
    return out;
}
