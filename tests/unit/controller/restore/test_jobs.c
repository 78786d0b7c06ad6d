/* test_jobs.c -- verifications: what was never proved is proved after a start, and only that. */
#include "controller/restore/jobs.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/fleet/data.h"
#include "controller/restore/jobs_internal.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

static struct world {
    struct catalogue_kit *kit;
    struct vault *vault;
    struct vault_kit signers;
    struct mailbox *mailbox;
    struct jobs *jobs;
    struct id root;
    sem_t posted;
} w;

static void
wake(void *ctx)
{
    (void)ctx;
    assert_int_equal(sem_post(&w.posted), 0);
}

/* One full in the vault and the catalogue, never verified. */
static void
commit_full(void)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    CLEANUP(buffer_free) struct buffer record = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct id none = {{0}};
    struct record_full full = {.number = 1, .state = RECORD_FULL, .sealed = {1}};
    bool known;
    vault_kit_blob(&blob, &w.root, 1, 100, NULL, 0);
    CHECK_OK(vault_session_begin(w.vault, &s, &e), &e);
    CHECK_OK(vault_session_put(s, &w.root, buffer_span(&blob), &known, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_kit_record(&w.signers, vault_id(w.vault), 1, &none, &w.root, &record);
    CHECK_OK(vault_commit_full(w.vault, buffer_span(&record), &full.name, &e), &e);
    CHECK_OK(catalogue_full_add(w.kit->catalogue, &full, NULL, &e), &e);
}

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    char path[VAULT_KIT_PATH_SIZE + 8];
    struct record_vault_id id;
    void *kit;
    (void)state;
    assert_int_equal(catalogue_kit_begin(&kit), 0);
    w = (struct world){.kit = kit};
    assert_int_equal(sem_init(&w.posted, 0, 0), 0);
    (void)snprintf(path, sizeof path, "%s/vault", w.kit->directory);
    CHECK_OK(vault_create(path, false, &id, &e), &e);
    CHECK_OK(vault_open(path, &(struct vault_options){0}, &w.vault, &e), &e);
    vault_kit_begin(&w.signers);
    CHECK_OK(mailbox_new(wake, NULL, &w.mailbox, &e), &e);
    const struct jobs_options options = {
        .vault = w.vault, .catalogue = w.kit->catalogue, .mailbox = w.mailbox};
    CHECK_OK(jobs_new(&options, &w.jobs, &e), &e);
    return 0;
}

static int
end(void **state)
{
    void *kit = w.kit;
    (void)state;
    mailbox_close(w.mailbox);
    jobs_free(w.jobs);
    mailbox_free(w.mailbox);
    vault_close(w.vault);
    vault_kit_end(&w.signers);
    (void)sem_destroy(&w.posted);
    return catalogue_kit_end(&kit);
}

/* Its job, run to its end; 0: there was nothing to do. */
static uint64_t
verify_newest(void)
{
    struct error e = ERROR_INIT;
    uint64_t job;
    CHECK_OK(jobs_verify_newest(w.jobs, &job, &e), &e);
    if (job != 0) {
        assert_int_equal(sem_wait(&w.posted), 0);
        mailbox_run(w.mailbox);
    }
    return job;
}

static enum rc
copy_full(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)e;
    *(struct catalogue_full *)ctx = *f;
    return RC_OK;
}

static struct catalogue_full
the_full(void)
{
    struct error e = ERROR_INIT;
    struct catalogue_full f;
    CHECK_OK(catalogue_full_find(w.kit->catalogue, 1, copy_full, &f, &e), &e);
    return f;
}

static void
newest_full_is_verified_once(void **state)
{
    (void)state;
    assert_int_equal(verify_newest(), 0);
    commit_full();
    assert_int_equal(the_full().verified.ns, 0);
    assert_int_not_equal(verify_newest(), 0);
    assert_true(the_full().verified.ns != 0);
    assert_true(the_full().good);
    assert_int_equal(verify_newest(), 0);
}

