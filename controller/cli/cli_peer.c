/* cli_peer.c -- see cli_peer.h. */
#include "controller/cli/cli_peer.h"

#include "controller/cli/cli_json.h"

const struct cli_option cli_peer_add_options[] = {
    {.name = "replace",
     .help = "Allow a name that is enrolled already; its old certificate ends when the new one is "
             "issued."},
    {.name = NULL},
};

enum rc
cli_peer_add(struct cli *cli, uint16_t type, const char *enroll, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    char time[CLOCK_TEXT_SIZE];
    Koffer__NameRequest request;
    koffer__name_request__init(&request);
    request.name = message_text(cli->arguments[0]);
    request.replace = cli_option(cli, "replace") != NULL;
    request.role = message_text(cli_option(cli, "role") == NULL ? "" : cli_option(cli, "role"));
    TRY(cli_call(cli, type, &request.base, &koffer__token__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__Token *token = (const Koffer__Token *)reply;
    (void)printf("Token for '%s', good once and until %s:\n\n", cli->arguments[0],
                 cli_time(token->expires, time));
    cli_paragraph(stdout, 0, token->token);
    (void)printf("\nRun '%s' there and paste it.\n", enroll);
    return RC_OK;
}

enum rc
cli_peer_revoke(struct cli *cli, uint16_t type, const char *what, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    Koffer__NameRequest request;
    koffer__name_request__init(&request);
    request.name = message_text(cli->arguments[0]);
    TRY(cli_call(cli, type, &request.base, &koffer__empty__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    (void)printf(
        "revoked: the certificate of %s '%s' counts no more, and its connections are closed\n",
        what, CLI_SAFE(cli->arguments[0]));
    return RC_OK;
}
