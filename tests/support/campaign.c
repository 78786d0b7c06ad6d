/* campaign.c -- see campaign.h. */
#include "tests/support/campaign.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
parse(const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return *text != '\0' && *end == '\0';
}

static uint64_t
mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

bool
campaign_begin(struct campaign *c, int argc, char *argv[], uint64_t all)
{
    *c = (struct campaign){.seed = 1};
    for (int i = 1; i < argc; i += 2) {
        uint64_t *at = strcmp(argv[i], "--cases") == 0  ? &c->cases
                       : strcmp(argv[i], "--seed") == 0 ? &c->seed
                       : strcmp(argv[i], "--from") == 0 ? &c->next
                                                        : NULL;
        if (at == NULL || i + 1 == argc || !parse(argv[i + 1], at)) {
            (void)fprintf(stderr, "usage: %s [--cases N] [--seed N] [--from N]\n", argv[0]);
            return false;
        }
    }
    if (all > 0 && (c->cases == 0 || c->cases > all))
        c->cases = all;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    return true;
}

bool
campaign_next(struct campaign *c, uint64_t *n)
{
    time_t now = time(NULL);
    if (now != c->told) {
        (void)printf("at %" PRIu64 "\n", c->next);
        c->told = now;
    }
    if (c->next >= c->cases)
        return false;
    *n = c->next++;
    c->state = c->seed ^ (*n * UINT64_C(0xd1342543de82ef95));
    (void)mix(&c->state);
    return true;
}

uint64_t
campaign_random(struct campaign *c)
{
    return mix(&c->state);
}

uint64_t
campaign_below(struct campaign *c, uint64_t limit)
{
    return campaign_random(c) % limit;
}

void
campaign_violation(struct campaign *c, const char *fmt, ...)
{
    va_list args;
    c->violations++;
    (void)printf("violation %" PRIu64 " ", c->next - 1);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)puts("");
}

void
campaign_figure(struct campaign *c, const char *name, const char *fmt, ...)
{
    va_list args;
    (void)c;
    (void)printf("figure %s ", name);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)puts("");
}

int
campaign_end(struct campaign *c)
{
    (void)printf("done %" PRIu64 "\n", c->next);
    return c->violations == 0 ? 0 : 1;
}
