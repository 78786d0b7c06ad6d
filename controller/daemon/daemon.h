/*
 * daemon.h -- koffer-controller run: opens everything, runs the loop, closes everything.
 *
 * Start is recovery, always the same code: vault (see vault.h), catalogue, unfinished cycles, listeners.
 * Ends on SIGTERM or SIGINT; a running cycle is left as it is and closed by the next start.
 *
 * Threads: main.  Layer: controller.
 */
#ifndef CONTROLLER_DAEMON_DAEMON_H
#define CONTROLLER_DAEMON_DAEMON_H

#include "controller/daemon/settings.h"

enum rc daemon_run(const struct settings *settings, struct error *e);

#endif
