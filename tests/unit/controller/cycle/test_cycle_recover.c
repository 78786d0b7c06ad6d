/* test_cycle_recover.c -- after a start nothing looks as if it were still running, and the vault is believed. */
#include "controller/cycle/cycle.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"

static struct world {
    struct catalogue_kit *kit;
    struct vault *vault;
    struct vault_kit signers;
    struct cycle_runner *runner;
} w;

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
    (void)snprintf(path, sizeof path, "%s/vault", w.kit->directory);
    CHECK_OK(vault_create(path, false, &id, &e), &e);
    CHECK_OK(vault_open(path, &(struct vault_options){0}, &w.vault, &e), &e);
    vault_kit_begin(&w.signers);
    const struct cycle_options options = {
        .catalogue = w.kit->catalogue, .vault = w.vault, .signer = w.signers.controller};
    CHECK_OK(cycle_runner_new(&options, &w.runner, &e), &e);
    return 0;
}

static int
end(void **state)
{
    void *kit = w.kit;
    (void)state;
    cycle_runner_free(w.runner);
    vault_close(w.vault);
    vault_kit_end(&w.signers);
    return catalogue_kit_end(&kit);
}

/* A full with one archive, mail.spool. */
static void
commit_full(uint64_t number)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    CLEANUP(buffer_free) struct buffer record = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct id root, name, none = {{0}};
    bool known;
    vault_kit_blob(&blob, &root, 1, 100, NULL, 0);
    CHECK_OK(vault_session_begin(w.vault, &s, &e), &e);
    CHECK_OK(vault_session_put(s, &root, buffer_span(&blob), &known, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_kit_record(&w.signers, vault_id(w.vault), number, &none, &root, &record);
    CHECK_OK(vault_commit_full(w.vault, buffer_span(&record), &name, &e), &e);
}

/* What may be in the vault's storage, whoever put it there. */
static void
forge_full(uint64_t number)
{
    struct vault_kit own = w.signers;
    vault_kit_begin(&w.signers);
    commit_full(number);
    vault_kit_end(&w.signers);
    w.signers = own;
}

static void
add_cycle(const char *cycle_state)
{
    struct error e = ERROR_INIT;
    uint64_t number;
    CHECK_OK(catalogue_cycle_new(w.kit->catalogue, 0, "root", clock_wall(), &number, &e), &e);
    CHECK_OK(catalogue_cycle_state(w.kit->catalogue, number, cycle_state, "x", "", false,
                                   clock_wall(), &e),
             &e);
}

static void
add_source(const char *name, const char *source_state, const char *problem, int64_t finished)
{
    struct error e = ERROR_INIT;
    const struct catalogue_cycle_source s = {.agent = "mail",
                                             .source = name,
                                             .kind = "files",
                                             .state = source_state,
                                             .problem = problem,
                                             .remedy = "",
                                             .finished = {finished}};
    CHECK_OK(catalogue_cycle_source_set(w.kit->catalogue, 1, &s, &e), &e);
}

static void
recover(void)
{
    struct error e = ERROR_INIT;
    CHECK_OK(cycle_recover(w.runner, &e), &e);
    CHECK_OK(cycle_recover(w.runner, &e), &e); /* the second finds nothing to do */
}

static enum rc
check_state(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    (void)e;
    assert_string_equal(cy->state, ctx);
    assert_true(cy->finished.ns != 0);
    assert_string_not_equal(cy->problem, "");
    return RC_OK;
}

static void
cycle_is(const char *cycle_state)
{
    struct error e = ERROR_INIT;
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "%s", cycle_state);
    CHECK_OK(catalogue_cycle_find(w.kit->catalogue, 1, check_state, wanted, &e), &e);
}

struct expected {
    const char *source, *state, *problem;
};

static enum rc
check_source(void *ctx, const struct catalogue_cycle_source *s, struct error *e)
{
    (void)e;
    assert_true(s->finished.ns != 0);
    for (const struct expected *x = ctx; x->source != NULL; x++) {
        if (strcmp(x->source, s->source) != 0)
            continue;
        assert_string_equal(s->state, x->state);
        assert_non_null(strstr(s->problem, x->problem));
        return RC_OK;
    }
    fail_msg("unexpected source '%s'", s->source);
    return RC_OK;
}

static void
sources_are(struct expected *all)
{
    struct error e = ERROR_INIT;
    CHECK_OK(catalogue_cycle_sources(w.kit->catalogue, 1, check_source, all, &e), &e);
}

static void
interrupted_cycle_has_failed(void **state)
{
    /* Committed and no record: the vault was set back to an older copy meanwhile. */
    static const char *const states[] = {"planned",   "checking",  "readying",
                                         "cutting",   "capturing", "sealing",
                                         "unwinding", "releasing", "verifying"};
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        assert_int_equal(begin(NULL), 0);
        add_cycle(states[i]);
        recover();
        cycle_is("failed");
        assert_int_equal(end(NULL), 0);
    }
}

