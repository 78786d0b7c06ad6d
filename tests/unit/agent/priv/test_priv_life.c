/* test_priv_life.c -- koffer-priv's server and the network side's client over a real socket: orders, blobs, results. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/priv/priv_client.h"
#include "agent/priv/priv_pipe.h"
#include "agent/priv/priv_server.h"
#include "common/record/record.h"
#include "tests/support/check.h"
#include "tests/support/job_kit.h"

enum { LIMIT_MS = 30000 };

/* How the network side serves the channel of a job. */
enum manner { HONEST, SAYS_FAILURE, OTHER_BLOB, OTHER_BYTES, OTHER_FRAME, MANY_ANSWERS, SILENT };

static struct world {
    struct job_kit *kit;
    char path[96];
    int listener, stop;
    _Atomic(bool) stopping;
    _Atomic(int) refuse; /* every order, by this code */
    pthread_t server;
    enum rc server_rc;
    struct error server_error;
    struct priv_client *client;
    _Atomic(enum manner) manner;
    pthread_mutex_t
        store; /* each job's channel is served by a thread of its own, and the blobs are everybody's */
    sem_t woken, streamed;
    pthread_t relays[16];
    size_t relay_count;
    int silent; /* the channel of a job that hears nothing */
} w;

/* ---- the privileged side */

static bool
is_stopping(void *ctx)
{
    (void)ctx;
    return atomic_load(&w.stopping);
}

static enum rc
check_orders(void *ctx, struct error *e)
{
    (void)ctx;
    int code = atomic_load(&w.refuse);
    return code == RC_OK ? RC_OK : error_set(e, (enum rc)code, "enrolled for another controller");
}

static void *
serve(void *arg)
{
    const struct priv_server_options options = {
        .jobs = w.kit->options,
        .listener = w.listener,
        .peer = geteuid(),
        .stop = w.stop,
        .stopping = is_stopping,
        .check = check_orders,
    };
    (void)arg;
    w.server_rc = priv_server_run(&options, &w.server_error);
    return NULL;
}

static void
start_server(void)
{
    struct error e = ERROR_INIT;
    atomic_store(&w.stopping, false);
    w.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(w.stop >= 0);
    CHECK_OK(priv_channel_listen(w.path, getegid(), &w.listener, &e), &e);
    assert_int_equal(pthread_create(&w.server, NULL, serve, NULL), 0);
}

static void
stop_server(void)
{
    const uint64_t one = 1;
    atomic_store(&w.stopping, true);
    assert_int_equal(write(w.stop, &one, sizeof one), sizeof one);
    assert_int_equal(pthread_join(w.server, NULL), 0);
    CHECK_OK(w.server_rc, &w.server_error);
    (void)close(w.stop);
    (void)close(w.listener);
}

/* ---- the network side */

static void
wake(void *ctx)
{
    (void)ctx;
    assert_int_equal(sem_post(&w.woken), 0);
}

static void
await(sem_t *what)
{
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &until), 0);
    until.tv_sec += LIMIT_MS / 1000;
    assert_int_equal(sem_clockwait(what, CLOCK_MONOTONIC, &until), 0);
}

static enum rc
answer_have(int fd, struct span ids, struct error *e)
{
    uint8_t known[PRIV_PIPE_HAVE_MAX + 1] = {0};
    size_t count = ids.len / ID_SIZE;
    for (size_t i = 0; i < count; i++) {
        struct id id;
        memcpy(id.bytes, ids.data + i * ID_SIZE, ID_SIZE);
        known[i] = memstore_has(w.kit->capture->store.blobs, &id);
    }
    const struct span part = span_of(known, w.manner == MANY_ANSWERS ? count + 1 : count);
    return priv_pipe_write(fd, NULL, PRIV_PIPE_HAVE_REPLY, &part, 1, e);
}

static enum rc
take_put(struct span payload, struct error *e)
{
    struct id id;
    struct blob_sink *sink = memstore_sink(w.kit->capture->store.blobs);
    memcpy(id.bytes, payload.data, ID_SIZE);
    return sink->put(sink, &id, span_of(payload.data + ID_SIZE, payload.len - ID_SIZE), e);
}

