/*
 * test_cycle_barrier.c -- nobody is cut before all are ready, and all are cut at once.
 *
 * The fleet and the data streams are played here: what the runner orders is written down, and the test answers as agents
 * would.  Real ones are in tests/integration.
 */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "controller/cycle/cycle_internal.h"
#include "proto/message.h"
#include "tests/support/catalogue_kit.h"

#define CHECK KOFFER__STEP_VERB__STEP_CHECK
#define READY KOFFER__STEP_VERB__STEP_READY
#define CUT KOFFER__STEP_VERB__STEP_CUT
#define CAPTURE KOFFER__STEP_VERB__STEP_CAPTURE
#define RELEASE KOFFER__STEP_VERB__STEP_RELEASE

enum { ORDERS_MAX = 256 };

static struct order {
    char agent[LIMIT_LABEL + 1], source[LIMIT_LABEL + 1];
    Koffer__StepVerb verb;
    uint64_t job;
    uint32_t seconds;
    bool cancelled, answered;
} orders[ORDERS_MAX];
static size_t order_count;

static struct world {
    struct catalogue_kit *kit;
    struct vault *vault;
    struct cycle_runner *runner;
    uint64_t cycle, next_job;
    unsigned measured;
    const char *old, *away; /* the agent that knows no barrier; the one that is not connected */
    struct record_clock clock;
} w;

/* ---- the fleet and the streams */

uint64_t
fleet_new_job(struct fleet *f)
{
    (void)f;
    return ++w.next_job;
}

enum rc
fleet_order(struct fleet *f, const char *agent, const Koffer__StepOrder *order, struct error *e)
{
    (void)f;
    if (text_equal(agent, w.away))
        return error_set(e, RC_AGAIN, "agent '%s' is not connected", agent);
    assert_true(order_count < ORDERS_MAX);
    struct order *o = &orders[order_count++];
    *o = (struct order){.verb = order->verb, .job = order->job, .seconds = order->deadline_seconds};
    (void)snprintf(o->agent, sizeof o->agent, "%s", agent);
    (void)snprintf(o->source, sizeof o->source, "%s", order->source);
    return RC_OK;
}

void
fleet_cancel(struct fleet *f, const char *agent, uint64_t job)
{
    (void)f, (void)agent;
    for (size_t i = 0; i < order_count; i++)
        orders[i].cancelled = orders[i].cancelled || orders[i].job == job;
}

bool
fleet_can(const struct fleet *f, const char *agent, enum fleet_feature feature)
{
    (void)f;
    return feature == FLEET_CUT && !text_equal(agent, w.old);
}

void
fleet_clock_measure(struct fleet *f, const char *agent)
{
    (void)f, (void)agent;
    w.measured++;
}

struct record_clock
fleet_clock(const struct fleet *f, const char *agent)
{
    (void)f, (void)agent;
    return w.clock;
}

enum rc
data_expect(struct data *d, uint64_t job, const char *agent, enum data_direction direction,
            struct id *token, struct error *e)
{
    (void)d, (void)job, (void)agent, (void)direction, (void)e;
    *token = (struct id){{7}};
    return RC_OK;
}

void
data_forget(struct data *d, uint64_t job)
{
    (void)d, (void)job;
}

bool
data_fence(struct data *d, uint64_t job, struct vault_fence *out)
{
    (void)d, (void)job;
    *out = (struct vault_fence){0};
    return true;
}

void
data_heard(struct data *d, uint64_t job)
{
    (void)d, (void)job;
}

/* ---- the world */

static void
add_agent(const char *agent, const char *const *sources, size_t count, bool required)
{
    static const struct keys_public key = {{3}};
    static const struct wall now = {1000}, until = {2000};
    struct catalogue *c = w.kit->catalogue;
    struct catalogue_source declared[CYCLE_STEPS + 2] = {0};
    struct error e = ERROR_INIT;
    CHECK_OK(catalogue_peer_invite(c, CERTIFICATE_AGENT, agent, false, &(struct id){{1}}, until,
                                   now, &e),
             &e);
    CHECK_OK(catalogue_peer_enrolled(c, CERTIFICATE_AGENT, agent, &key, &key, &(struct id){{2}},
                                     until, now, &e),
             &e);
    for (size_t i = 0; i < count; i++)
        declared[i] = (struct catalogue_source){
            .name = sources[i], .kind = "files", .description = "", .required = required};
    CHECK_OK(catalogue_sources_set(c, agent, declared, count, &e), &e);
}

