/* settings.c -- see settings.h. */
#include "agent/daemon/settings.h"

#include <string.h>

#include "agent/source/source.h"
#include "common/base/text.h"

static enum rc
check_url(const char *value, struct error *e)
{
    if (strncmp(value, "tls+tcp://", sizeof "tls+tcp://" - 1) != 0)
        return error_set(e, RC_INVALID, "'%.100s' is no address; write tls+tcp://HOST:PORT", value);
    return RC_OK;
}

const struct config_key settings_keys[] = {
    {.name = "controller",
     .type = CONFIG_TEXT,
     .check = check_url,
     .help = "Address of the controller, tls+tcp://HOST:PORT; default: as told at enrolment."},
    {.name = "user",
     .type = CONFIG_TEXT,
     .fallback = "koffer-agent",
     .help = "The user that the network side runs as; koffer-priv takes orders from nobody else."},
    {.name = "state-directory",
     .type = CONFIG_PATH,
     .fallback = "/var/lib/koffer/agent",
     .help = "The network side's key of TLS and certificates; it belongs to `user`."},
    {.name = "private-directory",
     .type = CONFIG_PATH,
     .fallback = "/var/lib/koffer/priv",
     .help = "koffer-priv's keys and what the last captures found.  Only root may read it."},
    {.name = "socket",
     .type = CONFIG_PATH,
     .fallback = "/run/koffer-priv/socket",
     .help = "Where koffer-priv listens for the network side, in a directory of its own."},
    {.name = "staging-directory",
     .type = CONFIG_PATH,
     .fallback = "/var/cache/koffer/staging",
     .help = "Where exports lie for the moment between being written and being read; emptied at "
             "every start."},
    {.name = "restore-roots",
     .type = CONFIG_LIST,
     .fallback = "/var/lib/koffer/restore",
     .help = "Directories below which restores may write on this host."},
    {.name = "recipients",
     .type = CONFIG_LIST,
     .help =
         "Fingerprints, 64 hexadecimal digits each ('koffer key show'), of the keys that this host "
         "seals its archives to, all of them and no other; without it, those that the controller "
         "names.  With it, whoever takes over the controller can neither add a key of their own nor "
         "leave one out: nothing is captured until both lists are the same.  A new recovery sheet "
         "must then be named here too, on every host, and one that is retired be removed."},
    {.name = "snapshot",
     .type = CONFIG_CHOICE,
     .choices = source_snapshot_names,
     .fallback = "auto",
     .help =
         "How the paths of a source are frozen, so that all of a cycle is read as of one moment. "
         "auto: by what is under each path, btrfs or a logical volume of LVM with ext4 or XFS, and "
         "an error where it is something else. btrfs, lvm: that one, or an error. none: nothing is "
         "frozen, and what changes while it is read is captured as it comes."},
    {.name = "compression-level",
     .type = CONFIG_NUMBER,
     .fallback = "3",
     .min = 1,
     .max = 19,
     .help = "Level of zstd."},
    {.name = "threads",
     .type = CONFIG_NUMBER,
     .fallback = "0",
     .max = 64,
     .help = "Threads that compress and seal in one capture; 0: one per processor, at most four."},
    {.name = "lease",
     .type = CONFIG_DURATION,
     .fallback = "2m",
     .min = 5,
     .max = 86400,
     .help =
         "When the controller is away for this long in the middle of a cycle, everything held for "
         "it is let go."},
    {.name = "source",
     .type = CONFIG_SECTION,
     .titled = true,
     .keys = source_keys,
     .help = "One thing to protect on this host."},
    {0},
};

static enum rc
take_roots(const struct config *config, struct settings *out, struct error *e)
{
    const struct config_section *s = config_root(config);
    size_t count = config_list_count(s, "restore-roots");
    if (count > SETTINGS_ROOTS_MAX)
        return config_complain(config, s, "restore-roots", e, "more than %d directories",
                               (int)SETTINGS_ROOTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *root = config_list_at(s, "restore-roots", i);
        if (root[0] != '/')
            return config_complain(config, s, "restore-roots", e,
                                   "'%s' is not an absolute path; begin it with '/'", root);
        out->roots[out->root_count++] = root;
    }
    return RC_OK;
}

static enum rc
take_pinned(const struct config *config, struct settings *out, struct error *e)
{
    const struct config_section *s = config_root(config);
    size_t count = config_list_count(s, "recipients");
    if (count > SETTINGS_PINNED_MAX)
        return config_complain(config, s, "recipients", e, "more than %d",
                               (int)SETTINGS_PINNED_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *text = config_list_at(s, "recipients", i);
        if (strlen(text) != 2 * ID_SIZE || !text_unhex(text, out->pinned[i].bytes, ID_SIZE))
            return config_complain(
                config, s, "recipients", e,
                "'%.80s' is no fingerprint of 64 hexadecimal digits; 'koffer key "
                "show' tells them",
                text);
    }
    out->pinned_count = count;
    return RC_OK;
}

enum rc
settings_read(const char *path, struct config **config, struct settings *out, struct error *e)
{
    TRY(config_read(settings_keys, path, config, e));
    const struct config_section *s = config_root(*config);
    *out = (struct settings){
        .user = config_text(s, "user"),
        .state = config_text(s, "state-directory"),
        .private = config_text(s, "private-directory"),
        .socket = config_text(s, "socket"),
        .staging = config_text(s, "staging-directory"),
        .controller = config_text(s, "controller"),
        .level = config_number(s, "compression-level"),
        .threads = config_number(s, "threads"),
        .lease_seconds = config_number(s, "lease"),
        .snapshot = config_text(s, "snapshot"),
    };
    TRY(take_roots(*config, out, e));
    return take_pinned(*config, out, e);
}
