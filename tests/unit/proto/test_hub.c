/* test_hub.c -- hub and link over real TLS on the loopback and over a local socket. */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "proto/koffer.pb-c.h"
#include "proto/link.h"
#include "proto/message.h"
#include "proto/stream.h"
#include "proto/tuning.h"
#include "tests/support/log_text.h"
#include "tests/support/pki.h"

enum { PATIENCE_MS = 10000 };

static struct world {
    struct pki pki;
    struct pki_leaf controller, agent, operator;
    struct hub *hub;
    char url[64];
} w;

static struct tls_identity
identity_of(const struct pki_leaf *leaf)
{
    return (struct tls_identity){
        .ca = leaf->ca, .certificate = leaf->certificate, .key = leaf->key};
}

static struct mono
soon(void)
{
    return clock_after_ms(clock_mono(), PATIENCE_MS);
}

static struct link *
open_link(const struct pki_leaf *leaf)
{
    struct error e = ERROR_INIT;
    struct link *link = NULL;
    const struct tls_identity identity = identity_of(leaf);
    const struct link_options options = {
        .url = w.url, .identity = &identity, .expect = "koffer://controller/main"};
    CHECK_OK(link_open(&options, &link, &e), &e);
    return link;
}

/* The next event, which must be of this kind. */
static void
expect_hub(enum hub_kind kind, struct hub_event *event)
{
    struct error e = ERROR_INIT;
    CHECK_OK(hub_next(w.hub, soon(), event, &e), &e);
    assert_int_equal(event->kind, kind);
}

static void
expect_link(struct link *link, enum link_kind kind, struct link_event *event)
{
    struct error e = ERROR_INIT;
    CHECK_OK(link_next(link, soon(), event, &e), &e);
    if (event->kind != kind)
        fail_msg("link event %d, not %d: %s", event->kind, kind, event->why.text);
}

static struct link *
join(const struct pki_leaf *leaf, struct hub_event *up)
{
    struct link_event event;
    struct link *link = open_link(leaf);
    expect_link(link, LINK_UP, &event);
    expect_hub(HUB_UP, up);
    return link;
}

static void
leave(struct link *link, uint64_t peer)
{
    struct hub_event event;
    link_close(link);
    expect_hub(HUB_DOWN, &event);
    assert_int_equal(event.peer, peer);
}

static struct frame
text_frame(const char *text, uint64_t correlation)
{
    return (struct frame){.type = KOFFER__MESSAGE_TYPE__STATUS,
                          .correlation = correlation,
                          .body = span_of(text, strlen(text))};
}

static int
start_world(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    unsigned port = 0;
    CHECK_OK(tls_start(&e), &e);
    pki_make(&w.pki, "test");
    pki_issue(&w.pki, CERTIFICATE_CONTROLLER, "main", clock_wall(), 30, &w.controller);
    pki_issue(&w.pki, CERTIFICATE_AGENT, "mail1", clock_wall(), 30, &w.agent);
    pki_issue(&w.pki, CERTIFICATE_OPERATOR, "alice", clock_wall(), 30, &w.operator);

    const struct tls_identity identity = identity_of(&w.controller);
    CHECK_OK(hub_open(&w.hub, &e), &e);
    CHECK_OK(hub_listen_tls(w.hub, "tls+tcp://127.0.0.1:0", &identity, &e), &e);
    CHECK_OK(hub_port(w.hub, &port, &e), &e);
    (void)snprintf(w.url, sizeof w.url, "tls+tcp://127.0.0.1:%u", port);
    return 0;
}

static int
stop_world(void **state)
{
    (void)state;
    hub_close(w.hub);
    pki_leaf_free(&w.controller);
    pki_leaf_free(&w.agent);
    pki_leaf_free(&w.operator);
    pki_free(&w.pki);
    return 0;
}

/* ---- promises */

static void
both_ends_know_each_other_by_certificate(void **state)
{
    (void)state;
    struct hub_event up;
    struct link *agent = join(&w.agent, &up);
    assert_false(up.local);
    assert_true(up.tls.verified);
    assert_int_equal(up.tls.identity.role, CERTIFICATE_AGENT);
    assert_string_equal(up.tls.identity.name, "mail1");
    assert_true(id_equal(&up.tls.spki, &w.agent.spki));
    assert_memory_equal(up.tls.address, "127.0.0.1:", 10);
    uint64_t first = up.peer;

    struct link *operator= join(&w.operator, & up);
    assert_int_equal(up.tls.identity.role, CERTIFICATE_OPERATOR);
    assert_string_equal(up.tls.identity.name, "alice");
    assert_true(up.peer > first);
    leave(operator, up.peer);
    leave(agent, first);
}

