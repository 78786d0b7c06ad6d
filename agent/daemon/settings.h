/*
 * settings.h -- the table of koffer-agent.conf, which both halves of an agent read, each for what concerns it.
 *
 *     TRY(settings_read(path, &config, &settings, e));
 *     TRY(settings_check_sources(config, e));             // koffer-priv; the network side knows nothing of sources
 *
 * Layer: agent.
 */
#ifndef AGENT_DAEMON_SETTINGS_H
#define AGENT_DAEMON_SETTINGS_H

#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/config/config.h"

extern const struct config_key settings_keys[];

#define SETTINGS_PATH "/etc/koffer/koffer-agent.conf"

enum { SETTINGS_ROOTS_MAX = 32, SETTINGS_PINNED_MAX = LIMIT_RECIPIENTS };

struct settings {        /* borrows from the configuration */
    const char *user;    /* of the network side */
    const char *state;   /* the network side's: TLS key and certificate */
    const char *private; /* koffer-priv's: every other key, memory, receipt */
    const char *socket;  /* between the two */
    const char *staging;
    const char *controller; /* NULL: where we enrolled */
    const char *roots[SETTINGS_ROOTS_MAX];
    size_t root_count;
    struct id pinned[SETTINGS_PINNED_MAX]; /* fingerprints of recipients */
    size_t pinned_count;
    uint64_t level, threads, lease_seconds;
    const char *snapshot; /* of sources that do not say it: one of source_snapshot_names */
};

/* `config` owns what *out points to. */
enum rc
settings_read(const char *path, struct config **config, struct settings *out, struct error *e);
/* Every source's kind judges its section. */
enum rc settings_check_sources(const struct config *config, struct error *e);

#endif
