/* test_fleet.c -- agents over real TLS: who speaks for an agent, and until when. */
#include "controller/fleet/fleet.h"

#include <stdio.h>
#include <string.h>

#include "proto/link.h"
#include "proto/message.h"
#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

enum { PATIENCE_MS = 10000 };

static struct world {
    struct catalogue_kit *catalogue;
    struct vault *vault;
    struct pki pki;
    struct pki_leaf controller, first, second;
    struct hub *hub;
    struct fleet *fleet;
    struct keys_private *signer;
    char url[64];
    unsigned up, lost;
    size_t jobs; /* that the last `up` told of */
} w;

static void
on_result(void *ctx, const char *agent, const Koffer__StepResult *result)
{
    (void)ctx, (void)agent, (void)result;
}

static void
on_progress(void *ctx, const char *agent, const Koffer__Progress *progress)
{
    (void)ctx, (void)agent, (void)progress;
}

static void
on_up(void *ctx, const char *agent, const uint64_t *jobs, size_t count)
{
    (void)ctx;
    assert_string_equal(agent, "mail1");
    for (size_t i = 0; i < count; i++)
        assert_int_equal(jobs[i], 1);
    w.jobs = count;
    w.up++;
}

static void
on_lost(void *ctx, const char *agent)
{
    (void)ctx;
    assert_string_equal(agent, "mail1");
    w.lost++;
}

static struct tls_identity
identity_of(const struct pki_leaf *leaf)
{
    return (struct tls_identity){
        .ca = leaf->ca, .certificate = leaf->certificate, .key = leaf->key};
}

static void
open_fleet(void)
{
    struct error e = ERROR_INIT;
    unsigned port;
    const struct tls_identity identity = identity_of(&w.controller);
    CHECK_OK(hub_open(&w.hub, &e), &e);
    CHECK_OK(hub_listen_tls(w.hub, "tls+tcp://127.0.0.1:0", &identity, &e), &e);
    CHECK_OK(hub_port(w.hub, &port, &e), &e);
    (void)snprintf(w.url, sizeof w.url, "tls+tcp://127.0.0.1:%u", port);
    static struct roster roster; /* nobody: the agents here seal nothing */
    const struct fleet_options options = {
        .hub = w.hub,
        .roster = &roster,
        .catalogue = w.catalogue->catalogue,
        .vault = w.vault,
        .data_url = "tls+tcp://c:2",
        .signer = w.signer,
        .owner = {NULL, on_result, on_progress, on_up, on_lost},
    };
    CHECK_OK(fleet_new(&options, &w.fleet, &e), &e);
}

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    struct record_vault_id id;
    char path[VAULT_KIT_PATH_SIZE + 8];
    void *kit;
    (void)state;
    w = (struct world){.up = 0};
    assert_int_equal(catalogue_kit_begin(&kit), 0);
    w.catalogue = kit;
    (void)snprintf(path, sizeof path, "%s/vault", w.catalogue->directory);
    CHECK_OK(vault_create(path, false, &id, &e), &e);
    CHECK_OK(vault_open(path, &(struct vault_options){0}, &w.vault, &e), &e);
    pki_make(&w.pki, "test");
    pki_issue(&w.pki, CERTIFICATE_CONTROLLER, "main", clock_wall(), 30, &w.controller);
    pki_issue(&w.pki, CERTIFICATE_AGENT, "mail1", clock_wall(), 30, &w.first);
    pki_issue(&w.pki, CERTIFICATE_AGENT, "mail1", clock_wall(), 30, &w.second);
    CHECK_OK(keys_generate(KEYS_SIGNING, &w.signer, &e), &e);
    open_fleet();
    return 0;
}

static int
end(void **state)
{
    void *kit = w.catalogue;
    (void)state;
    fleet_free(w.fleet);
    hub_close(w.hub);
    vault_close(w.vault);
    keys_private_free(w.signer);
    pki_leaf_free(&w.controller);
    pki_leaf_free(&w.first);
    pki_leaf_free(&w.second);
    pki_free(&w.pki);
    return catalogue_kit_end(&kit);
}

static void
enrol(const struct pki_leaf *leaf)
{
    struct error e = ERROR_INIT;
    const struct keys_public key = {{1}};
    const struct wall now = clock_wall(), until = {now.ns + CLOCK_NS_PER_SECOND};
    struct catalogue *c = w.catalogue->catalogue;
    CHECK_OK(
        catalogue_peer_invite(c, CERTIFICATE_AGENT, "mail1", true, &leaf->spki, until, now, &e),
        &e);
    CHECK_OK(catalogue_peer_enrolled(c, CERTIFICATE_AGENT, "mail1", &key, &key, &leaf->spki, until,
                                     now, &e),
             &e);
    fleet_cut(w.fleet, "mail1", "enrolled anew");
}