static void
frames_go_both_ways_unchanged(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event up, got;
    struct link_event reply;
    struct link *link = join(&w.agent, &up);

    const struct frame question = text_frame("how are you", 7);
    CHECK_OK(link_send(link, &question, &e), &e);
    expect_hub(HUB_FRAME, &got);
    assert_int_equal(got.peer, up.peer);
    assert_string_equal(got.tls.identity.name, "mail1");
    assert_int_equal(got.frame.type, KOFFER__MESSAGE_TYPE__STATUS);
    assert_int_equal(got.frame.correlation, 7);
    assert_int_equal(got.frame.body.len, 11);
    assert_memory_equal(got.frame.body.data, "how are you", 11);
    hub_event_clear(&got);

    const struct frame answer = {
        .flags = FRAME_REPLY, .type = 40, .correlation = 7, .body = span_of("fine", 4)};
    CHECK_OK(hub_send(w.hub, up.peer, &answer, &e), &e);
    expect_link(link, LINK_FRAME, &reply);
    assert_int_equal(reply.frame.flags, FRAME_REPLY);
    assert_memory_equal(reply.frame.body.data, "fine", 4);
    link_event_clear(&reply);
    leave(link, up.peer);
}

static void
the_longest_message_passes_and_a_longer_one_is_refused_here(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event up, got;
    struct link *link = join(&w.agent, &up);
    CLEANUP(own_freep) uint8_t *bytes = calloc(1, LIMIT_CONTROL_MESSAGE + 1);

    assert_non_null(bytes);
    struct frame frame = {.type = 40, .body = span_of(bytes, LIMIT_CONTROL_MESSAGE)};
    CHECK_OK(link_send(link, &frame, &e), &e);
    expect_hub(HUB_FRAME, &got);
    assert_int_equal(got.frame.body.len, LIMIT_CONTROL_MESSAGE);
    hub_event_clear(&got);
    frame.body.len++;
    CHECK_RC(link_send(link, &frame, &e), RC_INVALID);
    CHECK_RC(hub_send(w.hub, up.peer, &frame, &e), RC_INVALID);
    leave(link, up.peer);
}

static void
a_peer_that_takes_nothing_gets_no_more_than_the_window(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event up, event;
    struct link_event got;
    struct link *link = join(&w.agent, &up);
    const struct frame frame = text_frame("x", 0);

    for (int i = 0; i < HUB_OUTSTANDING; i++)
        CHECK_OK(hub_send(w.hub, up.peer, &frame, &e), &e);
    CHECK_RC(hub_send(w.hub, up.peer, &frame, &e), RC_AGAIN);

    for (int i = 0; i < HUB_OUTSTANDING; i++) {
        expect_link(link, LINK_FRAME, &got);
        link_event_clear(&got);
    }
    expect_hub(HUB_WOKEN, &event); /* there is room again */
    CHECK_OK(hub_send(w.hub, up.peer, &frame, &e), &e);
    expect_link(link, LINK_FRAME, &got);
    link_event_clear(&got);
    leave(link, up.peer);
}

static void
nothing_is_lost_of_what_was_accepted_for_sending(void **state)
{
    (void)state;
    enum { FRAMES = 2000 };
    struct error e = ERROR_INIT;
    struct hub_event up, got;
    struct link_event event;
    struct link *link = join(&w.agent, &up);
    uint64_t sent = 0, received = 0;

    while (received < FRAMES) {
        const struct frame frame = {.type = 40, .correlation = sent};
        if (sent < FRAMES && link_send(link, &frame, &e) == RC_OK) {
            sent++;
            continue;
        }
        if (sent == received) { /* all taken, but we have not been told yet */
            expect_link(link, LINK_WOKEN, &event);
            continue;
        }
        expect_hub(HUB_FRAME, &got);
        assert_int_equal(got.frame.correlation, received);
        hub_event_clear(&got);
        received++;
    }
    leave(link, up.peer);
}