static enum rc
answer_get(int fd, struct span payload, struct error *e)
{
    struct id id;
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(PRIV_PIPE_PAYLOAD_MAX);
    struct blob_source *source = memstore_source(w.kit->capture->store.blobs);
    memcpy(id.bytes, payload.data, ID_SIZE);
    TRY(source->get(source, &id, &blob, e));
    if (w.manner == OTHER_BLOB)
        id.bytes[0] ^= 1;
    if (w.manner == OTHER_BYTES)
        blob.data[blob.len - 1] ^= 1;
    const struct span parts[] = {span_of(id.bytes, ID_SIZE), buffer_span(&blob)};
    return priv_pipe_write(fd, NULL, PRIV_PIPE_BLOB, parts, 2, e);
}

static enum rc
ask_store(int fd, enum priv_pipe_type type, struct span payload, struct error *e)
{
    (void)pthread_mutex_lock(&w.store);
    enum rc rc = type == PRIV_PIPE_HAVE  ? answer_have(fd, payload, e)
                 : type == PRIV_PIPE_PUT ? take_put(payload, e)
                                         : answer_get(fd, payload, e);
    (void)pthread_mutex_unlock(&w.store);
    return rc;
}

static enum rc
answer(int fd, enum priv_pipe_type type, struct span payload, struct error *e)
{
    if (type == PRIV_PIPE_HAVE || type == PRIV_PIPE_PUT || type == PRIV_PIPE_GET)
        return ask_store(fd, type, payload, e);
    return type == PRIV_PIPE_FINISH ? priv_pipe_write(fd, NULL, PRIV_PIPE_FINISHED, NULL, 0, e)
                                    : error_set(e, RC_PROTOCOL, "frame type %d", (int)type);
}

/* One job's channel, until its end; takes `fd`. */
static void
relay(int fd)
{
    struct error e = ERROR_INIT, why = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer payload = BUFFER_INIT(PRIV_PIPE_PAYLOAD_MAX);
    enum priv_pipe_type type;
    if (w.manner == OTHER_FRAME)
        (void)priv_pipe_write(fd, NULL, PRIV_PIPE_FINISHED, NULL, 0, &e);
    else
        (void)priv_pipe_write(fd, NULL, PRIV_PIPE_OPENED, NULL, 0, &e);
    while (priv_pipe_await(fd, &e) == RC_OK &&
           priv_pipe_read(fd, NULL, &type, &payload, &e) == RC_OK) {
        if (w.manner == SAYS_FAILURE) {
            (void)error_set(&why, RC_NO_SPACE, "the vault is full");
            priv_pipe_fail(fd, &why);
            break;
        }
        if (answer(fd, type, buffer_span(&payload), &e) != RC_OK)
            break;
    }
    (void)close(fd);
}

static void *
relay_thread(void *arg)
{
    relay((int)(intptr_t)arg);
    return NULL;
}

static void
stream(void *ctx, const struct priv_stream *what, int fd)
{
    (void)ctx, (void)what;
    if (w.manner == SILENT)
        w.silent = fd;
    else if (pthread_create(&w.relays[w.relay_count], NULL, relay_thread, (void *)(intptr_t)fd) ==
             0)
        w.relay_count++;
    assert_int_equal(sem_post(&w.streamed), 0);
}

static void
start_client(void)
{
    struct error e = ERROR_INIT;
    uint64_t instance;
    const struct priv_client_options options = {.path = w.path, .wake = wake, .stream = stream};
    CHECK_OK(priv_client_open(&options, &w.client, &e), &e);
    while (!priv_client_ready(w.client, &instance))
        await(&w.woken);
    priv_client_set_vault(w.client, &w.kit->vault);
    priv_client_tick(w.client, true);
}

static void
stop_client(void)
{
    priv_client_close(w.client);
    w.client = NULL;
    for (size_t i = 0; i < w.relay_count; i++)
        assert_int_equal(pthread_join(w.relays[i], NULL), 0);
    w.relay_count = 0;
}

static int
begin(void **state)
{
    char folder[80];
    (void)state;
    (void)pthread_mutex_init(&w.store, NULL);
    memset(&w, 0, sizeof w);
    w.silent = -1;
    w.kit = job_kit_new();
    job_board_free(w.kit->board); /* the server's is to be the only one */
    w.kit->board = NULL;
    (void)snprintf(folder, sizeof folder, "%s/run", w.kit->capture->directory);
    (void)snprintf(w.path, sizeof w.path, "%s/priv", folder);
    assert_int_equal(sem_init(&w.woken, 0, 0), 0);
    assert_int_equal(sem_init(&w.streamed, 0, 0), 0);
    capture_kit_write_text(w.kit->capture, "hosts", "127.0.0.1 localhost\n");
    start_server();
    start_client();
    return 0;
}

