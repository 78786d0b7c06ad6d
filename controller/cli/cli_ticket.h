/*
 * cli_ticket.h -- blobs of a full, here: what the controller lends for one restore, or one look into a full.
 *
 *     CLEANUP(cli_ticket_clear) struct cli_ticket t = {0};
 *     TRY(cli_ticket_get(cli, &place, &ask, &t, e));             // a job there, a token, the roots
 *     TRY(cli_ticket_connect(cli, &t, e));                       // t.fetch: blobs over the data stream
 *     TRY(cli_ticket_root(&t, t.ticket->roots[0], &root, e));    // opened here with --key, or there by the controller
 *     TRY(cli_ticket_report(cli, &t, &report, &cancelled, e));   // at least every minute; the last one is `final`
 *
 * Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_TICKET_H
#define CONTROLLER_CLI_CLI_TICKET_H

#include "common/record/record.h"
#include "controller/cli/cli.h"
#include "proto/fetch.h"

struct cli_ticket {
    const Koffer__RestoreTicket *ticket;
    ProtobufCMessage *reply; /* owns it */
    struct record_vault_id vault;
    struct keys_private *key; /* of --key; NULL: none */
    struct fetch *fetch;
};
struct cli_ticket_ask {
    const char *target;
    bool browse;
};

enum rc cli_ticket_get(struct cli *cli, const struct cli_place *place,
                       const struct cli_ticket_ask *ask, struct cli_ticket *out, struct error *e);
enum rc cli_ticket_connect(struct cli *cli, struct cli_ticket *t, struct error *e);
enum rc cli_ticket_root(const struct cli_ticket *t, const Koffer__Root *root, struct blob_ref *out,
                        struct error *e);
/* Fills in the job. */
enum rc cli_ticket_report(struct cli *cli, const struct cli_ticket *t,
                          Koffer__RestoreReport *report, bool *cancelled, struct error *e);
void cli_ticket_clear(struct cli_ticket *t);

#endif
