/* test_catalogue_full.c -- fulls, chains, and what the sources' list says about them. */
#include "controller/catalogue/catalogue.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"

struct archive {
    const char *host, *source;
    uint64_t sequence;
    enum record_archive_state state;
};

static void
add_full(struct catalogue_kit *k, uint64_t number, enum record_full_state state,
         const struct archive *archives, size_t count)
{
    struct error e = ERROR_INIT;
    struct record_archive decoded[8] = {0};
    for (size_t i = 0; i < count; i++) {
        decoded[i] = (struct record_archive){
            .host = archives[i].host,
            .source = archives[i].source,
            .sequence = archives[i].sequence,
            .state = archives[i].state,
            .totals = {.files = 10, .bytes = 100},
            .name = {{(uint8_t)archives[i].sequence}},
        };
    }
    const struct record_full full = {.number = number,
                                     .state = state,
                                     .started = {(int64_t)number * 10},
                                     .sealed = {(int64_t)number * 10 + 1},
                                     .archive_count = count,
                                     .name = {{(uint8_t)number}}};
    CHECK_OK(catalogue_full_add(k->catalogue, &full, decoded, &e), &e);
}

static uint64_t
newest(struct catalogue_kit *k)
{
    struct error e = ERROR_INIT;
    uint64_t number;
    CHECK_OK(catalogue_full_newest(k->catalogue, &number, &e), &e);
    return number;
}

static void
check_chain(struct catalogue_kit *k, const char *host, uint64_t want)
{
    struct error e = ERROR_INIT;
    uint64_t sequence;
    struct id name;
    CHECK_OK(catalogue_chain(k->catalogue, host, &sequence, &name, &e), &e);
    assert_int_equal(sequence, want);
    assert_int_equal(name.bytes[0], want);
}

static enum rc
copy_full(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)e;
    *(struct catalogue_full *)ctx = *f;
    return RC_OK;
}

struct fact_seen {
    const char *name, *value;
    unsigned count;
};

static enum rc
look_at_fact(void *ctx, const struct catalogue_note *n, struct error *e)
{
    struct fact_seen *want = ctx;
    (void)e;
    if (!n->fact || strcmp(n->name, want->name) != 0)
        return RC_OK;
    want->count++;
    assert_string_equal(n->value, want->value);
    return RC_OK;
}

static void
check_fact(struct catalogue_kit *k, const char *name, const char *value)
{
    struct error e = ERROR_INIT;
    struct fact_seen want = {name, value, 0};
    CHECK_OK(catalogue_cycle_notes(k->catalogue, 7, "db1", "sql", look_at_fact, &want, &e), &e);
    assert_int_equal(want.count, 1);
}

/* What a lost catalogue learns, it learns from here. */
static void
cut_clock_and_facts_come_from_the_record(void **state)
{
    static const struct record_fact facts[] = {{"cut.driver", "lvm"}, {"lock.hold_us", "812"}};
    static const struct record_clock clock = {-250, 30};
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    struct catalogue_cut cut;
    const struct record_archive a = {.host = "db1",
                                     .source = "sql",
                                     .sequence = 1,
                                     .state = RECORD_COMPLETE,
                                     .cut_from = {1000},
                                     .cut_until = {1500},
                                     .facts = facts,
                                     .fact_count = 2};
    const struct record_full full = {
        .number = 7, .state = RECORD_FULL, .skew_ns = 42, .clocks = &clock, .archive_count = 1};
    const struct catalogue_note told = {true, "lock.hold_us", "812"};
    struct catalogue_full kept;
    CHECK_OK(catalogue_cycle_note(k->catalogue, 7, "db1", "sql", &told, &e), &e);
    CHECK_OK(catalogue_full_add(k->catalogue, &full, &a, &e), &e);
    catalogue_kit_reopen(k);
    CHECK_OK(catalogue_archive_cut(k->catalogue, 7, "db1", "sql", &cut, &e), &e);
    assert_int_equal(cut.from.ns, 1000);
    assert_int_equal(cut.until.ns, 1500);
    assert_true(cut.snapshotted);
    assert_int_equal(cut.clock.offset_ns, -250);
    assert_int_equal(cut.clock.uncertainty_ns, 30);
    CHECK_OK(catalogue_full_find(k->catalogue, 7, copy_full, &kept, &e), &e);
    assert_int_equal(kept.skew_ns, 42);
    check_fact(k, "cut.driver", "lvm");
    check_fact(k, "lock.hold_us", "812"); /* once: the cycle had told it */
    CHECK_RC(catalogue_archive_cut(k->catalogue, 7, "db1", "other", &cut, &e), RC_NOT_FOUND);
}

