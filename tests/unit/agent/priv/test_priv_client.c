/* test_priv_client.c -- orders to a koffer-priv that comes and goes. */
#include "agent/priv/priv_client.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

static struct {
    char directory[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 16];
    struct priv_client *client;
    sem_t woken;
    int listener, fd; /* of the koffer-priv that the test plays; -1: it is not there */
    struct priv_message m;
    pthread_t thread;
    enum rc rc;
} w;

static void
wake(void *ctx)
{
    (void)sem_post(ctx);
}

static void
refuse_stream(void *ctx, const struct priv_stream *what, int fd)
{
    (void)ctx;
    (void)what;
    (void)close(fd);
}

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    w.listener = w.fd = -1;
    vault_kit_directory(w.directory);
    (void)snprintf(w.path, sizeof w.path, "%s/run/socket", w.directory);
    const struct priv_client_options options = {
        .path = w.path, .wake = wake, .stream = refuse_stream, .ctx = &w.woken};
    assert_int_equal(sem_init(&w.woken, 0, 0), 0);
    CHECK_OK(priv_client_open(&options, &w.client, &e), &e);
    return 0;
}

static void
await_client(bool ready)
{
    uint64_t instance;
    while (priv_client_ready(w.client, &instance) != ready)
        (void)sem_wait(&w.woken);
}

static void
stop_priv(void)
{
    own_closep(&w.fd);
    own_closep(&w.listener);
    w.fd = w.listener = -1;
}

static int
end(void **state)
{
    (void)state;
    priv_client_close(w.client);
    stop_priv();
    (void)sem_destroy(&w.woken);
    vault_kit_remove(w.directory);
    return 0;
}

/* ---- koffer-priv, played */

static void
say(enum priv_type type)
{
    struct error e = ERROR_INIT;
    struct priv_message m = {.type = type};
    if (type == PRIV_ANSWER)
        m.is.answer = (struct priv_answer){.job = w.m.is.order.job, .rc = RC_OK};
    CHECK_OK(priv_channel_send(w.fd, &m, -1, &e), &e);
}

static void
hear(enum priv_type type)
{
    struct error e = ERROR_INIT;
    CHECK_OK(priv_channel_receive(w.fd, PRIV_FROM_NETWORK, &w.m, NULL, &e), &e);
    assert_int_equal(w.m.type, type);
}

/* Until the client's thread has come, and knows us. */
static void
start_priv(void)
{
    struct error e = ERROR_INIT;
    CHECK_OK(priv_channel_listen(w.path, getgid(), &w.listener, &e), &e);
    while (priv_channel_accept(w.listener, getuid(), &w.fd, &e) == RC_AGAIN)
        continue;
    assert_true(w.fd >= 0);
    hear(PRIV_HELLO);
    say(PRIV_WELCOME);
    say(PRIV_READY);
}

/* ---- an order, meanwhile */

static const struct job_order order = {.job = 7, .cycle = 1, .verb = JOB_CHECK, .source = "data"};

static void *
submit(void *arg)
{
    struct error e = ERROR_INIT;
    (void)arg;
    w.rc = priv_client_submit(w.client, &order, &e);
    return NULL;
}

static void
begin_order(void)
{
    assert_int_equal(pthread_create(&w.thread, NULL, submit, NULL), 0);
}

static void
check_order_is_taken(void)
{
    hear(PRIV_ORDER);
    assert_int_equal(w.m.is.order.job, order.job);
    say(PRIV_ANSWER);
    assert_int_equal(pthread_join(w.thread, NULL), 0);
    assert_int_equal(w.rc, RC_OK);
}

static int64_t
ms_of_an_order_in_vain(void)
{
    struct mono begun = clock_mono();
    (void)submit(NULL);
    assert_int_equal(w.rc, RC_AGAIN);
    return (clock_mono().ns - begun.ns) / CLOCK_NS_PER_MS;
}

static void
order_waits_for_a_koffer_priv_that_is_just_starting(void **state)
{
    (void)state;
    begin_order();
    start_priv();
    check_order_is_taken();
}

static void
koffer_priv_that_is_new_is_told_the_vault_before_an_order(void **state)
{
    static const struct job_vault vault = {.epoch = 3, .recipient_count = 1};
    (void)state;
    start_priv();
    await_client(true);
    priv_client_set_vault(w.client, &vault);
    hear(PRIV_VAULT);
    stop_priv();
    await_client(false);
    begin_order();
    start_priv();
    hear(PRIV_VAULT);
    assert_int_equal(w.m.is.vault.epoch, vault.epoch);
    check_order_is_taken();
}

static void
orders_of_many_sources_do_not_all_wait_for_a_koffer_priv_that_is_away(void **state)
{
    (void)state;
    assert_true(ms_of_an_order_in_vain() >= PRIV_CLIENT_PATIENCE_MS - 1);
    assert_true(ms_of_an_order_in_vain() < PRIV_CLIENT_PATIENCE_MS);
    start_priv(); /* and patience is back */
    await_client(true);
    stop_priv();
    await_client(false);
    begin_order();
    start_priv();
    check_order_is_taken();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(order_waits_for_a_koffer_priv_that_is_just_starting),
        TEST(koffer_priv_that_is_new_is_told_the_vault_before_an_order),
        TEST(orders_of_many_sources_do_not_all_wait_for_a_koffer_priv_that_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
