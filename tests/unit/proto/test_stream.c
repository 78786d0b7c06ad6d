/* test_stream.c -- the data stream over real TLS on the loopback. */
#include "tests/support/check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "proto/monitor.h"
#include "proto/stream.h"
#include "proto/tuning.h"
#include "tests/support/pki.h"

enum { BIG = 3 * 1024 * 1024 + 17 };

/* What the serving thread does with its stream; the test sets it before it dials. */
typedef void serve_fn(struct stream *s);

static struct world {
    struct pki pki;
    struct pki_leaf controller, agent;
    struct stream_listener *listener;
    char url[64];
    struct monitor monitor;
    serve_fn *serve;
    unsigned entered, served;
    struct tls_peer seen;
    struct error last;
    enum rc last_rc;
} w;

static struct tls_identity
identity_of(const struct pki_leaf *leaf)
{
    return (struct tls_identity){
        .ca = leaf->ca, .certificate = leaf->certificate, .key = leaf->key};
}

static void
accepted(void *ctx, struct stream *s)
{
    (void)ctx;
    monitor_lock(&w.monitor);
    w.seen = *stream_peer(s);
    serve_fn *serve = w.serve;
    w.entered++;
    monitor_changed(&w.monitor);
    monitor_unlock(&w.monitor);
    serve(s);
    stream_close(s);
    monitor_lock(&w.monitor);
    w.served++;
    monitor_changed(&w.monitor);
    monitor_unlock(&w.monitor);
}

static void
wait_served(unsigned count)
{
    struct mono deadline = clock_after_ms(clock_mono(), 10000);
    bool in_time = true;
    monitor_lock(&w.monitor);
    while (w.served < count && in_time)
        in_time = monitor_wait_until(&w.monitor, deadline);
    unsigned served = w.served;
    monitor_unlock(&w.monitor);
    assert_true(served >= count);
}

static struct stream *
dial_to(serve_fn *serve)
{
    struct error e = ERROR_INIT;
    struct stream *s = NULL;
    const struct tls_identity identity = identity_of(&w.agent);
    monitor_lock(&w.monitor);
    w.serve = serve;
    w.entered = w.served = 0;
    monitor_unlock(&w.monitor);
    CHECK_OK(stream_dial(w.url, &identity, "koffer://controller/main", &s, &e), &e);
    return s;
}

static void
listen_with(enum tls_demand demand)
{
    struct error e = ERROR_INIT;
    unsigned port;
    const struct tls_identity identity = identity_of(&w.controller);
    const struct stream_listen_options options = {.url = "tls+tcp://127.0.0.1:0",
                                                  .identity = &identity,
                                                  .demand = demand,
                                                  .accepted = accepted};
    CHECK_OK(stream_listen(&options, &w.listener, &e), &e);
    CHECK_OK(stream_listener_port(w.listener, &port, &e), &e);
    (void)snprintf(w.url, sizeof w.url, "tls+tcp://127.0.0.1:%u", port);
}

static int
start_world(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    monitor_init(&w.monitor);
    CHECK_OK(tls_start(&e), &e);
    pki_make(&w.pki, "test");
    pki_issue(&w.pki, CERTIFICATE_CONTROLLER, "main", clock_wall(), 30, &w.controller);
    pki_issue(&w.pki, CERTIFICATE_AGENT, "mail1", clock_wall(), 30, &w.agent);
    return 0;
}

static int
stop_world(void **state)
{
    (void)state;
    pki_leaf_free(&w.controller);
    pki_leaf_free(&w.agent);
    pki_free(&w.pki);
    monitor_destroy(&w.monitor);
    return 0;
}

static int
open_listener(void **state)
{
    (void)state;
    listen_with(TLS_DEMAND_CERTIFICATE);
    return 0;
}

static int
close_listener(void **state)
{
    (void)state;
    stream_listener_close(w.listener);
    w.listener = NULL;
    return 0;
}

/* ---- servers */

static void
echo(struct stream *s)
{
    struct error e = ERROR_INIT;
    enum stream_type type;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    while (stream_receive(s, &type, &payload, &e) == RC_OK) {
        struct span part = buffer_span(&payload);
        if (stream_send(s, type, &part, 1, &e) != RC_OK)
            break;
    }
}

static void
read_one_and_fail(struct stream *s)
{
    struct error e = ERROR_INIT;
    enum stream_type type;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    if (stream_receive(s, &type, &payload, &e) != RC_OK)
        return;
    enum rc rc = error_set(&e, RC_NO_SPACE, "the vault is full");
    (void)rc;
    stream_fail(s, &e);
}

