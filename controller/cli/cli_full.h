/* cli_full.h -- looking into a full.  Layer: controller/cli. */
#ifndef CONTROLLER_CLI_CLI_FULL_H
#define CONTROLLER_CLI_CLI_FULL_H

#include "controller/cli/cli.h"

/* koffer full ls, koffer full cat. */
enum rc cli_full_ls(struct cli *cli, struct error *e);
enum rc cli_full_cat(struct cli *cli, struct error *e);
/* The same with --key: opened on this machine (cli_full_here.c). */
struct cli_full_listing;
enum rc cli_full_ls_here(struct cli *cli, const struct cli_place *place,
                         struct cli_full_listing *out, struct error *e);
enum rc cli_full_cat_here(struct cli *cli, const struct cli_place *place, struct error *e);
/* One entry more; `entry` is borrowed. */
enum rc cli_full_add(struct cli_full_listing *l, const Koffer__LsEntry *entry, struct error *e);
/* To the standard output; on a terminal without control characters. */
enum rc cli_full_write(struct span bytes, struct error *e);
/* "-rwxr-s---": type and permission bits as ls(1) writes them. */
const char *cli_full_mode(const char *type, uint32_t mode, char out[static 11]);

#endif