/* One source each of db1 and imap1, which are required, and of web1, which is not. */
static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    struct record_vault_id id;
    char path[VAULT_KIT_PATH_SIZE + 8];
    void *kit;
    (void)state;
    w = (struct world){.clock = {.offset_ns = RECORD_CLOCK_UNKNOWN}, .old = "", .away = ""};
    order_count = 0;
    assert_int_equal(catalogue_kit_begin(&kit), 0);
    w.kit = kit;
    (void)snprintf(path, sizeof path, "%s/vault", w.kit->directory);
    CHECK_OK(vault_create(path, false, &id, &e), &e);
    CHECK_OK(vault_open(path, &(struct vault_options){0}, &w.vault, &e), &e);
    add_agent("db1", (const char *const[]){"sql"}, 1, true);
    add_agent("imap1", (const char *const[]){"mail"}, 1, true);
    add_agent("web1", (const char *const[]){"cms"}, 1, false);
    const struct cycle_options options = {.catalogue = w.kit->catalogue,
                                          .vault = w.vault,
                                          .capture_seconds = 60,
                                          .ready_seconds = 60};
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
    return catalogue_kit_end(&kit);
}

static void
start(void)
{
    struct error e = ERROR_INIT;
    CHECK_OK(cycle_start(w.runner, NULL, 0, "root", &w.cycle, &e), &e);
}

static size_t
count_orders(Koffer__StepVerb verb)
{
    size_t count = 0;
    for (size_t i = 0; i < order_count; i++)
        count += orders[i].verb == verb;
    return count;
}

/* The newest of this kind. */
static struct order *
order_of(const char *agent, Koffer__StepVerb verb)
{
    for (size_t i = order_count; i > 0; i--)
        if (orders[i - 1].verb == verb && text_equal(orders[i - 1].agent, agent))
            return &orders[i - 1];
    fail_msg("%s was not ordered step %d", agent, (int)verb);
    return NULL;
}

static void
answer_with(struct order *o, enum rc code, int64_t cut_from, int64_t cut_until)
{
    Koffer__StepResult result;
    koffer__step_result__init(&result);
    result.job = o->job;
    result.code = (uint32_t)code;
    result.text = message_text(code == RC_OK ? "" : "it went wrong");
    result.cut_from = cut_from;
    result.cut_until = cut_until;
    o->answered = true;
    cycle_step_result(w.runner, o->agent, &result);
}

static void
answer(const char *agent, Koffer__StepVerb verb, enum rc code)
{
    answer_with(order_of(agent, verb), code, 0, 0);
}

static void
answer_all(Koffer__StepVerb verb)
{
    for (size_t i = 0; i < order_count; i++)
        if (orders[i].verb == verb && !orders[i].answered)
            answer_with(&orders[i], RC_OK, 0, 0);
}

static void
state_is(const char *want)
{
    assert_non_null(cycle_running(w.runner));
    assert_string_equal(cycle_fsm_state_name(cycle_running(w.runner)->state), want);
}

static const struct cycle_source *
source_of(const char *agent)
{
    const struct cycle *c = cycle_running(w.runner);
    for (size_t i = 0; i < c->count; i++)
        if (text_equal(c->sources[i].agent, agent))
            return &c->sources[i];
    fail_msg("no source of %s", agent);
    return NULL;
}

static void
the_deadline_is_over(void)
{
    w.runner->running->ready_until = (struct mono){1};
    cycle_tick(w.runner);
}

static void
until_ready_is_ordered(void)
{
    start();
    answer_all(CHECK);
    state_is("readying");
}

struct end {
    char state[32], problem[ERROR_TEXT_MAX];
};

static enum rc
take_end(void *ctx, const struct catalogue_cycle *cy, struct error *e)
{
    struct end *found = ctx;
    (void)e;
    (void)snprintf(found->state, sizeof found->state, "%s", cy->state);
    (void)snprintf(found->problem, sizeof found->problem, "%s", cy->problem);
    return RC_OK;
}

/* Everybody lets go, and the cycle has ended so. */
static struct end
ends(const char *state)
{
    struct error e = ERROR_INIT;
    struct end found;
    answer_all(RELEASE);
    assert_null(cycle_running(w.runner));
    CHECK_OK(catalogue_cycle_find(w.kit->catalogue, w.cycle, take_end, &found, &e), &e);
    assert_string_equal(found.state, state);
    return found;
}

/* ---- all ready, then all cut */