/* One event of the hub through the fleet. */
static enum rc
step(struct error *e)
{
    struct hub_event event;
    bool taken;
    CHECK_OK(hub_next(w.hub, clock_after_ms(clock_mono(), PATIENCE_MS), &event, e), e);
    assert_int_not_equal(event.kind, HUB_TIMEOUT);
    enum rc rc = fleet_event(w.fleet, &event, &taken, e);
    hub_event_clear(&event);
    return rc;
}

static void
expect(struct link *link, enum link_kind kind)
{
    struct error e = ERROR_INIT;
    struct link_event event;
    CHECK_OK(link_next(link, clock_after_ms(clock_mono(), PATIENCE_MS), &event, &e), &e);
    assert_int_equal(event.kind, kind);
    link_event_clear(&event);
}

static struct link *
dial(const struct pki_leaf *leaf)
{
    struct error e = ERROR_INIT;
    struct link *link;
    const struct tls_identity identity = identity_of(leaf);
    const struct link_options options = {
        .url = w.url, .identity = &identity, .expect = "koffer://controller/main"};
    CHECK_OK(link_open(&options, &link, &e), &e);
    expect(link, LINK_UP);
    return link;
}

static void
send_hello_with(struct link *link, int64_t clock, const char *feature)
{
    struct error e = ERROR_INIT;
    Koffer__AgentHello hello;
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    koffer__agent_hello__init(&hello);
    hello.protocol_min = hello.protocol_max = 1;
    hello.clock = clock;
    char *features[] = {message_text(feature)};
    hello.features = features;
    hello.n_features = feature[0] != '\0';
    CHECK_OK(message_pack(&hello.base, &body, &e), &e);
    const struct frame frame = {
        .type = KOFFER__MESSAGE_TYPE__AGENT_HELLO, .correlation = 1, .body = buffer_span(&body)};
    CHECK_OK(link_send(link, &frame, &e), &e);
}

/* Names no job. */
static void
send_hello(struct link *link, int64_t clock)
{
    send_hello_with(link, clock, "");
}

static struct link *
join(const struct pki_leaf *leaf, int64_t clock)
{
    struct error e = ERROR_INIT;
    struct link *link = dial(leaf);
    send_hello(link, clock);
    CHECK_OK(step(&e), &e); /* up */
    CHECK_OK(step(&e), &e); /* hello */
    expect(link, LINK_FRAME);
    assert_true(fleet_is_connected(w.fleet, "mail1"));
    return link;
}

static enum rc
order(struct error *e)
{
    Koffer__StepOrder order;
    koffer__step_order__init(&order);
    order.job = 1;
    return fleet_order(w.fleet, "mail1", &order, e);
}

static void
old_certificate_gets_no_orders_once_there_is_a_new_one(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    enrol(&w.first);
    struct link *old = join(&w.first, 0);
    CHECK_OK(order(&e), &e);
    expect(old, LINK_FRAME);
    enrol(&w.second);
    assert_int_equal(w.lost, 1);
    assert_false(fleet_is_connected(w.fleet, "mail1"));
    CHECK_RC(order(&e), RC_AGAIN);
    expect(old, LINK_DOWN);
    link_close(old);
    CHECK_OK(step(&e), &e); /* down: nobody is lost twice */
    assert_int_equal(w.lost, 1);
}

static void
say_hello_again(struct link *link)
{
    struct error e = ERROR_INIT;
    send_hello(link, 0);
    CHECK_OK(step(&e), &e);
    expect(link, LINK_FRAME); /* the welcome */
}

static void
answer_order(struct link *link)
{
    struct error e = ERROR_INIT;
    const struct frame answer = {
        .flags = FRAME_REPLY, .type = KOFFER__MESSAGE_TYPE__STEP, .correlation = 1};
    CHECK_OK(link_send(link, &answer, &e), &e);
    CHECK_OK(step(&e), &e);
}

static void
order_that_crosses_a_hello_on_its_connection_is_not_lost(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    enrol(&w.first);
    struct link *link = join(&w.first, 0);
    assert_int_equal(w.jobs, 0);
    CHECK_OK(order(&e), &e);
    expect(link, LINK_FRAME);
    say_hello_again(link);
    assert_int_equal(w.jobs, 1); /* its answer is still to come */
    answer_order(link);
    say_hello_again(link);
    assert_int_equal(w.jobs, 0); /* what it took, and does not name any more, it has lost */
    link_close(link);
}

static void
order_without_an_answer_is_lost_with_its_connection(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    enrol(&w.first);
    struct link *link = join(&w.first, 0);
    CHECK_OK(order(&e), &e);
    expect(link, LINK_FRAME);
    link_close(link);
    CHECK_OK(step(&e), &e); /* down */
    link = join(&w.first, 0);
    assert_int_equal(w.jobs, 0);
    link_close(link);
}

