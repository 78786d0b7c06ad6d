/*
 * cli_operator.h -- an operator's own directory: who we are towards a controller far away.
 *
 * The directory is KOFFER_OPERATOR, else ~/.config/koffer, else /etc/koffer/operator; the first that
 * has a certificate.  It holds ca.pem, certificate.pem, key.pem (0600) and `controller`: two lines, the name to
 * expect (koffer://controller/NAME) and the URL to call.  A renewed certificate and its key are in identity.pem, together,
 * so that a crash leaves the old pair or the new one; it counts instead of the two.
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
#define CLI_OPERATOR_IDENTITY "identity.pem"

struct cli_operator {
    char *ca, *certificate, *key; /* PEM */
    char *expect, *url;
    char *directory;
};

/* RC_NOT_FOUND, with the remedy, when there is no such directory. */
enum rc cli_operator_load(struct cli_operator *out, struct error *e);
void cli_operator_clear(struct cli_operator *o); /* wipes the key */
bool cli_operator_exists(void);
/* The directory for a new certificate, made (0700) if need be: its path (malloc'ed) and descriptor. */
enum rc cli_operator_make(char **shown, int *out, struct error *e);

/*
 * When two thirds of the certificate's life are over: a new one, over the connection that it made (cli_operator_renew.c).
 * One program at a time; a failure is told and changes nothing.
 */
void cli_operator_renew(struct cli *cli);

/* koffer operator enroll */
enum rc cli_operator_enroll(struct cli *cli, struct error *e);

#endif
