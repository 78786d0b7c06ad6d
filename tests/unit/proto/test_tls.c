/* test_tls.c -- who is refused, and that both sides say why; peers that are silent, rude or dead. */
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "proto/link.h"
#include "proto/tls_engine.h"
#include "proto/tuning.h"
#include "tests/support/log_text.h"
#include "tests/support/pki.h"

static const char CONTROLLER[] = "koffer://controller/main";

static struct world {
    struct pki pki, other;
    struct pki_leaf controller, agent;
    struct hub *hub;
    unsigned port;
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
    return clock_after_ms(clock_mono(), 10000);
}

static void
listen_as(const struct pki_leaf *leaf)
{
    struct error e = ERROR_INIT;
    const struct tls_identity identity = identity_of(leaf);
    CHECK_OK(hub_open(&w.hub, &e), &e);
    CHECK_OK(hub_listen_tls(w.hub, "tls+tcp://127.0.0.1:0", &identity, &e), &e);
    CHECK_OK(hub_port(w.hub, &w.port, &e), &e);
    (void)snprintf(w.url, sizeof w.url, "tls+tcp://127.0.0.1:%u", w.port);
}

static enum rc
try_link(const struct pki_leaf *leaf, const char *expect, struct link **out, struct error *e)
{
    const struct tls_identity identity = identity_of(leaf);
    const struct link_options options = {
        .url = w.url, .identity = &identity, .expect = expect, .once = true};
    return link_open(&options, out, e);
}

static void
must_serve(void)
{
    struct error e = ERROR_INIT;
    struct link *link = NULL;
    struct hub_event event = {.kind = HUB_TIMEOUT};
    CHECK_OK(try_link(&w.agent, CONTROLLER, &link, &e), &e);
    CHECK_OK(hub_next(w.hub, soon(), &event, &e), &e);
    assert_int_equal(event.kind, HUB_UP);
    link_close(link);
    CHECK_OK(hub_next(w.hub, soon(), &event, &e), &e);
    assert_int_equal(event.kind, HUB_DOWN);
}

static int
start_world(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CHECK_OK(tls_start(&e), &e);
    pki_make(&w.pki, "test");
    pki_make(&w.other, "test");
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
    pki_free(&w.other);
    return 0;
}

static int
open_hub(void **state)
{
    (void)state;
    listen_as(&w.controller);
    log_text_begin();
    return 0;
}

static int
close_hub(void **state)
{
    (void)state;
    log_text_end();
    hub_close(w.hub);
    w.hub = NULL;
    return 0;
}

/* ---- refused by the controller */

/* `ours` in the line of the side that refuses, `theirs` in the other's. */
static void
refused_by_controller(const struct pki_leaf *leaf, const char *ours, const char *theirs)
{
    struct error e = ERROR_INIT;
    struct link *link = NULL;
    struct hub_event event = {.kind = HUB_TIMEOUT};

    CHECK_RC(try_link(leaf, CONTROLLER, &link, &e), RC_DENIED);
    assert_non_null(strstr(e.text, theirs));
    assert_true(log_text_wait("refused the peer's certificate", ours));
    assert_true(log_text_wait("the peer refused us", theirs));
    CHECK_OK(hub_next(w.hub, clock_mono(), &event, &e), &e);
    assert_int_equal(event.kind, HUB_TIMEOUT); /* the program never hears of it */
}

static void
a_client_of_another_ca_is_refused(void **state)
{
    (void)state;
    struct pki_leaf stranger;
    pki_issue(&w.other, CERTIFICATE_AGENT, "mail1", clock_wall(), 30, &stranger);
    stranger.ca = w.pki.ca; /* it knows whom it calls */
    refused_by_controller(&stranger, "koffer://agent/mail1", "alert");
    pki_leaf_free(&stranger);
}

static void
an_expired_client_is_refused(void **state)
{
    (void)state;
    struct pki_leaf old;
    struct wall past = {clock_wall().ns - 60 * 86400 * CLOCK_NS_PER_SECOND};
    pki_issue(&w.pki, CERTIFICATE_AGENT, "old1", past, 30, &old);
    refused_by_controller(&old, "certificate has expired", "certificate expired");
    pki_leaf_free(&old);
}

static void
a_controllers_certificate_is_no_client(void **state)
{
    (void)state;
    refused_by_controller(&w.controller, "certificate purpose", "unsupported certificate");
}

