/*
 * cli_job.h -- wait for a job of the controller (verify, restore) and tell how it went.
 *
 * Ctrl-C cancels the job and waits for its answer; a second Ctrl-C gives up waiting.
 * Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_JOB_H
#define CONTROLLER_CLI_CLI_JOB_H

#include "controller/cli/cli.h"

/* Sends the request, whose reply is a JobRef, and follows the job to its end.  RC_OK when it was
 * done, with cli->exit = CLI_INCOMPLETE when parts failed. */
enum rc
cli_job_run(struct cli *cli, uint16_t type, const ProtobufCMessage *request, struct error *e);

/* How a job that has ended went: asks, prints and judges as above.  `interrupted`: by Ctrl-C here. */
enum rc cli_job_end(struct cli *cli, uint64_t job, bool interrupted, struct error *e);

#endif