/* Reads nothing until the listener or the peer ends it; remembers how. */
static void
wait_for_the_end(struct stream *s)
{
    struct error e = ERROR_INIT;
    enum stream_type type;
    enum rc rc = RC_OK;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    while (rc == RC_OK)
        rc = stream_receive(s, &type, &payload, &e);
    monitor_lock(&w.monitor);
    w.last = e;
    w.last_rc = rc;
    monitor_unlock(&w.monitor);
}

static struct monitor *held; /* wait_for_permission reads nothing before the test says so */
static bool permitted;

static void
wait_for_permission(struct stream *s)
{
    monitor_lock(held);
    while (!permitted)
        monitor_wait(held);
    monitor_unlock(held);
    wait_for_the_end(s);
}

/* ---- promises */

static void
frames_of_every_size_come_back_the_same(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 16119, 16120, 16121, 32256, 258048, 1 << 20, BIG};
    struct error e = ERROR_INIT;
    struct stream *s = dial_to(echo);
    CLEANUP(own_freep) uint8_t *bytes = malloc(BIG);
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);

    assert_non_null(bytes);
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        enum stream_type type = STREAM_PING;
        size_t first = sizes[i] < 32 ? sizes[i] : 32;
        const struct span parts[] = {span_of(bytes, first),
                                     span_of(bytes + first, sizes[i] - first)};
        CHECK_OK(stream_send(s, STREAM_PUT, parts, 2, &e), &e);
        CHECK_OK(stream_receive(s, &type, &back, &e), &e);
        assert_int_equal(type, STREAM_PUT);
        assert_int_equal(back.len, sizes[i]);
        assert_true(sizes[i] == 0 || memcmp(back.data, bytes, sizes[i]) == 0);
    }
    stream_close(s);
    wait_served(1);
}

static void
both_ends_know_each_other_and_share_the_binding(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct stream *s = dial_to(echo);
    const struct tls_peer *controller = stream_peer(s);
    assert_true(controller->verified);
    assert_int_equal(controller->identity.role, CERTIFICATE_CONTROLLER);
    assert_string_equal(controller->identity.name, "main");
    uint8_t binding[sizeof controller->binding];
    memcpy(binding, controller->binding, sizeof binding);

    CHECK_OK(stream_send(s, STREAM_HELLO, NULL, 0, &e), &e);
    stream_close(s);
    wait_served(1);
    assert_string_equal(w.seen.identity.name, "mail1");
    assert_true(id_equal(&w.seen.spki, &w.agent.spki));
    assert_memory_equal(w.seen.binding, binding, sizeof binding);
}

static void
a_failure_reaches_the_peer_with_code_and_text(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    enum stream_type type;
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    struct stream *s = dial_to(read_one_and_fail);

    /* The failure may be here before the send has ended. */
    enum rc sent = stream_send(s, STREAM_HELLO, NULL, 0, &e);
    assert_true(sent == RC_OK || sent == RC_NO_SPACE);
    CHECK_RC(stream_receive(s, &type, &back, &e), RC_NO_SPACE);
    assert_non_null(strstr(e.text, "the vault is full"));
    stream_close(s);
    wait_served(1);
}

static void
a_failure_stops_a_sender_that_does_not_listen(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) uint8_t *bytes = calloc(1, 1 << 20);
    const struct span part = span_of(bytes, 1 << 20);
    struct stream *s = dial_to(read_one_and_fail);
    enum rc rc = RC_OK;

    assert_non_null(bytes);
    for (int i = 0; i < 10000 && rc == RC_OK; i++)
        rc = stream_send(s, STREAM_PUT, &part, 1, &e);
    CHECK_RC(rc, RC_NO_SPACE);
    assert_non_null(strstr(e.text, "the vault is full"));
    stream_close(s);
    wait_served(1);
}

static void
a_peer_that_leaves_under_back_pressure_ends_both_sides(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) uint8_t *bytes = calloc(1, 1 << 20);
    const struct span part = span_of(bytes, 1 << 20);
    struct monitor monitor;
    monitor_init(&monitor);
    held = &monitor;
    permitted = false;
    assert_non_null(bytes);

    struct tuning quick = tuning_get(), usual = quick;
    quick.stream_silence_ms = 300;
    tuning_set(&quick);
    struct stream *s = dial_to(wait_for_permission);
    enum rc rc = RC_OK;
    for (int i = 0; i < 10000 && rc == RC_OK; i++)
        rc = stream_send(s, STREAM_PUT, &part, 1, &e);
    CHECK_RC(rc, RC_TIMEOUT); /* the peer does not read: flow control, then silence */
    stream_close(s);

    monitor_lock(&monitor);
    permitted = true;
    monitor_changed(&monitor);
    monitor_unlock(&monitor);
    wait_served(1);
    assert_true(w.last_rc == RC_AGAIN || w.last_rc == RC_TIMEOUT);
    tuning_set(&usual);
    monitor_destroy(&monitor);
}