static int
end(void **state)
{
    (void)state;
    own_closep(&w.silent);
    if (w.client != NULL)
        stop_client();
    if (!atomic_load(&w.stopping))
        stop_server();
    job_kit_free(w.kit);
    return 0;
}

/* ---- orders */

struct result {
    uint64_t job;
    bool ended, captured;
    enum rc rc;
    char text[ERROR_TEXT_MAX];
    struct id root;
    size_t warnings;
    char warning[256];
    uint64_t files_restored;
    struct buffer record;
};

static void
look(void *ctx, const struct job_status *s)
{
    struct result *r = ctx;
    struct error e = ERROR_INIT;
    if (s->job != r->job || !s->ended)
        return;
    r->ended = true;
    r->rc = s->rc;
    (void)snprintf(r->text, sizeof r->text, "%s", s->text);
    r->captured = s->captured != NULL;
    if (r->captured)
        r->root = s->captured->root.id;
    r->warnings = s->report->warning_count;
    if (r->warnings > 0)
        (void)snprintf(r->warning, sizeof r->warning, "%s", s->report->warnings[0]);
    r->files_restored = s->restored != NULL ? atomic_load(&s->restored->files) : 0;
    CHECK_OK(buffer_append(&r->record, s->record, &e), &e);
}

static void
await_result(uint64_t job, struct result *out)
{
    *out = (struct result){.job = job, .record = BUFFER_INIT(LIMIT_RECORD)};
    for (;;) {
        priv_client_each(w.client, look, out);
        if (out->ended)
            break;
        await(&w.woken);
    }
}

static uint64_t
submit(enum job_verb verb, uint64_t cycle)
{
    struct error e = ERROR_INIT;
    job_kit_fill(w.kit, verb, verb == JOB_RESTORE ? "" : "etc", cycle);
    uint64_t job = w.kit->order.job;
    CHECK_OK(priv_client_submit(w.client, &w.kit->order, &e), &e);
    w.kit->order = (struct job_order){0};
    return job;
}

/* Its record is the caller's. */
static struct result
must_do(enum job_verb verb, uint64_t cycle)
{
    struct result r;
    await_result(submit(verb, cycle), &r);
    if (r.rc != RC_OK)
        fail_msg("step %d: %s", (int)verb, r.text);
    priv_client_drop(w.client, r.job);
    return r;
}

static void
step(enum job_verb verb, uint64_t cycle)
{
    struct result r = must_do(verb, cycle);
    buffer_free(&r.record);
}

/* As the controller does it for a host: what custody can open is sealed to the host. */
static void
order_restore(const struct result *sealed)
{
    struct error e = ERROR_INIT;
    struct record_archive archive;
    struct blob_ref root;
    struct keys_public receiver;
    struct record_recipient to;
    struct job_order *o = &w.kit->order;
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 16);
    CHECK_OK(record_decode_archive(buffer_span(&sealed->record), arena, &archive, &e), &e);
    CHECK_OK(record_open_root(&archive, w.kit->custody, &root, &e), &e);
    CHECK_OK(keys_public_of(w.kit->receiving, &receiver, &e), &e);
    CHECK_OK(record_seal_root(&w.kit->vault.id, &root, &receiver, 1, &to, &e), &e);
    o->root = root.id;
    memcpy(o->root_sealed, to.sealed, sizeof o->root_sealed);
    (void)snprintf(o->path, sizeof o->path, "fs%s", w.kit->capture->source);
    (void)snprintf(o->target, sizeof o->target, "%s/back", w.kit->roots);
}

static struct result
capture_and_seal(void)
{
    step(JOB_CHECK, 1);
    struct result captured = must_do(JOB_CAPTURE, 1);
    assert_true(captured.captured);
    (void)pthread_mutex_lock(&w.store);
    assert_true(memstore_has(w.kit->capture->store.blobs, &captured.root));
    (void)pthread_mutex_unlock(&w.store);
    buffer_free(&captured.record);
    w.kit->order.sequence = 1;
    return must_do(JOB_SEAL, 1);
}

static void
the_privileged_half_introduces_itself(void **state)
{
    const struct priv_source *sources = NULL;
    (void)state;
    assert_int_equal(priv_client_sources(w.client, &sources), 2);
    assert_string_equal(sources[0].name, "etc");
    assert_string_equal(sources[0].kind, "files");
    assert_true(sources[0].description[0] != '\0');
}

