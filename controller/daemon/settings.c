/* settings.c -- see settings.h. */
#include "controller/daemon/settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/text.h"

#define SCHEME "tls+tcp://"

static enum rc
check_url(const char *value, struct error *e)
{
    struct error ignored = ERROR_INIT;
    const char *colon = strrchr(value, ':');
    uint64_t port;
    if (strncmp(value, SCHEME, sizeof SCHEME - 1) != 0 || colon == NULL ||
        colon < value + sizeof SCHEME - 1 ||
        text_parse_u64(colon + 1, 0, UINT16_MAX, &port, &ignored) != RC_OK)
        return error_set(e, RC_INVALID,
                         "'%.100s' is not an address to listen on; write tls+tcp://ADDRESS:PORT",
                         value);
    return RC_OK;
}

static enum rc
check_name(const char *value, struct error *e)
{
    return text_check_name("name", value, e);
}

static enum rc
check_host(const char *value, struct error *e)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]";
    if (value[0] == '\0' || value[strspn(value, allowed)] != '\0')
        return error_set(e, RC_INVALID,
                         "'%.100s' is no host name or address; write it without scheme and port, "
                         "IPv6 in brackets",
                         value);
    return RC_OK;
}

/* unix(7): the name of a socket has 107 bytes. */
static enum rc
check_run(const char *value, struct error *e)
{
    enum { LONGEST = 107 - (int)(sizeof "/control" - 1) };
    if (strlen(value) > LONGEST)
        return error_set(e, RC_INVALID,
                         "'%.40s...' is too long for a socket; write at most %d bytes", value,
                         LONGEST);
    return RC_OK;
}

const struct config_key settings_keys[] = {
    {.name = "cluster",
     .type = CONFIG_TEXT,
     .required = true,
     .check = check_name,
     .help = "Name of the Kolab cluster, for people."},
    {.name = "name",
     .type = CONFIG_TEXT,
     .fallback = "main",
     .check = check_name,
     .help = "Name of this controller; part of its certificate, so agents know it again."},
    {.name = "state-directory",
     .type = CONFIG_PATH,
     .fallback = SETTINGS_STATE,
     .help = "Keys, certificates and the catalogue. Only root may read it."},
    {.name = "vault",
     .type = CONFIG_PATH,
     .fallback = SETTINGS_VAULT,
     .help = "Directory of the vault, made by 'koffer-controller init'; best a file system of its "
             "own."},
    {.name = "vault-require-mount",
     .type = CONFIG_BOOL,
     .fallback = "no",
     .help = "Refuse a vault that lies on the root file system: its own is not mounted then."},
    {.name = "vault-allow-network-fs",
     .type = CONFIG_BOOL,
     .fallback = "no",
     .help = "Allow the vault on NFS, 9p or FUSE. What is lost: locks may fail to exclude a second "
             "writer, and a sync may be answered before the bytes are safe."},
    {.name = "vault-reserve",
     .type = CONFIG_SIZE,
     .fallback = "1G",
     .help = "Bytes to leave free on the vault's file system; a cycle that would take them fails "
             "instead."},
    {.name = "vault-lease",
     .type = CONFIG_DURATION,
     .fallback = "15m",
     .min = 2,
     .max = 86400,
     .help = "How long an agent may be silent within a capture. After that its session with the "
             "vault is over, and the capture begins again; what is stored is not sent twice."},
    {.name = "listen",
     .type = CONFIG_TEXT,
     .fallback = SCHEME "0.0.0.0:7420",
     .check = check_url,
     .help = "Where agents and operators connect."},
    {.name = "data-listen",
     .type = CONFIG_TEXT,
     .fallback = SCHEME "0.0.0.0:7421",
     .check = check_url,
     .help = "Where agents send and fetch blobs."},
    {.name = "enroll-listen",
     .type = CONFIG_TEXT,
     .fallback = SCHEME "0.0.0.0:7422",
     .check = check_url,
     .help = "Where hosts and operators enrol; open only while a token is."},
    {.name = "advertise",
     .type = CONFIG_TEXT,
     .check = check_host,
     .help = "Host name or address under which agents reach this controller; default: the address "
             "of 'listen', or this host's name when that is 0.0.0.0."},
    {.name = "run-directory",
     .type = CONFIG_PATH,
     .check = check_run,
     .fallback = "/run/koffer",
     .help = "For the socket through which root talks to the controller."},
    {.name = "capture-deadline",
     .type = CONFIG_DURATION,
     .fallback = "12h",
     .min = 60,
     .max = 7 * 86400,
     .help = "How long one source may take to be captured."},
    {.name = "ready-deadline",
     .type = CONFIG_DURATION,
     .fallback = "60s",
     .min = 1,
     .max = 3600,
     .help =
         "Until when all sources of a cycle must be ready for the cut. One that is not has failed; "
         "when it is a required one, the cycle has failed and nobody is cut."},
    {.name = "restore-deadline",
     .type = CONFIG_DURATION,
     .fallback = "24h",
     .min = 60,
     .max = 7 * 86400,
     .help = "How long a restore through an agent may take."},
    {.name = "token-lifetime",
     .type = CONFIG_DURATION,
     .fallback = "1h",
     .min = 60,
     .max = 86400,
     .help = "How long an enrolment token is good."},
    {.name = "certificate-lifetime",
     .type = CONFIG_DURATION,
     .fallback = "90d",
     .min = 10,
     .max = UINT64_C(3650) * 86400,
     .help =
         "Life of the certificates that agents and operators get. They renew them by themselves "
         "when two thirds are over, while they are connected."},
    {0},
};