static void *
cancel(void *stream)
{
    stream_cancel(stream);
    return NULL;
}

static void
cancelling_ends_a_receive_at_once(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    enum stream_type type;
    pthread_t thread;
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    struct stream *s = dial_to(echo);

    CHECK_OK(stream_send(s, STREAM_HELLO, NULL, 0, &e), &e);
    CHECK_OK(stream_receive(s, &type, &back, &e), &e);
    assert_int_equal(pthread_create(&thread, NULL, cancel, s), 0);
    CHECK_RC(stream_receive(s, &type, &back, &e), RC_CANCELLED);
    CHECK_RC(stream_send(s, STREAM_HELLO, NULL, 0, &e), RC_CANCELLED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    stream_close(s);
    wait_served(1);
}

static void
pings_keep_a_quiet_stream_alive_and_are_not_seen(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    enum stream_type type;
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    struct tuning quick = tuning_get(), usual = quick;
    quick.stream_ping_ms = 40;
    quick.stream_silence_ms = 200;
    tuning_set(&quick);
    struct stream *s = dial_to(echo);

    CHECK_OK(stream_send(s, STREAM_HELLO, NULL, 0, &e), &e);
    CHECK_OK(stream_receive(s, &type, &back, &e), &e);
    CHECK_RC(stream_receive_within(s, 600, &type, &back, &e), RC_TIMEOUT);
    CHECK_OK(stream_send(s, STREAM_HAVE, NULL, 0, &e), &e);
    CHECK_OK(stream_receive(s, &type, &back, &e), &e);
    assert_int_equal(type, STREAM_HAVE);
    stream_close(s);
    wait_served(1);
    tuning_set(&usual);
}

static void
a_frame_that_nobody_would_take_is_not_sent(void **state)
{
    static const uint8_t byte;
    (void)state;
    struct error e = ERROR_INIT;
    enum stream_type type;
    struct span many[64];
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    struct stream *s = dial_to(echo);
    for (size_t i = 0; i < 64; i++)
        many[i] = span_of(&byte, 1);
    CHECK_RC(stream_send(s, STREAM_PUT, many, 64, &e), RC_INVALID);
    many[0].len = STREAM_PAYLOAD_MAX;
    CHECK_RC(stream_send(s, STREAM_PUT, many, 2, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "at most"));
    CHECK_OK(stream_send(s, STREAM_HAVE, many + 1, 1, &e), &e); /* nothing of them went out */
    CHECK_OK(stream_receive(s, &type, &back, &e), &e);
    assert_int_equal(type, STREAM_HAVE);
    stream_close(s);
    wait_served(1);
}

static void
who_says_nothing_after_the_handshake_is_closed(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    enum stream_type type;
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    struct tuning quick = tuning_get(), usual = quick;
    quick.handshake_ms = 300;
    quick.stream_hello_ms = 100;
    quick.stream_ping_ms = 100000;
    tuning_set(&quick);
    struct stream *s = dial_to(echo);
    CHECK_RC(stream_receive(s, &type, &back, &e), RC_AGAIN);
    stream_close(s);
    assert_int_equal(w.served, 0);
    tuning_set(&usual);
}

static struct stream *
dial_and_echo(const struct pki_leaf *leaf, enum rc expected)
{
    struct error e = ERROR_INIT;
    struct stream *s = NULL;
    enum stream_type type;
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    const struct tls_identity identity = identity_of(leaf);
    CHECK_OK(stream_dial(w.url, &identity, "koffer://controller/main", &s, &e), &e);
    enum rc rc = stream_send(s, STREAM_HELLO, NULL, 0, &e);
    if (rc == RC_OK)
        rc = stream_receive(s, &type, &back, &e);
    if (rc != expected) /* who is refused may find that out at either */
        fail_msg("%s: %s", rc_name(rc), e.text);
    return s;
}

static void
one_agent_cannot_take_the_places_of_all(void **state)
{
    (void)state;
    struct pki_leaf other;
    struct stream *greedy[STREAM_CONNECTIONS_EACH];
    pki_issue(&w.pki, CERTIFICATE_AGENT, "mail2", clock_wall(), 30, &other);
    monitor_lock(&w.monitor);
    w.serve = echo;
    w.entered = w.served = 0;
    monitor_unlock(&w.monitor);
    for (size_t i = 0; i < STREAM_CONNECTIONS_EACH; i++)
        greedy[i] = dial_and_echo(&w.agent, RC_OK);
    stream_close(dial_and_echo(&w.agent, RC_AGAIN));
    stream_close(dial_and_echo(&other, RC_OK));
    for (size_t i = 0; i < STREAM_CONNECTIONS_EACH; i++)
        stream_close(greedy[i]);
    wait_served(STREAM_CONNECTIONS_EACH + 1);
    pki_leaf_free(&other);
}

static void
closing_the_listener_cancels_its_streams(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct stream *s = dial_to(wait_for_the_end);
    CHECK_OK(stream_send(s, STREAM_HELLO, NULL, 0, &e), &e);
    monitor_lock(&w.monitor);
    while (w.entered == 0)
        monitor_wait(&w.monitor);
    monitor_unlock(&w.monitor);
    stream_listener_close(w.listener);
    w.listener = NULL;
    assert_int_equal(w.served, 1);
    CHECK_RC(w.last_rc, RC_CANCELLED);
    stream_close(s);
}

static void
an_enrolling_client_pins_the_key_and_shows_no_certificate(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    enum stream_type type;
    char pin[4 + ID_TEXT_SIZE] = "pin:";
    const struct tls_identity none = {.ca = NULL};
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    struct stream *s = NULL;

    stream_listener_close(w.listener);
    listen_with(TLS_DEMAND_NOTHING);
    monitor_lock(&w.monitor);
    w.serve = echo;
    w.entered = w.served = 0;
    monitor_unlock(&w.monitor);
    (void)id_text(&w.controller.spki, pin + 4);
    CHECK_OK(stream_dial(w.url, &none, pin, &s, &e), &e);
    assert_false(stream_peer(s)->verified);
    assert_true(id_equal(&stream_peer(s)->spki, &w.controller.spki));
    CHECK_OK(stream_send(s, STREAM_MESSAGE, NULL, 0, &e), &e);
    CHECK_OK(stream_receive(s, &type, &back, &e), &e);
    assert_false(w.seen.verified);
    assert_memory_equal(w.seen.binding, stream_peer(s)->binding, sizeof w.seen.binding);
    stream_close(s);
    wait_served(1);

    pin[4] = pin[4] == '0' ? '1' : '0';
    CHECK_RC(stream_dial(w.url, &none, pin, &s, &e), RC_DENIED);
    assert_non_null(strstr(e.text, "pinned"));
}

static void
dialling_nobody_says_where_and_why(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct stream *s = NULL;
    const struct tls_identity identity = identity_of(&w.agent);
    const char *url = "tls+tcp://127.0.0.1:1";
    CHECK_RC(stream_dial(url, &identity, "koffer://controller/main", &s, &e), RC_AGAIN);
    assert_non_null(strstr(e.text, url));
}

static void
who_says_nothing_makes_room_for_others(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    enum stream_type type;
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    struct stream *silent[STREAM_WAITING_MAX + 1];
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        silent[i] = dial_to(echo);
    /* Long before its time is up, the first was closed. */
    enum rc rc = stream_receive_within(silent[0], STREAM_HELLO_MS / 2, &type, &back, &e);
    CHECK_RC(rc, RC_AGAIN);
    struct stream *s = dial_to(echo);
    CHECK_OK(stream_send(s, STREAM_HELLO, NULL, 0, &e), &e);
    CHECK_OK(stream_receive(s, &type, &back, &e), &e);
    stream_close(s);
    wait_served(1);
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        stream_close(silent[i]);
}

#define WITH_LISTENER(test) cmocka_unit_test_setup_teardown(test, open_listener, close_listener)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LISTENER(frames_of_every_size_come_back_the_same),
        WITH_LISTENER(both_ends_know_each_other_and_share_the_binding),
        WITH_LISTENER(a_failure_reaches_the_peer_with_code_and_text),
        WITH_LISTENER(a_failure_stops_a_sender_that_does_not_listen),
        WITH_LISTENER(a_peer_that_leaves_under_back_pressure_ends_both_sides),
        WITH_LISTENER(cancelling_ends_a_receive_at_once),
        WITH_LISTENER(pings_keep_a_quiet_stream_alive_and_are_not_seen),
        WITH_LISTENER(a_frame_that_nobody_would_take_is_not_sent),
        WITH_LISTENER(who_says_nothing_after_the_handshake_is_closed),
        WITH_LISTENER(who_says_nothing_makes_room_for_others),
        WITH_LISTENER(one_agent_cannot_take_the_places_of_all),
        WITH_LISTENER(closing_the_listener_cancels_its_streams),
        WITH_LISTENER(an_enrolling_client_pins_the_key_and_shows_no_certificate),
        cmocka_unit_test(dialling_nobody_says_where_and_why),
    };
    return cmocka_run_group_tests(tests, start_world, stop_world);
}
