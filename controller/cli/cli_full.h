/* cli_full.h -- looking into a full.  Layer: controller/cli. */
#ifndef CONTROLLER_CLI_CLI_FULL_H
#define CONTROLLER_CLI_CLI_FULL_H

#include "controller/cli/cli.h"

/* koffer full ls, koffer full cat. */
enum rc cli_full_ls(struct cli *cli, struct error *e);
enum rc cli_full_cat(struct cli *cli, struct error *e);
/* "-rwxr-s---": type and permission bits as ls(1) writes them. */
const char *cli_full_mode(const char *type, uint32_t mode, char out[static 11]);

#endif
