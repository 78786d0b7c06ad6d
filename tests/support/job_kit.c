/* job_kit.c -- see job_kit.h. */
#include "tests/support/job_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/daemon/settings.h"
#include "common/record/mandate.h"
#include "tests/support/check.h"

/* ---- ports */

static enum rc
open_store(void *ctx, uint64_t job, const struct id *token, const _Atomic(bool) *cancel,
           struct capture_store **out, struct error *e)
{
    struct job_kit *kit = ctx;
    (void)job, (void)token, (void)cancel, (void)e;
    kit->stores_open++;
    *out = &kit->capture->store.store;
    return RC_OK;
}

static enum rc
finish_store(void *ctx, struct capture_store *store, struct error *e)
{
    const struct job_kit *kit = ctx;
    (void)store;
    return kit->fail_finish ? error_set(e, RC_NO_SPACE, "the vault is full") : RC_OK;
}

static void
close_store(void *ctx, struct capture_store *store)
{
    struct job_kit *kit = ctx;
    (void)store;
    kit->stores_open--;
}

static enum rc
open_source(void *ctx, uint64_t job, const struct id *token, const _Atomic(bool) *cancel,
            struct blob_source **out, struct error *e)
{
    struct job_kit *kit = ctx;
    (void)job, (void)token, (void)cancel, (void)e;
    kit->sources_open++;
    *out = memstore_source(kit->capture->store.blobs);
    return RC_OK;
}

static void
close_source(void *ctx, struct blob_source *source)
{
    struct job_kit *kit = ctx;
    (void)source;
    kit->sources_open--;
}

static void
wake(void *ctx)
{
    struct job_kit *kit = ctx;
    assert_int_equal(sem_post(&kit->woken), 0);
}

/* ---- the board */

static void
make_config(struct job_kit *kit)
{
    struct error e = ERROR_INIT;
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "source \"etc\" {\n kind = files\n paths = {\"%s\"}\n exclude = {\"*.tmp\"}\n}\n"
                   "source \"other\" {\n kind = files\n paths = {\"%s/none\"}\n}\n",
                   kit->capture->source, kit->capture->directory);
    CHECK_OK(config_parse(settings_keys, "test", text, &kit->config, &e), &e);
}

static void
make_keys(struct job_kit *kit)
{
    struct error e = ERROR_INIT;
    CHECK_OK(keys_generate(KEYS_SIGNING, &kit->signing, &e), &e);
    CHECK_OK(keys_generate(KEYS_RECEIVING, &kit->receiving, &e), &e);
    CHECK_OK(keys_generate(KEYS_RECEIVING, &kit->custody, &e), &e);
    CHECK_OK(keys_generate(KEYS_SIGNING, &kit->controller, &e), &e);
    kit->vault = (struct job_vault){.id = {{9}}, .epoch = 1, .recipient_count = 1};
    CHECK_OK(keys_public_of(kit->custody, &kit->vault.recipients[0], &e), &e);
    const struct mandate_recipients mandate = {kit->vault.id, kit->vault.recipients, 1};
    CHECK_OK(mandate_sign_recipients(kit->controller, &mandate, kit->vault.signature, &e), &e);
}

static void
make_options(struct job_kit *kit)
{
    struct error e = ERROR_INIT;
    kit->root_list[0] = kit->roots;
    kit->options = (struct job_options){
        .config = kit->config,
        .host = "imap1",
        .state = kit->state,
        .staging = kit->staging,
        .restore_roots = kit->root_list,
        .restore_root_count = 1,
        .domain = kit->capture->domain,
        .signing = kit->signing,
        .receiving = kit->receiving,
        .vault = kit->vault.id,
        .level = 1,
        .threads = 2,
        .lease_ms = 60000,
        .ports = {.ctx = kit,
                  .open_store = open_store,
                  .finish_store = finish_store,
                  .close_store = close_store,
                  .open_source = open_source,
                  .close_source = close_source},
        .wake = wake,
        .wake_ctx = kit,
    };
    CHECK_OK(keys_public_of(kit->controller, &kit->options.controller, &e), &e);
}

void
job_kit_restart(struct job_kit *kit)
{
    struct error e = ERROR_INIT;
    job_board_free(kit->board);
    kit->board = NULL;
    CHECK_OK(job_board_new(&kit->options, &kit->board, &e), &e);
    CHECK_OK(job_reap(kit->board, &e), &e);
    CHECK_OK(job_set_vault(kit->board, &kit->vault, &e), &e);
}

struct job_kit *
job_kit_new(void)
{
    char directory[] = "/tmp/koffer-capture-XXXXXX";
    assert_non_null(mkdtemp(directory));
    return job_kit_new_at(directory);
}

