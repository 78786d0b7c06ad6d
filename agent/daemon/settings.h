/*
 * settings.h -- the table of koffer-agent.conf, and the configuration read through it.
 *
 * Layer: agent.
 */
#ifndef AGENT_DAEMON_SETTINGS_H
#define AGENT_DAEMON_SETTINGS_H

#include "common/config/config.h"

extern const struct config_key settings_keys[];

#define SETTINGS_PATH "/etc/koffer/koffer-agent.conf"

enum { SETTINGS_ROOTS_MAX = 32 };

struct settings { /* borrows from the configuration */
    const char *state, *staging;
    const char *controller; /* NULL: where we enrolled */
    const char *roots[SETTINGS_ROOTS_MAX];
    size_t root_count;
    uint64_t level, threads, lease_seconds;
};

/* Reads, and lets every source's kind judge its section.  `config` owns what *out points to. */
enum rc
settings_read(const char *path, struct config **config, struct settings *out, struct error *e);

#endif
