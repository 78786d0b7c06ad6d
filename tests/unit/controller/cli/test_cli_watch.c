/*
 * test_cli_watch.c -- the commands that wait, over a real hub: what they return, and what Ctrl-C means to them.
 *
 * The other end answers from a script: the same question gets the next answer each time, the last
 * one for ever.  An answer may press Ctrl-C (a signal to this process) before it is sent.
 */
#include "tests/support/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "controller/cli/cli.h"
#include "proto/hub.h"

enum { ANSWERS_MAX = 8 };

struct answer {
    uint16_t type;
    const ProtobufCMessage *message; /* NULL: empty */
    enum rc failure;
    bool press;  /* Ctrl-C */
    bool vanish; /* close the connection instead */
};

struct other_end {
    char folder[32], url[80];
    struct hub *hub;
    pthread_t thread;
    const struct answer *script;
    unsigned asked[128]; /* by type */
    int out;             /* our own stdout while the program under test has it */
};

static void
send_answer(struct other_end *o, const struct hub_event *question, const struct answer *a)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer body = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    Koffer__Failure failure;
    koffer__failure__init(&failure);
    failure.code = (uint32_t)a->failure;
    failure.text = message_text("no");
    const ProtobufCMessage *m = a->failure != RC_OK ? &failure.base : a->message;
    if (m != NULL)
        CHECK_OK(message_pack(m, &body, &e), &e);
    const struct frame frame = {
        .flags = (uint8_t)(FRAME_REPLY | (a->failure != RC_OK ? FRAME_FAILURE : 0)),
        .type = question->frame.type,
        .correlation = question->frame.correlation,
        .body = buffer_span(&body),
    };
    CHECK_OK(hub_send(o->hub, question->peer, &frame, &e), &e);
}

static void
answer(struct other_end *o, const struct hub_event *question)
{
    const struct answer *chosen = NULL;
    unsigned turn = o->asked[question->frame.type]++;
    for (const struct answer *a = o->script; a->type != 0; a++) {
        if (a->type != question->frame.type)
            continue;
        chosen = a;
        if (turn-- == 0)
            break;
    }
    assert_non_null(chosen);
    if (chosen->press)
        (void)kill(getpid(), SIGINT);
    if (chosen->vanish)
        hub_close_peer(o->hub, question->peer);
    else
        send_answer(o, question, chosen);
}

static void *
serve(void *ctx)
{
    struct other_end *o = ctx;
    for (;;) {
        struct error e = ERROR_INIT;
        struct hub_event event;
        CHECK_OK(hub_next(o->hub, clock_after_ms(clock_mono(), 60000), &event, &e), &e);
        enum hub_kind kind = event.kind;
        if (kind == HUB_FRAME)
            answer(o, &event);
        hub_event_clear(&event);
        if (kind == HUB_WOKEN)
            return NULL;
    }
}

static int
enter(void **state)
{
    static struct other_end o;
    struct error e = ERROR_INIT;
    o = (struct other_end){.folder = "/tmp/koffer-cli-XXXXXX"};
    if (mkdtemp(o.folder) == NULL)
        return -1;
    (void)snprintf(o.url, sizeof o.url, "ipc://%s/control", o.folder);
    CHECK_OK(hub_open(&o.hub, &e), &e);
    CHECK_OK(hub_listen_local(o.hub, o.url + strlen("ipc://"), &e), &e);
    *state = &o;
    return 0;
}

static int
leave(void **state)
{
    struct other_end *o = *state;
    hub_close(o->hub);
    (void)unlink(o->url + strlen("ipc://"));
    return rmdir(o->folder);
}

