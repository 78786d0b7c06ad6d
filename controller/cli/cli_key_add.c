/* cli_key_add.c -- a new recovery key: made, printed and forgotten here.  See cli_key.h. */
#include "common/crypto/sheet.h"
#include "controller/cli/cli_json.h"
#include "controller/cli/cli_key.h"

static const char *
label_for(const struct cli *cli, struct wall now, char out[static LIMIT_LABEL + 1])
{
    char when[CLOCK_TEXT_SIZE];
    const char *given = cli_option(cli, "label");
    if (given != NULL)
        return given;
    /* To the second: two in a day are told apart. */
    (void)snprintf(out, LIMIT_LABEL + 1, "sheet of %.19s", clock_text(now, when));
    return out;
}

static enum rc
print_json(const struct keys_private *key, const char *label, struct error *e)
{
    char paper[KEYS_PAPER_SIZE], hex[ID_TEXT_SIZE];
    struct keys_public public;
    struct id fingerprint;
    TRY(keys_public_of(key, &public, e));
    TRY(keys_fingerprint(&public, &fingerprint, e));
    TRY(keys_to_paper(key, paper, e));
    enum rc rc = cli_json_print_value(json_pack("{s:s,s:s,s:s}", "label", label, "fingerprint",
                                                id_text(&fingerprint, hex), "recovery_key", paper),
                                      e);
    keys_wipe(paper, sizeof paper);
    if (rc == RC_OK && (fflush(stdout) != 0 || ferror(stdout)))
        return error_errno(e, "print the recovery key");
    return rc;
}

static enum rc
print_sheet(const struct cli *cli, const Koffer__KeyList *list, const struct keys_private *key,
            const char *label, struct wall now, struct error *e)
{
    char id[2 * 16 + 1];
    if (cli->json)
        return print_json(key, label, e);
    if (list->vault_id.len != 16)
        return error_set(e, RC_PROTOCOL, "the controller's vault id is malformed");
    text_hex(span_of(list->vault_id.data, list->vault_id.len), id);
    const struct sheet sheet = {.cluster = CLI_SAFE(list->cluster),
                                .label = label,
                                .vault = CLI_SAFE(list->vault_path),
                                .vault_id = id,
                                .controller_key = CLI_SAFE(list->controller_key),
                                .made = now};
    return sheet_print(&sheet, key, stdout, e);
}

/*
 * Paper first: a sheet that became no recipient is torn up, a recipient without a sheet would be a key that nobody has.
 */
static enum rc
add(struct cli *cli, const Koffer__KeyList *list, struct keys_public *public,
    ProtobufCMessage **reply, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    struct wall now = clock_wall();
    char made[LIMIT_LABEL + 1];
    const char *label = label_for(cli, now, made);
    Koffer__KeyAdd request;
    if (strlen(label) > LIMIT_LABEL)
        return cli_wrong(cli, e, "the label is longer than %u bytes", LIMIT_LABEL);
    TRY(keys_generate(KEYS_RECEIVING, &key, e));
    TRY(keys_public_of(key, public, e));
    TRY(print_sheet(cli, list, key, label, now, e));
    koffer__key_add__init(&request);
    request.label = message_text(label);
    request.public_key = message_bytes(public->bytes, KEYS_PUBLIC_SIZE);
    if (cli_call(cli, KOFFER__MESSAGE_TYPE__KEY_ADD, &request.base, &koffer__key__descriptor, reply,
                 e) != RC_OK)
        return error_context(e, "the sheet above opens nothing, tear it up");
    return RC_OK;
}

enum rc
cli_key_add(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *list = NULL, *reply = NULL;
    struct keys_public public;
    TRY(cli_key_load(cli, &list, e));
    TRY(add(cli, (const Koffer__KeyList *)list, &public, &reply, e));
    if (!cli->json)
        (void)printf("From now on fulls are sealed to it. Type it back: 'koffer key verify'. Open "
                     "the fulls that exist to it: 'koffer key rewrap'.\n");
    return RC_OK;
}

/* ---- rotate */

static enum rc
rewrap(struct cli *cli, const struct keys_private *old, const Koffer__Key *new_key, struct error *e)
{
    struct cli_key_rewrap_counts counts = {0};
    if (old == NULL)
        return cli_key_rewrap_there(cli, &new_key, 1, e);
    TRY(cli_key_rewrap_to(cli, old, new_key, &counts, e));
    if (counts.closed > 0)
        return error_set(e, RC_DENIED, "%llu archives are not sealed to the key that was given",
                         (unsigned long long)counts.closed);
    return RC_OK;
}

static enum rc
retire(struct cli *cli, const Koffer__Key *key, struct error *e)
{
    struct id fingerprint;
    Koffer__KeyRef ref;
    TRY(id_parse(key->fingerprint, &fingerprint, e));
    koffer__key_ref__init(&ref);
    ref.fingerprint = message_bytes(fingerprint.bytes, ID_SIZE);
    return cli_call(cli, KOFFER__MESSAGE_TYPE__KEY_REMOVE, &ref.base, NULL, NULL, e);
}

static enum rc
check_old(struct cli *cli, const Koffer__KeyList *list, const Koffer__Key *old,
          const struct keys_private *key, struct error *e)
{
    if (old->retired)
        return error_set(e, RC_EXISTS, "'%s' is retired already", CLI_SAFE(old->label));
    if (old->controller)
        return cli_wrong(cli, e, "'%s' is the controller's own key; it has no sheet to replace",
                         CLI_SAFE(old->label));
    if (key == NULL && !text_equal(list->custody, "controller"))
        return cli_wrong(cli, e,
                         "the controller holds no key that opens fulls: type the old sheet, "
                         "with --key -");
    return RC_OK;
}

enum rc
cli_key_rotate(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL, *added = NULL;
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    const Koffer__Key *old;
    struct keys_public public;
    TRY(cli_key_load(cli, &reply, e));
    const Koffer__KeyList *list = (const Koffer__KeyList *)reply;
    TRY(cli_key_find(cli, list, cli->arguments[0], &old, e));
    TRY(cli_key_ask(cli, &key, e));
    TRY(check_old(cli, list, old, key, e));
    TRY(add(cli, list, &public, &added, e));
    Koffer__Key *new_key = (Koffer__Key *)added;
    /* What was made here, whatever the controller says that it got. */
    memcpy(new_key->public_key.data, public.bytes,
           new_key->public_key.len == KEYS_PUBLIC_SIZE ? KEYS_PUBLIC_SIZE : 0);
    if (rewrap(cli, key, new_key, e) != RC_OK)
        return error_context(e,
                             "the new sheet is good for new fulls, and '%s' was not retired: "
                             "go on with 'koffer key rewrap', then 'koffer key remove'",
                             CLI_SAFE(old->label));
    TRY(retire(cli, old, e));
    if (!cli->json)
        (void)printf("New fulls are sealed to the new sheet and not to '%s'; the fulls that exist "
                     "are open to both. Type the new one back: 'koffer key verify'.\n",
                     CLI_SAFE(old->label));
    return RC_OK;
}