/* The certificate with another purpose, or with none (NULL); its CA signs what is asked of it here. */
static void
sign_again(const struct pki *pki, struct pki_leaf *leaf, const char *purpose)
{
    CLEANUP(own_freep) char *pem = NULL;
    struct error e = ERROR_INIT;
    char *text;

    CHECK_OK(keys_to_pem(pki->key, &pem, &e), &e);
    BIO *in = BIO_new_mem_buf(leaf->certificate, -1), *key_in = BIO_new_mem_buf(pem, -1);
    BIO *out = BIO_new(BIO_s_mem());
    X509 *x = PEM_read_bio_X509(in, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_in, NULL, NULL, NULL);
    assert_true(x != NULL && key != NULL && out != NULL);
    X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, NID_ext_key_usage, -1)));
    if (purpose != NULL) {
        X509_EXTENSION *usage = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, purpose);
        assert_int_equal(X509_add_ext(x, usage, -1), 1);
        X509_EXTENSION_free(usage);
    }
    assert_true(X509_sign(x, key, NULL) > 0);
    assert_int_equal(PEM_write_bio_X509(out, x), 1);
    long len = BIO_get_mem_data(out, &text);
    free(leaf->certificate);
    leaf->certificate = strndup(text, (size_t)len);
    EVP_PKEY_free(key);
    X509_free(x);
    BIO_free(in);
    BIO_free(key_in);
    BIO_free(out);
}

/* To OpenSSL such a certificate is good for anything. */
static void
a_client_certificate_without_a_purpose_is_refused(void **state)
{
    (void)state;
    struct pki_leaf leaf;
    pki_issue(&w.pki, CERTIFICATE_AGENT, "mail1", clock_wall(), 30, &leaf);
    sign_again(&w.pki, &leaf, NULL);
    refused_by_controller(&leaf, "certificate purpose", "unsupported certificate");
    pki_leaf_free(&leaf);
}

static void
a_controllers_name_is_no_clients_whatever_the_purpose(void **state)
{
    (void)state;
    struct pki_leaf leaf;
    pki_issue(&w.pki, CERTIFICATE_CONTROLLER, "other", clock_wall(), 30, &leaf);
    sign_again(&w.pki, &leaf, "clientAuth");
    refused_by_controller(&leaf, "it is a controller's", "alert");
    pki_leaf_free(&leaf);
}

static void
a_client_without_certificate_is_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct link *link = NULL;
    const struct tls_identity identity = {.ca = w.pki.ca};
    const struct link_options options = {
        .url = w.url, .identity = &identity, .expect = CONTROLLER, .once = true};
    CHECK_RC(link_open(&options, &link, &e), RC_DENIED);
    assert_true(log_text_wait("refused the peer", "no certificate"));
    assert_true(log_text_wait("the peer refused us", "certificate required"));
}

/* ---- refused by the client */

static void
refused_by_client(const char *expect, const struct pki_leaf *leaf, const char *ours)
{
    struct error e = ERROR_INIT;
    struct link *link = NULL;
    CHECK_RC(try_link(leaf, expect, &link, &e), RC_DENIED);
    assert_non_null(strstr(e.text, ours));
    assert_true(log_text_wait("refused the peer's certificate", ours));
    assert_true(log_text_wait("the peer refused us", "alert"));
}

static void
another_hosts_name_is_refused(void **state)
{
    (void)state;
    refused_by_client("koffer://controller/other", &w.agent, "it is not koffer://controller/other");
}

static void
a_controller_of_another_ca_is_refused(void **state)
{
    (void)state;
    struct pki_leaf stranger;
    pki_issue(&w.other, CERTIFICATE_AGENT, "mail1", clock_wall(), 30, &stranger);
    refused_by_client(CONTROLLER, &stranger, "certificate chain");
    pki_leaf_free(&stranger);
}

static void
an_agents_certificate_is_no_controller(void **state)
{
    (void)state;
    struct hub *usual = w.hub;
    char url[sizeof w.url];
    (void)snprintf(url, sizeof url, "%s", w.url);
    listen_as(&w.agent); /* a stolen agent's key cannot play the controller */
    refused_by_client("koffer://agent/mail1", &w.agent, "certificate purpose");
    hub_close(w.hub);
    w.hub = usual;
    (void)snprintf(w.url, sizeof w.url, "%s", url);
}

static void
an_expired_controller_is_refused(void **state)
{
    (void)state;
    struct hub *usual = w.hub;
    struct pki_leaf old;
    struct wall past = {clock_wall().ns - 60 * 86400 * CLOCK_NS_PER_SECOND};
    pki_issue(&w.pki, CERTIFICATE_CONTROLLER, "main", past, 30, &old);
    listen_as(&old);
    refused_by_client(CONTROLLER, &w.agent, "certificate has expired");
    hub_close(w.hub);
    w.hub = usual;
    pki_leaf_free(&old);
}