static void
what_is_captured_by_one_half_comes_back_through_the_other(void **state)
{
    char path[256], text[64] = "";
    (void)state;
    struct result sealed = capture_and_seal();
    assert_int_equal(mkdir(w.kit->roots, 0700), 0);
    order_restore(&sealed);
    struct result restored = must_do(JOB_RESTORE, 0);
    assert_int_equal(restored.files_restored, 1);
    (void)snprintf(path, sizeof path, "%s/back/hosts", w.kit->roots);
    FILE *back = fopen(path, "re");
    assert_non_null(back);
    assert_non_null(fgets(text, sizeof text, back));
    assert_int_equal(fclose(back), 0);
    assert_string_equal(text, "127.0.0.1 localhost\n");
    step(JOB_RELEASE, 1);
    buffer_free(&sealed.record);
    buffer_free(&restored.record);
}

/* A directory stands where the file belongs. */
static void
what_could_not_be_restored_is_told_by_name(void **state)
{
    char path[256];
    (void)state;
    struct result r, sealed = capture_and_seal();
    assert_int_equal(mkdir(w.kit->roots, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/back", w.kit->roots);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/back/hosts", w.kit->roots);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/back/hosts/kept", w.kit->roots);
    assert_int_equal(mkdir(path, 0700), 0);
    order_restore(&sealed);
    w.kit->order.replace = true;
    await_result(submit(JOB_RESTORE, 0), &r);
    assert_true(r.warnings > 0);
    assert_non_null(strstr(r.warning, "hosts"));
    assert_int_equal(r.files_restored, 0);
    assert_int_equal(access(path, F_OK), 0);
    buffer_free(&sealed.record);
    buffer_free(&r.record);
}

static void
a_refused_order_says_why(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    job_kit_fill(w.kit, JOB_CHECK, "no such source", 1);
    CHECK_RC(priv_client_submit(w.client, &w.kit->order, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "no such source"));
    atomic_store(&w.refuse, RC_DENIED);
    job_kit_fill(w.kit, JOB_CHECK, "etc", 1);
    CHECK_RC(priv_client_submit(w.client, &w.kit->order, &e), RC_DENIED);
    assert_non_null(strstr(e.text, "enrolled for another controller"));
}

static void
check_capture_fails(enum manner manner, enum rc want, const char *text)
{
    struct result r;
    w.manner = manner;
    await_result(submit(JOB_CAPTURE, 1), &r);
    CHECK_RC(r.rc, want);
    if (strstr(r.text, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, r.text);
    assert_false(r.captured);
    priv_client_drop(w.client, r.job);
    buffer_free(&r.record);
}

static void
a_capture_fails_by_the_controllers_words(void **state)
{
    (void)state;
    check_capture_fails(SAYS_FAILURE, RC_NO_SPACE, "the vault is full");
}

static void
an_answer_of_another_kind_is_refused(void **state)
{
    (void)state;
    check_capture_fails(OTHER_FRAME, RC_PROTOCOL, "frame type");
    check_capture_fails(MANY_ANSWERS, RC_PROTOCOL, "answers to");
}

static void
check_restore_fails(const struct result *sealed, enum manner manner, const char *text)
{
    struct result r;
    w.manner = manner;
    order_restore(sealed);
    await_result(submit(JOB_RESTORE, 0), &r);
    assert_true(r.rc != RC_OK);
    if (strstr(r.text, text) == NULL && strstr(r.warning, text) == NULL)
        fail_msg("'%s' is not in '%s' or '%s'", text, r.text, r.warning);
    assert_int_equal(r.files_restored, 0);
    priv_client_drop(w.client, r.job);
    buffer_free(&r.record);
}

static void
no_blob_is_used_but_that_which_was_asked_for(void **state)
{
    (void)state;
    struct result sealed = capture_and_seal();
    assert_int_equal(mkdir(w.kit->roots, 0700), 0);
    check_restore_fails(&sealed, OTHER_BLOB, "another blob");
    check_restore_fails(&sealed, OTHER_BYTES, "from the network side");
    check_restore_fails(&sealed, OTHER_FRAME, "frame type");
    buffer_free(&sealed.record);
}

static void
a_step_that_waits_for_the_network_side_is_cancelled(void **state)
{
    struct result r;
    (void)state;
    w.manner = SILENT;
    uint64_t job = submit(JOB_CAPTURE, 1);
    await(&w.streamed);
    priv_client_cancel(w.client, job);
    await_result(job, &r);
    CHECK_RC(r.rc, RC_CANCELLED);
    buffer_free(&r.record);
}

/* Its job's number, its code, its root: told again as it was told. */
static void
who_comes_next_hears_of_results_that_nobody_took(void **state)
{
    struct result first, again;
    (void)state;
    await_result(submit(JOB_CAPTURE, 1), &first);
    stop_client();
    start_client();
    await_result(first.job, &again);
    CHECK_RC(again.rc, RC_OK);
    assert_true(id_equal(&first.root, &again.root));
    buffer_free(&first.record);
    buffer_free(&again.record);
}

static void
what_was_dropped_is_not_told_again(void **state)
{
    (void)state;
    struct result kept = {0}, dropped = must_do(JOB_CHECK, 1);
    stop_client();
    start_client();
    await_result(submit(JOB_CHECK, 1), &kept); /* after it, all that was to be said has been said */
    struct result look_for = {.job = dropped.job, .record = BUFFER_INIT(LIMIT_RECORD)};
    priv_client_each(w.client, look, &look_for);
    assert_false(look_for.ended);
    buffer_free(&kept.record);
    buffer_free(&dropped.record);
}

static void
a_koffer_priv_that_was_started_anew_is_another_instance(void **state)
{
    struct error e = ERROR_INIT;
    uint64_t before, after = 0;
    (void)state;
    assert_true(priv_client_ready(w.client, &before));
    stop_server();
    while (priv_client_ready(w.client, &after))
        await(&w.woken);
    job_kit_fill(w.kit, JOB_CHECK, "etc", 1);
    CHECK_RC(priv_client_submit(w.client, &w.kit->order, &e), RC_AGAIN);
    assert_non_null(strstr(e.text, "start koffer-priv"));
    start_server();
    while (!priv_client_ready(w.client, &after))
        await(&w.woken);
    assert_true(after != before);
}

/* ---- strangers */

static int
dial(void)
{
    struct error e = ERROR_INIT;
    int fd;
    CHECK_OK(priv_channel_dial(w.path, &fd, &e), &e);
    return fd;
}

static void
check_hung_up(int fd)
{
    static struct priv_message m;
    struct error e = ERROR_INIT;
    int descriptor = -1;
    CHECK_RC(priv_channel_receive(fd, PRIV_FROM_PRIVILEGED, &m, &descriptor, &e), RC_AGAIN);
    (void)close(fd);
}

static void
a_second_network_side_is_turned_away(void **state)
{
    (void)state;
    check_hung_up(dial());
    step(JOB_CHECK, 1); /* the first one is served as before */
}

static void
say(const struct priv_message *m)
{
    struct error e = ERROR_INIT;
    int fd = dial();
    CHECK_OK(priv_channel_send(fd, m, -1, &e), &e);
    check_hung_up(fd);
}

static void
who_does_not_greet_is_hung_up_on(void **state)
{
    (void)state;
    static const struct priv_message cancel = {.type = PRIV_CANCEL, .is.job = 1};
    static const struct priv_message old = {.type = PRIV_HELLO, .is.version = PRIV_VERSION + 1};
    stop_client();
    say(&cancel);
    say(&old);
    start_client();
    step(JOB_CHECK, 1);
}

/* A burst passes; what is above it passes no faster than PRIV_SERVER_RATE. */
static void
a_flood_of_orders_is_read_slowly(void **state)
{
    enum { MORE = PRIV_SERVER_RATE / 2 };
    (void)state;
    struct mono begun = clock_mono();
    for (uint64_t i = 0; i < PRIV_SERVER_BURST + MORE; i++)
        priv_client_cancel(w.client, 1000 + i);
    step(JOB_CHECK, 1);
    assert_true(clock_mono().ns - begun.ns > 300 * CLOCK_NS_PER_MS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_privileged_half_introduces_itself),
        TEST(what_is_captured_by_one_half_comes_back_through_the_other),
        TEST(what_could_not_be_restored_is_told_by_name),
        TEST(a_refused_order_says_why),
        TEST(a_capture_fails_by_the_controllers_words),
        TEST(an_answer_of_another_kind_is_refused),
        TEST(no_blob_is_used_but_that_which_was_asked_for),
        TEST(a_step_that_waits_for_the_network_side_is_cancelled),
        TEST(who_comes_next_hears_of_results_that_nobody_took),
        TEST(what_was_dropped_is_not_told_again),
        TEST(a_koffer_priv_that_was_started_anew_is_another_instance),
        TEST(a_second_network_side_is_turned_away),
        TEST(who_does_not_greet_is_hung_up_on),
        TEST(a_flood_of_orders_is_read_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
