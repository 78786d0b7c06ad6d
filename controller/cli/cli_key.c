/* cli_key.c -- koffer key ...  See cli_key.h. */
#include "controller/cli/cli_key.h"

#include <inttypes.h>

#include "common/base/table.h"
#include "common/crypto/keys_ask.h"
#include "controller/cli/cli_json.h"

#define SHEET_INFO "koffer/1/sheet"

enum rc
cli_key_load(struct cli *cli, ProtobufCMessage **out, struct error *e)
{
    return cli_call(cli, KOFFER__MESSAGE_TYPE__KEY_LIST, NULL, &koffer__key_list__descriptor, out,
                    e);
}

static bool
is_meant(const Koffer__Key *key, const char *what)
{
    size_t len = strlen(what);
    return text_equal(key->label, what) ||
           (len >= CLI_KEY_PREFIX_MIN && strncmp(key->fingerprint, what, len) == 0);
}

enum rc
cli_key_find(struct cli *cli, const Koffer__KeyList *list, const char *what,
             const Koffer__Key **out, struct error *e)
{
    const Koffer__Key *found = NULL;
    for (size_t i = 0; i < list->n_keys; i++) {
        if (!is_meant(list->keys[i], what))
            continue;
        if (found != NULL)
            return cli_wrong(cli, e, "'%s' is more than one recipient; write its fingerprint",
                             CLI_SAFE(what));
        found = list->keys[i];
    }
    if (found == NULL)
        return error_set(e, RC_NOT_FOUND,
                         "there is no recipient '%s': write a label, or at least %d digits of a "
                         "fingerprint, as in 'koffer key show'",
                         CLI_SAFE(what), (int)CLI_KEY_PREFIX_MIN);
    *out = found;
    return RC_OK;
}

enum rc
cli_key_ask(struct cli *cli, struct keys_private **out, struct error *e)
{
    const char *file = cli_option(cli, "key");
    *out = NULL;
    if (file == NULL)
        return RC_OK;
    return keys_ask(text_equal(file, "-") ? NULL : file, out, e);
}

enum rc
cli_key_take(ProtobufCBinaryData from, struct id *out, struct error *e)
{
    if (from.len != ID_SIZE)
        return error_set(e, RC_PROTOCOL, "the controller sent %zu bytes where %d belong", from.len,
                         ID_SIZE);
    memcpy(out->bytes, from.data, ID_SIZE);
    return RC_OK;
}

/* ---- show */

static enum rc
show(struct cli *cli, struct error *e)
{
    static const char *const titles[] = {"RECIPIENT",    "FINGERPRINT",    "NEW FULLS",
                                         ">OPENS FULLS", "SHEET VERIFIED", NULL};
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(table_freep) struct table *t = NULL;
    TRY(cli_key_load(cli, &reply, e));
    if (cli->json)
        return cli_json_print(reply, e);
    const Koffer__KeyList *list = (const Koffer__KeyList *)reply;
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < list->n_keys; i++) {
        const Koffer__Key *key = list->keys[i];
        table_put(t, "%s", key->label);
        table_put(t, "%s", key->fingerprint);
        table_put(t, "%s", key->retired ? "no" : "yes");
        table_put(t, "%" PRIu32 " of %" PRIu32, key->fulls, list->fulls);
        table_put(t, "%s",
                  key->controller            ? "kept by the controller"
                  : key->verified[0] == '\0' ? "NOT VERIFIED"
                                             : key->verified);
    }
    cli_field("custody", "%s", CLI_SAFE(list->custody));
    cli_field("controller key", "%s", CLI_SAFE(list->controller_key));
    (void)printf("\n");
    return table_print(t, stdout, e);
}

/* ---- verify: the sheet's key opens what the controller sealed to the recipient just now */

static enum rc
prove(struct cli *cli, const struct id *fingerprint, struct span answer, Koffer__KeyChallenge **out,
      struct error *e)
{
    ProtobufCMessage *reply = NULL;
    struct id name = *fingerprint;
    Koffer__KeyProof proof;
    koffer__key_proof__init(&proof);
    proof.fingerprint = message_bytes(name.bytes, ID_SIZE);
    proof.answer = message_bytes(answer.data, answer.len);
    enum rc rc = cli_call(cli, KOFFER__MESSAGE_TYPE__KEY_PROVE, &proof.base,
                          &koffer__key_challenge__descriptor, &reply, e);
    if (rc == RC_NOT_FOUND) {
        cli->exit = CLI_DENIED;
        return error_set(e, RC_DENIED,
                         "the key is a good one and opens nothing here: this is the sheet of "
                         "another cluster; look for the right sheet");
    }
    TRY(rc);
    *out = (Koffer__KeyChallenge *)reply;
    return RC_OK;
}

static enum rc
answer_challenge(const struct keys_private *key, const Koffer__KeyList *list,
                 const struct id *fingerprint, const Koffer__KeyChallenge *challenge,
                 struct id *out, struct error *e)
{
    uint8_t info[sizeof SHEET_INFO - 1 + 16 + ID_SIZE];
    size_t at = sizeof SHEET_INFO - 1;
    if (challenge->sealed.len != KEYS_SEALED_SIZE || list->vault_id.len != 16)
        return error_set(e, RC_PROTOCOL, "the controller's challenge is malformed");
    memcpy(info, SHEET_INFO, at);
    memcpy(info + at, list->vault_id.data, 16);
    memcpy(info + at + 16, fingerprint->bytes, ID_SIZE);
    return keys_open(key, span_of(info, sizeof info), challenge->sealed.data, out, e);
}