static enum rc
remove_pack(void *ctx, const struct id *name, struct error *e)
{
    char relative[PACK_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + PACK_PATH_SIZE + 8];
    (void)ctx;
    (void)e;
    (void)snprintf(path, sizeof path, "%s/vault/%s", w.kit->directory,
                   pack_format_path(name, relative));
    assert_int_equal(unlink(path), 0);
    return RC_OK;
}

static void
newest_full_that_is_damaged_is_good_no_more(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    commit_full();
    CHECK_OK(vault_each_pack(w.vault->dir, remove_pack, NULL, &e), &e);
    assert_int_not_equal(verify_newest(), 0);
    assert_false(the_full().good);
    assert_int_equal(verify_newest(), 0);
}

/* Whoever finds the damage: here a reader, as a restore is. */
static void
a_full_that_damage_hits_is_good_no_more_without_being_verified(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    (void)state;
    commit_full();
    jobs_watch_damage(w.jobs);
    assert_int_equal(w.jobs->count, 0);
    CHECK_OK(vault_each_pack(w.vault->dir, remove_pack, NULL, &e), &e);
    CHECK_RC(vault_get(w.vault, &w.root, &blob, &e), RC_CORRUPT);
    assert_true(the_full().good);
    /* An operator who browses, for hours perhaps, does not keep it back. */
    struct job *browsing;
    CHECK_OK(jobs_add(w.jobs, JOBS_BROWSE, &browsing, &e), &e);
    jobs_watch_damage(w.jobs);
    assert_int_equal(sem_wait(&w.posted), 0);
    mailbox_run(w.mailbox);
    assert_false(the_full().good);
    jobs_watch_damage(w.jobs); /* known by now */
    assert_int_equal(w.jobs->count, 2);
}

static void
a_whole_vault_that_was_verified_proves_each_full(void **state)
{
    struct error e = ERROR_INIT;
    uint64_t job;
    (void)state;
    commit_full();
    CHECK_OK(jobs_verify(w.jobs, 0, &job, &e), &e);
    assert_int_equal(sem_wait(&w.posted), 0);
    mailbox_run(w.mailbox);
    assert_true(the_full().verified.ns != 0);
    assert_true(the_full().good);
}

static void
repair_says_what_it_did_and_what_is_lost(void **state)
{
    struct error e = ERROR_INIT;
    struct jobs_status status;
    uint64_t job;
    (void)state;
    commit_full();
    CHECK_OK(jobs_repair(w.jobs, &job, &e), &e);
    CHECK_RC(jobs_repair(w.jobs, &job, &e), RC_AGAIN);
    assert_int_equal(sem_wait(&w.posted), 0);
    mailbox_run(w.mailbox);
    CHECK_OK(jobs_status(w.jobs, job, &status, &e), &e);
    assert_int_equal(status.rc, RC_OK);
    assert_non_null(strstr(status.text, "1 packs read, 0 damaged"));
    assert_string_equal(jobs_kind_name(status.kind), "repair");
}

/* A restore that an agent was told to do and never answers. */
static struct job *
order_of_a_mute_agent(struct mono until)
{
    struct error e = ERROR_INIT;
    struct job *job;
    CHECK_OK(jobs_add(w.jobs, JOBS_RESTORE, &job, &e), &e);
    (void)snprintf(job->agent, sizeof job->agent, "mail1");
    job->until = until;
    return job;
}

struct streams {
    struct pki pki;
    struct pki_leaf controller;
};

static void
open_streams(struct streams *s)
{
    struct error e = ERROR_INIT;
    CHECK_OK(tls_start(&e), &e);
    pki_make(&s->pki, "test");
    pki_issue(&s->pki, CERTIFICATE_CONTROLLER, "main", clock_wall(), 30, &s->controller);
    const struct tls_identity identity = {s->pki.ca, s->controller.certificate, s->controller.key};
    const struct data_options options = {
        .vault = w.vault, .url = "tls+tcp://127.0.0.1:0", .identity = &identity};
    CHECK_OK(data_open(&options, &w.jobs->options.data, &e), &e);
}