static void
a_call_is_answered_and_a_failure_comes_back_as_the_error(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event up;
    struct link *link = join(&w.operator, & up);
    CLEANUP(buffer_free) struct buffer reply = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);

    /* Answers may be on their way before the question: correlations of link_call count from one. */
    const uint64_t first = (UINT64_C(1) << 63) + 1;
    const struct frame answer = {
        .flags = FRAME_REPLY, .type = 40, .correlation = first, .body = span_of("ok", 2)};
    CHECK_OK(hub_send(w.hub, up.peer, &answer, &e), &e);
    CHECK_OK(link_call(link, 40, span_of("?", 1), soon(), &reply, &e), &e);
    assert_int_equal(reply.len, 2);

    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(1024);
    Koffer__Failure failure;
    koffer__failure__init(&failure);
    failure.code = RC_EXISTS;
    failure.text = message_text("a cycle is running");
    failure.remedy = message_text("wait for it");
    CHECK_OK(message_pack(&failure.base, &body, &e), &e);
    const struct frame refusal = {.flags = FRAME_REPLY | FRAME_FAILURE,
                                  .type = 46,
                                  .correlation = first + 1,
                                  .body = buffer_span(&body)};
    CHECK_OK(hub_send(w.hub, up.peer, &refusal, &e), &e);
    CHECK_RC(link_call(link, 46, span_of("?", 1), soon(), &reply, &e), RC_EXISTS);
    assert_string_equal(e.text, "a cycle is running; wait for it");

    struct hub_event question;
    expect_hub(HUB_FRAME, &question);
    hub_event_clear(&question);
    expect_hub(HUB_FRAME, &question);
    hub_event_clear(&question);
    leave(link, up.peer);
}

static void
a_call_without_an_answer_ends_at_its_deadline(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event up, question;
    struct link *link = join(&w.operator, & up);
    CLEANUP(buffer_free) struct buffer reply = BUFFER_INIT(64);

    struct mono deadline = clock_after_ms(clock_mono(), 50);
    CHECK_RC(link_call(link, 40, span_of("?", 1), deadline, &reply, &e), RC_TIMEOUT);
    expect_hub(HUB_FRAME, &question);
    hub_event_clear(&question);
    leave(link, up.peer);
}

static void
a_closed_peer_is_told_and_comes_back(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event up, event;
    struct link_event down;
    struct link *link = join(&w.agent, &up);
    uint64_t first = up.peer;

    hub_close_peer(w.hub, first);
    expect_hub(HUB_DOWN, &event);
    expect_link(link, LINK_DOWN, &down);
    const struct frame frame = text_frame("x", 0);
    CHECK_RC(hub_send(w.hub, first, &frame, &e), RC_NOT_FOUND);
    expect_hub(HUB_UP, &up);
    assert_true(up.peer > first);
    expect_link(link, LINK_UP, &down);
    leave(link, up.peer);
}

static void
waking_and_deadlines_end_the_wait(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event event;
    struct link_event other;
    struct hub_event up;
    struct link *link = join(&w.agent, &up);

    hub_wake(w.hub);
    expect_hub(HUB_WOKEN, &event);
    CHECK_OK(hub_next(w.hub, clock_mono(), &event, &e), &e);
    assert_int_equal(event.kind, HUB_TIMEOUT);
    link_wake(link);
    expect_link(link, LINK_WOKEN, &other);
    CHECK_OK(link_next(link, clock_mono(), &other, &e), &e);
    assert_int_equal(other.kind, LINK_TIMEOUT);
    leave(link, up.peer);
}

