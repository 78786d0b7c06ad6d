/* test_mailbox.c -- work from many threads runs once each, on one; a closed mailbox keeps nobody waiting. */
#include "controller/fleet/mailbox.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "tests/support/check.h"

enum { THREADS = 4, EACH = 500 };

struct world {
    struct mailbox *mailbox;
    sem_t woken;
    pthread_t loop;
    unsigned ran; /* by the loop's thread only: a race if it were not */
    _Atomic(unsigned) calls, refused;
};

static void
wake(void *ctx)
{
    struct world *w = ctx;
    assert_int_equal(sem_post(&w->woken), 0);
}

static int
begin(void **state)
{
    static struct world w;
    struct error e = ERROR_INIT;
    w = (struct world){.loop = pthread_self()};
    assert_int_equal(sem_init(&w.woken, 0, 0), 0);
    CHECK_OK(mailbox_new(wake, &w, &w.mailbox, &e), &e);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    mailbox_free(w->mailbox);
    return sem_destroy(&w->woken);
}

static void
count(void *ctx)
{
    struct world *w = ctx;
    assert_true(pthread_equal(pthread_self(), w->loop));
    w->ran++;
}

static void *
post_many(void *arg)
{
    struct world *w = arg;
    struct error e = ERROR_INIT;
    for (int i = 0; i < EACH; i++)
        if (mailbox_post(w->mailbox, count, w, &e) != RC_OK)
            atomic_fetch_add(&w->refused, 1);
    return NULL;
}

static void *
call_many(void *arg)
{
    struct world *w = arg;
    struct error e = ERROR_INIT;
    for (int i = 0; i < EACH; i++) {
        enum rc rc = mailbox_call(w->mailbox, count, w, &e);
        assert_true(rc == RC_OK || rc == RC_CANCELLED);
        atomic_fetch_add(rc == RC_OK ? &w->calls : &w->refused, 1);
    }
    return NULL;
}

static void
start(pthread_t *threads, void *(*run)(void *), struct world *w)
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, w), 0);
}

static void
join(const pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void
everything_posted_runs_once(void **state)
{
    struct world *w = *state;
    pthread_t threads[THREADS];
    start(threads, post_many, w);
    while (w->ran < THREADS * EACH) {
        assert_int_equal(sem_wait(&w->woken), 0);
        mailbox_run(w->mailbox);
    }
    join(threads);
    mailbox_run(w->mailbox);
    assert_int_equal(w->ran, THREADS * EACH);
    assert_int_equal(w->refused, 0);
}

static void
call_returns_when_its_work_has_run(void **state)
{
    struct world *w = *state;
    pthread_t threads[THREADS];
    start(threads, call_many, w);
    while (w->ran < THREADS * EACH) {
        assert_int_equal(sem_wait(&w->woken), 0);
        mailbox_run(w->mailbox);
    }
    join(threads);
    assert_int_equal(w->calls, THREADS * EACH);
}

static void
close_releases_everybody_who_waits(void **state)
{
    struct world *w = *state;
    pthread_t threads[THREADS];
    start(threads, call_many, w);
    while (w->ran < EACH) { /* in the middle of it */
        assert_int_equal(sem_wait(&w->woken), 0);
        mailbox_run(w->mailbox);
    }
    mailbox_close(w->mailbox);
    join(threads);
    assert_int_equal(w->calls + w->refused, THREADS * EACH);
    assert_int_equal(w->calls, w->ran); /* told so exactly when it ran */
}

static void
closed_mailbox_takes_and_runs_nothing(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    CHECK_OK(mailbox_post(w->mailbox, count, w, &e), &e);
    mailbox_close(w->mailbox);
    mailbox_run(w->mailbox);
    assert_int_equal(w->ran, 0);
    CHECK_RC(mailbox_post(w->mailbox, count, w, &e), RC_CANCELLED);
    CHECK_RC(mailbox_call(w->mailbox, count, w, &e), RC_CANCELLED);
    mailbox_close(w->mailbox);
}

struct again {
    struct world *w;
    unsigned left;
};

static void
post_again(void *ctx)
{
    struct again *a = ctx;
    struct error e = ERROR_INIT;
    if (a->left-- > 0)
        CHECK_OK(mailbox_post(a->w->mailbox, post_again, a, &e), &e);
    else
        a->w->ran = 1;
}

static void
work_may_hand_in_more_work(void **state)
{
    struct world *w = *state;
    struct again a = {w, 10};
    post_again(&a);
    mailbox_run(w->mailbox);
    assert_int_equal(w->ran, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_posted_runs_once),        TEST(call_returns_when_its_work_has_run),
        TEST(close_releases_everybody_who_waits), TEST(closed_mailbox_takes_and_runs_nothing),
        TEST(work_may_hand_in_more_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
