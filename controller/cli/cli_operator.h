/*
 * cli_operator.h -- an operator's own directory: who we are towards a controller far away.
 *
 * The directory is KOFFER_OPERATOR, else ~/.config/koffer, else /etc/koffer/operator; the first that
 * has a certificate.  It holds ca.pem, certificate.pem, key.pem (0600) and `controller`: two lines, the name to
 * expect (koffer://controller/NAME) and the URL to call.
 *
 * Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_OPERATOR_H
#define CONTROLLER_CLI_CLI_OPERATOR_H

#include "controller/cli/cli.h"

#define CLI_OPERATOR_CA "ca.pem"
#define CLI_OPERATOR_CERTIFICATE "certificate.pem"
#define CLI_OPERATOR_KEY "key.pem"
#define CLI_OPERATOR_CONTROLLER "controller"

struct cli_operator {
    char *ca, *certificate, *key; /* PEM */
    char *expect, *url;
};

/* RC_NOT_FOUND, with the remedy, when there is no such directory. */
enum rc cli_operator_load(struct cli_operator *out, struct error *e);
void cli_operator_clear(struct cli_operator *o); /* wipes the key */
bool cli_operator_exists(void);
/* The directory for a new certificate, made (0700) if need be: its path (malloc'ed) and descriptor. */
enum rc cli_operator_make(char **shown, int *out, struct error *e);

/* koffer operator enroll */
enum rc cli_operator_enroll(struct cli *cli, struct error *e);

#endif