static void
root_comes_in_through_the_local_socket(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct stat about;
    struct hub_event event;
    struct link *link = NULL;
    char directory[] = "/tmp/koffer-hub-XXXXXX", path[64], url[80];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/run/control", directory);
    (void)snprintf(url, sizeof url, "ipc://%s", path);

    CHECK_OK(hub_listen_local(w.hub, path, &e), &e);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    const struct link_options options = {.url = url, .once = true};
    CHECK_OK(link_open(&options, &link, &e), &e);
    expect_hub(HUB_UP, &event);
    assert_true(event.local);
    assert_false(event.tls.verified);
    leave(link, event.peer);

    struct hub *second = NULL;
    CHECK_OK(hub_open(&second, &e), &e);
    CHECK_RC(hub_listen_local(second, path, &e), RC_EXISTS);
    hub_close(second);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/run", directory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

/* ---- a peer of the local socket that keeps to no rule: there the bytes are ours alone */

static char raw_directory[32], raw_path[64];

static int
open_raw(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    (void)snprintf(raw_directory, sizeof raw_directory, "/tmp/koffer-hub-XXXXXX");
    assert_non_null(mkdtemp(raw_directory));
    (void)snprintf(raw_path, sizeof raw_path, "%s/control", raw_directory);
    CHECK_OK(hub_listen_local(w.hub, raw_path, &e), &e);
    log_text_begin();
    return 0;
}

static int
close_raw(void **state)
{
    (void)state;
    log_text_end();
    (void)unlink(raw_path);
    assert_int_equal(rmdir(raw_directory), 0);
    return 0;
}

static int
connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", raw_path);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void
write_header(int fd, const struct frame *frame)
{
    uint8_t header[FRAME_HEADER_SIZE];
    frame_encode_header(frame, header);
    assert_int_equal(send(fd, header, sizeof header, MSG_NOSIGNAL), sizeof header);
}

static void
must_be_closed(int fd, const char *reason)
{
    struct hub_event event;
    expect_hub(HUB_DOWN, &event);
    assert_true(log_text_wait("closing a peer", reason));
    (void)close(fd);
}

static void
an_oversized_message_is_refused_before_it_is_read(void **state)
{
    (void)state;
    struct hub_event up;
    static const uint8_t nothing[1];
    int fd = connect_raw();
    const struct frame beat = {.type = 1};
    write_header(fd, &beat);
    expect_hub(HUB_UP, &up);
    const struct frame huge = {.type = 40, .body = span_of(nothing, LIMIT_CONTROL_MESSAGE + 1)};
    write_header(fd, &huge);
    must_be_closed(fd, "262145 bytes");
}

static void
a_peer_of_another_version_is_refused(void **state)
{
    (void)state;
    struct hub_event up;
    uint8_t header[FRAME_HEADER_SIZE] = {2};
    int fd = connect_raw();
    const struct frame beat = {.type = 1};
    write_header(fd, &beat);
    expect_hub(HUB_UP, &up);
    assert_int_equal(send(fd, header, sizeof header, MSG_NOSIGNAL), sizeof header);
    must_be_closed(fd, "frame version 2");
}

static void
a_peer_that_ignores_the_window_is_closed(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event event = {.kind = HUB_TIMEOUT};
    int fd = connect_raw();
    const struct frame frame = {.type = 40};
    for (int i = 0; i < 2 * HUB_OUTSTANDING + 1; i++)
        write_header(fd, &frame);
    assert_true(log_text_wait("closing a peer", "frames ahead"));
    unsigned frames = 0;
    while (event.kind != HUB_DOWN) {
        hub_event_clear(&event);
        CHECK_OK(hub_next(w.hub, soon(), &event, &e), &e);
        frames += event.kind == HUB_FRAME;
    }
    assert_int_equal(frames, 2 * HUB_OUTSTANDING); /* what was accepted is delivered */
    (void)close(fd);
}

static void
a_peer_that_claims_to_have_taken_too_much_is_closed(void **state)
{
    (void)state;
    struct hub_event up;
    int fd = connect_raw();
    struct frame beat = {.type = 1};
    write_header(fd, &beat);
    expect_hub(HUB_UP, &up);
    beat.correlation = 1;
    write_header(fd, &beat);
    must_be_closed(fd, "more frames than it was sent");
}

/* For tests that wait for a deadline. */
static struct tuning
hurry(void)
{
    struct tuning usual = tuning_get(), quick = usual;
    quick.heartbeat_ms = 40; /* the hub looks four times as often */
    quick.stuck_ms = 200;
    tuning_set(&quick);
    return usual;
}

static void
a_message_that_does_not_go_on_ends_the_connection(void **state)
{
    (void)state;
    struct hub_event up;
    const struct tuning usual = hurry();
    int fd = connect_raw();
    const struct frame beat = {.type = 1}, half = {.type = 40, .body = span_of("half", 4)};
    write_header(fd, &beat);
    expect_hub(HUB_UP, &up);
    write_header(fd, &half);
    must_be_closed(fd, "a message does not go on");
    tuning_set(&usual);
}

static void
a_peer_that_reads_nothing_is_closed_although_it_speaks(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event event = {.kind = HUB_TIMEOUT};
    static uint8_t body[LIMIT_CONTROL_MESSAGE];
    const struct tuning usual = hurry();
    const struct frame beat = {.type = 1}, large = {.type = 40, .body = span_of(body, sizeof body)};
    int fd = connect_raw();
    write_header(fd, &beat);
    expect_hub(HUB_UP, &event);
    uint64_t peer = event.peer;
    for (int i = 0; i < HUB_OUTSTANDING; i++)
        CHECK_OK(hub_send(w.hub, peer, &large, &e), &e);
    for (event.kind = HUB_TIMEOUT; event.kind != HUB_DOWN;) { /* it speaks every now and then */
        uint8_t header[FRAME_HEADER_SIZE];
        frame_encode_header(&beat, header);
        (void)send(fd, header, sizeof header, MSG_NOSIGNAL);
        hub_event_clear(&event);
        CHECK_OK(hub_next(w.hub, clock_after_ms(clock_mono(), 20), &event, &e), &e);
    }
    assert_true(log_text_wait("closing a peer", "a message does not go on"));
    (void)close(fd);
    tuning_set(&usual);
}

static void
a_directory_that_others_can_write_is_no_place_for_the_socket(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char directory[] = "/tmp/koffer-hub-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0777), 0);
    (void)snprintf(path, sizeof path, "%s/control", directory);
    CHECK_RC(hub_listen_local(w.hub, path, &e), RC_DENIED);
    assert_non_null(strstr(e.text, "chmod"));
    assert_int_equal(rmdir(directory), 0);
}

static void
places_that_cannot_be_listened_at_are_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub *hub = NULL;
    const struct tls_identity identity = identity_of(&w.controller);
    char path[200];
    unsigned port = 7;
    CHECK_OK(hub_open(&hub, &e), &e);
    CHECK_RC(hub_port(hub, &port, &e), RC_INVALID);
    assert_int_equal(port, 7);
    CHECK_RC(hub_listen_local(hub, "/control", &e), RC_INVALID);
    CHECK_RC(hub_listen_local(hub, "control", &e), RC_INVALID);
    assert_non_null(strstr(e.text, "a directory of its own"));
    (void)snprintf(path, sizeof path, "/tmp/%0150d/control", 0);
    CHECK_RC(hub_listen_local(hub, path, &e), RC_INVALID);
    enum rc rc = RC_OK;
    int count = 0;
    for (; count < 100 && rc == RC_OK; count++)
        rc = hub_listen_tls(hub, "tls+tcp://127.0.0.1:0", &identity, &e);
    CHECK_RC(rc, RC_INVALID);
    assert_int_equal(count, 9);
    CHECK_OK(hub_port(hub, &port, &e), &e); /* the first ones go on */
    hub_close(hub);
}