/* Runs the program with its output in `text`; returns its exit status. */
static int
run(struct other_end *o, const struct answer *script, const char *const *words, char *text,
    size_t room)
{
    char *argv[16] = {NULL}, *option = message_text("--controller");
    int argc = 0;
    FILE *file = tmpfile();
    for (; words[argc] != NULL; argc++)
        argv[argc] = message_text(words[argc]);
    argv[argc++] = option;
    argv[argc++] = o->url;
    o->script = script;
    assert_int_equal(pthread_create(&o->thread, NULL, serve, o), 0);

    (void)fflush(stdout);
    o->out = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    int status = cli_main(argc, argv);
    (void)fflush(stdout);
    assert_true(dup2(o->out, STDOUT_FILENO) >= 0);
    assert_int_equal(close(o->out), 0);

    hub_wake(o->hub);
    assert_int_equal(pthread_join(o->thread, NULL), 0);
    rewind(file);
    text[fread(text, 1, room - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    return status;
}

#define RUN(o, script, text, ...)                                                                  \
    run((o), (script), (const char *[]){"koffer", __VA_ARGS__, NULL}, (text), sizeof(text))

static const Koffer__CycleRef cycle_ref = {
    .base = PROTOBUF_C_MESSAGE_INIT(&koffer__cycle_ref__descriptor), .cycle = 7};
static const Koffer__JobRef job_ref = {
    .base = PROTOBUF_C_MESSAGE_INIT(&koffer__job_ref__descriptor), .job = 3};

static Koffer__CycleStatus
cycle_in(const char *state, bool final)
{
    Koffer__CycleStatus s;
    koffer__cycle_status__init(&s);
    s.cycle = 7;
    s.state = message_text(state);
    s.final = final;
    s.started = CLOCK_NS_PER_SECOND;
    s.finished = final ? 4 * CLOCK_NS_PER_SECOND : 0;
    return s;
}

static Koffer__JobStatus
job_in(const char *state, bool final)
{
    Koffer__JobStatus s;
    koffer__job_status__init(&s);
    s.job = 3;
    s.kind = message_text("restore");
    s.state = message_text(state);
    s.final = final;
    s.unit = message_text("bytes");
    return s;
}

static void
a_watched_cycle_says_how_it_ended(void **state)
{
    static const struct {
        const char *state;
        int status;
    } ends[] = {{"full", CLI_OK},
                {"incomplete", CLI_INCOMPLETE},
                {"failed", CLI_FAILED},
                {"cancelled", CLI_FAILED}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char text[4096];
        struct other_end *o = *state;
        Koffer__CycleStatus running = cycle_in("capturing", false);
        Koffer__CycleStatus end = cycle_in(ends[i].state, true);
        const struct answer script[] = {
            {.type = KOFFER__MESSAGE_TYPE__CYCLE_START, .message = &cycle_ref.base},
            {.type = KOFFER__MESSAGE_TYPE__CYCLE_STATUS, .message = &running.base},
            {.type = KOFFER__MESSAGE_TYPE__CYCLE_STATUS, .message = &end.base},
            {.type = 0}};
        memset(o->asked, 0, sizeof o->asked);
        assert_int_equal(RUN(o, script, text, "cycle", "start", "--wait"), ends[i].status);
        assert_non_null(strstr(text, "cycle 7: capturing\n"));
        assert_non_null(strstr(text, ends[i].state));
        assert_null(strchr(text, '\033'));
    }
}

static void
what_one_host_says_of_itself_cannot_command_the_terminal(void **state)
{
    char text[4096];
    Koffer__CycleSource source, *sources[] = {&source};
    Koffer__CycleStatus end = cycle_in("full", true);
    koffer__cycle_source__init(&source);
    source.agent = message_text("imap1");
    source.source = message_text("mail");
    source.state = message_text("done\033[2J");
    source.problem = message_text("line one\nline \033]0;two\a");
    end.n_sources = 1;
    end.sources = sources;
    const struct answer script[] = {
        {.type = KOFFER__MESSAGE_TYPE__CYCLE_STATUS, .message = &end.base}, {.type = 0}};
    assert_int_equal(RUN(*state, script, text, "cycle", "watch"), CLI_OK);
    assert_non_null(strstr(text, "      line one\n      line \\x1b]0;two\\x07\n"));
    assert_null(strchr(text, '\033'));
}

static void
ctrl_c_ends_the_watching_and_not_the_cycle(void **state)
{
    char text[4096];
    struct other_end *o = *state;
    Koffer__CycleStatus running = cycle_in("capturing", false);
    const struct answer script[] = {
        {.type = KOFFER__MESSAGE_TYPE__CYCLE_STATUS, .message = &running.base, .press = true},
        {.type = 0}};
    assert_int_equal(RUN(o, script, text, "cycle", "watch", "7"), CLI_INTERRUPTED);
    assert_int_equal(o->asked[KOFFER__MESSAGE_TYPE__CYCLE_CANCEL], 0);
}

static void
a_restore_reports_its_counts(void **state)
{
    char text[4096];
    Koffer__RestoreCounts counts;
    Koffer__JobStatus running = job_in("running", false), end = job_in("done", true);
    koffer__restore_counts__init(&counts);
    counts.files = 12;
    counts.bytes = 2048;
    counts.existing_kept = 2;
    end.text = message_text("restored 12 files");
    end.restored = &counts;
    const struct answer script[] = {
        {.type = KOFFER__MESSAGE_TYPE__RESTORE_FILES, .message = &job_ref.base},
        {.type = KOFFER__MESSAGE_TYPE__JOB_STATUS, .message = &running.base},
        {.type = KOFFER__MESSAGE_TYPE__JOB_STATUS, .message = &end.base},
        {.type = 0}};
    assert_int_equal(
        RUN(*state, script, text, "restore", "files", "latest", "--to", "/x", "--on", "db1"),
        CLI_OK);
    assert_non_null(strstr(text, "restored 12 files\n"));
    assert_non_null(
        strstr(text, "2 existing files differ and were kept; --replace overwrites them\n"));
}

static void
a_restore_of_which_a_part_failed_is_incomplete(void **state)
{
    char text[4096];
    Koffer__RestoreCounts counts;
    Koffer__JobStatus end = job_in("done", true);
    koffer__restore_counts__init(&counts);
    counts.failed = 1;
    end.restored = &counts;
    const struct answer script[] = {
        {.type = KOFFER__MESSAGE_TYPE__RESTORE_FILES, .message = &job_ref.base},
        {.type = KOFFER__MESSAGE_TYPE__JOB_STATUS, .message = &end.base},
        {.type = 0}};
    assert_int_equal(
        RUN(*state, script, text, "restore", "files", "latest", "--to", "/x", "--on", "db1"),
        CLI_INCOMPLETE);
}

static void
damage_that_verification_found_is_a_failure(void **state)
{
    char text[4096];
    Koffer__VerifyCounts counts;
    Koffer__JobStatus end = job_in("done", true);
    koffer__verify_counts__init(&counts);
    counts.damaged = 1;
    end.verified = &counts;
    const struct answer script[] = {
        {.type = KOFFER__MESSAGE_TYPE__VAULT_VERIFY, .message = &job_ref.base},
        {.type = KOFFER__MESSAGE_TYPE__JOB_STATUS, .message = &end.base},
        {.type = 0}};
    assert_int_equal(RUN(*state, script, text, "vault", "verify"), CLI_FAILED);
}

static void
ctrl_c_cancels_a_job_and_waits_for_its_end(void **state)
{
    char text[4096];
    struct other_end *o = *state;
    Koffer__JobStatus running = job_in("running", false), end = job_in("cancelled", true);
    const struct answer script[] = {
        {.type = KOFFER__MESSAGE_TYPE__VAULT_VERIFY, .message = &job_ref.base},
        {.type = KOFFER__MESSAGE_TYPE__JOB_CANCEL},
        {.type = KOFFER__MESSAGE_TYPE__JOB_STATUS, .message = &running.base, .press = true},
        {.type = KOFFER__MESSAGE_TYPE__JOB_STATUS, .message = &running.base},
        {.type = KOFFER__MESSAGE_TYPE__JOB_STATUS, .message = &end.base},
        {.type = 0}};
    assert_int_equal(RUN(o, script, text, "vault", "verify"), CLI_INTERRUPTED);
    assert_int_equal(o->asked[KOFFER__MESSAGE_TYPE__JOB_CANCEL], 1);
    assert_int_equal(o->asked[KOFFER__MESSAGE_TYPE__JOB_STATUS], 3);
}

static void
the_controllers_refusals_become_exit_statuses(void **state)
{
    static const struct {
        enum rc failure;
        int status;
    } refusals[] = {{RC_NOT_FOUND, CLI_NOT_FOUND},
                    {RC_DENIED, CLI_DENIED},
                    {RC_EXISTS, CLI_FAILED},
                    {RC_IO, CLI_FAILED}};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char text[256];
        const struct answer script[] = {
            {.type = KOFFER__MESSAGE_TYPE__STATUS, .failure = refusals[i].failure}, {.type = 0}};
        assert_int_equal(RUN(*state, script, text, "status"), refusals[i].status);
    }
}

static void
again_is_an_answer_but_silence_is_unreachable(void **state)
{
    char text[256];
    Koffer__Status status;
    const struct answer busy[] = {{.type = KOFFER__MESSAGE_TYPE__CYCLE_START, .failure = RC_AGAIN},
                                  {.type = KOFFER__MESSAGE_TYPE__STATUS, .message = &status.base},
                                  {.type = 0}};
    koffer__status__init(&status);
    assert_int_equal(RUN(*state, busy, text, "cycle", "start"), CLI_FAILED);

    const struct answer gone[] = {{.type = KOFFER__MESSAGE_TYPE__CYCLE_LIST, .vanish = true},
                                  {.type = 0}};
    assert_int_equal(RUN(*state, gone, text, "cycle", "list"), CLI_UNREACHABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_watched_cycle_says_how_it_ended),
        TEST(what_one_host_says_of_itself_cannot_command_the_terminal),
        TEST(ctrl_c_ends_the_watching_and_not_the_cycle),
        TEST(a_restore_reports_its_counts),
        TEST(a_restore_of_which_a_part_failed_is_incomplete),
        TEST(damage_that_verification_found_is_a_failure),
        TEST(ctrl_c_cancels_a_job_and_waits_for_its_end),
        TEST(the_controllers_refusals_become_exit_statuses),
        TEST(again_is_an_answer_but_silence_is_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
