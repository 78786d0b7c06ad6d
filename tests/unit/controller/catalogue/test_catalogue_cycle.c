/* test_catalogue_cycle.c -- cycles are numbered once and for all; what they did is kept. */
#include "controller/catalogue/catalogue.h"

#include "controller/catalogue/catalogue_internal.h"
#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"

static uint64_t
new_cycle(struct catalogue_kit *k, uint64_t at_least)
{
    struct error e = ERROR_INIT;
    uint64_t number = 0;
    CHECK_OK(catalogue_cycle_new(k->catalogue, at_least, "root", (struct wall){10}, &number, &e),
             &e);
    return number;
}

static void
set_state(struct catalogue_kit *k, uint64_t number, const char *state, const char *event,
          const char *problem, bool final)
{
    struct error e = ERROR_INIT;
    CHECK_OK(catalogue_cycle_state(k->catalogue, number, state, event, problem, final,
                                   (struct wall){20}, &e),
             &e);
}

struct seen {
    uint64_t numbers[16];
    size_t count;
};

static enum rc
note_number(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    struct seen *seen = ctx;
    (void)e;
    seen->numbers[seen->count++] = cy->number;
    return RC_OK;
}

static void
numbers_are_never_used_again(void **state)
{
    struct catalogue_kit *k = *state;
    assert_int_equal(new_cycle(k, 0), 1);
    assert_int_equal(new_cycle(k, 0), 2);
    assert_int_equal(new_cycle(k, 40), 41); /* the vault knows more than we do */
    catalogue_kit_reopen(k);
    assert_int_equal(new_cycle(k, 40), 42);
}

static enum rc
check_cycle(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    (void)ctx;
    (void)e;
    assert_int_equal(cy->number, 1);
    assert_string_equal(cy->state, "failed");
    assert_string_equal(cy->problem, "no space");
    assert_string_equal(cy->started_by, "root");
    assert_int_equal(cy->started.ns, 10);
    assert_int_equal(cy->finished.ns, 20);
    return RC_OK;
}

static void
transitions_are_kept_in_order(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    static const char *const events[] = {"start", "nothing-left", "unwound-failed"};
    (void)new_cycle(k, 0);
    set_state(k, 1, "checking", "start", "", false);
    set_state(k, 1, "unwinding", "nothing-left", "no space", false);
    set_state(k, 1, "failed", "unwound-failed", "no space", true);
    catalogue_kit_reopen(k);
    CHECK_OK(catalogue_cycle_find(k->catalogue, 1, check_cycle, NULL, &e), &e);
    CHECK_RC(catalogue_cycle_find(k->catalogue, 2, check_cycle, NULL, &e), RC_NOT_FOUND);

    CLEANUP(sql_freep) struct sql *rows = NULL;
    CHECK_OK(sql_query(k->catalogue->db, &rows, &e,
                       "SELECT event FROM transition WHERE cycle=1 ORDER BY rowid", ""),
             &e);
    for (size_t i = 0; i <= 3; i++) {
        bool more;
        CHECK_OK(sql_next(rows, &more, &e), &e);
        assert_int_equal(more, i < 3);
        if (more)
            assert_string_equal(sql_text(rows, 0), events[i]);
    }
}

static void
unfinished_are_found_again(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    struct seen seen = {.count = 0};
    for (int i = 0; i < 4; i++)
        (void)new_cycle(k, 0);
    set_state(k, 1, "full", "verified-full", "", true);
    set_state(k, 2, "capturing", "cut", "", false);
    set_state(k, 3, "cancelled", "unwound-cancelled", "", true);
    catalogue_kit_reopen(k);
    CHECK_OK(catalogue_cycle_unfinished(k->catalogue, note_number, &seen, &e), &e);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.numbers[0], 2);
    assert_int_equal(seen.numbers[1], 4);
}

static void
lists_go_backwards_page_by_page(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    struct seen seen = {.count = 0};
    for (int i = 0; i < 5; i++)
        (void)new_cycle(k, 0);
    CHECK_OK(catalogue_cycle_each(k->catalogue, 0, 2, note_number, &seen, &e), &e);
    CHECK_OK(catalogue_cycle_each(k->catalogue, 4, 100, note_number, &seen, &e), &e);
    static const uint64_t want[] = {5, 4, 3, 2, 1};
    assert_int_equal(seen.count, 5);
    assert_memory_equal(seen.numbers, want, sizeof want);
}

static const struct catalogue_cycle_source spool = {
    .agent = "imap1",
    .source = "spool",
    .kind = "imap",
    .state = "failed",
    .problem = "why",
    .remedy = "what to do",
    .required = true,
    .started = {30},
    .finished = {40},
    .totals = {1, 2, 3, 4, 5, 6, 7},
    .progress = {"read", 11, 12, 13, 14, 15, 16, 17},
};