static const struct archive one = {"imap1", "spool", 1, RECORD_COMPLETE};

static void
newest_is_the_newest_good_one(void **state)
{
    struct catalogue_kit *k = *state;
    assert_int_equal(newest(k), 0);
    add_full(k, 1, RECORD_FULL, &one, 1);
    add_full(k, 2, RECORD_INCOMPLETE, &one, 1);
    assert_int_equal(newest(k), 1);
    catalogue_kit_reopen(k);
    assert_int_equal(newest(k), 1);
}

static void
damaged_full_is_good_no_more_until_found_whole(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    struct catalogue_full f;
    add_full(k, 1, RECORD_FULL, &one, 1);
    add_full(k, 2, RECORD_FULL, &one, 1);
    CHECK_OK(catalogue_full_verified(k->catalogue, 2, false, (struct wall){50}, &e), &e);
    catalogue_kit_reopen(k);
    assert_int_equal(newest(k), 1);
    CHECK_OK(catalogue_full_find(k->catalogue, 2, copy_full, &f, &e), &e);
    assert_false(f.good);
    assert_int_equal(f.verified.ns, 0);

    CHECK_OK(catalogue_full_verified(k->catalogue, 2, true, (struct wall){60}, &e), &e);
    assert_int_equal(newest(k), 2);
    CHECK_OK(catalogue_full_find(k->catalogue, 2, copy_full, &f, &e), &e);
    assert_true(f.good);
    assert_int_equal(f.verified.ns, 60);
}

static void
last_archive_is_the_newest_complete_one(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    uint64_t full, bytes;
    const struct archive torn = {"imap1", "spool", 2, RECORD_ARCHIVE_INCOMPLETE};
    CHECK_OK(catalogue_archive_last(k->catalogue, "imap1", "spool", &full, &bytes, &e), &e);
    assert_int_equal(full, 0);
    add_full(k, 1, RECORD_FULL, &one, 1);
    add_full(k, 2, RECORD_INCOMPLETE, &torn, 1);
    catalogue_kit_reopen(k);
    CHECK_OK(catalogue_archive_last(k->catalogue, "imap1", "spool", &full, &bytes, &e), &e);
    assert_int_equal(full, 1);
    assert_int_equal(bytes, 100);
}

static enum rc
count_full(void *ctx, const struct catalogue_full *f, struct error *e)
{
    (void)f;
    (void)e;
    ++*(size_t *)ctx;
    return RC_OK;
}

static void
facts_of_a_record_survive_reopen(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    struct catalogue_full f;
    size_t good = 0, all = 0;
    bool has;
    const struct archive two[] = {one, {"imap1", "etc", 2, RECORD_COMPLETE}};
    add_full(k, 3, RECORD_FULL, two, 2);
    add_full(k, 4, RECORD_INCOMPLETE, two, 1);
    catalogue_kit_reopen(k);
    CHECK_OK(catalogue_full_find(k->catalogue, 3, copy_full, &f, &e), &e);
    assert_int_equal(f.archives, 2);
    assert_int_equal(f.files, 20);
    assert_int_equal(f.bytes, 200);
    assert_int_equal(f.started.ns, 30);
    assert_int_equal(f.sealed.ns, 31);
    assert_int_equal(f.record.bytes[0], 3);
    CHECK_RC(catalogue_full_find(k->catalogue, 9, copy_full, &f, &e), RC_NOT_FOUND);
    CHECK_OK(catalogue_full_has(k->catalogue, 3, &has, &e), &e);
    assert_true(has);
    CHECK_OK(catalogue_full_has(k->catalogue, 9, &has, &e), &e);
    assert_false(has);
    CHECK_OK(catalogue_full_each(k->catalogue, 0, 10, false, count_full, &good, &e), &e);
    CHECK_OK(catalogue_full_each(k->catalogue, 0, 10, true, count_full, &all, &e), &e);
    assert_int_equal(good, 1);
    assert_int_equal(all, 2);
}

