/* test_priv_server.c -- a network side that does not read holds up neither the loop nor a job. */
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/priv/priv_server_internal.h"
#include "common/base/clock.h"
#include "tests/support/check.h"

enum { OURS, THEIRS, ROUND_MS = 400 };

static struct {
    struct priv_server server;
    int ends[2];
} w;

/* A connection whose network side has left no room. */
static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    bool full = false;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w.ends), 0);
    memset(&w.server, 0, sizeof w.server);
    assert_int_equal(pthread_mutex_init(&w.server.lock, NULL), 0);
    w.server.client = w.ends[OURS];
    while (!full) {
        const struct priv_message *m = priv_server_message(&w.server, PRIV_READY);
        if (priv_channel_send_now(w.ends[OURS], m, -1, &full, &e) != RC_OK)
            assert_true(full);
    }
    return 0;
}

static int
end(void **state)
{
    (void)state;
    (void)close(w.ends[OURS]);
    (void)close(w.ends[THEIRS]);
    (void)pthread_mutex_destroy(&w.server.lock);
    return 0;
}

static int64_t
ms_since(struct mono begin)
{
    return (clock_mono().ns - begin.ns) / CLOCK_NS_PER_MS;
}

static void
read_all(void)
{
    char packet[PRIV_PACKET_MAX];
    while (recv(w.ends[THEIRS], packet, sizeof packet, MSG_DONTWAIT) > 0)
        ;
}

static enum rc
say(void)
{
    struct error e = ERROR_INIT;
    return priv_server_send(&w.server, priv_server_message(&w.server, PRIV_END), &e);
}

static void
whole_round_shares_one_limit(void **state)
{
    struct mono begin = clock_mono();
    (void)state;
    w.server.round_ends = clock_after_ms(begin, ROUND_MS);
    CHECK_RC(say(), RC_AGAIN);
    assert_true(ms_since(begin) >= ROUND_MS - 1);
    assert_true(w.server.broken);
    for (int i = 0; i < 1000; i++)
        CHECK_RC(say(), RC_AGAIN);
    assert_true(ms_since(begin) < PRIV_CHANNEL_MS);
}

/* It reads, so that every packet finds room in its own time, but the time of all of them is over. */
static void
who_reads_slowly_is_not_waited_for_longer(void **state)
{
    (void)state;
    w.server.round_ends = clock_after_ms(clock_mono(), -1);
    read_all();
    CHECK_RC(say(), RC_OK); /* what finds room at once is said */
    assert_false(w.server.broken);
    struct mono begin = clock_mono();
    while (say() == RC_OK)
        ;
    assert_true(w.server.broken);
    assert_true(ms_since(begin) < PRIV_CHANNEL_MS);
}

static void *
lend(void *arg)
{
    static const struct priv_message m = {.type = PRIV_STREAM, .is.stream = {.job = 1}};
    struct error e = ERROR_INIT;
    _Atomic(int) *rc = arg;
    atomic_store(rc, (int)priv_server_lend(&w.server, &m, STDIN_FILENO, &e));
    return NULL;
}

static void
job_that_waits_for_room_does_not_hold_the_lock(void **state)
{
    pthread_t thread;
    _Atomic(int) rc = -1;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, lend, &rc), 0);
    w.server.round_ends = clock_after_ms(clock_mono(), ROUND_MS);
    struct mono begin = clock_mono();
    CHECK_RC(say(), RC_AGAIN); /* not after the job's own PRIV_CHANNEL_MS */
    assert_true(ms_since(begin) < PRIV_CHANNEL_MS / 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&rc), RC_AGAIN);
}

static void
what_waits_is_said_when_there_is_room_again(void **state)
{
    pthread_t thread;
    _Atomic(int) rc = -1;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, lend, &rc), 0);
    read_all();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&rc), RC_OK);
    assert_false(w.server.broken);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_round_shares_one_limit),
        TEST(who_reads_slowly_is_not_waited_for_longer),
        TEST(job_that_waits_for_room_does_not_hold_the_lock),
        TEST(what_waits_is_said_when_there_is_room_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
