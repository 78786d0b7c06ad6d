/* cli_restore.h -- koffer restore files, to this machine.  Layer: controller/cli. */
#ifndef CONTROLLER_CLI_CLI_RESTORE_H
#define CONTROLLER_CLI_CLI_RESTORE_H

#include "controller/cli/cli.h"

/* Fetches, opens and unpacks here; the controller shows it as a job.  Ctrl-C, or a cancel there, ends it. */
enum rc cli_restore_here(struct cli *cli, const struct cli_place *place, const char *target,
                         struct error *e);

#endif