static void
once_gives_up_at_the_first_failure_and_says_why(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct link *link = NULL;
    const struct link_options options = {.url = "ipc:///nonexistent/control", .once = true};
    CHECK_RC(link_open(&options, &link, &e), RC_AGAIN);
    assert_non_null(strstr(e.text, "/nonexistent/control"));
    assert_null(link);
}

static void
a_link_keeps_trying_and_can_be_closed_at_any_time(void **state)
{
    (void)state;
    struct link_event event;
    const struct tls_identity identity = identity_of(&w.agent);
    const struct link_options options = {.url = "tls+tcp://127.0.0.1:1",
                                         .identity = &identity,
                                         .expect = "koffer://controller/main"};
    struct error e = ERROR_INIT;
    struct link *link = NULL;
    CHECK_OK(link_open(&options, &link, &e), &e);
    expect_link(link, LINK_DOWN, &event);
    assert_int_equal(event.why.code, RC_AGAIN);
    link_close(link);
}

static void
the_hub_may_be_closed_with_live_peers(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct tls_identity identity = identity_of(&w.controller);
    struct hub *hub = NULL;
    struct hub_event event;
    struct link_event down;
    unsigned port;
    char url[64];

    CHECK_OK(hub_open(&hub, &e), &e);
    CHECK_OK(hub_listen_tls(hub, "tls+tcp://127.0.0.1:0", &identity, &e), &e);
    CHECK_OK(hub_port(hub, &port, &e), &e);
    (void)snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", port);
    const struct tls_identity agent = identity_of(&w.agent);
    const struct link_options options = {
        .url = url, .identity = &agent, .expect = "koffer://controller/main", .once = true};
    struct link *link = NULL;
    CHECK_OK(link_open(&options, &link, &e), &e);
    CHECK_OK(hub_next(hub, soon(), &event, &e), &e);
    const struct frame frame = text_frame("unread", 0);
    CHECK_OK(link_send(link, &frame, &e), &e);
    hub_close(hub);
    expect_link(link, LINK_UP, &down);
    expect_link(link, LINK_DOWN, &down);
    link_close(link);
}

