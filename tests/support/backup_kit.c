/* backup_kit.c -- see backup_kit.h. */
#include "tests/support/backup_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/restore/archive.h"
#include "tests/support/check.h"

enum { REPORT_ARENA = 1 << 20, ENTRY_ARENA = 8 << 20, FIND_PATH = 2 * BACKUP_KIT_PATH };

void
backup_kit_begin(struct backup_kit *kit)
{
    struct error e = ERROR_INIT;
    *kit = (struct backup_kit){.threads = 1};
    CHECK_OK(keys_generate(KEYS_SIGNING, &kit->agent, &e), &e);
    CHECK_OK(keys_generate(KEYS_SIGNING, &kit->controller, &e), &e);
    CHECK_OK(keys_generate(KEYS_RECEIVING, &kit->recovery, &e), &e);
    CHECK_OK(keys_public_of(kit->recovery, &kit->recipient, &e), &e);
    memset(kit->domain.id, 'd', sizeof kit->domain.id);
    memset(kit->domain.secret.bytes, 's', ID_SIZE);
}

void
backup_kit_end(struct backup_kit *kit)
{
    keys_private_free(kit->agent);
    keys_private_free(kit->controller);
    keys_private_free(kit->recovery);
}

void
backup_kit_place(struct backup_kit *kit, const char *directory)
{
    (void)snprintf(kit->source, sizeof kit->source, "%s/source", directory);
    (void)snprintf(kit->target, sizeof kit->target, "%s/target", directory);
    (void)snprintf(kit->vault, sizeof kit->vault, "%s/vault", directory);
    (void)snprintf(kit->memory, sizeof kit->memory, "%s/memory", directory);
    assert_true(mkdir(kit->source, 0755) == 0 || errno == EEXIST);
}

enum rc
backup_kit_create(struct backup_kit *kit, struct error *e)
{
    struct record_vault_id id;
    return vault_create(kit->vault, false, &id, e);
}

enum rc
backup_kit_open(const struct backup_kit *kit, struct vault **out, struct error *e)
{
    return vault_open(kit->vault, &(struct vault_options){0}, out, e);
}

/* ---- capture */

struct store {
    struct capture_store store; /* first */
    struct vault *vault;
    struct vault_session *session;
};

static enum rc
have(struct capture_store *store, const struct id *ids, size_t count, bool *known, struct error *e)
{
    const struct store *s = (const struct store *)store;
    for (size_t i = 0; i < count; i++)
        TRY(vault_has(s->vault, &ids[i], &known[i], e));
    return RC_OK;
}

static enum rc
put(struct capture_store *store, const struct id *id, struct span blob, struct error *e)
{
    const struct store *s = (const struct store *)store;
    bool known;
    return vault_session_put(s->session, id, blob, &known, e);
}

/* Everything that one run needs, so that it is released in one place. */
struct run {
    struct backup_kit *kit;
    struct vault *vault;
    struct store store;
    struct arena *arena;
    struct source_report report;
    struct capture_progress progress;
    struct capture *capture;
    struct capture_result result;
};

static enum rc
capture_source(struct run *r, struct error *e)
{
    const struct capture_options options = {.memory_path = r->kit->memory,
                                            .vault = *vault_id(r->vault),
                                            .epoch = vault_epoch(r->vault),
                                            .domain = &r->kit->domain,
                                            .level = 1,
                                            .threads = r->kit->threads,
                                            .store = &r->store.store,
                                            .report = &r->report,
                                            .progress = &r->progress};
    TRY(vault_session_begin(r->vault, &r->store.session, e));
    TRY(capture_begin(&options, &r->capture, e));
    struct source_collector *c = capture_collector(r->capture);
    TRY(c->path(c, r->kit->source, false, NULL, NULL, e));
    TRY(capture_finish(r->capture, &r->result, e));
    return vault_session_flush(r->store.session, e);
}

/* ---- record */

struct chain {
    struct vault_full last;
    uint64_t sequence; /* of the host's last archive */
    struct id archive;
};

static enum rc
read_chain(struct run *r, struct chain *out, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    struct archive_set set;
    size_t count;
    *out = (struct chain){.sequence = 0};
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "record");
    TRY(vault_fulls(r->vault, &fulls, &count, e));
    if (count == 0)
        return RC_OK;
    out->last = fulls[count - 1];
    TRY(archive_load(r->vault, out->last.number, arena, &set, e));
    out->sequence = set.archives[0].sequence;
    out->archive = set.archives[0].name;
    return RC_OK;
}

