/*
 * rebuild.h -- koffer-controller rebuild: a new catalogue out of the vault.
 *
 * The old catalogue is moved aside, never deleted.  What only it knew is gone then: enrolled agents and operators, who must
 * enrol again, and the history of cycles.  Refused while a controller runs.
 *
 * Layer: controller.
 */
#ifndef CONTROLLER_DAEMON_REBUILD_H
#define CONTROLLER_DAEMON_REBUILD_H

#include "controller/daemon/settings.h"

/* Says on the standard output what it did. */
enum rc rebuild_run(const struct settings *s, struct error *e);

#endif
