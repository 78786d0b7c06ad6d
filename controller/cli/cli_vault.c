/* cli_vault.c -- koffer vault ... */
#include "controller/cli/cli.h"

#include <inttypes.h>

#include "common/base/text.h"
#include "controller/cli/cli_job.h"
#include "controller/cli/cli_json.h"

static enum rc
verify(struct cli *cli, struct error *e)
{
    return cli_job_run(cli, KOFFER__MESSAGE_TYPE__VAULT_VERIFY, NULL, e);
}

static enum rc
repair(struct cli *cli, struct error *e)
{
    return cli_job_run(cli, KOFFER__MESSAGE_TYPE__VAULT_REPAIR, NULL, e);
}

static enum rc
accept_gap(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    Koffer__FullRef request;
    koffer__full_ref__init(&request);
    if (text_parse_u64(cli->arguments[0], 1, UINT64_MAX, &request.full, e) != RC_OK)
        return cli_wrong(cli, e, "'%s' is not the number of a full", CLI_SAFE(cli->arguments[0]));
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__VAULT_ACCEPT_GAP, &request.base,
                 &koffer__accepted__descriptor, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    (void)printf("%" PRIu64 " gaps before full %" PRIu64 " are accepted\n",
                 ((const Koffer__Accepted *)reply)->gaps, request.full);
    return RC_OK;
}

static void
print_share(const char *name, uint64_t before, uint64_t after)
{
    if (before == 0 || after == 0)
        cli_field(name, "-");
    else
        cli_field(name, "%.2f : 1", (double)before / (double)after);
}

static enum rc
stats(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    char text[TEXT_SIZE_MAX];
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__VAULT_STATS, NULL, &koffer__vault_stats__descriptor,
                 &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__VaultStats *v = (const Koffer__VaultStats *)reply;
    cli_field("vault", "%s", v->path);
    cli_field("id", "%s", v->id);
    cli_field("fulls", "%" PRIu64, v->fulls);
    cli_field("packs", "%" PRIu64, v->packs);
    cli_field("blobs", "%" PRIu64, v->blobs);
    cli_field("content", "%s in all fulls", text_size(v->bytes_content, text));
    cli_field("newest full", "%s", text_size(v->bytes_last_full, text));
    cli_field("unique", "%s after deduplication", text_size(v->bytes_unique, text));
    cli_field("sealed", "%s after compression", text_size(v->bytes_sealed, text));
    cli_field("stored", "%s on disk", text_size(v->bytes_stored, text));
    cli_field("free", "%s", text_size(v->free, text));
    cli_field("sessions", "%" PRIu32, v->sessions);
    print_share("deduplication", v->bytes_content, v->bytes_unique);
    print_share("compression", v->bytes_unique, v->bytes_sealed);
    return RC_OK;
}

const struct cli_command cli_vault_commands[] = {
    {.noun = "vault",
     .verb = "verify",
     .help = "Prove that every full is complete and every byte intact. No key is needed. Ctrl-C "
             "cancels it.",
     .run = verify},
    {.noun = "vault",
     .verb = "repair",
     .help =
         "Read every pack; move those that are damaged to the vault's quarantine/, after what is "
         "whole in them was saved to new packs. Nothing is deleted. Says what is lost; a cycle "
         "stores it again if it is still on its host. Ctrl-C ends it between two packs.",
     .run = repair},
    {.noun = "vault",
     .verb = "accept-gap",
     .arguments = "FULL",
     .least = 1,
     .most = 1,
     .help =
         "Accept that archives of this full, or the full itself, do not follow the ones before, as "
         "'vault verify' says: for one that was removed on purpose. It is noted in the vault who "
         "accepted it, and not complained of again; what would be missing otherwise still is.",
     .run = accept_gap},
    {.noun = "vault",
     .verb = "stats",
     .help = "Show what the vault holds, and what deduplication and compression save.",
     .run = stats},
    {.noun = NULL},
};