static enum rc
encode_archive(struct run *r, const struct chain *chain, struct buffer *out, struct error *e)
{
    struct record_recipient recipient;
    TRY(record_seal_root(vault_id(r->vault), &r->result.root, &r->kit->recipient, 1, &recipient,
                         e));
    struct record_archive archive = {
        .vault = *vault_id(r->vault),
        .host = "mail",
        .source = "spool",
        .kind = "files",
        .cycle = chain->last.number + 1,
        .sequence = chain->sequence + 1,
        .previous = chain->archive,
        .state = r->result.incomplete ? RECORD_ARCHIVE_INCOMPLETE : RECORD_COMPLETE,
        .totals = r->result.totals,
        .root = r->result.root.id,
        .recipients = &recipient,
        .recipient_count = 1,
    };
    memcpy(archive.domain, r->kit->domain.id, BLOB_DOMAIN_SIZE);
    return record_encode_archive(&archive, r->kit->agent, out, e);
}

static enum rc
commit(struct run *r, struct backup_kit_full *out, struct error *e)
{
    CLEANUP(buffer_free) struct buffer archive = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(buffer_free) struct buffer record = BUFFER_INIT(LIMIT_RECORD);
    struct chain chain;
    TRY(read_chain(r, &chain, e));
    TRY(encode_archive(r, &chain, &archive, e));
    const struct span archives = buffer_span(&archive);
    struct record_full full = {
        .vault = *vault_id(r->vault),
        .number = chain.last.number + 1,
        .previous = chain.last.name,
        .state = r->result.incomplete ? RECORD_INCOMPLETE : RECORD_FULL,
        .skew_ns = -1,
        .archives = &archives,
        .archive_count = 1,
    };
    TRY(record_encode_full(&full, r->kit->controller, &record, e));
    TRY(vault_commit_full(r->vault, buffer_span(&record), &out->name, e));
    out->number = full.number;
    return RC_OK;
}

static enum rc
run_all(struct run *r, struct backup_kit_full *out, struct error *e)
{
    if (r->arena == NULL)
        return error_set(e, RC_NO_MEMORY, "report");
    TRY(capture_source(r, e));
    out->incomplete = r->result.incomplete || r->report.incomplete;
    out->bytes_read = r->progress.bytes_read;
    TRY(commit(r, out, e));
    return capture_remember(r->capture, e);
}

enum rc
backup_kit_run(struct backup_kit *kit, struct vault *v, struct backup_kit_full *out,
               struct error *e)
{
    struct run r = {.kit = kit,
                    .vault = v,
                    .store = {.store = {.have = have, .put = put}, .vault = v},
                    .arena = arena_new(REPORT_ARENA)};
    *out = (struct backup_kit_full){.number = 0};
    r.report.arena = r.arena;
    enum rc rc = run_all(&r, out, e);
    capture_free(r.capture);
    vault_session_free(r.store.session);
    arena_free(r.arena);
    return rc;
}

/* ---- restore */

static enum rc
find_source(struct backup_kit *kit, struct vault *v, uint64_t full, struct arena *arena,
            struct node_entry *out, struct error *e)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    char path[FIND_PATH];
    struct archive_set set;
    struct blob_ref root;
    bool found;
    TRY(archive_load(v, full, arena, &set, e));
    TRY(record_open_root(&set.archives[0], kit->recovery, &root, e));
    TRY(tree_reader_new(vault_source(v), &reader, e));
    (void)snprintf(path, sizeof path, "fs%s", kit->source);
    TRY(tree_find(reader, &root, path, arena, &found, out, e));
    return found ? RC_OK : error_set(e, RC_NOT_FOUND, "'%s' is not in the archive", path);
}

enum rc
backup_kit_restore(struct backup_kit *kit, struct vault *v, uint64_t full, int target,
                   enum unpack_existing existing, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA + ENTRY_ARENA);
    struct node_entry entry;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    memset(&kit->restored, 0, sizeof kit->restored);
    TRY(find_source(kit, v, full, arena, &entry, e));
    const struct unpack_options options = {.existing = existing, .counts = &kit->restored};
    return unpack(vault_source(v), &entry, target, &options, e);
}

enum rc
backup_kit_restore_anew(struct backup_kit *kit, struct vault *v, uint64_t full, struct error *e)
{
    CLEANUP(own_closep) int target = -1;
    TRY(file_remove_tree(AT_FDCWD, kit->target, e));
    TRY(file_make_directory(AT_FDCWD, kit->target, 0755, e));
    TRY(file_open_directory(AT_FDCWD, kit->target, &target, e));
    return backup_kit_restore(kit, v, full, target, UNPACK_KEEP, e);
}
