/*
 * init.h -- koffer-controller init: vault, keys, CA, configuration, recovery sheet.
 *
 * Refuses to touch anything that exists; what it made before a failure is named in the error.
 * Layer: controller.
 */
#ifndef CONTROLLER_DAEMON_INIT_H
#define CONTROLLER_DAEMON_INIT_H

#include "controller/daemon/settings.h"

struct init_options { /* NULL: the default of the configuration */
    const char *config, *cluster, *name, *state, *vault, *listen, *advertise, *run;
    const char *custody; /* "controller" (the default) or "operator" */
};

/* The recovery sheet goes to stdout: it is printed once and stored nowhere. */
enum rc init_run(const struct init_options *options, struct error *e);

#endif
