/*
 * settings.h -- the table of koffer-controller.conf, and the configuration read through it.
 *
 * Layer: controller.
 */
#ifndef CONTROLLER_DAEMON_SETTINGS_H
#define CONTROLLER_DAEMON_SETTINGS_H

#include "common/config/config.h"

extern const struct config_key settings_keys[];

#define SETTINGS_PATH "/etc/koffer/koffer-controller.conf"
#define SETTINGS_STATE "/var/lib/koffer/controller"
#define SETTINGS_VAULT "/var/lib/koffer/vault"

struct settings { /* borrows from the configuration */
    const char *cluster, *name, *state, *vault, *listen, *data_listen, *enroll_listen, *advertise,
        *run;
    uint64_t vault_reserve, lease_seconds, capture_seconds, ready_seconds, restore_seconds,
        token_seconds, certificate_seconds;
    bool require_mount, allow_network_fs;
};

/* `config` owns what *out points to. */
enum rc
settings_read(const char *path, struct config **config, struct settings *out, struct error *e);

/* "tls+tcp://ADVERTISED:PORT" for a listening URL.  Writes at most `size` bytes to `out`. */
enum rc settings_advertised(const struct settings *s, const char *listen, char *out, size_t size,
                            struct error *e);

#endif
