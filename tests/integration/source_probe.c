/*
 * source_probe.c -- one cycle of one configured source without the rest of Koffer: for integration tests.
 *
 *     source_probe CONFIG SOURCE OUT [DEADLINE-MS]
 *
 * CONFIG holds `source` sections as in koffer-agent.conf.  OUT is a new directory; afterwards OUT/export has the
 * made files, OUT/files the absolute paths that would be read, one a line.  What the steps report is printed: "phase ...",
 * "fact NAME VALUE", "warning ...", "incomplete", and at last "ok" or "failed STEP CODE TEXT".
 * Exit status: 0 ok, 1 failed, 2 used wrongly.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/source/source.h"
#include "common/base/text.h"
#include "common/sys/file.h"

enum { PATH_SIZE = 4096, REPORT_ARENA = 1 << 24, PIECE = 4096 };

struct probe {
    struct source_collector collector;
    const char *out;
    FILE *files;
};

/* The collector is the first member. */
static struct probe *
probe_of(struct source_collector *c)
{
    return (struct probe *)(void *)c;
}

static enum rc
copy_out(int file, enum rc (*read)(void *, void *, size_t, size_t *, struct error *), void *ctx,
         uint64_t *size, struct error *e)
{
    uint8_t piece[PIECE];
    for (*size = 0;;) {
        size_t got;
        TRY(read(ctx, piece, sizeof piece, &got, e));
        if (got == 0)
            return RC_OK;
        TRY(file_write_all(file, span_of(piece, got), e));
        *size += got;
    }
}