static void
what_had_ended_keeps_its_end(void **state)
{
    (void)state;
    struct expected all[] = {{"a", "failed", "controller was stopped"},
                             {"b", "failed", "disk"},
                             {"c", "skipped", "not asked for"},
                             {0}};
    add_cycle("capturing");
    add_source("a", "capture", "", 0);
    add_source("b", "failed", "disk", 5);
    add_source("c", "skipped", "not asked for", 5);
    recover();
    sources_are(all);
}

static void
record_in_the_vault_is_a_committed_cycle(void **state)
{
    /* Also where the catalogue is older than the vault: restored, or on a disk that was full. */
    static const char *const states[] = {"sealing", "releasing", "verifying", "capturing",
                                         "unwinding"};
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct expected all[] = {{"spool", "done", ""}, {"b", "failed", "disk"}, {0}};
        assert_int_equal(begin(NULL), 0);
        add_cycle(states[i]);
        add_source("spool", "sealed", "", 0);
        add_source("b", "failed", "disk", 5);
        commit_full(1);
        recover();
        cycle_is("full");
        sources_are(all);
        assert_int_equal(end(NULL), 0);
    }
}

static void
lost_catalogue_learns_from_the_vault(void **state)
{
    struct error e = ERROR_INIT;
    uint64_t newest, sequence, number;
    struct id name;
    (void)state;
    commit_full(3);
    recover();
    CHECK_OK(catalogue_full_newest(w.kit->catalogue, &newest, &e), &e);
    assert_int_equal(newest, 3);
    CHECK_OK(catalogue_chain(w.kit->catalogue, "mail", &sequence, &name, &e), &e);
    assert_int_equal(sequence, 1);
    assert_true(id_equal(&name, &w.signers.last_archive));
    CHECK_OK(catalogue_cycle_new(w.kit->catalogue, newest, "root", clock_wall(), &number, &e), &e);
    assert_int_equal(number, 4);
}

static void
edit_record(uint64_t number, bool remove)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    char id[ID_TEXT_SIZE], path[VAULT_KIT_PATH_SIZE + 128];
    size_t count;
    CHECK_OK(vault_fulls(w.vault, &fulls, &count, &e), &e);
    assert_int_equal(count, 1);
    (void)snprintf(path, sizeof path, "%s/vault/fulls/%010ju-%s.full", w.kit->directory,
                   (uintmax_t)number, id_text(&fulls[0].name, id));
    if (remove)
        assert_int_equal(unlink(path), 0);
    else
        vault_kit_flip(path, 100, 1);
}

static void
full_that_the_vault_lost_is_listed_no_longer(void **state)
{
    struct error e = ERROR_INIT;
    uint64_t newest, sequence;
    struct id name;
    (void)state;
    commit_full(3);
    recover();
    edit_record(3, true);
    recover();
    CHECK_OK(catalogue_full_newest(w.kit->catalogue, &newest, &e), &e);
    assert_int_equal(newest, 0);
    assert_non_null(strstr(cycle_vault_problem(w.runner), "not in the vault any more"));
    /* The agent has the receipt: its numbers go on. */
    CHECK_OK(catalogue_chain(w.kit->catalogue, "mail", &sequence, &name, &e), &e);
    assert_int_equal(sequence, 1);
}

static void
damaged_record_does_not_stop_the_controller(void **state)
{
    struct error e = ERROR_INIT;
    uint64_t newest;
    (void)state;
    commit_full(3);
    edit_record(3, false);
    recover();
    CHECK_OK(catalogue_full_newest(w.kit->catalogue, &newest, &e), &e);
    assert_int_equal(newest, 0);
}

static bool
is_listed(uint64_t number)
{
    struct error e = ERROR_INIT;
    bool listed;
    CHECK_OK(catalogue_full_has(w.kit->catalogue, number, &listed, &e), &e);
    return listed;
}

static void
full_that_this_controller_never_signed_is_not_listed(void **state)
{
    (void)state;
    forge_full(1);
    recover();
    assert_false(is_listed(1));
    assert_non_null(strstr(cycle_vault_problem(w.runner), "another key than this controller's"));
}

static void
own_full_raises_no_alarm(void **state)
{
    (void)state;
    commit_full(1);
    recover();
    assert_true(is_listed(1));
    assert_string_equal(cycle_vault_problem(w.runner), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupted_cycle_has_failed),
        TEST(what_had_ended_keeps_its_end),
        cmocka_unit_test(record_in_the_vault_is_a_committed_cycle),
        TEST(lost_catalogue_learns_from_the_vault),
        TEST(full_that_the_vault_lost_is_listed_no_longer),
        TEST(full_that_this_controller_never_signed_is_not_listed),
        TEST(own_full_raises_no_alarm),
        TEST(damaged_record_does_not_stop_the_controller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