static void
chain_only_goes_forward(void **state)
{
    struct catalogue_kit *k = *state;
    const struct archive out_of_order[] = {{"imap1", "spool", 6, RECORD_COMPLETE},
                                           {"imap1", "etc", 5, RECORD_COMPLETE},
                                           {"db1", "sql", 2, RECORD_COMPLETE}};
    const struct archive old = {"imap1", "spool", 3, RECORD_COMPLETE};
    check_chain(k, "imap1", 0);
    add_full(k, 1, RECORD_FULL, out_of_order, 3);
    check_chain(k, "imap1", 6);
    check_chain(k, "db1", 2);
    add_full(k, 2, RECORD_FULL, &old, 1);
    catalogue_kit_reopen(k);
    check_chain(k, "imap1", 6);
}

/* ---- sources */

static void
set_sources(struct catalogue_kit *k, const char *agent, size_t count)
{
    struct error e = ERROR_INIT;
    const struct catalogue_source sources[] = {
        {.name = "spool", .kind = "imap", .description = "mail", .required = true},
        {.name = "etc", .kind = "files", .description = "settings"},
    };
    CHECK_OK(catalogue_sources_set(k->catalogue, agent, sources, count, &e), &e);
}

struct sources {
    size_t count;
    char names[8][64];
    uint64_t last_full[8];
    int64_t last_good[8];
    char problem[8][64];
    bool withdrawn[8];
};

static enum rc
take_source(void *ctx, const struct catalogue_source *s, struct error *e)
{
    struct sources *all = ctx;
    (void)e;
    (void)snprintf(all->names[all->count], 64, "%s.%s", s->agent, s->name);
    (void)snprintf(all->problem[all->count], 64, "%s", s->last_problem);
    all->withdrawn[all->count] = s->withdrawn;
    all->last_full[all->count] = s->last_full;
    all->last_good[all->count] = s->last_good.ns;
    assert_int_equal(s->required, strcmp(s->name, "spool") == 0);
    all->count++;
    return RC_OK;
}

static struct sources
sources_of(struct catalogue_kit *k, const char *agent)
{
    struct error e = ERROR_INIT;
    struct sources all = {.count = 0};
    CHECK_OK(catalogue_source_each(k->catalogue, agent, take_source, &all, &e), &e);
    return all;
}

static void
sources_are_replaced_as_a_whole(void **state)
{
    struct catalogue_kit *k = *state;
    set_sources(k, "imap2", 2);
    set_sources(k, "imap1", 2);
    set_sources(k, "imap2", 1);
    catalogue_kit_reopen(k);
    struct sources all = sources_of(k, NULL);
    assert_int_equal(all.count, 3);
    assert_string_equal(all.names[0], "imap1.etc");
    assert_string_equal(all.names[1], "imap1.spool");
    assert_string_equal(all.names[2], "imap2.spool");
    set_sources(k, "imap1", 0);
    assert_int_equal(sources_of(k, "imap1").count, 0);
    assert_int_equal(sources_of(k, "imap2").count, 1);
}

static void
source_that_vanishes_is_withdrawn_until_it_is_forgotten_or_back(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    const struct catalogue_source spool = {
        .name = "spool", .kind = "imap", .required = true, .description = ""};
    CHECK_OK(catalogue_sources_set(k->catalogue, "imap1", &spool, 1, &e), &e);
    add_full(k, 1, RECORD_FULL, &one, 1);
    CHECK_RC(catalogue_source_forget(k->catalogue, "imap1", "spool", &e), RC_INVALID);

    CHECK_OK(catalogue_sources_set(k->catalogue, "imap1", NULL, 0, &e), &e);
    catalogue_kit_reopen(k);
    assert_true(sources_of(k, "imap1").withdrawn[0]);
    CHECK_OK(catalogue_sources_set(k->catalogue, "imap1", &spool, 1, &e), &e);
    assert_false(sources_of(k, "imap1").withdrawn[0]);

    CHECK_OK(catalogue_sources_set(k->catalogue, "imap1", NULL, 0, &e), &e);
    CHECK_OK(catalogue_source_forget(k->catalogue, "imap1", "spool", &e), &e);
    assert_int_equal(sources_of(k, "imap1").count, 0);
    CHECK_RC(catalogue_source_forget(k->catalogue, "imap1", "spool", &e), RC_NOT_FOUND);
}