static void
who_says_nothing_makes_room_for_others(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct hub_event up;
    enum stream_type type;
    CLEANUP(buffer_free) struct buffer back = BUFFER_INIT(STREAM_PAYLOAD_MAX);
    const struct tls_identity identity = identity_of(&w.agent);
    struct stream *silent[HUB_WAITING + 1];
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        CHECK_OK(stream_dial(w.url, &identity, "koffer://controller/main", &silent[i], &e), &e);
    enum rc rc = stream_receive_within(silent[0], TLS_HANDSHAKE_MS / 2, &type, &back, &e);
    CHECK_RC(rc, RC_AGAIN); /* long before its time was up */
    struct link *operator= join(&w.operator, & up);
    leave(operator, up.peer);
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        stream_close(silent[i]);
}

static void
one_certificate_cannot_take_the_places_of_all(void **state)
{
    (void)state;
    struct hub_event up;
    struct link_event down;
    struct link *greedy[HUB_PEERS_EACH];
    uint64_t peers[HUB_PEERS_EACH];
    for (size_t i = 0; i < HUB_PEERS_EACH; i++) {
        greedy[i] = join(&w.operator, & up);
        peers[i] = up.peer;
    }
    struct link *one_more = open_link(&w.operator);
    expect_link(one_more, LINK_DOWN, &down);
    link_close(one_more);
    struct link *agent = join(&w.agent, &up);
    leave(agent, up.peer);
    for (size_t i = 0; i < HUB_PEERS_EACH; i++)
        leave(greedy[i], peers[i]);
}

#define WITH_RAW(test) cmocka_unit_test_setup_teardown(test, open_raw, close_raw)

int
main(void)
{
    struct tuning quick = tuning_get();
    quick.retry_min_ms = 20;
    tuning_set(&quick);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_know_each_other_by_certificate),
        cmocka_unit_test(frames_go_both_ways_unchanged),
        cmocka_unit_test(the_longest_message_passes_and_a_longer_one_is_refused_here),
        cmocka_unit_test(a_peer_that_takes_nothing_gets_no_more_than_the_window),
        cmocka_unit_test(nothing_is_lost_of_what_was_accepted_for_sending),
        cmocka_unit_test(a_call_is_answered_and_a_failure_comes_back_as_the_error),
        cmocka_unit_test(a_call_without_an_answer_ends_at_its_deadline),
        cmocka_unit_test(a_closed_peer_is_told_and_comes_back),
        cmocka_unit_test(waking_and_deadlines_end_the_wait),
        cmocka_unit_test(root_comes_in_through_the_local_socket),
        cmocka_unit_test(who_says_nothing_makes_room_for_others),
        cmocka_unit_test(one_certificate_cannot_take_the_places_of_all),
        WITH_RAW(an_oversized_message_is_refused_before_it_is_read),
        WITH_RAW(a_peer_of_another_version_is_refused),
        WITH_RAW(a_peer_that_ignores_the_window_is_closed),
        WITH_RAW(a_peer_that_claims_to_have_taken_too_much_is_closed),
        WITH_RAW(a_message_that_does_not_go_on_ends_the_connection),
        WITH_RAW(a_peer_that_reads_nothing_is_closed_although_it_speaks),
        cmocka_unit_test(a_directory_that_others_can_write_is_no_place_for_the_socket),
        cmocka_unit_test(places_that_cannot_be_listened_at_are_refused),
        cmocka_unit_test(once_gives_up_at_the_first_failure_and_says_why),
        cmocka_unit_test(a_link_keeps_trying_and_can_be_closed_at_any_time),
        cmocka_unit_test(the_hub_may_be_closed_with_live_peers),
    };
    return cmocka_run_group_tests(tests, start_world, stop_world);
}
