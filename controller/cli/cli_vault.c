/* cli_vault.c -- koffer vault ... */
#include "controller/cli/cli.h"

#include <inttypes.h>

#include "controller/cli/cli_job.h"
#include "controller/cli/cli_json.h"

static enum rc
verify(struct cli *cli, struct error *e)
{
    return cli_job_run(cli, KOFFER__MESSAGE_TYPE__VAULT_VERIFY, NULL, e);
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
     .verb = "stats",
     .help = "Show what the vault holds, and what deduplication and compression save.",
     .run = stats},
    {.noun = NULL},
};
