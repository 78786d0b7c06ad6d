/*
 * cli_peer.h -- what adding an agent and adding an operator share.  Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_PEER_H
#define CONTROLLER_CLI_CLI_PEER_H

#include "controller/cli/cli.h"

extern const struct cli_option cli_peer_add_options[];

/* Takes the certificate of the peer in the first argument away. */
enum rc cli_peer_revoke(struct cli *cli, uint16_t type, const char *what, struct error *e);

/* Asks for a token for the name in the first argument and says which command takes it. */
enum rc cli_peer_add(struct cli *cli, uint16_t type, const char *enroll, struct error *e);

#endif
