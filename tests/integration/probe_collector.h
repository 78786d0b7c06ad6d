/*
 * probe_collector.h -- what probes of sources have in common: a collector that keeps what it is given in a directory.
 *
 *     TRY(probe_open(&p, "/out", staging, sizeof staging, e));    // makes OUT, OUT/staging
 *     kind->capture(&step, &p.collector, e);                      // OUT/export/...: made files; OUT/files: paths, one a line
 *     fclose(p.files);
 *
 * Phases are printed.
 */
#ifndef TESTS_INTEGRATION_PROBE_COLLECTOR_H
#define TESTS_INTEGRATION_PROBE_COLLECTOR_H

#include <stdio.h>

#include "agent/source/source.h"

struct probe {
    struct source_collector collector; /* the first member */
    const char *out;
    FILE *files;
    const char *live,
        *cut; /* paths below `live` are read below `cut`; NULL: everything is read live */
};

/* Where a live path is read. */
void probe_place(const struct probe *p, const char *path, char *out, size_t size);
enum rc probe_open(struct probe *p, const char *out, char *staging, size_t size, struct error *e);

#endif