static void
twice_the_same_name_changes_nothing(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    const struct catalogue_source twins[] = {
        {.name = "a", .kind = "files", .description = ""},
        {.name = "a", .kind = "files", .description = ""},
    };
    set_sources(k, "imap1", 2);
    assert_true(catalogue_sources_set(k->catalogue, "imap1", twins, 2, &e) != RC_OK);
    assert_int_equal(sources_of(k, "imap1").count, 2);
}

static void
set_fate(struct catalogue_kit *k, uint64_t cycle, const char *state, const char *problem)
{
    struct error e = ERROR_INIT;
    const struct catalogue_cycle_source s = {.agent = "imap1",
                                             .source = "spool",
                                             .kind = "imap",
                                             .state = state,
                                             .problem = problem,
                                             .remedy = ""};
    CHECK_OK(catalogue_cycle_source_set(k->catalogue, cycle, &s, &e), &e);
}

static void
list_tells_the_last_good_full_and_the_last_problem(void **state)
{
    struct catalogue_kit *k = *state;
    const struct archive half = {"imap1", "spool", 2, RECORD_ARCHIVE_INCOMPLETE};
    set_sources(k, "imap1", 1);
    add_full(k, 1, RECORD_FULL, &one, 1);
    add_full(k, 2, RECORD_INCOMPLETE, &half, 1);
    add_full(k, 3, RECORD_INCOMPLETE, &one, 1); /* whole itself, in a full that is not */
    set_fate(k, 2, "failed", "disk");
    set_fate(k, 3, "skipped", "not asked for in this cycle");
    struct sources all = sources_of(k, "imap1");
    assert_int_equal(all.count, 1);
    assert_int_equal(all.last_full[0], 1);
    assert_int_equal(all.last_good[0], 11);
    assert_string_equal(all.problem[0], "disk");
    set_fate(k, 4, "done", "");
    assert_string_equal(sources_of(k, "imap1").problem[0], "");
}

static enum rc
join(void *ctx, const char *host, struct error *e)
{
    char *all = ctx;
    (void)e;
    (void)snprintf(all + strlen(all), 64 - strlen(all), "%s ", host);
    return RC_OK;
}

static void
strangers_are_the_hosts_of_the_newest_good_full_that_nobody_invited(void **state)
{
    struct catalogue_kit *k = *state;
    static const struct archive both[] = {{"imap1", "spool", 1, RECORD_COMPLETE},
                                          {"db1", "sql", 1, RECORD_COMPLETE}};
    const struct id token = {{7}};
    struct error e = ERROR_INIT;
    char all[64] = "", rest[64] = "";
    add_full(k, 1, RECORD_FULL, both, 2);
    CHECK_OK(catalogue_strangers(k->catalogue, join, all, &e), &e);
    assert_string_equal(all, "db1 imap1 ");
    CHECK_OK(catalogue_peer_invite(k->catalogue, CERTIFICATE_AGENT, "db1", false, &token,
                                   (struct wall){2}, (struct wall){1}, &e),
             &e);
    CHECK_OK(catalogue_strangers(k->catalogue, join, rest, &e), &e);
    assert_string_equal(rest, "imap1 ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, catalogue_kit_begin, catalogue_kit_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(newest_is_the_newest_good_one),
        TEST(strangers_are_the_hosts_of_the_newest_good_full_that_nobody_invited),
        TEST(damaged_full_is_good_no_more_until_found_whole),
        TEST(last_archive_is_the_newest_complete_one),
        TEST(cut_clock_and_facts_come_from_the_record),
        TEST(facts_of_a_record_survive_reopen),
        TEST(chain_only_goes_forward),
        TEST(sources_are_replaced_as_a_whole),
        TEST(source_that_vanishes_is_withdrawn_until_it_is_forgotten_or_back),
        TEST(twice_the_same_name_changes_nothing),
        TEST(list_tells_the_last_good_full_and_the_last_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
