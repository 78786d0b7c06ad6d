/* test_process.c -- real children: cat, sh, id, and some that are not there. */
#include "common/sys/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "tests/support/check.h"

#define SCRIPT(text)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        "/bin/sh", "-c", text, NULL                                                                \
    }

static size_t
count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    assert_int_equal(closedir(d), 0);
    return n;
}

static size_t descriptors_before;

static int
note_descriptors(void **state)
{
    (void)state;
    descriptors_before = count_descriptors();
    return 0;
}

static int
check_descriptors(void **state)
{
    (void)state;
    return count_descriptors() == descriptors_before ? 0 : -1;
}

static void
output_arrives_whole(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(1024);
    struct process_result result;
    const struct process_options o = {.argv = SCRIPT("echo out; echo err >&2")};
    CHECK_OK(process_run(&o, &out, &result, &e), &e);
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.data, "out\n", 4);
    assert_string_equal(result.stderr_tail, "err\n");
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(result.signal, 0);
    free(result.stderr_tail);
}

static void
big_input_comes_back_through_cat(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    enum { SIZE = 9 * 1024 * 1024 + 17 };
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(SIZE);
    uint8_t *input = malloc(SIZE);
    assert_non_null(input);
    for (size_t i = 0; i < SIZE; i++)
        input[i] = (uint8_t)(i * 2654435761u >> 24);
    const struct process_options o = {.argv = (const char *const[]){"/bin/cat", NULL},
                                      .input = span_of(input, SIZE)};
    CHECK_OK(process_run(&o, &out, NULL, &e), &e);
    assert_int_equal(out.len, SIZE);
    assert_memory_equal(out.data, input, SIZE);
    free(input);
}

static void
more_output_than_the_limit_is_an_error(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(4096);
    const struct process_options o = {.argv = SCRIPT("exec cat /dev/zero")};
    CHECK_RC(process_run(&o, &out, NULL, &e), RC_NO_MEMORY);
}

static void
input_that_nobody_reads_is_no_failure(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    uint8_t *input = calloc(1, 4 * 1024 * 1024);
    assert_non_null(input);
    const struct process_options o = {.argv = SCRIPT("exec 0<&-; echo done"),
                                      .input = span_of(input, 4 * 1024 * 1024)};
    CHECK_OK(process_run(&o, NULL, NULL, &e), &e);
    free(input);
}

static void
output_that_nobody_reads_blocks_nobody(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct process_options o = {.argv = SCRIPT("head -c 3000000 /dev/zero")};
    CHECK_OK(process_run(&o, NULL, NULL, &e), &e);
}

static void
code_and_last_words_are_reported(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct process_result result;
    const struct process_options o = {
        .argv = SCRIPT("echo one >&2; echo 'bad \033 thing' >&2; exit 3")};
    CHECK_RC(process_run(&o, NULL, &result, &e), RC_IO);
    assert_int_equal(result.exit_code, 3);
    assert_non_null(strstr(e.text, "code 3: bad \\x1b thing"));
    free(result.stderr_tail);
}

static void
a_signal_is_reported(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct process_result result;
    const struct process_options o = {.argv = SCRIPT("kill -9 $$")};
    CHECK_RC(process_run(&o, NULL, &result, &e), RC_IO);
    assert_int_equal(result.exit_code, -1);
    assert_int_equal(result.signal, SIGKILL);
    assert_non_null(strstr(e.text, "Killed"));
    free(result.stderr_tail);
}

static void
only_the_end_of_long_messages_is_kept(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct process_result result;
    const struct process_options o = {
        .argv = SCRIPT("head -c 300000 /dev/zero | tr '\\0' x >&2; echo END >&2")};
    CHECK_OK(process_run(&o, NULL, &result, &e), &e);
    size_t len = strlen(result.stderr_tail);
    assert_int_equal(len, LIMIT_CHILD_STDERR);
    assert_string_equal(result.stderr_tail + len - 5, "xEND\n");
    free(result.stderr_tail);
}

static void
what_cannot_run_says_why(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct process *p = NULL;
    const struct process_options missing = {.argv =
                                                (const char *const[]){"/nonexistent/tool", NULL}};
    CHECK_RC(process_start(&missing, &p, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "/nonexistent/tool"));
    const struct process_options no_program = {.argv = (const char *const[]){"/etc/passwd", NULL}};
    CHECK_RC(process_start(&no_program, &p, &e), RC_DENIED);
    const struct process_options no_place = {.argv = SCRIPT("true"), .directory = "/nonexistent"};
    CHECK_RC(process_start(&no_place, &p, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "/nonexistent"));
    const struct process_options no_user = {.argv = SCRIPT("true"), .user = "no-such-user"};
    CHECK_RC(process_start(&no_user, &p, &e), RC_NOT_FOUND);
    assert_null(p);
}

