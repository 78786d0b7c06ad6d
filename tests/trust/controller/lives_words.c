/* lives_words.c -- everything that is made of words and keys, without a disk: encoded, decoded, printed.  See lives.h. */
#include <jansson.h>
#include <stdio.h>

#include "common/base/table.h"
#include "common/config/config.h"
#include "common/crypto/token.h"
#include "common/record/record.h"
#include "common/sys/process.h"
#include "common/tree/tree.h"
#include "controller/cli/cli.h"
#include "controller/cli/cli_json.h"
#include "tests/support/check.h"
#include "tests/support/memstore.h"
#include "tests/trust/common/lives.h"

enum { TEXT = 1 << 16, ARENA = 1 << 20, FILES = 40 };

static struct keys_private *signer, *recovery;
static const struct blob_domain domain = {.id = {1}, .secret = {{2}}};

void
lives_begin(void)
{
    struct error e = ERROR_INIT;
    CHECK_OK(keys_generate(KEYS_SIGNING, &signer, &e), &e);
    CHECK_OK(keys_generate(KEYS_RECEIVING, &recovery, &e), &e);
}

void
lives_end(void)
{
    keys_private_free(signer);
    keys_private_free(recovery);
}

static void
prepare(struct sweep_world *w)
{
    (void)w;
}

/* ---- keys, certificates, tokens */

static enum rc
use_certificates(struct sweep_world *w, struct error *e)
{
    const struct certificate_identity name = {.role = CERTIFICATE_AGENT, .name = "imap1"};
    const struct wall now = {INT64_C(1700000000) * CLOCK_NS_PER_SECOND};
    CLEANUP(own_freep) char *ca = NULL;
    CLEANUP(own_freep) char *request = NULL;
    CLEANUP(own_freep) char *leaf = NULL;
    struct certificate_facts facts;
    (void)w;
    TRY(certificate_make_ca(signer, "demo", now, 10, &ca, e));
    TRY(certificate_make_request(signer, &name, &request, e));
    TRY(certificate_issue(signer, ca, request, &name, now, 5, &leaf, e));
    return certificate_inspect(leaf, &facts, e);
}

static enum rc
use_keys(struct sweep_world *w, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    CLEANUP(keys_private_freep) struct keys_private *read = NULL;
    CLEANUP(own_freep) char *pem = NULL;
    char paper[KEYS_PAPER_SIZE], token[TOKEN_TEXT_SIZE];
    struct token t = {.identity = {.role = CERTIFICATE_AGENT, .name = "imap1"},
                      .expiry = 1,
                      .secret = {{1}},
                      .spki = {{2}},
                      .controller = "controller",
                      .url = "tls+tcp://controller:1"};
    (void)w;
    TRY(keys_generate(KEYS_RECEIVING, &key, e));
    TRY(keys_to_paper(key, paper, e));
    TRY(keys_from_paper(paper, &read, e));
    TRY(keys_to_pem(read, &pem, e));
    TRY(token_encode(&t, token, e));
    return token_decode(token, &t, e);
}

/* ---- blobs, trees, records */

static enum rc
build_tree(struct blob_sealer *sealer, struct memstore *store, struct blob_ref *root,
           struct error *e)
{
    CLEANUP(tree_builder_freep) struct tree_builder *b = NULL;
    TRY(tree_builder_new(sealer, memstore_sink(store), &b, e));
    for (unsigned i = 0; i < FILES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%03u", i);
        const struct node_entry entry = {
            .name = span_of(name, strlen(name)), .type = NODE_SYMLINK, .target = span_of("x", 1)};
        TRY(tree_builder_add(b, &entry, e));
    }
    return tree_builder_finish(b, root, e);
}

static enum rc
find_in_tree(struct memstore *store, const struct blob_ref *root, struct error *e)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA);
    struct node_entry entry;
    bool found;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "arena");
    TRY(tree_reader_new(memstore_source(store), &reader, e));
    TRY(tree_find(reader, root, "f007", arena, &found, &entry, e));
    return found ? RC_OK : error_set(e, RC_NOT_FOUND, "f007");
}

static enum rc
use_tree(struct sweep_world *w, struct error *e)
{
    CLEANUP(blob_sealer_freep) struct blob_sealer *sealer = NULL;
    struct memstore *store = memstore_new();
    struct blob_ref root;
    (void)w;
    if (store == NULL)
        return error_set(e, RC_NO_MEMORY, "store");
    enum rc rc = blob_sealer_new(&domain, 1, &sealer, e);
    if (rc == RC_OK)
        rc = build_tree(sealer, store, &root, e);
    if (rc == RC_OK)
        rc = find_in_tree(store, &root, e);
    memstore_free(store);
    return rc;
}

static enum rc
read_record(struct span bytes, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA);
    struct record_full full;
    struct record_archive archive;
    struct blob_ref root;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "arena");
    TRY(record_decode_full(bytes, arena, &full, e));
    TRY(record_decode_archive(full.archives[0], arena, &archive, e));
    return record_open_root(&archive, recovery, &root, e);
}

