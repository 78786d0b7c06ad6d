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
#include <stdio.h>

#include "common/base/text.h"
#include "tests/integration/probe_collector.h"

enum { PATH_SIZE = 4096, REPORT_ARENA = 1 << 24 };

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
probe(const char *config_path, const char *name, const char *out, struct mono deadline,
      const char **at, struct error *e)
{
    static const struct config_key keys[] = {
        {.name = "source", .type = CONFIG_SECTION, .keys = source_keys, .titled = true}, {0}};
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(arena_freep) struct arena *arena = arena_new(REPORT_ARENA);
    static struct source_report report; /* too large for the stack */
    struct probe p;
    char staging[PATH_SIZE];
    report.arena = arena;
    *at = "configuration";
    TRY(config_read(keys, config_path, &config, e));
    const struct config_section *section = find_source(config, name);
    if (section == NULL || arena == NULL)
        return error_set(e, RC_NOT_FOUND, "no source '%s'", name);
    TRY(source_validate(config, section, e));
    TRY(probe_open(&p, out, staging, sizeof staging, e));

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