static void
the_deadline_ends_the_whole_group(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(1024);
    /* The grandchild would hold stdout open for ever.  The deadline leaves a busy machine time to begin. */
    const struct process_options o = {.argv =
                                          SCRIPT("echo begun >&2; cat /dev/zero >/dev/null & wait"),
                                      .deadline = clock_after_ms(clock_mono(), 1500)};
    struct mono begin = clock_mono();
    CHECK_RC(process_run(&o, &out, NULL, &e), RC_TIMEOUT);
    assert_non_null(strstr(e.text, "deadline: begun"));
    assert_true(clock_mono().ns - begin.ns < 20 * CLOCK_NS_PER_SECOND);
}

static void
a_child_that_ended_in_time_is_not_late(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(process_freep) struct process *p = NULL;
    const struct process_options o = {.argv = SCRIPT("exit 0"),
                                      .deadline = clock_after_ms(clock_mono(), 1000)};
    uint8_t byte;
    size_t got = 1;
    CHECK_OK(process_start(&o, &p, &e), &e);
    CHECK_OK(process_read(p, &byte, 1, &got, &e), &e);
    assert_int_equal(got, 0);
    CHECK_OK(process_finish(p, NULL, &e), &e);
}

static void *
set_flag(void *flag)
{
    atomic_store((_Atomic(bool) *)flag, true);
    return NULL;
}

static void
cancel_is_noticed_while_reading(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    _Atomic(bool) cancel = false;
    CLEANUP(process_freep) struct process *p = NULL;
    const struct process_options o = {.argv = SCRIPT("echo x; cat /dev/zero >/dev/null; echo y"),
                                      .cancel = &cancel};
    char bytes[2];
    size_t got = 0;
    pthread_t thread;
    CHECK_OK(process_start(&o, &p, &e), &e);
    CHECK_OK(process_read(p, bytes, sizeof bytes, &got, &e), &e);
    assert_int_equal(got, 2);
    assert_int_equal(pthread_create(&thread, NULL, set_flag, &cancel), 0);
    CHECK_RC(process_read(p, bytes, sizeof bytes, &got, &e), RC_CANCELLED);
    CHECK_RC(process_finish(p, NULL, &e), RC_CANCELLED);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static pid_t
read_pid(struct process *p)
{
    struct error e = ERROR_INIT;
    char text[32] = "";
    size_t len = 0, got;
    do {
        CHECK_OK(process_read(p, text + len, sizeof text - 1 - len, &got, &e), &e);
        len += got;
    } while (got > 0 && strchr(text, '\n') == NULL);
    uint64_t pid = 0;
    text[strcspn(text, "\n")] = '\0';
    CHECK_OK(text_parse_u64(text, 1, INT32_MAX, &pid, &e), &e);
    return (pid_t)pid;
}

/* Gone, or a zombie that its new parent has not fetched yet. */
static bool
is_dead(pid_t pid)
{
    char path[64], state = 'Z';
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return true;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    (void)fclose(f);
    return state == 'Z' || state == 'X';
}

static void
free_kills_the_group_and_reaps(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct process *p = NULL;
    const struct process_options o = {.argv = SCRIPT("cat /dev/zero >/dev/null & echo $!; wait")};
    CHECK_OK(process_start(&o, &p, &e), &e);
    pid_t grandchild = read_pid(p);
    assert_false(is_dead(grandchild));
    process_free(p);
    /* SIGKILL is on its way to it when process_free returns; wait for the event. */
    while (!is_dead(grandchild))
        (void)sched_yield();
}

static void
the_environment_is_clean_and_the_group_its_own(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(4096);
    assert_int_equal(setenv("KOFFER_SECRET", "x", 1), 0);
    const struct process_options o = {.argv = (const char *const[]){"/usr/bin/env", NULL},
                                      .env = (const char *const[]){"EXTRA=1", NULL}};
    CHECK_OK(process_run(&o, &out, NULL, &e), &e);
    static const char want[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\nEXTRA=1\n";
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(out.data, want, sizeof want - 1);
    assert_int_equal(unsetenv("KOFFER_SECRET"), 0);
    const struct process_options alone = {
        .argv = SCRIPT("test $(cut -d' ' -f5 /proc/$$/stat) = $$ && test $(umask) = 0077 && "
                       "test \"$(pwd)\" = /etc"),
        .directory = "/etc"};
    CHECK_OK(process_run(&alone, NULL, NULL, &e), &e);
}

static void
no_descriptor_and_no_ignored_signal_is_inherited(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(4096);
    int leak = dup(2); /* without close-on-exec */
    assert_true(leak >= 3);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    const struct process_options o = {.argv = SCRIPT("ls /proc/self/fd | wc -l; "
                                                     "grep SigIgn /proc/self/status")};
    CHECK_OK(process_run(&o, &out, NULL, &e), &e);
    (void)signal(SIGPIPE, before);
    assert_int_equal(close(leak), 0);
    /* 0, 1, 2 and the directory that ls reads. */
    assert_int_equal(out.data[0], '4');
    CHECK_OK(buffer_append(&out, span_of("", 1), &e), &e);
    assert_non_null(strstr((const char *)out.data, "0000000000000000"));
}

static void
another_user_has_that_users_groups_only(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(4096);
    if (geteuid() != 0 || getpwnam("nobody") == NULL)
        fail_msg("needs root, as tests/run has it");
    const struct process_options o = {.argv = SCRIPT("id -u; id -G; test ! -r /etc/shadow"),
                                      .user = "nobody"};
    CHECK_OK(process_run(&o, &out, NULL, &e), &e);
    static const char want[] = "65534\n65534\n";
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(out.data, want, sizeof want - 1);
}

static void
more_variables_than_a_child_may_have_are_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct process *p = NULL;
    const char *many[100] = {NULL};
    for (size_t i = 0; i < 99; i++)
        many[i] = "A=b";
    const struct process_options o = {.argv = SCRIPT("true"), .env = many};
    CHECK_RC(process_start(&o, &p, &e), RC_INVALID);
    assert_null(p);
}

/* In a child: as nobody, be nobody, and try to be root. */
static int
run_as_nobody(void)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(4096);
    const struct process_options same = {.argv = SCRIPT("id -u"), .user = "nobody"};
    const struct process_options root = {.argv = SCRIPT("id -u"), .user = "root"};
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        return 1;
    if (process_run(&same, &out, NULL, &e) != RC_OK || memcmp(out.data, "65534\n", out.len) != 0)
        return 2;
    if (process_run(&root, &out, NULL, &e) != RC_DENIED)
        return 3;
    return strstr(e.text, "as user 'root'") != NULL ? 0 : 4;
}

