/* power_life.c -- see power_life.h. */
#include "tests/support/power_life.h"

#include <stdlib.h>

const struct power_ack *
power_life_ack(const struct power_acks *acks, size_t n)
{
    for (unsigned i = 0; i < acks->count; i++) {
        const struct power_ack *ack = power_trace_acked(acks->traces[i], acks->at[i], n);
        if (ack != NULL)
            return ack;
        for (size_t k = 0; power_trace_acked(acks->traces[i], acks->at[i], k) != NULL; k++)
            n--;
    }
    return NULL;
}

void
power_life_must(enum rc rc, const struct error *e)
{
    if (rc == RC_OK)
        return;
    (void)fprintf(stderr, "a life that must succeed: %s\n", e->text);
    abort();
}
