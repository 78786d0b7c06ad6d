/*
 * cli_interrupt.h -- Ctrl-C as an event, for the commands that wait.
 *
 * Before cli_interrupt_arm() Ctrl-C ends the program as usual.  After it the first one (or SIGTERM)
 * makes cli_interrupt_wait() return true, and a second one ends the program with 130.
 * Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_INTERRUPT_H
#define CONTROLLER_CLI_CLI_INTERRUPT_H

#include <stdbool.h>

#include "common/base/error.h"

/* What came before is forgotten. */
enum rc cli_interrupt_arm(struct error *e);
/* Until Ctrl-C (true, also when it came before the call) or until `ms` have passed. */
bool cli_interrupt_wait(int ms);
/* The wish has been granted: cli_interrupt_wait waits again. */
void cli_interrupt_taken(void);

#endif
