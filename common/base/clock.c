/* clock.c -- see clock.h. */
#include "common/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t
read_clock(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        return 0; /* cannot fail for the clocks we name (clock_gettime(2)) */
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
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        (void)snprintf(out, CLOCK_TEXT_SIZE, "(bad time)");
    return out;
}