static enum rc
use_record(struct sweep_world *w, struct error *e)
{
    CLEANUP(buffer_free) struct buffer archive = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_RECORD);
    const struct record_vault_id vault = {{1}};
    const struct blob_ref root = {.id = {{3}}, .key = {{4}}};
    struct record_recipient recipient;
    struct keys_public public;
    const struct record_fact facts[] = {{"cut.driver", "lvm"}, {"cut.volumes", "2"}};
    (void)w;
    TRY(keys_public_of(recovery, &public, e));
    TRY(record_seal_root(&vault, &root, &public, 1, &recipient, e));
    struct record_archive a = {.vault = vault,
                               .host = "mail",
                               .source = "spool",
                               .kind = "imap",
                               .cycle = 1,
                               .sequence = 1,
                               .state = RECORD_COMPLETE,
                               .cut_from = {1},
                               .cut_until = {2},
                               .root = root.id,
                               .facts = facts,
                               .fact_count = 2,
                               .recipients = &recipient,
                               .recipient_count = 1};
    TRY(record_encode_archive(&a, signer, &archive, e));
    const struct span archives = buffer_span(&archive);
    struct record_full full = {.vault = vault,
                               .number = 1,
                               .state = RECORD_FULL,
                               .skew_ns = -1,
                               .archives = &archives,
                               .archive_count = 1};
    TRY(record_encode_full(&full, signer, &bytes, e));
    return read_record(buffer_span(&bytes), e);
}

/* ---- configuration, messages, the operator's words */

static const struct config_key inner[] = {
    {.name = "kind", .type = CONFIG_TEXT, .required = true, .help = "What."},
    {.name = "paths", .type = CONFIG_LIST, .help = "Where."},
    {0},
};
static const struct config_key outer[] = {
    {.name = "cluster", .type = CONFIG_TEXT, .required = true, .help = "Whose."},
    {.name = "reserve", .type = CONFIG_SIZE, .fallback = "1G", .help = "How much."},
    {.name = "source", .type = CONFIG_SECTION, .titled = true, .keys = inner, .help = "Which."},
    {0},
};

static enum rc
use_config(struct sweep_world *w, struct error *e)
{
    static const char text[] = "cluster = demo\nreserve = 2M\n"
                               "source \"a\" {\n kind = files\n paths = {\"/etc\", \"/srv\"}\n}\n"
                               "source \"b\" {\n kind = imap\n}\n";
    CLEANUP(config_freep) struct config *c = NULL;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(TEXT);
    (void)w;
    TRY(config_parse(outer, "test", text, &c, e));
    return config_print_example(outer, &out, e);
}

static enum rc
use_messages(struct sweep_world *w, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    CLEANUP(message_freep) ProtobufCMessage *read = NULL;
    Koffer__AgentHello hello;
    Koffer__Source source, *sources[] = {&source, &source};
    (void)w;
    koffer__agent_hello__init(&hello);
    koffer__source__init(&source);
    source.name = message_text("spool");
    hello.sources = sources;
    hello.n_sources = 2;
    TRY(message_pack(&hello.base, &bytes, e));
    TRY(message_unpack(&koffer__agent_hello__descriptor, buffer_span(&bytes), &read, e));
    return cli_json_print(read, e);
}

static enum rc
use_cli(struct sweep_world *w, struct error *e)
{
    static const char *const titles[] = {"NAME", "BYTES", NULL};
    CLEANUP(table_freep) struct table *t = NULL;
    char program[] = "koffer", noun[] = "full", verb[] = "list", json[] = "--json";
    char *words[] = {program, noun, verb, json, NULL};
    struct cli cli = {.json = false};
    (void)w;
    TRY(cli_parse(&cli, 4, words, e));
    TRY(table_new(titles, &t, e));
    for (int i = 0; i < FILES; i++) {
        table_put(t, "row %d", i);
        table_put_size(t, UINT64_C(1) << i);
    }
    return table_print(t, stdout, e);
}

static enum rc
use_process(struct sweep_world *w, struct error *e)
{
    static const char *const argv[] = {"/usr/bin/env", "true", NULL};
    static const char *const env[] = {"NAME=value", NULL};
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(TEXT);
    struct process_result result = {.stderr_tail = NULL};
    (void)w;
    enum rc rc =
        process_run(&(struct process_options){.argv = argv, .env = env, .input = span_of("x", 1)},
                    &out, &result, e);
    free(result.stderr_tail);
    return rc;
}

/* ---- afterwards: it works */

#define CHECKED(function)                                                                          \
    static void check_##function(struct sweep_world *w)                                            \
    {                                                                                              \
        struct error e = ERROR_INIT;                                                               \
        CHECK_OK(function(w, &e), &e);                                                             \
    }                                                                                              \
    static const struct sweep_life life_##function = {                                             \
        .name = #function, .prepare = prepare, .live = function, .check = check_##function};

CHECKED(use_certificates)
CHECKED(use_keys)
CHECKED(use_tree)
CHECKED(use_record)
CHECKED(use_config)
CHECKED(use_messages)
CHECKED(use_cli)
CHECKED(use_process)

const struct sweep_life *const lives[] = {
    &life_use_certificates, &life_use_keys,     &life_use_tree, &life_use_record,
    &life_use_config,       &life_use_messages, &life_use_cli,  &life_use_process,
};
const size_t lives_count = sizeof lives / sizeof *lives;