static void
all_get_ready_at_once_and_are_cut_when_the_last_one_is(void **state)
{
    (void)state;
    until_ready_is_ordered();
    assert_int_equal(count_orders(READY), 3);
    assert_int_equal(order_of("db1", READY)->seconds, 60);
    assert_int_equal(w.measured, 3);
    answer("db1", READY, RC_OK);
    answer("web1", READY, RC_OK);
    cycle_tick(w.runner);
    assert_int_equal(count_orders(CUT), 0);
    answer("imap1", READY, RC_OK);
    state_is("cutting");
    assert_int_equal(count_orders(CUT), 3);
    answer("db1", CUT, RC_OK);
    answer("imap1", CUT, RC_OK);
    assert_int_equal(count_orders(CAPTURE), 0);
    answer("web1", CUT, RC_OK);
    state_is("capturing");
    assert_int_equal(count_orders(CAPTURE), 3);
}

static void
an_agent_that_knows_no_barrier_is_read_live_and_holds_nobody_up(void **state)
{
    (void)state;
    w.old = "imap1";
    until_ready_is_ordered();
    assert_int_equal(count_orders(READY), 2);
    answer_all(READY);
    assert_int_equal(count_orders(CUT), 2);
    answer_all(CUT);
    state_is("capturing");
    assert_int_equal(count_orders(CAPTURE), 3);
    assert_int_equal(source_of("imap1")->cut_until.ns, 0);
}

static void
what_failed_its_check_is_not_waited_for(void **state)
{
    (void)state;
    start();
    answer("db1", CHECK, RC_INVALID);
    answer_all(CHECK);
    state_is("readying");
    assert_int_equal(count_orders(READY), 2);
    answer_all(READY);
    assert_int_equal(count_orders(CUT), 2);
}

static void
no_agent_gets_more_steps_at_a_time_than_it_takes(void **state)
{
    static const char *const names[CYCLE_STEPS + 2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                                       "j", "k", "l", "m", "n", "o", "p", "q", "r"};
    (void)state;
    add_agent("many1", names, CYCLE_STEPS + 2, true);
    start();
    answer_all(CHECK);
    assert_int_equal(count_orders(READY), 3 + CYCLE_STEPS);
    answer("many1", READY, RC_OK);
    assert_int_equal(count_orders(READY), 3 + CYCLE_STEPS + 1);
    answer_all(READY);
    assert_int_equal(count_orders(READY), 3 + CYCLE_STEPS + 2);
    assert_int_equal(count_orders(CUT), 3 + CYCLE_STEPS);
    answer_all(CUT);
    state_is("capturing");
    assert_int_equal(count_orders(CUT), 3 + CYCLE_STEPS + 2);
}

/* ---- stragglers */

static void
a_required_straggler_ends_the_cycle_and_nobody_is_cut(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer("db1", READY, RC_OK);
    answer("web1", READY, RC_OK);
    the_deadline_is_over();
    state_is("unwinding");
    assert_true(order_of("imap1", READY)->cancelled);
    assert_int_equal(count_orders(CUT), 0);
    assert_int_equal(count_orders(RELEASE), 3);
    assert_non_null(strstr(source_of("imap1")->problem, "not ready within 60 s"));
    assert_non_null(strstr(source_of("imap1")->remedy, "ready-deadline"));
    struct end found = ends("failed");
    assert_string_equal(found.problem, "not ready within 60 s: imap1.mail");
}

static void
all_stragglers_are_named(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer("db1", READY, RC_OK);
    the_deadline_is_over();
    assert_string_equal(ends("failed").problem, "not ready within 60 s: imap1.mail, web1.cms");
}

static void
a_straggler_that_is_not_required_fails_alone(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer("db1", READY, RC_OK);
    answer("imap1", READY, RC_OK);
    the_deadline_is_over();
    state_is("cutting");
    assert_int_equal(count_orders(CUT), 2);
    assert_int_equal(source_of("web1")->state, CYCLE_SOURCE_FAILED);
    assert_string_equal(cycle_running(w.runner)->problem, "not ready within 60 s: web1.cms");
    answer_all(CUT);
    assert_int_equal(count_orders(CAPTURE), 2);
}

/* The agent's deadline is the same as ours: whose clock is over first is chance. */
static void
a_source_that_gives_up_at_its_deadline_is_a_straggler_too(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer("imap1", READY, RC_TIMEOUT);
    answer_all(READY);
    assert_int_equal(count_orders(CUT), 0);
    assert_string_equal(ends("failed").problem, "not ready within 60 s: imap1.mail");
}

static void
an_agent_that_stays_away_while_it_gets_ready_is_a_straggler(void **state)
{
    (void)state;
    until_ready_is_ordered();
    cycle_step_lost(w.runner, "imap1");
    answer("db1", READY, RC_OK);
    answer("web1", READY, RC_OK);
    state_is("readying"); /* it may come back */
    w.runner->running->sources[1].lost_until = (struct mono){1};
    cycle_tick(w.runner);
    assert_int_equal(count_orders(CUT), 0);
    assert_string_equal(ends("failed").problem, "not ready within 60 s: imap1.mail");
}

