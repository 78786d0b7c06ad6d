/* test_priv_breach.c -- a koffer-priv that breaks the rules is left; what it said of jobs is forgotten. */
#include "agent/priv/priv_client.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/priv/priv_client_jobs.h"
#include "tests/support/check.h"

enum { LIMIT_MS = 20000 };

static struct world {
    char folder[32], path[48];
    int listener, fd; /* koffer-priv's */
    struct priv_client *client;
    sem_t woken;
    struct priv_message m;
} w;

/* ---- a koffer-priv of our own */

static void
await_readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, LIMIT_MS), 1);
}

static void
accept_client(void)
{
    struct error e = ERROR_INIT;
    await_readable(w.listener);
    CHECK_OK(priv_channel_accept(w.listener, geteuid(), &w.fd, &e), &e);
    CHECK_OK(priv_channel_receive(w.fd, PRIV_FROM_NETWORK, &w.m, NULL, &e), &e);
    assert_int_equal(w.m.type, PRIV_HELLO);
}

static struct priv_message *
message(enum priv_type type)
{
    memset(&w.m, 0, sizeof w.m);
    w.m.type = type;
    return &w.m;
}

static void
say(void)
{
    struct error e = ERROR_INIT;
    CHECK_OK(priv_channel_send(w.fd, &w.m, -1, &e), &e);
}

static void
introduce(uint64_t instance)
{
    message(PRIV_WELCOME)->is.instance = instance;
    say();
    (void)message(PRIV_READY);
    say();
}

static void
await_client(bool ready)
{
    uint64_t instance;
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &until), 0);
    until.tv_sec += LIMIT_MS / 1000;
    while (priv_client_ready(w.client, &instance) != ready)
        assert_int_equal(sem_clockwait(&w.woken, CLOCK_MONOTONIC, &until), 0);
}

/* It hangs up, forgets, and comes again. */
static void
check_leaves(void)
{
    await_client(false);
    own_closep(&w.fd);
    accept_client();
    introduce(2);
    await_client(true);
}

static void
wake(void *ctx)
{
    (void)ctx;
    assert_int_equal(sem_post(&w.woken), 0);
}

static void
stream(void *ctx, const struct priv_stream *what, int fd)
{
    (void)ctx, (void)what;
    (void)close(fd);
}

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    memset(&w, 0, sizeof w);
    (void)snprintf(w.folder, sizeof w.folder, "/tmp/koffer-priv-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    (void)snprintf(w.path, sizeof w.path, "%s/run/priv", w.folder);
    assert_int_equal(sem_init(&w.woken, 0, 0), 0);
    CHECK_OK(priv_channel_listen(w.path, getegid(), &w.listener, &e), &e);
    const struct priv_client_options options = {.path = w.path, .wake = wake, .stream = stream};
    CHECK_OK(priv_client_open(&options, &w.client, &e), &e);
    accept_client();
    introduce(1);
    await_client(true);
    return 0;
}

static int
end(void **state)
{
    char run[48];
    (void)state;
    priv_client_close(w.client);
    own_closep(&w.fd);
    own_closep(&w.listener);
    (void)snprintf(run, sizeof run, "%s/run", w.folder);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(rmdir(run), 0);
    assert_int_equal(rmdir(w.folder), 0);
    return 0;
}

/* ---- breaches on the connection */

static void
a_stream_without_a_descriptor_ends_the_connection(void **state)
{
    (void)state;
    message(PRIV_STREAM)->is.stream.job = 1;
    say();
    check_leaves();
}

static void
more_sources_than_there_can_be_end_the_connection(void **state)
{
    (void)state;
    (void)message(PRIV_SOURCE);
    (void)snprintf(w.m.is.source.name, sizeof w.m.is.source.name, "mail");
    (void)snprintf(w.m.is.source.kind, sizeof w.m.is.source.kind, "files");
    for (size_t i = 0; i <= JOB_SOURCES_MAX; i++)
        say();
    check_leaves();
}

static void
progress_of_a_job_that_has_ended_ends_the_connection(void **state)
{
    (void)state;
    message(PRIV_RESULT)->is.status.job = 7;
    w.m.is.status.verb = JOB_CHECK;
    say();
    w.m.type = PRIV_PROGRESS;
    say();
    check_leaves();
}

static void
count_jobs(void *ctx, const struct job_status *status)
{
    size_t *count = ctx;
    (void)status;
    ++*count;
}

static void
what_a_lost_connection_told_of_jobs_is_forgotten(void **state)
{
    size_t count = 0;
    (void)state;
    message(PRIV_RESULT)->is.status.job = 7;
    w.m.is.status.verb = JOB_CHECK;
    say();
    message(PRIV_END)->is.job = 7;
    say();
    do { /* the wake-up may be one of before */
        count = 0;
        priv_client_each(w.client, count_jobs, &count);
        if (count == 0)
            assert_int_equal(sem_wait(&w.woken), 0);
    } while (count == 0);
    own_closep(&w.fd);
    await_client(false);
    count = 0;
    priv_client_each(w.client, count_jobs, &count);
    assert_int_equal(count, 0);
}

