/*
 * watchdog.h -- ends a connection when its time is over, whatever the thread that uses it does.
 *
 *     TRY(watchdog_start(socket, 5000, &w, e));     // from now on
 *     ...
 *     watchdog_stop(w, &bit);                       // before the socket is closed; bit: it shut the socket down
 *
 * A thread of its own that shuts the socket down: the server then ends the session and its locks, and whoever waits
 * for the server's answer gets an error at once.  The socket stays the caller's.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_WATCHDOG_H
#define AGENT_SOURCE_MARIADB_WATCHDOG_H

#include <stdbool.h>

#include "common/base/clock.h"
#include "common/base/error.h"

struct watchdog;
enum rc watchdog_start(int socket, unsigned ms, struct watchdog **out, struct error *e);
/* Frees it; NULL is fine, and has not bitten. */
void watchdog_stop(struct watchdog *w, bool *bit);

#endif