/* ---- failures */

static void
a_source_that_cannot_get_ready_fails_alone(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer("imap1", READY, RC_INVALID);
    answer_all(READY);
    state_is("cutting");
    assert_int_equal(source_of("imap1")->state, CYCLE_SOURCE_FAILED);
    assert_int_equal(count_orders(CUT), 2);
}

static void
a_cut_that_fails_fails_its_source_and_no_other(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer_all(READY);
    answer("imap1", CUT, RC_IO);
    answer_all(CUT);
    state_is("capturing");
    assert_int_equal(count_orders(CAPTURE), 2);
    assert_string_equal(source_of("imap1")->problem, "it went wrong");
}

static void
a_cut_that_hangs_is_given_up_and_the_others_go_on(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer_all(READY);
    assert_int_equal(order_of("imap1", CUT)->seconds, CYCLE_CUT_S);
    answer("db1", CUT, RC_OK);
    answer("web1", CUT, RC_OK);
    w.runner->running->sources[1].deadline = (struct mono){1};
    cycle_tick(w.runner);
    assert_true(order_of("imap1", CUT)->cancelled);
    assert_non_null(strstr(source_of("imap1")->remedy, "what hung"));
    state_is("capturing");
    assert_int_equal(count_orders(CAPTURE), 2);
}

static void
when_no_cut_succeeds_the_cycle_has_failed_and_all_let_go(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer_all(READY);
    answer("db1", CUT, RC_IO);
    answer("imap1", CUT, RC_IO);
    answer("web1", CUT, RC_IO);
    assert_int_equal(count_orders(RELEASE), 3);
    assert_string_equal(ends("failed").problem, "it went wrong");
}

static void
an_agent_that_comes_back_without_its_step_has_failed(void **state)
{
    (void)state;
    until_ready_is_ordered();
    cycle_step_lost(w.runner, "imap1");
    cycle_step_up(w.runner, "imap1", NULL, 0);
    assert_int_equal(source_of("imap1")->state, CYCLE_SOURCE_FAILED);
    answer_all(READY);
    state_is("cutting");
}

static void
an_agent_that_comes_back_with_its_cut_goes_on(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer_all(READY);
    const uint64_t job = order_of("imap1", CUT)->job;
    cycle_step_lost(w.runner, "imap1");
    answer("db1", CUT, RC_OK);
    answer("web1", CUT, RC_OK);
    state_is("cutting");
    cycle_step_up(w.runner, "imap1", &job, 1);
    answer("imap1", CUT, RC_OK);
    state_is("capturing");
    assert_int_equal(count_orders(CAPTURE), 3);
}

static void
an_agent_that_is_lost_between_ready_and_cut_fails_and_the_others_are_cut(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer("imap1", READY, RC_OK);
    w.away = "imap1";
    answer_all(READY);
    assert_int_equal(count_orders(CUT), 2);
    assert_non_null(strstr(source_of("imap1")->problem, "not connected"));
    answer_all(CUT);
    state_is("capturing");
}

/* ---- cancel */

static void
cancel_and_end(Koffer__StepVerb verb)
{
    struct error e = ERROR_INIT;
    uint64_t number;
    CHECK_OK(cycle_cancel(w.runner, 0, &number, &e), &e);
    state_is("unwinding");
    for (size_t i = 0; i < order_count; i++)
        if (orders[i].verb == verb)
            assert_true(orders[i].cancelled || orders[i].answered);
    for (size_t i = 0; i < order_count; i++)
        if (orders[i].verb == verb && !orders[i].answered)
            answer_with(&orders[i], RC_CANCELLED, 0, 0);
    assert_int_equal(count_orders(RELEASE), 3);
    assert_int_equal(count_orders(CAPTURE), 0);
    (void)ends("cancelled");
}

static void
a_cancel_while_sources_get_ready_releases_all(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer("db1", READY, RC_OK);
    cancel_and_end(READY);
    assert_int_equal(count_orders(CUT), 0);
}

static void
a_cancel_in_the_cut_releases_all(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer_all(READY);
    answer("db1", CUT, RC_OK);
    cancel_and_end(CUT);
}

/* ---- what is known of the cut */

static enum rc
take_cut(void *ctx, const struct catalogue_cycle_source *s, struct error *e)
{
    (void)e;
    if (text_equal(s->agent, "db1"))
        *(struct catalogue_cut *)ctx = s->cut;
    return RC_OK;
}

