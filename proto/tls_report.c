/* tls_report.c -- refusals in the log: all of a few, few of many.  See tls_engine.h. */
#include <pthread.h>

#include "common/base/log.h"
#include "proto/tls_engine.h"

/* A flood writes at most this many lines at once, then this many a second: 20 MB a day. */
enum { BURST = 50, PER_SECOND = 1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t tokens = BURST;
static struct mono refilled;
static uint64_t suppressed;

/* May a line be written now?  `before` says how many were not. */
static bool
admit(struct mono now, uint64_t *before)
{
    int64_t earned = (now.ns - refilled.ns) / CLOCK_NS_PER_SECOND * PER_SECOND;

    if (earned > 0) {
        tokens = tokens + earned > BURST ? BURST : tokens + earned;
        refilled = now;
    }
    if (tokens == 0) {
        suppressed++;
        return false;
    }
    tokens--;
    *before = suppressed;
    suppressed = 0;
    return true;
}

void
tls_report_refused(const char *side, const char *address, const char *claimed, const char *reason)
{
    uint64_t before = 0;

    (void)pthread_mutex_lock(&lock);
    bool admitted = admit(clock_mono(), &before);
    (void)pthread_mutex_unlock(&lock);
    if (!admitted)
        return;
    const char *name = claimed[0] == '\0' ? "none" : claimed;
    if (before == 0)
        log_warning(side, LOG_TEXT("reason", reason), LOG_TEXT("claims", name),
                    LOG_TEXT("address", address));
    else
        log_warning(side, LOG_TEXT("reason", reason), LOG_TEXT("claims", name),
                    LOG_TEXT("address", address), LOG_U64("not_logged", before));
}
