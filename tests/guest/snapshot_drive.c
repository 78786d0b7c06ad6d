/*
 * snapshot_drive.c -- one set of snapshots, step by step, by a test that can look around between the steps or kill us.
 *
 *     snapshot_drive STATE
 *
 * Each line on stdin is a step; what it has to say goes to stdout: lines of "warning TEXT", "fact NAME VALUE",
 * "view FD PATH", and at last one line "ok [VALUE...]" or "failed CODE TEXT".
 *
 *     reap                                      ok LEFT
 *     plan CYCLE auto|btrfs|lvm SIZE PATH...    facts, warnings; SIZE of a classic LVM snapshot, 0: as the agent sizes it
 *     take [SECONDS]                            ok DRIVER VOLUMES COMMAND-NS; cancelled after so many seconds
 *     mount                                     the views; a test reads through /proc/PID/fd/FD
 *     check                                     after the walk
 *     release                                   and the set is forgotten when that succeeded
 *
 * Ends with its input: 0; 1 when the ledger cannot be read; 2 when used wrongly.  A set that is left then is released, as far as that goes.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/snapshot/snapshot.h"
#include "common/base/text.h"

enum { LINE_SIZE = 4096, PATHS_MAX = 8, CYCLE_MAX = 1000000, SECONDS_MAX = 600 };

struct drive {
    struct snapshot_host *host;
    struct snapshot_set *set;
};

static void
show_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)printf("warning %s\n", text);
}

static void
show_fact(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    (void)printf("fact %s %s\n", name, value);
}

static enum rc
reap(struct drive *d, char *words, struct error *e)
{
    size_t left;
    (void)words;
    TRY(snapshot_host_reap(d->host, &left, e));
    (void)printf("ok %zu\n", left);
    return RC_OK;
}

static enum rc
parse_driver(const char *word, enum snapshot_driver *out, struct error *e)
{
    static const char *const names[] = {
        [SNAPSHOT_AUTO] = "auto", [SNAPSHOT_BTRFS] = "btrfs", [SNAPSHOT_LVM] = "lvm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i] != NULL && word != NULL && text_equal(names[i], word)) {
            *out = (enum snapshot_driver)i;
            return RC_OK;
        }
    }
    return error_set(e, RC_INVALID, "no driver '%s'", word == NULL ? "" : word);
}

static const char *
next_word(char **words)
{
    const char *word = strtok_r(NULL, " ", words);
    return word == NULL ? "" : word;
}

static enum rc
plan(struct drive *d, char *words, struct error *e)
{
    static const struct snapshot_notes notes = {.warn = show_warning, .fact = show_fact};
    struct snapshot_path paths[PATHS_MAX];
    struct snapshot_request request = {.source = "driven", .paths = paths};
    if (d->set != NULL)
        return error_set(e, RC_EXISTS, "one set at a time");
    TRY(text_parse_u64(next_word(&words), 1, CYCLE_MAX, &request.cycle, e));
    TRY(parse_driver(next_word(&words), &request.driver, e));
    TRY(text_parse_u64(next_word(&words), 0, INT64_MAX, &request.size, e));
    for (const char *path = next_word(&words); *path != '\0' && request.count < PATHS_MAX;
         path = next_word(&words))
        paths[request.count++] = (struct snapshot_path){.path = path, .cross = true};
    TRY(snapshot_plan(d->host, &request, &notes, &d->set, e));
    (void)printf("ok\n");
    return RC_OK;
}

static enum rc
need_set(const struct drive *d, struct error *e)
{
    return d->set != NULL ? RC_OK : error_set(e, RC_INVALID, "plan first");
}

static _Atomic(bool) cancelled;

static void
cancel(int number)
{
    (void)number;
    atomic_store(&cancelled, true);
}

static enum rc
take(struct drive *d, char *words, struct error *e)
{
    uint64_t seconds = 0;
    const char *word = next_word(&words);
    TRY(need_set(d, e));
    if (*word != '\0')
        TRY(text_parse_u64(word, 1, SECONDS_MAX, &seconds, e));
    atomic_store(&cancelled, false);
    (void)alarm((unsigned)seconds);
    enum rc rc = snapshot_take(d->set, &cancelled, e);
    (void)alarm(0);
    TRY(rc);
    const struct snapshot_taken taken = snapshot_taken_of(d->set);
    (void)printf("ok %s %zu %" PRId64 "\n", taken.driver, taken.volumes, taken.command_ns);
    return RC_OK;
}

static enum rc
mount_all(struct drive *d, char *words, struct error *e)
{
    (void)words;
    TRY(need_set(d, e));
    TRY(snapshot_mount(d->set, e));
    const struct snapshot_views views = snapshot_views_of(d->set);
    for (size_t i = 0; i < views.count; i++)
        (void)printf("view %d %s\n", views.at[i].root, views.at[i].path);
    (void)printf("ok\n");
    return RC_OK;
}

static enum rc
check(struct drive *d, char *words, struct error *e)
{
    (void)words;
    TRY(need_set(d, e));
    TRY(snapshot_check(d->set, e));
    (void)printf("ok\n");
    return RC_OK;
}

static enum rc
release(struct drive *d, char *words, struct error *e)
{
    (void)words;
    TRY(need_set(d, e));
    TRY(snapshot_release(d->set, e));
    snapshot_set_free(TAKE(d->set));
    (void)printf("ok\n");
    return RC_OK;
}

static const struct step {
    const char *name;
    enum rc (*run)(struct drive *d, char *words, struct error *e);
} steps[] = {{"reap", reap},       {"plan", plan},   {"take", take},
             {"mount", mount_all}, {"check", check}, {"release", release}};

static enum rc
run_step(struct drive *d, char *line, struct error *e)
{
    char *words;
    const char *name = strtok_r(line, " ", &words);
    for (size_t i = 0; name != NULL && i < sizeof steps / sizeof *steps; i++)
        if (text_equal(steps[i].name, name))
            return steps[i].run(d, words, e);
    return error_set(e, RC_INVALID, "no such step");
}

static void
run_steps(struct drive *d)
{
    char line[LINE_SIZE];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct error e = ERROR_INIT;
        line[strcspn(line, "\n")] = '\0';
        if (run_step(d, line, &e) != RC_OK)
            (void)printf("failed %s %s\n", rc_name(e.code), e.text);
        (void)fflush(stdout);
    }
}

int
main(int argc, char **argv)
{
    struct error e = ERROR_INIT;
    struct drive drive = {0};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: snapshot_drive STATE\n");
        return 2;
    }
    const struct sigaction alarm_cancels = {.sa_handler = cancel, .sa_flags = SA_RESTART};
    (void)sigaction(SIGALRM, &alarm_cancels, NULL);
    const struct snapshot_host_options options = {.state = argv[1]};
    if (snapshot_host_new(&options, &drive.host, &e) != RC_OK) {
        (void)fprintf(stderr, "snapshot_drive: %s\n", e.text);
        return 1;
    }
    run_steps(&drive);
    snapshot_set_free(drive.set);
    snapshot_host_free(drive.host);
    return 0;
}
