/* test_acceptor.c -- what both ends of a connection are set to. */
#include "proto/acceptor.h"

#include <netinet/in.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "proto/dialler.h"
#include "tests/support/check.h"
#include "tests/support/log_text.h"
#include "tests/support/pki.h"

static struct world {
    struct pki pki;
    struct pki_leaf controller, agent;
    struct tls_setup *server, *client;
    struct acceptor *acceptor;
    nng_stream *accepted;
    sem_t arrived;
} w;

static void
on_stream(void *context, nng_stream *stream)
{
    (void)context;
    w.accepted = stream;
    assert_int_equal(sem_post(&w.arrived), 0);
}

static int
open_acceptor(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_OK(tls_start(&e), &e);
    assert_int_equal(sem_init(&w.arrived, 0, 0), 0);
    pki_make(&w.pki, "test");
    pki_issue(&w.pki, CERTIFICATE_CONTROLLER, "main", clock_wall(), 30, &w.controller);
    pki_issue(&w.pki, CERTIFICATE_AGENT, "mail1", clock_wall(), 30, &w.agent);
    const struct tls_identity ours = {w.controller.ca, w.controller.certificate, w.controller.key},
                              theirs = {w.agent.ca, w.agent.certificate, w.agent.key};
    CHECK_OK(tls_setup_server(&ours, TLS_DEMAND_CERTIFICATE, &w.server, &e), &e);
    CHECK_OK(tls_setup_client(&theirs, "koffer://controller/main", &w.client, &e), &e);
    CHECK_OK(acceptor_open("tls+tcp://127.0.0.1:0", w.server, on_stream, NULL, &w.acceptor, &e),
             &e);
    return 0;
}

static int
close_acceptor(void **state)
{
    (void)state;
    acceptor_close(w.acceptor);
    tls_setup_free(w.server);
    tls_setup_free(w.client);
    pki_leaf_free(&w.controller);
    pki_leaf_free(&w.agent);
    pki_free(&w.pki);
    (void)sem_destroy(&w.arrived);
    return 0;
}

static void
must_be_set(nng_stream *stream, const char *option)
{
    bool set = false;
    assert_int_equal(nng_stream_get_bool(stream, option, &set), 0);
    if (!set)
        fail_msg("%s is not set", option);
}

static void
both_ends_send_at_once(void **state)
{
    struct error e = ERROR_INIT;
    nng_stream *dialled = NULL;
    char url[64];
    unsigned port;
    (void)state;
    CHECK_OK(acceptor_port(w.acceptor, &port, &e), &e);
    (void)snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", port);
    CHECK_OK(dialler_dial(url, w.client, 5000, NULL, &dialled, &e), &e);
    assert_int_equal(sem_wait(&w.arrived), 0);
    nng_stream *ends[] = {dialled, w.accepted};
    for (size_t i = 0; i < 2; i++) {
        must_be_set(ends[i], NNG_OPT_TCP_NODELAY);
        must_be_set(ends[i], NNG_OPT_TCP_KEEPALIVE);
        nng_stream_free(ends[i]);
    }
}

static void
knock(unsigned port)
{
    const struct sockaddr_in here = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(close(fd), 0);
}

/* Once in 25 it waited for ever for an accept that began in the same moment. */
static void
closes_while_it_takes_up_the_next(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct acceptor *acceptor;
        unsigned port;
        CHECK_OK(acceptor_open("tls+tcp://127.0.0.1:0", w.server, on_stream, NULL, &acceptor, &e),
                 &e);
        CHECK_OK(acceptor_port(acceptor, &port, &e), &e);
        knock(port);
        assert_int_equal(sem_wait(&w.arrived), 0);
        acceptor_close(acceptor);
        nng_stream_free(w.accepted);
    }
}

enum { FILL_MAX = 64 };

/* Takes every descriptor below `limit`; how many. */
static size_t
fill(rlim_t limit, int taken[static FILL_MAX])
{
    struct rlimit few;
    size_t count = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (count < FILL_MAX && (taken[count] = dup(STDERR_FILENO)) >= 0)
        count++;
    assert_true(count < FILL_MAX);
    return count;
}

/* As many descriptors as there may be are open: whoever knocks is let in when there is one again. */
static void
who_knocks_in_a_lack_of_descriptors_is_let_in_later(void **state)
{
    struct error e = ERROR_INIT;
    struct rlimit usual;
    int taken[FILL_MAX];
    unsigned port;
    (void)state;
    CHECK_OK(acceptor_port(w.acceptor, &port, &e), &e);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    log_set_level(LOG_LEVEL_DEBUG);
    log_text_begin();
    int knocker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(knocker >= 0);
    size_t count = fill((rlim_t)knocker + 1, taken);
    const struct sockaddr_in here = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(knocker, (const struct sockaddr *)&here, sizeof here), 0);
    assert_true(log_text_wait("accept failed", ""));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(sem_wait(&w.arrived), 0);
    nng_stream_free(w.accepted);
    (void)close(knocker);
    while (count > 0)
        (void)close(taken[--count]);
    log_text_end();
    log_set_level(LOG_LEVEL_INFO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_send_at_once),
        cmocka_unit_test(closes_while_it_takes_up_the_next),
        cmocka_unit_test(who_knocks_in_a_lack_of_descriptors_is_let_in_later)};
    return cmocka_run_group_tests(tests, open_acceptor, close_acceptor);
}
