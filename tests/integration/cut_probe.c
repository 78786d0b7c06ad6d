/*
 * cut_probe.c -- the steps of one configured source, one at a time, as they are asked for: for integration tests of the cut.
 *
 *     cut_probe CONFIG SOURCE OUT
 *
 * Reads a verb a line and answers each with what it reports ("path ...", "phase ...", "fact ...", "kept ...", "warning ...") and at last
 * "ok" or "failed CODE TEXT":
 *
 *     check  paths  freeze  thaw  release
 *     ready SECONDS              as with snapshots planned; SECONDS until the step's deadline
 *     ready-without SECONDS      as without any
 *     snapshot SUBVOLUME PARENT NAME      btrfs, read-only; "fact snapshot_us" is the bare command
 *     cut SUBVOLUME PARENT NAME           freeze, snapshot, thaw, one after the other
 *     capture LIVE CUT           what is below LIVE is read below CUT
 *     capture-live
 *
 * OUT is as in source_probe.c.  At the end of input it just ends, as if killed: no release.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/base/text.h"
#include "tests/integration/probe_collector.h"

enum { PATH_SIZE = 4096, LINE_SIZE = 8192, REPORT_ARENA = 1 << 24, WORDS = 4 };

static struct source_report report; /* too large for the stack */
static struct probe probe;
static const struct source_kind *kind;

static enum rc
show_path(struct source_places *p, const char *path, bool cross, bool must, struct error *e)
{
    (void)p;
    (void)cross;
    (void)must;
    (void)e;
    (void)printf("path %s\n", path);
    return RC_OK;
}

static enum rc
do_check(struct source_step *step, char *const *words, struct error *e)
{
    (void)words;
    return kind->check(step, e);
}

static enum rc
do_paths(struct source_step *step, char *const *words, struct error *e)
{
    struct source_places places = {.path = show_path};
    (void)words;
    return kind->paths(step, &places, e);
}

static enum rc
get_ready(struct source_step *step, const char *seconds, bool snapshotted, struct error *e)
{
    uint64_t s;
    TRY(text_parse_u64(seconds, 1, 600, &s, e));
    step->deadline = clock_after_ms(clock_mono(), (int64_t)s * 1000);
    step->snapshotted = snapshotted;
    enum rc rc = kind->ready(step, e);
    step->deadline = (struct mono){0};
    return rc;
}

static enum rc
do_ready(struct source_step *step, char *const *words, struct error *e)
{
    return get_ready(step, words[1], true, e);
}

static enum rc
do_ready_without(struct source_step *step, char *const *words, struct error *e)
{
    return get_ready(step, words[1], false, e);
}

static enum rc
do_freeze(struct source_step *step, char *const *words, struct error *e)
{
    (void)words;
    return kind->freeze(step, e);
}

static enum rc
do_thaw(struct source_step *step, char *const *words, struct error *e)
{
    (void)words;
    return kind->thaw(step, e);
}

static enum rc
snapshot(int parent, int subvolume, const char *name, struct error *e)
{
    struct btrfs_ioctl_vol_args_v2 args = {.fd = subvolume, .flags = BTRFS_SUBVOL_RDONLY};
    (void)snprintf(args.name, sizeof args.name, "%s", name);
    struct mono began = clock_mono();
    if (ioctl(parent, BTRFS_IOC_SNAP_CREATE_V2, &args) != 0)
        return error_errno(e, "snapshot '%s'", name);
    source_report_fact(&report, "snapshot_us", "%lld",
                       (long long)((clock_mono().ns - began.ns) / 1000));
    return RC_OK;
}