/* ---- rude peers */

static int
connect_plain(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)w.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Milliseconds until the other side closed the connection. */
static int64_t
ms_until_closed(int fd, int patience_ms)
{
    struct mono begun = clock_mono();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    while (poll(&wait, 1, patience_ms) == 1) {
        if (read(fd, &byte, 1) <= 0)
            return (clock_mono().ns - begun.ns) / CLOCK_NS_PER_MS;
    }
    return INT64_MAX;
}

static void
a_silent_tcp_peer_is_closed(void **state)
{
    (void)state;
    struct tuning quick = tuning_get(), usual = quick;
    quick.handshake_ms = 200;
    tuning_set(&quick);
    int fd = connect_plain();
    assert_true(ms_until_closed(fd, 5000) < 2000);
    (void)close(fd);
    tuning_set(&usual);
    must_serve();
}

static void
a_peer_that_speaks_no_tls_is_refused_and_logged(void **state)
{
    (void)state;
    int fd = connect_plain();
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    assert_true(ms_until_closed(fd, 5000) < 3000);
    (void)close(fd);
    assert_true(log_text_wait("refused the peer", "127.0.0.1"));
    must_serve();
}

static unsigned
open_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL) /* NOLINT(concurrency-mt-unsafe): ours alone */
        count++;
    (void)closedir(directory);
    return count;
}

/* What any OpenSSL client says first, cut off after the record header: enough to begin. */
static const uint8_t HELLO_START[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc};

static void
hello_and_reset(void)
{
    int fd = connect_plain();
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)!write(fd, HELLO_START, sizeof HELLO_START);
    (void)close(fd);
}

static void
a_flood_of_hellos_and_resets_leaves_no_trace(void **state)
{
    (void)state;
    must_serve();
    unsigned before = open_descriptors();
    for (int i = 0; i < 2000; i++) {
        hello_and_reset();
        if (i % 50 == 0) /* ... and lets the kernel's queue empty, or connecting takes a second */
            must_serve();
    }
    must_serve();
    struct mono deadline = soon();
    while (open_descriptors() > before && clock_ms_until(deadline, clock_mono()) > 0)
        (void)poll(NULL, 0, 10); /* nng gives them back on a thread of its own */
    assert_true(open_descriptors() <= before);
}

static void
silent_peers_cannot_keep_others_out(void **state)
{
    (void)state;
    int fds[TLS_PENDING_MAX + 40]; /* the kernel's queue holds 128 */
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        fds[i] = connect_plain();
    must_serve(); /* the oldest had to make room */
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        (void)close(fds[i]);
}

/* ---- dead peers: a proxy that stops forwarding without closing anything */

struct proxy {
    int listener, client, server, stop[2];
    unsigned port;
    pthread_t thread;
};

static bool
forward(int from, int to)
{
    char bytes[4096];
    ssize_t len = read(from, bytes, sizeof bytes);
    return len > 0 && write(to, bytes, (size_t)len) == len;
}

static void *
run_proxy(void *context)
{
    struct proxy *p = context;
    p->client = accept(p->listener, NULL, NULL);
    p->server = connect_plain();
    for (;;) {
        struct pollfd waits[] = {{.fd = p->client, .events = POLLIN},
                                 {.fd = p->server, .events = POLLIN},
                                 {.fd = p->stop[0], .events = POLLIN}};
        if (poll(waits, 3, -1) < 0 || waits[2].revents != 0)
            return NULL;
        if (waits[0].revents != 0 && !forward(p->client, p->server))
            return NULL;
        if (waits[1].revents != 0 && !forward(p->server, p->client))
            return NULL;
    }
}

static void
start_proxy(struct proxy *p)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    *p = (struct proxy){.client = -1, .server = -1};
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(p->listener, 1), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &len), 0);
    p->port = ntohs(address.sin_port);
    assert_int_equal(pipe(p->stop), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, run_proxy, p), 0);
}