struct job_kit *
job_kit_new_at(const char *directory)
{
    struct job_kit *kit = calloc(1, sizeof *kit);
    char memory[112];
    assert_non_null(kit);
    kit->capture = capture_kit_new_at(directory);
    kit->next_job = 100;
    kit->result.record = BUFFER_INIT(LIMIT_RECORD);
    (void)snprintf(kit->state, sizeof kit->state, "%s/state", kit->capture->directory);
    (void)snprintf(kit->staging, sizeof kit->staging, "%s/staging", kit->capture->directory);
    (void)snprintf(kit->roots, sizeof kit->roots, "%s/restored", kit->capture->directory);
    (void)snprintf(memory, sizeof memory, "%s/memory", kit->state);
    assert_true(mkdir(kit->state, 0700) == 0 || errno == EEXIST);
    assert_true(mkdir(memory, 0700) == 0 || errno == EEXIST);
    assert_int_equal(sem_init(&kit->woken, 0, 0), 0);
    make_config(kit);
    make_keys(kit);
    make_options(kit);
    job_kit_restart(kit);
    return kit;
}

void
job_kit_free(struct job_kit *kit)
{
    if (kit == NULL)
        return;
    job_board_free(kit->board);
    assert_int_equal(kit->stores_open + kit->sources_open, 0);
    config_free(kit->config);
    keys_private_free(kit->signing);
    keys_private_free(kit->receiving);
    keys_private_free(kit->custody);
    keys_private_free(kit->controller);
    buffer_free(&kit->result.record);
    capture_kit_free(kit->capture);
    (void)sem_destroy(&kit->woken);
    free(kit);
}

/* ---- steps */

/* As the controller does. */
static void
sign(struct job_kit *kit)
{
    struct error e = ERROR_INIT;
    struct job_order *o = &kit->order;
    const struct mandate_restore mandate = {
        .vault = kit->vault.id,
        .host = kit->options.host,
        .job = o->job,
        .root = &o->root,
        .root_sealed = o->root_sealed,
        .path = o->path,
        .target = o->target,
        .dry_run = o->dry_run,
        .replace = o->replace,
    };
    CHECK_OK(mandate_sign_restore(kit->controller, &mandate, o->signature, &e), &e);
}

void
job_kit_fill(struct job_kit *kit, enum job_verb verb, const char *source, uint64_t cycle)
{
    kit->order.job = kit->next_job++;
    kit->order.verb = verb;
    kit->order.cycle = cycle;
    (void)snprintf(kit->order.source, sizeof kit->order.source, "%s", source);
    if (verb == JOB_RESTORE)
        sign(kit);
}

enum rc
job_kit_submit(struct job_kit *kit, enum job_verb verb, const char *source, uint64_t cycle,
               uint64_t *job, struct error *e)
{
    job_kit_fill(kit, verb, source, cycle);
    *job = kit->order.job;
    enum rc rc = job_submit(kit->board, &kit->order, e);
    kit->order = (struct job_order){0};
    return rc;
}

struct wanted {
    struct job_kit *kit;
    uint64_t job;
    bool ended;
};

static void
take_result(void *ctx, const struct job_status *s)
{
    struct wanted *w = ctx;
    struct job_kit_result *r = &w->kit->result;
    struct error e = ERROR_INIT;
    if (s->job != w->job || !s->ended)
        return;
    w->ended = true;
    r->rc = s->rc;
    (void)snprintf(r->text, sizeof r->text, "%s", s->text);
    (void)snprintf(r->remedy, sizeof r->remedy, "%s", s->remedy);
    r->captured = s->captured != NULL ? *s->captured : (struct capture_result){.incomplete = false};
    r->warnings = s->report->warning_count;
    r->files_restored = s->restored != NULL ? atomic_load(&s->restored->files) : 0;
    r->bytes_read = s->progress != NULL ? atomic_load(&s->progress->bytes_read) : 0;
    buffer_clear(&r->record);
    CHECK_OK(buffer_append(&r->record, s->record, &e), &e);
}

void
job_kit_wait(struct job_kit *kit, uint64_t job)
{
    struct wanted w = {.kit = kit, .job = job};
    for (;;) {
        job_each(kit->board, take_result, &w);
        if (w.ended)
            break;
        assert_int_equal(sem_wait(&kit->woken), 0);
    }
    job_drop(kit->board, job);
}

enum rc
job_kit_do(struct job_kit *kit, enum job_verb verb, const char *source, uint64_t cycle)
{
    struct error e = ERROR_INIT;
    uint64_t job;
    enum rc rc = job_kit_submit(kit, verb, source, cycle, &job, &e);
    if (rc != RC_OK) {
        kit->result.rc = rc;
        (void)snprintf(kit->result.text, sizeof kit->result.text, "%s", e.text);
        return rc;
    }
    job_kit_wait(kit, job);
    return kit->result.rc;
}