static enum rc
do_snapshot(struct source_step *step, char *const *words, struct error *e)
{
    (void)step;
    CLEANUP(own_closep) int subvolume = open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(own_closep) int parent = open(words[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (subvolume < 0 || parent < 0)
        return error_errno(e, "open '%s' and '%s'", words[1], words[2]);
    return snapshot(parent, subvolume, words[3], e);
}

static enum rc
do_cut(struct source_step *step, char *const *words, struct error *e)
{
    struct error late = ERROR_INIT;
    enum rc rc = kind->freeze(step, e);
    if (rc == RC_OK)
        rc = do_snapshot(step, words, e);
    enum rc thawed = kind->thaw(step, &late);
    if (rc == RC_OK && thawed != RC_OK)
        *e = late;
    return rc != RC_OK ? rc : thawed;
}

static const char *
place(const struct source_step *step, const char *path)
{
    char seen[PATH_SIZE];
    probe_place(&probe, path, seen, sizeof seen);
    return arena_printf(step->report->arena, "%s", seen);
}

static enum rc
do_capture(struct source_step *step, char *const *words, struct error *e)
{
    probe.live = words[1];
    probe.cut = words[2];
    step->snapshotted = true;
    step->place = place;
    enum rc rc = kind->capture(step, &probe.collector, e);
    (void)fflush(probe.files);
    return rc;
}

static enum rc
do_capture_live(struct source_step *step, char *const *words, struct error *e)
{
    (void)words;
    step->snapshotted = false;
    enum rc rc = kind->capture(step, &probe.collector, e);
    if (rc == RC_OK)
        (void)printf("fact cut_ms %lld\n", (long long)(step->cut.until.ns - step->cut.from.ns) /
                                               (long long)CLOCK_NS_PER_MS);
    return rc;
}

static enum rc
do_release(struct source_step *step, char *const *words, struct error *e)
{
    (void)words;
    return kind->release(step, e);
}

static const struct {
    const char *name;
    size_t words;
    enum rc (*act)(struct source_step *step, char *const *words, struct error *e);
} verbs[] = {
    {"check", 1, do_check},       {"paths", 1, do_paths},
    {"ready", 2, do_ready},       {"ready-without", 2, do_ready_without},
    {"freeze", 1, do_freeze},     {"thaw", 1, do_thaw},
    {"snapshot", 4, do_snapshot}, {"cut", 4, do_cut},
    {"capture", 3, do_capture},   {"capture-live", 1, do_capture_live},
    {"release", 1, do_release},
};

static void
show_report(void)
{
    for (size_t i = 0; i < report.fact_count; i++)
        (void)printf("%s %s %s\n", report.facts[i].kept ? "kept" : "fact", report.facts[i].name,
                     report.facts[i].value);
    for (size_t i = 0; i < report.warning_count; i++)
        (void)printf("warning %s\n", report.warnings[i]);
    report.fact_count = report.warning_count = 0;
}

static enum rc
obey(struct source_step *step, char *line, struct error *e)
{
    char *words[WORDS] = {NULL}, *rest = NULL;
    size_t count = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *w = strtok_r(line, " ", &rest); w != NULL && count < WORDS;
         w = strtok_r(NULL, " ", &rest))
        words[count++] = w;
    for (size_t i = 0; count > 0 && i < sizeof verbs / sizeof *verbs; i++)
        if (text_equal(verbs[i].name, words[0]) && verbs[i].words == count)
            return verbs[i].act(step, words, e);
    return error_set(e, RC_INVALID, "no such verb");
}

static enum rc
begin(char *argv[], struct config **config, const struct config_section **section, char *staging,
      size_t size, struct error *e)
{
    static const struct config_key keys[] = {
        {.name = "source", .type = CONFIG_SECTION, .keys = source_keys, .titled = true}, {0}};
    TRY(config_read(keys, argv[1], config, e));
    *section = config_at(config_root(*config), "source", 0);
    TRY(source_validate(*config, *section, e));
    kind = source_kind_of(config_text(*section, "kind"));
    report.arena = arena_new(REPORT_ARENA);
    if (report.arena == NULL)
        return error_set(e, RC_NO_MEMORY, "report");
    return probe_open(&probe, argv[3], staging, size, e);
}

int
main(int argc, char *argv[])
{
    static char line[LINE_SIZE], held[LINE_SIZE];
    struct error e = ERROR_INIT;
    struct config *config = NULL;
    const struct config_section *section = NULL;
    char staging[PATH_SIZE];
    if (argc != 4) {
        (void)fprintf(stderr, "usage: cut_probe CONFIG SOURCE OUT\n");
        return 2;
    }
    if (begin(argv, &config, &section, staging, sizeof staging, &e) != RC_OK) {
        (void)fprintf(stderr, "%s\n", e.text);
        return 2;
    }
    _Atomic(bool) cancel = false;
    struct source_step step = {.config = section,
                               .name = argv[2],
                               .staging = staging,
                               .cycle = 1,
                               .cancel = &cancel,
                               .report = &report};
    while (fgets(line, sizeof line, stdin) != NULL) {
        (void)memcpy(held, line, sizeof held); /* its words are used until the next */
        enum rc rc = obey(&step, held, &e);
        show_report();
        if (rc == RC_OK)
            (void)printf("ok\n");
        else
            (void)printf("failed %s %s\n", rc_name(rc), e.text);
        (void)fflush(stdout);
    }
    _exit(0);
}