static void
stop_forwarding(struct proxy *p)
{
    assert_int_equal(write(p->stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(p->thread, NULL), 0);
}

static void
close_proxy(struct proxy *p)
{
    const int fds[] = {p->listener, p->client, p->server, p->stop[0], p->stop[1]};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        (void)close(fds[i]);
}

static void
a_dead_peer_is_noticed_on_both_sides(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct proxy proxy;
    struct link *link = NULL;
    struct link_event down;
    struct hub_event event = {.kind = HUB_TIMEOUT};
    struct tuning quick = tuning_get(), usual = quick;
    quick.heartbeat_ms = 60;
    quick.silence_ms = 300;
    tuning_set(&quick);
    hub_close(w.hub);
    listen_as(&w.controller); /* with the short intervals */

    start_proxy(&proxy);
    (void)snprintf(w.url, sizeof w.url, "tls+tcp://127.0.0.1:%u", proxy.port);
    CHECK_OK(try_link(&w.agent, CONTROLLER, &link, &e), &e);
    CHECK_OK(hub_next(w.hub, soon(), &event, &e), &e);
    assert_int_equal(event.kind, HUB_UP);
    CHECK_OK(link_next(link, soon(), &down, &e), &e);
    assert_int_equal(down.kind, LINK_UP);
    /* Heartbeats alone keep it up for longer than the silence. */
    CHECK_OK(hub_next(w.hub, clock_after_ms(clock_mono(), 600), &event, &e), &e);
    assert_int_equal(event.kind, HUB_TIMEOUT);

    stop_forwarding(&proxy);
    CHECK_OK(hub_next(w.hub, soon(), &event, &e), &e);
    assert_int_equal(event.kind, HUB_DOWN);
    CHECK_OK(link_next(link, soon(), &down, &e), &e);
    assert_int_equal(down.kind, LINK_DOWN);
    assert_non_null(strstr(down.why.text, "heard nothing"));
    link_close(link);
    close_proxy(&proxy);
    tuning_set(&usual);
}

/* ---- what a side presents */

static void
check_server(const struct tls_identity *identity, const char *words)
{
    struct error e = ERROR_INIT;
    struct tls_setup *setup = NULL;
    CHECK_RC(tls_setup_server(identity, TLS_DEMAND_CERTIFICATE, &setup, &e), RC_INVALID);
    assert_null(setup);
    if (strstr(e.text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, e.text);
}

static void
a_side_without_what_it_must_present_is_not_set_up(void **state)
{
    struct error e = ERROR_INIT;
    struct tls_setup *setup = NULL;
    const struct pki_leaf *leaf = &w.controller;
    (void)state;
    check_server(&(struct tls_identity){.ca = leaf->ca, .key = leaf->key},
                 "a certificate and its key");
    check_server(&(struct tls_identity){.ca = leaf->ca, .certificate = leaf->certificate},
                 "a certificate and its key");
    check_server(&(struct tls_identity){.certificate = leaf->certificate, .key = leaf->key},
                 "the CA to recognise");
    check_server(
        &(struct tls_identity){.ca = "no PEM", .certificate = leaf->certificate, .key = leaf->key},
        "");
    check_server(&(struct tls_identity){.ca = leaf->ca, .certificate = "no PEM", .key = leaf->key},
                 "");
    check_server(&(struct tls_identity){.ca = leaf->ca,
                                        .certificate = leaf->certificate,
                                        .key = w.agent.key},
                 "");
    CHECK_RC(tls_setup_client(&(struct tls_identity){.ca = NULL}, CONTROLLER, &setup, &e),
             RC_INVALID);
    assert_null(setup);
}

#define WITH_HUB(test) cmocka_unit_test_setup_teardown(test, open_hub, close_hub)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HUB(a_client_of_another_ca_is_refused),
        WITH_HUB(an_expired_client_is_refused),
        WITH_HUB(a_controllers_certificate_is_no_client),
        WITH_HUB(a_client_certificate_without_a_purpose_is_refused),
        WITH_HUB(a_controllers_name_is_no_clients_whatever_the_purpose),
        WITH_HUB(a_client_without_certificate_is_refused),
        WITH_HUB(another_hosts_name_is_refused),
        WITH_HUB(a_controller_of_another_ca_is_refused),
        WITH_HUB(an_agents_certificate_is_no_controller),
        WITH_HUB(an_expired_controller_is_refused),
        WITH_HUB(a_silent_tcp_peer_is_closed),
        cmocka_unit_test(a_side_without_what_it_must_present_is_not_set_up),
        WITH_HUB(a_peer_that_speaks_no_tls_is_refused_and_logged),
        WITH_HUB(a_flood_of_hellos_and_resets_leaves_no_trace),
        WITH_HUB(silent_peers_cannot_keep_others_out),
        WITH_HUB(a_dead_peer_is_noticed_on_both_sides),
    };
    return cmocka_run_group_tests(tests, start_world, stop_world);
}