static void
new_certificate_takes_over(void **state)
{
    (void)state;
    enrol(&w.second);
    struct link *link = join(&w.second, 0);
    assert_int_equal(w.up, 1);
    link_close(link);
}

static void
no_clock_is_too_odd_for_a_hello(void **state)
{
    static const int64_t clocks[] = {INT64_MIN, INT64_MAX};
    struct error e = ERROR_INIT;
    (void)state;
    enrol(&w.first);
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct link *link = join(&w.first, clocks[i]);
        assert_non_null(strstr(fleet_problem(w.fleet, "mail1"), "clock is off"));
        link_close(link);
        CHECK_OK(step(&e), &e);
    }
}

/* The next question for the clock, answered by one that is an hour ahead; its correlation. */
static void
tell_clock(struct link *link, bool failure)
{
    struct error e = ERROR_INIT;
    struct link_event event;
    Koffer__ClockReading reading;
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    koffer__clock_reading__init(&reading);
    CHECK_OK(link_next(link, clock_after_ms(clock_mono(), PATIENCE_MS), &event, &e), &e);
    assert_int_equal(event.kind, LINK_FRAME);
    assert_int_equal(event.frame.type, KOFFER__MESSAGE_TYPE__CLOCK);
    reading.received = reading.sent = clock_wall().ns + 3600 * CLOCK_NS_PER_SECOND;
    CHECK_OK(message_pack(&reading.base, &body, &e), &e);
    const struct frame answer = {.flags = failure ? FRAME_REPLY | FRAME_FAILURE : FRAME_REPLY,
                                 .type = KOFFER__MESSAGE_TYPE__CLOCK,
                                 .correlation = event.frame.correlation,
                                 .body = buffer_span(&body)};
    CHECK_OK(link_send(link, &answer, &e), &e);
    link_event_clear(&event);
}

static void
an_agent_that_can_tell_its_clock_is_asked_three_times(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    enrol(&w.first);
    struct link *link = join(&w.first, 0);
    assert_false(fleet_can(w.fleet, "mail1", FLEET_CLOCK));
    fleet_clock_measure(w.fleet, "mail1"); /* is not asked: the next frame is the welcome */
    send_hello_with(link, 0, "clock");
    CHECK_OK(step(&e), &e);
    expect(link, LINK_FRAME);
    assert_true(fleet_can(w.fleet, "mail1", FLEET_CLOCK));
    assert_false(fleet_can(w.fleet, "mail1", FLEET_CUT));

    fleet_clock_measure(w.fleet, "mail1");
    assert_true(fleet_clock(w.fleet, "mail1").offset_ns == RECORD_CLOCK_UNKNOWN);
    for (int i = 0; i < 3; i++) {
        tell_clock(link, false);
        CHECK_OK(step(&e), &e);
    }
    struct record_clock clock = fleet_clock(w.fleet, "mail1");
    int64_t off = clock.offset_ns - 3600 * CLOCK_NS_PER_SECOND;
    assert_true(off <= clock.uncertainty_ns && off >= -clock.uncertainty_ns);

    fleet_clock_measure(w.fleet, "mail1");
    tell_clock(link, true);
    CHECK_RC(step(&e), RC_PROTOCOL);
    assert_true(fleet_clock(w.fleet, "mail1").offset_ns == RECORD_CLOCK_UNKNOWN);
    link_close(link);
}

static enum rc
take_seen(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    *(struct wall *)ctx = p->last_seen;
    return RC_OK;
}

static void
agent_was_last_seen_when_it_left(void **state)
{
    struct error e = ERROR_INIT;
    struct wall seen;
    (void)state;
    enrol(&w.first);
    struct link *link = join(&w.first, 0);
    struct wall before = clock_wall();
    link_close(link);
    CHECK_OK(step(&e), &e);
    CHECK_OK(catalogue_peer_find(w.catalogue->catalogue, CERTIFICATE_AGENT, "mail1", take_seen,
                                 &seen, &e),
             &e);
    assert_true(seen.ns >= before.ns);
}

static int
start_tls(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_OK(tls_start(&e), &e);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_certificate_gets_no_orders_once_there_is_a_new_one,
                                        begin, end),
        cmocka_unit_test_setup_teardown(order_that_crosses_a_hello_on_its_connection_is_not_lost,
                                        begin, end),
        cmocka_unit_test_setup_teardown(order_without_an_answer_is_lost_with_its_connection, begin,
                                        end),
        cmocka_unit_test_setup_teardown(new_certificate_takes_over, begin, end),
        cmocka_unit_test_setup_teardown(an_agent_that_can_tell_its_clock_is_asked_three_times,
                                        begin, end),
        cmocka_unit_test_setup_teardown(no_clock_is_too_odd_for_a_hello, begin, end),
        cmocka_unit_test_setup_teardown(agent_was_last_seen_when_it_left, begin, end),
    };
    return cmocka_run_group_tests(tests, start_tls, NULL);
}