static void
the_instants_of_a_cut_and_the_clock_are_in_the_catalogue(void **state)
{
    struct error e = ERROR_INIT;
    struct catalogue_cut cut = {0};
    (void)state;
    until_ready_is_ordered();
    answer_all(READY);
    w.clock = (struct record_clock){-5000, 70};
    answer_with(order_of("db1", CUT), RC_OK, 1000, 1500);
    CHECK_OK(catalogue_cycle_sources(w.kit->catalogue, w.cycle, take_cut, &cut, &e), &e);
    assert_int_equal(cut.from.ns, 1000);
    assert_int_equal(cut.until.ns, 1500);
    assert_true(cut.snapshotted);
    assert_int_equal(cut.clock.offset_ns, -5000);
    assert_int_equal(cut.clock.uncertainty_ns, 70);
}

static void
an_export_has_instants_and_is_no_snapshot(void **state)
{
    (void)state;
    until_ready_is_ordered();
    answer_all(READY);
    answer_all(CUT);
    answer_with(order_of("db1", CAPTURE), RC_OK, 2000, 9000);
    assert_int_equal(source_of("db1")->cut_until.ns, 9000);
    assert_false(source_of("db1")->snapshotted);
}

/* ---- clocks */

static enum rc
take_warning(void *ctx, const struct catalogue_note *n, struct error *e)
{
    (void)e;
    if (!n->fact)
        (void)snprintf(ctx, 256, "%s", n->value);
    return RC_OK;
}

static void
warning_about(struct record_clock clock, char out[static 256])
{
    struct error e = ERROR_INIT;
    assert_int_equal(begin(NULL), 0);
    until_ready_is_ordered();
    w.clock = clock;
    answer_all(READY);
    out[0] = '\0';
    const struct record_archive a = {.host = "db1"};
    cycle_barrier_seal(w.runner, &w.runner->running->sources[0], &a);
    CHECK_OK(catalogue_cycle_notes(w.kit->catalogue, w.cycle, "db1", "sql", take_warning, out, &e),
             &e);
    assert_int_equal(end(NULL), 0);
}

static void
a_clock_that_makes_the_cut_doubtful_is_warned_of(void **state)
{
    char text[256];
    (void)state;
    warning_about((struct record_clock){CLOCK_NS_PER_SECOND, 50 * CLOCK_NS_PER_MS}, text);
    assert_string_equal(text, "");
    warning_about((struct record_clock){.offset_ns = RECORD_CLOCK_UNKNOWN}, text);
    assert_string_equal(text, "");
    warning_about((struct record_clock){-2 * CLOCK_NS_PER_SECOND, 10}, text);
    assert_non_null(strstr(text, "off by -2.000 s"));
    warning_about((struct record_clock){10, 51 * CLOCK_NS_PER_MS}, text);
    assert_non_null(strstr(text, "within 51 ms only"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_get_ready_at_once_and_are_cut_when_the_last_one_is),
        TEST(an_agent_that_knows_no_barrier_is_read_live_and_holds_nobody_up),
        TEST(what_failed_its_check_is_not_waited_for),
        TEST(no_agent_gets_more_steps_at_a_time_than_it_takes),
        TEST(a_required_straggler_ends_the_cycle_and_nobody_is_cut),
        TEST(all_stragglers_are_named),
        TEST(a_straggler_that_is_not_required_fails_alone),
        TEST(a_source_that_gives_up_at_its_deadline_is_a_straggler_too),
        TEST(an_agent_that_stays_away_while_it_gets_ready_is_a_straggler),
        TEST(a_source_that_cannot_get_ready_fails_alone),
        TEST(a_cut_that_fails_fails_its_source_and_no_other),
        TEST(a_cut_that_hangs_is_given_up_and_the_others_go_on),
        TEST(when_no_cut_succeeds_the_cycle_has_failed_and_all_let_go),
        TEST(an_agent_that_comes_back_without_its_step_has_failed),
        TEST(an_agent_that_comes_back_with_its_cut_goes_on),
        TEST(an_agent_that_is_lost_between_ready_and_cut_fails_and_the_others_are_cut),
        TEST(a_cancel_while_sources_get_ready_releases_all),
        TEST(a_cancel_in_the_cut_releases_all),
        TEST(the_instants_of_a_cut_and_the_clock_are_in_the_catalogue),
        TEST(an_export_has_instants_and_is_no_snapshot),
        cmocka_unit_test(a_clock_that_makes_the_cut_doubtful_is_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
