/* tuning.c -- see tuning.h. */
#include "proto/tuning.h"

#include <pthread.h>

#include "proto/hub.h"
#include "proto/stream.h"
#include "proto/tls.h"

static struct tuning current = {
    .handshake_ms = TLS_HANDSHAKE_MS,
    .linger_ms = 500,
    .heartbeat_ms = HUB_HEARTBEAT_MS,
    .silence_ms = HUB_SILENCE_MS,
    .stuck_ms = HUB_STUCK_MS,
    .retry_min_ms = 1000,
    .retry_max_ms = 30000,
    .stream_ping_ms = 10000,
    .stream_silence_ms = STREAM_SILENCE_MS,
    .stream_hello_ms = STREAM_HELLO_MS,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct tuning
tuning_get(void)
{
    (void)pthread_mutex_lock(&lock);
    struct tuning t = current;
    (void)pthread_mutex_unlock(&lock);
    return t;
}

void
tuning_set(const struct tuning *t)
{
    (void)pthread_mutex_lock(&lock);
    current = *t;
    (void)pthread_mutex_unlock(&lock);
}