static void *
answer_wrongly(void *arg)
{
    struct error e = ERROR_INIT;
    (void)arg;
    if (priv_channel_receive(w.fd, PRIV_FROM_NETWORK, &w.m, NULL, &e) != RC_OK)
        return NULL;
    uint64_t job = w.m.is.order.job;
    message(PRIV_ANSWER)->is.answer.job = job + 1; /* to an order that nobody gave */
    say();
    own_closep(&w.fd);
    return NULL;
}

static void
an_order_without_an_answer_is_to_be_given_again(void **state)
{
    static struct job_order order = {.job = 5, .cycle = 1, .verb = JOB_CHECK, .source = "etc"};
    struct error e = ERROR_INIT;
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, answer_wrongly, NULL), 0);
    CHECK_RC(priv_client_submit(w.client, &order, &e), RC_AGAIN);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(strstr(e.text, "gave no answer"));
}

/* ---- what is told of jobs, without a connection */

static enum rc
take(struct priv_client_jobs *jobs, bool *ended)
{
    struct error e = ERROR_INIT;
    return priv_client_jobs_take(jobs, &w.m, ended, &e);
}

static void
parts_of_a_result_come_only_within_one(void **state)
{
    struct priv_client_jobs jobs = {.count = 0};
    bool ended = true;
    (void)state;
    message(PRIV_REMARK)->is.remark.job = 1;
    CHECK_RC(take(&jobs, &ended), RC_PROTOCOL);
    message(PRIV_RECORD)->is.record.job = 1;
    CHECK_RC(take(&jobs, &ended), RC_PROTOCOL);
    message(PRIV_END)->is.job = 1;
    CHECK_RC(take(&jobs, &ended), RC_PROTOCOL);
    assert_false(ended);
    assert_int_equal(jobs.count, 0);
}

static void
told_jobs_are_bounded(void **state)
{
    struct priv_client_jobs jobs = {.count = 0};
    struct error e = ERROR_INIT;
    bool ended;
    (void)state;
    for (uint64_t job = 1; job <= JOB_MAX; job++) {
        message(PRIV_PROGRESS)->is.status.job = job;
        CHECK_RC(take(&jobs, &ended), RC_OK);
    }
    message(PRIV_PROGRESS)->is.status.job = JOB_MAX + 1;
    CHECK_RC(take(&jobs, &ended), RC_PROTOCOL);
    CHECK_RC(priv_client_jobs_begin(&jobs, JOB_MAX + 1, JOB_CHECK, &e), RC_PROTOCOL);
    CHECK_RC(priv_client_jobs_begin(&jobs, 1, JOB_CHECK, &e), RC_OK); /* it is known */
    priv_client_jobs_clear(&jobs);
}

static void
check_remarks(void *ctx, const struct job_status *s)
{
    (void)ctx;
    assert_true(s->ended);
    assert_int_equal(s->report->fact_count, SOURCE_FACTS_MAX);
    assert_int_equal(s->report->warning_count, SOURCE_WARNINGS_MAX);
    assert_string_equal(s->report->facts[0].name, "tool");
    assert_string_equal(s->report->facts[0].value, "3.0");
    assert_string_equal(s->report->warnings[0], "careful");
    assert_int_equal(s->record.len, 4);
}

static void
remarks_are_kept_in_their_order_and_bounded(void **state)
{
    struct priv_client_jobs jobs = {.count = 0};
    bool ended;
    (void)state;
    message(PRIV_RESULT)->is.status.job = 1;
    CHECK_RC(take(&jobs, &ended), RC_OK);
    for (size_t i = 0; i <= SOURCE_FACTS_MAX; i++) {
        struct priv_remark *r = &message(PRIV_REMARK)->is.remark;
        *r = (struct priv_remark){.job = 1, .fact = true, .name = "tool"};
        (void)snprintf(r->value, sizeof r->value, "3.%zu", i);
        CHECK_RC(take(&jobs, &ended), RC_OK);
    }
    for (size_t i = 0; i <= SOURCE_WARNINGS_MAX; i++) {
        message(PRIV_REMARK)->is.remark = (struct priv_remark){.job = 1, .value = "careful"};
        CHECK_RC(take(&jobs, &ended), RC_OK);
    }
    for (int i = 0; i < 2; i++) {
        message(PRIV_RECORD)->is.record = (struct priv_record){.job = 1, .length = 2};
        CHECK_RC(take(&jobs, &ended), RC_OK);
    }
    message(PRIV_END)->is.job = 1;
    CHECK_RC(take(&jobs, &ended), RC_OK);
    assert_true(ended);
    priv_client_jobs_each(&jobs, check_remarks, NULL);
    priv_client_jobs_drop(&jobs, 2); /* unknown: nothing */
    priv_client_jobs_drop(&jobs, 1);
    assert_int_equal(jobs.count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stream_without_a_descriptor_ends_the_connection),
        TEST(more_sources_than_there_can_be_end_the_connection),
        TEST(progress_of_a_job_that_has_ended_ends_the_connection),
        TEST(what_a_lost_connection_told_of_jobs_is_forgotten),
        TEST(an_order_without_an_answer_is_to_be_given_again),
        cmocka_unit_test(parts_of_a_result_come_only_within_one),
        cmocka_unit_test(told_jobs_are_bounded),
        cmocka_unit_test(remarks_are_kept_in_their_order_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