static const char *
label_of(const Koffer__KeyList *list, const struct id *fingerprint)
{
    char hex[ID_TEXT_SIZE];
    (void)id_text(fingerprint, hex);
    for (size_t i = 0; i < list->n_keys; i++)
        if (text_equal(list->keys[i]->fingerprint, hex))
            return list->keys[i]->label;
    return "";
}

static enum rc
verify(struct cli *cli, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL, *asked = NULL, *done = NULL;
    struct keys_public public;
    struct id fingerprint, opened;
    Koffer__KeyChallenge *challenge, *verdict;
    TRY(cli_key_load(cli, &reply, e));
    const Koffer__KeyList *list = (const Koffer__KeyList *)reply;
    TRY(cli_key_ask(cli, &key, e));
    if (key == NULL)
        TRY(keys_ask(NULL, &key, e));
    TRY(keys_public_of(key, &public, e));
    TRY(keys_fingerprint(&public, &fingerprint, e));
    TRY(prove(cli, &fingerprint, (struct span){0}, &challenge, e));
    asked = &challenge->base;
    TRY(answer_challenge(key, list, &fingerprint, challenge, &opened, e));
    TRY(prove(cli, &fingerprint, span_of(opened.bytes, ID_SIZE), &verdict, e));
    done = &verdict->base;
    if (cli->json)
        return cli_json_print(done, e);
    (void)printf("the sheet is good: it opens what is sealed to '%s'; lock it away\n",
                 CLI_SAFE(label_of(list, &fingerprint)));
    return RC_OK;
}

/* ---- remove */

static enum rc
remove_key(struct cli *cli, struct error *e)
{
    CLEANUP(message_freep) ProtobufCMessage *reply = NULL;
    const Koffer__Key *key;
    struct id fingerprint;
    Koffer__KeyRef ref;
    TRY(cli_key_load(cli, &reply, e));
    TRY(cli_key_find(cli, (const Koffer__KeyList *)reply, cli->arguments[0], &key, e));
    TRY(id_parse(key->fingerprint, &fingerprint, e));
    koffer__key_ref__init(&ref);
    ref.fingerprint = message_bytes(fingerprint.bytes, ID_SIZE);
    TRY(cli_call(cli, KOFFER__MESSAGE_TYPE__KEY_REMOVE, &ref.base, NULL, NULL, e));
    if (!cli->json)
        (void)printf("new fulls are not sealed to '%s' any more; the %" PRIu32 " fulls that it "
                     "opens stay open to it: keep it safe, or destroy it, as long as they exist\n",
                     CLI_SAFE(key->label), key->fulls);
    return RC_OK;
}

/* ---- the table */

#define LABEL_OPTION                                                                               \
    {                                                                                              \
        .name = "label", .argument = "TEXT",                                                       \
        .help = "What to call the new sheet; by default 'sheet of' and today's date."              \
    }
static const struct cli_option verify_options[] = {CLI_KEY_OPTION, {.name = NULL}};
static const struct cli_option add_options[] = {LABEL_OPTION, {.name = NULL}};
static const struct cli_option rotate_options[] = {LABEL_OPTION, CLI_KEY_OPTION, {.name = NULL}};
static const struct cli_option rewrap_options[] = {
    {.name = "to",
     .argument = "RECIPIENT",
     .help = "Only to this one; otherwise to all that new fulls are sealed to."},
    CLI_KEY_OPTION,
    {.name = NULL}};

const struct cli_command cli_key_commands[] = {
    {.noun = "key",
     .verb = "show",
     .help = "Show to whom fulls are sealed, how many of the fulls each can open, and whether its "
             "recovery sheet was typed back.",
     .run = show},
    {.noun = "key",
     .verb = "verify",
     .options = verify_options,
     .help = "Type a recovery sheet back: it is good when its key opens what the controller seals "
             "to it. The key stays on this machine.",
     .run = verify},
    {.noun = "key",
     .verb = "add",
     .options = add_options,
     .help = "Make a new recovery key on this machine, print its sheet once, and have new fulls "
             "sealed to it. Only the public key travels. Fulls that exist already are opened to "
             "it by 'koffer key rewrap'.",
     .run = cli_key_add},
    {.noun = "key",
     .verb = "rewrap",
     .options = rewrap_options,
     .help = "Open the fulls that exist to recipients that came later; no data is rewritten. The "
             "controller does it with its own key; with --key it is done on this machine with the "
             "key of an older sheet, which with custody 'operator' is the only way. Compare the "
             "fingerprints of the recipients with their sheets before.",
     .run = cli_key_rewrap},
    {.noun = "key",
     .verb = "rotate",
     .arguments = "RECIPIENT",
     .least = 1,
     .most = 1,
     .options = rotate_options,
     .help = "Replace a recovery sheet: add a new one, rewrap all fulls to it, and seal no new "
             "fulls to the old one. Fulls made until now stay open to the old sheet for ever, "
             "wherever copies of them are.",
     .run = cli_key_rotate},
    {.noun = "key",
     .verb = "remove",
     .arguments = "RECIPIENT",
     .least = 1,
     .most = 1,
     .help = "Seal no new fulls to a recipient. What is sealed to it stays so. The last recovery "
             "sheet cannot be removed.",
     .run = remove_key},
    {.noun = NULL},
};
