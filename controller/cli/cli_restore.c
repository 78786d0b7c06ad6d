/* cli_restore.c -- koffer restore ... */
#include "controller/cli/cli_restore.h"
#include "common/record/record.h"
#include "controller/cli/cli.h"
#include "controller/cli/cli_job.h"
#include "controller/cli/cli_key.h"

/* ---- through an agent, with a key that stays here */

struct resealed {
    struct id root;
    uint8_t sealed[KEYS_SEALED_SIZE];
};

static enum rc
ask_root(struct cli *cli, const struct cli_place *place, const struct keys_private *key,
         ProtobufCMessage **out, struct error *e)
{
    struct keys_public public;
    struct id fingerprint;
    char source[sizeof place->source];
    Koffer__RootRequest request;
    koffer__root_request__init(&request);
    memcpy(source, place->source, sizeof source);
    TRY(keys_public_of(key, &public, e));
    TRY(keys_fingerprint(&public, &fingerprint, e));
    request.full = place->full;
    request.source = source;
    request.fingerprint = message_bytes(fingerprint.bytes, ID_SIZE);
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__ROOT_LIST, &request.base,
                 &koffer__root_list__descriptor, out, e));
    const Koffer__RootList *roots = (const Koffer__RootList *)*out;
    if (roots->n_roots != 1 || roots->vault_id.len != RECORD_VAULT_ID_SIZE)
        return error_set(e, RC_INVALID,
                         "a restore through an agent needs one source: write "
                         "FULL:AGENT.SOURCE");
    if (roots->roots[0]->sealed.len != KEYS_SEALED_SIZE)
        return error_set(e, RC_DENIED, "full %llu is not sealed to this key; see 'koffer key show'",
                         (unsigned long long)roots->full);
    return RC_OK;
}

/* The controller says which key is the agent's: its fingerprint is shown, for who wants to compare. */
static enum rc
ask_agent(struct cli *cli, const char *agent, struct keys_public *out, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    Koffer__NameRequest request;
    koffer__name_request__init(&request);
    request.name = message_text(agent);
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__AGENT_KEY, &request.base,
                 &koffer__agent_key__descriptor, &reply, e));
    const Koffer__AgentKey *key = (const Koffer__AgentKey *)reply;
    if (key->receiving_key.len != KEYS_PUBLIC_SIZE)
        return error_set(e, RC_PROTOCOL, "the controller sent a malformed key");
    memcpy(out->bytes, key->receiving_key.data, KEYS_PUBLIC_SIZE);
    if (!cli->json)
        (void)printf("sealed to agent %s, key %s\n", CLI_SAFE(agent), CLI_SAFE(key->fingerprint));
    return RC_OK;
}

static enum rc
reseal(struct cli *cli, const struct cli_place *place, const char *agent,
       const struct keys_private *key, struct resealed *out, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    struct record_vault_id vault;
    struct record_recipient sealed;
    struct keys_public receiver;
    struct blob_ref root;
    TRY(ask_root(cli, place, key, &reply, e));
    const Koffer__RootList *roots = (const Koffer__RootList *)reply;
    memcpy(vault.bytes, roots->vault_id.data, RECORD_VAULT_ID_SIZE);
    TRY(cli_key_take(roots->roots[0]->root, &root.id, e));
    TRY(ask_agent(cli, agent, &receiver, e));
    TRY(record_open_sealed(&vault, &root.id, key, roots->roots[0]->sealed.data, &root.key, e));
    enum rc rc = record_seal_root(&vault, &root, &receiver, 1, &sealed, e);
    out->root = root.id;
    keys_wipe(&root, sizeof root);
    TRY(rc);
    memcpy(out->sealed, sealed.sealed, KEYS_SEALED_SIZE);
    return RC_OK;
}

static enum rc
files(struct cli *cli, struct error *e)
{
    struct cli_place place;
    const char *target = cli_option(cli, "to"), *agent = cli_option(cli, "on");
    TRY(cli_parse_place(cli, cli->arguments[0], &place, e));
    if (target[0] != '/')
        return cli_wrong(cli, e, "'%s' is a relative path; write it from the root, as /...",
                         CLI_SAFE(target));
    if (agent == NULL)
        return cli_restore_here(cli, &place, target, e);
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    struct resealed resealed;
    Koffer__RestoreRequest request;
    koffer__restore_request__init(&request);
    request.full = place.full;
    request.source = place.source;
    request.path = message_text(place.path);
    request.target = message_text(target);
    request.agent = message_text(agent);
    request.dry_run = cli_option(cli, "dry-run") != NULL;
    request.replace = cli_option(cli, "replace") != NULL;
    TRY(cli_key_ask(cli, &key, e));
    if (key != NULL) {
        TRY(reseal(cli, &place, agent, key, &resealed, e));
        request.root = message_bytes(resealed.root.bytes, ID_SIZE);
        request.root_sealed = message_bytes(resealed.sealed, KEYS_SEALED_SIZE);
    }
    return cli_job_run(cli, KOFFER__MESSAGE_TYPE__RESTORE_FILES, &request.base, e);
}

static const struct cli_option files_options[] = {
    {.name = "to",
     .argument = "DIR",
     .required = true,
     .help = "Absolute path of the directory to restore to; made if need be."},
    {.name = "on",
     .argument = "AGENT",
     .help = "Restore on that agent's host, below one of its restore roots, instead of this "
             "machine."},
    CLI_KEY_OPTION,
    {.name = "dry-run", .help = "Say what would be restored, and write nothing."},
    {.name = "replace",
     .help = "Overwrite what exists; without it existing files are kept and counted."},
    {.name = NULL},
};

const struct cli_command cli_restore_commands[] = {
    {.noun = "restore",
     .verb = "files",
     .arguments = "FULL[:SOURCE[/PATH]]",
     .least = 1,
     .most = 1,
     .options = files_options,
     .help =
         "Restore files, with all their metadata, to a directory of this machine, or with --on of "
         "an agent's. Without a source every archive of the full is restored, each to "
         "DIR/AGENT.SOURCE. Ctrl-C cancels it; what was restored until then stays. With custody "
         "'operator' the key of a recovery sheet is needed (--key); it stays on this machine.",
     .run = files},
    {.noun = NULL},
};