/* Port 0 is another one each time. */
static enum rc
check_apart(const char *path, const char *a, const char *a_key, const char *b, const char *b_key,
            struct error *e)
{
    const char *port = strrchr(a, ':');
    if (!text_equal(a, b) || text_equal(port, ":0"))
        return RC_OK;
    return error_set(e, RC_INVALID, "%s: '%s' and '%s' are both %s; give each a port of its own",
                     path, a_key, b_key, a);
}

static enum rc
check_addresses(const char *path, const struct settings *s, struct error *e)
{
    TRY(check_apart(path, s->listen, "listen", s->data_listen, "data-listen", e));
    TRY(check_apart(path, s->listen, "listen", s->enroll_listen, "enroll-listen", e));
    return check_apart(path, s->data_listen, "data-listen", s->enroll_listen, "enroll-listen", e);
}

enum rc
settings_read(const char *path, struct config **config, struct settings *out, struct error *e)
{
    TRY(config_read(settings_keys, path, config, e));
    const struct config_section *s = config_root(*config);
    *out = (struct settings){
        .cluster = config_text(s, "cluster"),
        .name = config_text(s, "name"),
        .state = config_text(s, "state-directory"),
        .vault = config_text(s, "vault"),
        .listen = config_text(s, "listen"),
        .data_listen = config_text(s, "data-listen"),
        .enroll_listen = config_text(s, "enroll-listen"),
        .advertise = config_text(s, "advertise"),
        .run = config_text(s, "run-directory"),
        .vault_reserve = config_number(s, "vault-reserve"),
        .lease_seconds = config_number(s, "vault-lease"),
        .capture_seconds = config_number(s, "capture-deadline"),
        .ready_seconds = config_number(s, "ready-deadline"),
        .restore_seconds = config_number(s, "restore-deadline"),
        .token_seconds = config_number(s, "token-lifetime"),
        .certificate_seconds = config_number(s, "certificate-lifetime"),
        .require_mount = config_bool(s, "vault-require-mount"),
        .allow_network_fs = config_bool(s, "vault-allow-network-fs"),
    };
    return check_addresses(path, out, e);
}

enum rc
settings_advertised(const struct settings *s, const char *listen, char *out, size_t size,
                    struct error *e)
{
    char host[256];
    const char *port = strrchr(listen, ':');
    const char *address = listen + sizeof SCHEME - 1;
    if (s->advertise != NULL) {
        (void)snprintf(host, sizeof host, "%s", s->advertise);
    } else {
        (void)snprintf(host, sizeof host, "%.*s", (int)(port - address), address);
        if ((text_equal(host, "0.0.0.0") || text_equal(host, "[::]")) &&
            gethostname(host, sizeof host) != 0)
            return error_errno(e, "name of this host");
    }
    if ((size_t)snprintf(out, size, SCHEME "%s%s", host, port) >= size)
        return error_set(e, RC_INVALID, "the advertised address '%s' is too long", host);
    return RC_OK;
}