static enum rc
check_source(void *ctx, const struct catalogue_cycle_source *s, struct error *e)
{
    (void)e;
    assert_string_equal(s->agent, spool.agent);
    assert_string_equal(s->source, spool.source);
    assert_string_equal(s->kind, spool.kind);
    assert_string_equal(s->state, spool.state);
    assert_string_equal(s->problem, spool.problem);
    assert_string_equal(s->remedy, spool.remedy);
    assert_true(s->required);
    assert_int_equal(s->started.ns, 30);
    assert_int_equal(s->finished.ns, 40);
    assert_memory_equal(&s->totals, &spool.totals, sizeof s->totals);
    assert_string_equal(s->progress.phase, "read");
    assert_memory_equal(&s->progress.files, &spool.progress.files,
                        sizeof s->progress - offsetof(struct catalogue_progress, files));
    ++*(size_t *)ctx;
    return RC_OK;
}

static enum rc
check_sums(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    (void)ctx;
    (void)e;
    assert_int_equal(cy->sources, 1);
    assert_int_equal(cy->failed, 1);
    assert_int_equal(cy->bytes, 4);
    assert_int_equal(cy->bytes_sent, 16);
    return RC_OK;
}

static enum rc
check_note(void *ctx, const struct catalogue_note *n, struct error *e)
{
    size_t *seen = ctx;
    (void)e;
    assert_int_equal(n->fact, *seen == 1);
    assert_string_equal(n->name, *seen == 1 ? "entries" : "");
    assert_string_equal(n->value, *seen == 1 ? "2002" : "slow disk");
    ++*seen;
    return RC_OK;
}

static void
fate_of_a_source_survives_reopen(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    size_t sources = 0, notes = 0;
    struct catalogue_cycle_source before = spool;
    before.state = "capture";
    const struct catalogue_note warning = {false, "", "slow disk"},
                                fact = {true, "entries", "2002"};
    (void)new_cycle(k, 0);
    CHECK_OK(catalogue_cycle_source_set(k->catalogue, 1, &before, &e), &e);
    CHECK_OK(catalogue_cycle_source_set(k->catalogue, 1, &spool, &e), &e);
    CHECK_OK(catalogue_cycle_note(k->catalogue, 1, "imap1", "spool", &warning, &e), &e);
    CHECK_OK(catalogue_cycle_note(k->catalogue, 1, "imap1", "spool", &fact, &e), &e);
    catalogue_kit_reopen(k);
    CHECK_OK(catalogue_cycle_sources(k->catalogue, 1, check_source, &sources, &e), &e);
    assert_int_equal(sources, 1);
    CHECK_OK(catalogue_cycle_find(k->catalogue, 1, check_sums, NULL, &e), &e);
    CHECK_OK(catalogue_cycle_notes(k->catalogue, 1, "imap1", "spool", check_note, &notes, &e), &e);
    assert_int_equal(notes, 2);
    CHECK_OK(catalogue_cycle_notes(k->catalogue, 2, "imap1", "spool", check_note, &notes, &e), &e);
    assert_int_equal(notes, 2);
}

static enum rc
count_cycle(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    (void)e;
    assert_true(cy->bytes > 0);
    ++*(size_t *)ctx;
    return RC_OK;
}

/* Sums of what agents say: a controller that could not list its cycles did not start any more. */
static void
an_agents_lie_about_sizes_hides_no_cycle(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    size_t seen = 0;
    struct catalogue_cycle_source liar = spool, honest = spool;
    (void)new_cycle(k, 0);
    liar.totals.bytes = liar.progress.bytes_sent = INT64_MAX;
    honest.agent = "imap2";
    CHECK_OK(catalogue_cycle_source_set(k->catalogue, 1, &liar, &e), &e);
    CHECK_OK(catalogue_cycle_source_set(k->catalogue, 1, &honest, &e), &e);
    CHECK_OK(catalogue_cycle_each(k->catalogue, 0, 10, count_cycle, &seen, &e), &e);
    CHECK_OK(catalogue_cycle_unfinished(k->catalogue, count_cycle, &seen, &e), &e);
    assert_int_equal(seen, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, catalogue_kit_begin, catalogue_kit_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_are_never_used_again),     TEST(transitions_are_kept_in_order),
        TEST(unfinished_are_found_again),       TEST(lists_go_backwards_page_by_page),
        TEST(fate_of_a_source_survives_reopen), TEST(an_agents_lie_about_sizes_hides_no_cycle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