static void
close_streams(struct streams *s)
{
    data_close(w.jobs->options.data);
    pki_leaf_free(&s->controller);
    pki_free(&s->pki);
}

static void
restore_ends_when_its_agent_does_not_answer(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct streams streams;
    struct jobs_status status;
    open_streams(&streams);
    const struct mono now = clock_mono(), later = clock_after_ms(now, 1000);
    uint64_t late = order_of_a_mute_agent(later)->id;
    struct job *cancelled = order_of_a_mute_agent(later);
    atomic_store(&cancelled->cancel, true);
    jobs_tick(w.jobs, now);
    assert_false(cancelled->final);
    jobs_tick(w.jobs, later);
    CHECK_OK(jobs_status(w.jobs, late, &status, &e), &e);
    assert_true(status.final);
    assert_int_equal(status.rc, RC_TIMEOUT);
    assert_non_null(strstr(status.text, "mail1"));
    assert_int_equal(cancelled->rc, RC_CANCELLED);
    close_streams(&streams);
}

static uint64_t
lend_to(const char *who, bool local)
{
    struct error e = ERROR_INIT;
    const struct jobs_lend what = {.who = who, .local = local, .roots = &w.root, .root_count = 1};
    struct id token;
    uint64_t job;
    CHECK_OK(jobs_lend(w.jobs, &what, &job, &token, &e), &e);
    return job;
}

static enum rc
report(uint64_t job, const char *who, bool local, bool *cancelled)
{
    struct error e = ERROR_INIT;
    Koffer__RestoreReport words;
    koffer__restore_report__init(&words);
    words.job = job;
    return jobs_report(w.jobs, who, local, &words, cancelled, &e);
}

static void
only_who_was_lent_a_restore_reports_on_it(void **state)
{
    struct streams streams;
    bool cancelled;
    (void)state;
    open_streams(&streams);
    uint64_t job = lend_to("root", true);
    assert_int_equal(report(job, "root", true, &cancelled), RC_OK);
    assert_int_equal(report(job, "root", false, &cancelled), RC_NOT_FOUND); /* only named so */
    assert_int_equal(report(job, "ada", true, &cancelled), RC_NOT_FOUND);
    close_streams(&streams);
}

static void
restores_of_an_operator_who_may_no_more_end_and_no_others(void **state)
{
    struct error e = ERROR_INIT;
    struct streams streams;
    bool cancelled;
    struct job *verification;
    (void)state;
    open_streams(&streams);
    uint64_t his = lend_to("bob", false), local = lend_to("bob", true),
             hers = lend_to("ada", false);
    CHECK_OK(jobs_add(w.jobs, JOBS_VERIFY_VAULT, &verification, &e), &e);
    jobs_owned(w.jobs, verification->id, "bob", false);
    jobs_cut(w.jobs, "bob");
    assert_int_equal(report(his, "bob", false, &cancelled), RC_OK);
    assert_true(cancelled);
    assert_int_equal(report(local, "bob", true, &cancelled), RC_OK);
    assert_false(cancelled);
    assert_int_equal(report(hers, "ada", false, &cancelled), RC_OK);
    assert_false(cancelled);
    assert_false(atomic_load(&verification->cancel));
    close_streams(&streams);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(newest_full_is_verified_once),
        TEST(newest_full_that_is_damaged_is_good_no_more),
        TEST(a_full_that_damage_hits_is_good_no_more_without_being_verified),
        TEST(a_whole_vault_that_was_verified_proves_each_full),
        TEST(repair_says_what_it_did_and_what_is_lost),
        TEST(restore_ends_when_its_agent_does_not_answer),
        TEST(only_who_was_lent_a_restore_reports_on_it),
        TEST(restores_of_an_operator_who_may_no_more_end_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
