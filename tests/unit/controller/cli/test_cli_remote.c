/* test_cli_remote.c -- from another machine: TLS, with the operator's certificate, to the right controller only. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "common/sys/file.h"
#include "controller/cli/cli_operator.h"
#include "proto/hub.h"
#include "tests/support/pki.h"

struct scene {
    char folder[40], url[64];
    struct pki pki;
    struct hub *hub;
    pthread_t thread;
};

/* Answers every question with an empty message: a Status of zeros. */
static void *
serve(void *ctx)
{
    struct scene *s = ctx;
    for (;;) {
        struct error e = ERROR_INIT;
        struct hub_event event;
        CHECK_OK(hub_next(s->hub, clock_after_ms(clock_mono(), 60000), &event, &e), &e);
        enum hub_kind kind = event.kind;
        if (kind == HUB_FRAME) {
            const struct frame reply = {.flags = FRAME_REPLY,
                                        .type = event.frame.type,
                                        .correlation = event.frame.correlation};
            assert_int_equal(event.tls.identity.role, CERTIFICATE_OPERATOR);
            CHECK_OK(hub_send(s->hub, event.peer, &reply, &e), &e);
        }
        hub_event_clear(&event);
        if (kind == HUB_WOKEN)
            return NULL;
    }
}

static void
listen_as(struct scene *s, const char *controller)
{
    struct error e = ERROR_INIT;
    struct pki_leaf leaf;
    unsigned port;
    pki_issue(&s->pki, CERTIFICATE_CONTROLLER, controller, clock_wall(), 2, &leaf);
    const struct tls_identity identity = {leaf.ca, leaf.certificate, leaf.key};
    CHECK_OK(hub_open(&s->hub, &e), &e);
    CHECK_OK(hub_listen_tls(s->hub, "tls+tcp://127.0.0.1:0", &identity, &e), &e);
    CHECK_OK(hub_port(s->hub, &port, &e), &e);
    (void)snprintf(s->url, sizeof s->url, "tls+tcp://127.0.0.1:%u", port);
    pki_leaf_free(&leaf);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
stop_listening(struct scene *s)
{
    hub_wake(s->hub);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    hub_close(s->hub);
}

static void
put(const struct scene *s, const char *name, const char *text)
{
    struct error e = ERROR_INIT;
    char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", s->folder, name);
    CHECK_OK(file_write_new(AT_FDCWD, path, span_of(text, strlen(text)), 0600, &e), &e);
}

static void
be_operator_of(const struct scene *s, const struct pki *pki)
{
    struct pki_leaf leaf;
    pki_issue(pki, CERTIFICATE_OPERATOR, "max", clock_wall(), 2, &leaf);
    put(s, CLI_OPERATOR_CA, s->pki.ca);
    put(s, CLI_OPERATOR_KEY, leaf.key);
    put(s, CLI_OPERATOR_CERTIFICATE, leaf.certificate);
    put(s, CLI_OPERATOR_CONTROLLER, "koffer://controller/main\ntls+tcp://127.0.0.1:1\n");
    pki_leaf_free(&leaf);
}

static int
enter(void **state)
{
    static struct scene s;
    struct error e = ERROR_INIT;
    s = (struct scene){.folder = "/tmp/koffer-remote-XXXXXX"};
    if (mkdtemp(s.folder) == NULL || setenv("KOFFER_OPERATOR", s.folder, 1) != 0)
        return -1;
    CHECK_OK(tls_start(&e), &e);
    pki_make(&s.pki, "test");
    *state = &s;
    return 0;
}

static int
leave(void **state)
{
    struct scene *s = *state;
    struct error e = ERROR_INIT;
    CHECK_OK(file_remove_tree(AT_FDCWD, s->folder, &e), &e);
    pki_free(&s->pki);
    return unsetenv("KOFFER_OPERATOR");
}

static int
status_at(const struct scene *s)
{
    char *argv[] = {message_text("koffer"), message_text("status"), message_text("--controller"),
                    message_text(s->url), NULL};
    return cli_main(4, argv);
}

static void
an_operator_with_a_certificate_is_served(void **state)
{
    struct scene *s = *state;
    be_operator_of(s, &s->pki);
    listen_as(s, "main");
    assert_int_equal(status_at(s), CLI_OK);
    stop_listening(s);
}

static void
another_controller_of_the_cluster_is_not_taken_for_ours(void **state)
{
    struct scene *s = *state;
    be_operator_of(s, &s->pki);
    listen_as(s, "other");
    assert_int_equal(status_at(s), CLI_DENIED);
    stop_listening(s);
}

static void
a_certificate_of_another_cluster_is_denied(void **state)
{
    struct scene *s = *state;
    struct pki other;
    pki_make(&other, "other");
    be_operator_of(s, &other);
    listen_as(s, "main");
    assert_int_not_equal(status_at(s), CLI_OK);
    stop_listening(s);
    pki_free(&other);
}

static void
where_nobody_listens_it_is_unreachable(void **state)
{
    struct scene *s = *state;
    be_operator_of(s, &s->pki);
    (void)snprintf(s->url, sizeof s->url, "tls+tcp://127.0.0.1:1");
    assert_int_equal(status_at(s), CLI_UNREACHABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_operator_with_a_certificate_is_served),
        TEST(another_controller_of_the_cluster_is_not_taken_for_ours),
        TEST(a_certificate_of_another_cluster_is_denied),
        TEST(where_nobody_listens_it_is_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
