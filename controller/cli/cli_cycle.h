/* cli_cycle.h -- following a cycle with live progress.  Layer: controller/cli. */
#ifndef CONTROLLER_CLI_CLI_CYCLE_H
#define CONTROLLER_CLI_CLI_CYCLE_H

#include "controller/cli/cli.h"

/* Until the cycle is over, or Ctrl-C, which ends the watching only (CLI_INTERRUPTED).  Prints what came of it and
 * sets cli->exit: a full, incomplete, failed. */
enum rc cli_cycle_watch(struct cli *cli, uint64_t cycle, struct error *e);
void cli_cycle_print(const Koffer__CycleStatus *s);

#endif