static enum rc
take_made(struct source_collector *c, const char *name,
          enum rc (*read)(void *ctx, void *out, size_t size, size_t *got, struct error *e),
          void *ctx, uint64_t *size, struct error *e)
{
    char path[PATH_SIZE], folder[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/export/%s", probe_of(c)->out, name);
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    TRY(file_make_directory(AT_FDCWD, folder, 0700, e));
    CLEANUP(own_closep) int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return error_errno(e, "create '%s'", path);
    enum rc rc = copy_out(file, read, ctx, size, e);
    if (rc != RC_OK)
        (void)unlink(path);
    return rc;
}

struct walk {
    struct probe *probe;
    source_exclude *exclude;
    void *ctx;
    const char *folder;
};

static enum rc visit(void *ctx, const char *name, struct error *e);

static enum rc
walk_path(const struct walk *w, const char *path, const struct stat *about, struct error *e)
{
    (void)fprintf(w->probe->files, "%s\n", path);
    if (!S_ISDIR(about->st_mode))
        return RC_OK;
    struct walk inside = *w;
    inside.folder = path;
    return file_list(AT_FDCWD, path, visit, &inside, e);
}

static enum rc
visit(void *ctx, const char *name, struct error *e)
{
    const struct walk *w = ctx;
    char path[PATH_SIZE];
    struct stat about;
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    if (lstat(path, &about) != 0) /* gone meanwhile */
        return RC_OK;
    if (w->exclude != NULL && w->exclude(w->ctx, path, name, about.st_mode))
        return RC_OK;
    return walk_path(w, path, &about, e);
}

static enum rc
take_path(struct source_collector *c, const char *path, bool cross, source_exclude *exclude,
          void *exclude_ctx, struct error *e)
{
    (void)cross;
    struct stat about;
    if (lstat(path, &about) != 0)
        return errno == ENOENT ? error_set(e, RC_NOT_FOUND, "'%s' does not exist", path)
                               : error_errno(e, "look at '%s'", path);
    struct walk walk = {.probe = probe_of(c), .exclude = exclude, .ctx = exclude_ctx};
    return walk_path(&walk, path, &about, e);
}

static void
show_phase(struct source_collector *c, const char *phase)
{
    (void)c;
    (void)printf("phase %s\n", phase);
}

static void
show_report(const struct source_report *r)
{
    for (size_t i = 0; i < r->fact_count; i++)
        (void)printf("fact %s %s\n", r->facts[i].name, r->facts[i].value);
    for (size_t i = 0; i < r->warning_count; i++)
        (void)printf("warning %s\n", r->warnings[i]);
    if (r->incomplete)
        (void)printf("incomplete\n");
}

static enum rc
run_steps(const struct source_kind *kind, struct source_step *step, struct probe *p,
          const char **at, struct error *e)
{
    *at = "check";
    enum rc rc = kind->check(step, e);
    if (rc == RC_OK) {
        *at = "capture";
        rc = kind->capture(step, &p->collector, e);
    }
    struct error late = ERROR_INIT;
    enum rc released = kind->release(step, &late);
    if (rc == RC_OK && released != RC_OK) {
        *at = "release";
        *e = late;
        rc = released;
    }
    return rc;
}

static const struct config_section *
find_source(const struct config *config, const char *name)
{
    const struct config_section *root = config_root(config);
    for (size_t i = 0; i < config_count(root, "source"); i++)
        if (text_equal(config_title(config_at(root, "source", i)), name))
            return config_at(root, "source", i);
    return NULL;
}

static enum rc
prepare(const char *out, char *staging, size_t size, struct probe *p, struct error *e)
{
    char path[PATH_SIZE];
    TRY(file_make_directory(AT_FDCWD, out, 0755, e));
    (void)snprintf(staging, size, "%s/staging", out);
    TRY(file_make_directory(AT_FDCWD, staging, 0700, e));
    (void)snprintf(path, sizeof path, "%s/files", out);
    p->files = fopen(path, "we");
    return p->files == NULL ? error_errno(e, "create '%s'", path) : RC_OK;
}

static enum rc
probe(const char *config_path, const char *name, const char *out, struct mono deadline,
      const char **at, struct error *e)
{
    static const struct config_key keys[] = {
        {.name = "source", .type = CONFIG_SECTION, .keys = source_keys, .titled = true}, {0}};
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(arena_freep) struct arena *arena = arena_new(REPORT_ARENA);
    static struct source_report report; /* too large for the stack */
    struct probe p = {.collector = {.made = take_made, .path = take_path, .phase = show_phase},
                      .out = out};
    char staging[PATH_SIZE];
    report.arena = arena;
    *at = "configuration";
    TRY(config_read(keys, config_path, &config, e));
    const struct config_section *section = find_source(config, name);
    if (section == NULL || arena == NULL)
        return error_set(e, RC_NOT_FOUND, "no source '%s'", name);
    TRY(source_validate(config, section, e));
    TRY(prepare(out, staging, sizeof staging, &p, e));

    _Atomic(bool) cancel = false;
    struct source_step step = {.config = section,
                               .name = name,
                               .staging = staging,
                               .cycle = 1,
                               .deadline = deadline,
                               .cancel = &cancel,
                               .report = &report};
    enum rc rc = run_steps(source_kind_of(config_text(section, "kind")), &step, &p, at, e);
    (void)fclose(p.files);
    show_report(&report);
    return rc;
}

int
main(int argc, char *argv[])
{
    struct error e = ERROR_INIT;
    uint64_t ms = 0;
    const char *at = "";
    if ((argc != 4 && argc != 5) ||
        (argc == 5 && text_parse_u64(argv[4], 1, 600000, &ms, &e) != RC_OK)) {
        (void)fprintf(stderr, "usage: source_probe CONFIG SOURCE OUT [DEADLINE-MS]\n");
        return 2;
    }
    struct mono deadline = {0};
    if (ms > 0)
        deadline = clock_after_ms(clock_mono(), (int64_t)ms);
    enum rc rc = probe(argv[1], argv[2], argv[3], deadline, &at, &e);
    if (rc == RC_OK)
        (void)printf("ok\n");
    else
        (void)printf("failed %s %s %s\n", at, rc_name(rc), e.text);
    return rc == RC_OK ? 0 : 1;
}