static void
who_is_not_root_runs_tools_as_itself_only(void **state)
{
    (void)state;
    int status = -1;
    if (geteuid() != 0)
        fail_msg("needs root, as tests/run has it");
    pid_t child = fork();
    if (child == 0)
        _exit(run_as_nobody());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* In a child: with one more descriptor each time, until a tool can run. */
static int
run_with_few_descriptors(void)
{
    enum { MOST = 256 };
    const struct process_options o = {.argv = SCRIPT("cat"), .input = span_of("x", 1)};
    const struct process_options quiet = {.argv = SCRIPT("true")};
    bool failed = false;
    for (rlim_t limit = 3; limit < MOST; limit++) {
        struct error e = ERROR_INIT;
        struct buffer out = BUFFER_INIT(4096);
        const struct rlimit few = {limit, MOST};
        if (setrlimit(RLIMIT_NOFILE, &few) != 0)
            return 1;
        enum rc quiet_rc = process_run(&quiet, &out, NULL, &e);
        enum rc rc = process_run(&o, &out, NULL, &e);
        bool whole = out.len == 1;
        buffer_free(&out);
        failed |= rc != RC_OK;
        if (rc == RC_OK)
            return failed && whole && quiet_rc == RC_OK ? 0 : 2;
        if (strstr(e.text, "/bin/sh") == NULL && strstr(e.text, "sh'") == NULL)
            return 3;
    }
    return 4; /* what failed has kept its descriptors */
}

static void
a_lack_of_descriptors_fails_the_start_and_costs_none(void **state)
{
    (void)state;
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(run_with_few_descriptors());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* A parent that is killed takes its tools along: the child starts one and is killed. */
static void
a_killed_parent_leaves_no_tool_behind(void **state)
{
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct error e = ERROR_INIT;
        struct process *p = NULL;
        const struct process_options o = {.argv = SCRIPT("echo $$; exec cat /dev/zero >/dev/null")};
        pid_t tool = process_start(&o, &p, &e) == RC_OK ? read_pid(p) : 0;
        (void)!write(pipes[1], &tool, sizeof tool);
        (void)raise(SIGKILL);
    }
    pid_t tool = 0;
    int status;
    assert_int_equal(read(pipes[0], &tool, sizeof tool), sizeof tool);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(tool > 0);
    while (!is_dead(tool))
        (void)sched_yield();
    assert_int_equal(close(pipes[0]), 0);
    assert_int_equal(close(pipes[1]), 0);
}

static void *
run_some(void *unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    for (int i = 0; i < 10; i++) {
        CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(1024);
        const struct process_options o = {.argv = (const char *const[]){"/bin/cat", NULL},
                                          .input = span_of("hello", 5)};
        CHECK_OK(process_run(&o, &out, NULL, &e), &e);
        assert_int_equal(out.len, 5);
    }
    return NULL;
}

/* After five seconds of grace. */
static void
a_patient_child_is_let_alone_and_keeps_what_it_was_given_until_its_end(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char folder[] = "/tmp/koffer-process-XXXXXX", fifo[64], lock[64], script[256];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    (void)snprintf(lock, sizeof lock, "%s/lock", folder);
    (void)snprintf(script, sizeof script, "trap '' TERM; echo; read word < %s", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int held = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(held, LOCK_EX), 0);
    _Atomic(bool) cancel = false;
    const struct process_options o = {
        .argv = SCRIPT(script), .cancel = &cancel, .patient = true, .keep = held};
    struct process *p;
    char said[8];
    size_t got;
    CHECK_OK(process_start(&o, &p, &e), &e);
    CHECK_OK(process_read(p, said, sizeof said, &got, &e),
             &e); /* it does not heed SIGTERM any more */
    atomic_store(&cancel, true);
    CHECK_RC(process_finish(p, NULL, &e), RC_CANCELLED);
    assert_non_null(strstr(e.text, "although it was told to"));
    process_free(p);
    assert_int_equal(close(held), 0);

    int other = open(lock, O_RDWR | O_CLOEXEC), end = open(fifo, O_WRONLY | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(write(end, "go\n", 3), 3);
    assert_int_equal(close(end), 0);
    assert_int_equal(flock(other, LOCK_EX), 0);
    assert_int_equal(close(other), 0);
    assert_int_equal(unlink(fifo) | unlink(lock) | rmdir(folder), 0);
}

static void
several_threads_may_run_tools_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_some, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void
tools_are_found_or_the_package_is_named(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const char *found = NULL;
    const char *const cat[] = {"/nonexistent/cat", "/bin", "/bin/cat", NULL};
    CHECK_OK(process_find_tool(cat, "coreutils", &found, &e), &e);
    assert_string_equal(found, "/bin/cat");
    const char *const none[] = {"/nonexistent/a", "/nonexistent/b", NULL};
    CHECK_RC(process_find_tool(none, "ab-utils", &found, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.text, "'/nonexistent/a', '/nonexistent/b'"));
    assert_non_null(strstr(e.text, "ab-utils"));
}

#define CHILD_TEST(f) cmocka_unit_test_setup_teardown(f, note_descriptors, check_descriptors)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CHILD_TEST(output_arrives_whole),
        CHILD_TEST(big_input_comes_back_through_cat),
        CHILD_TEST(more_output_than_the_limit_is_an_error),
        CHILD_TEST(input_that_nobody_reads_is_no_failure),
        CHILD_TEST(output_that_nobody_reads_blocks_nobody),
        CHILD_TEST(code_and_last_words_are_reported),
        CHILD_TEST(a_signal_is_reported),
        CHILD_TEST(only_the_end_of_long_messages_is_kept),
        CHILD_TEST(what_cannot_run_says_why),
        CHILD_TEST(the_deadline_ends_the_whole_group),
        CHILD_TEST(a_child_that_ended_in_time_is_not_late),
        CHILD_TEST(cancel_is_noticed_while_reading),
        CHILD_TEST(free_kills_the_group_and_reaps),
        CHILD_TEST(the_environment_is_clean_and_the_group_its_own),
        CHILD_TEST(no_descriptor_and_no_ignored_signal_is_inherited),
        CHILD_TEST(another_user_has_that_users_groups_only),
        CHILD_TEST(more_variables_than_a_child_may_have_are_refused),
        CHILD_TEST(who_is_not_root_runs_tools_as_itself_only),
        CHILD_TEST(a_lack_of_descriptors_fails_the_start_and_costs_none),
        CHILD_TEST(a_killed_parent_leaves_no_tool_behind),
        CHILD_TEST(a_patient_child_is_let_alone_and_keeps_what_it_was_given_until_its_end),
        CHILD_TEST(several_threads_may_run_tools_at_once),
        CHILD_TEST(tools_are_found_or_the_package_is_named),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
