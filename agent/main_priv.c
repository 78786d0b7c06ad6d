/* main_priv.c -- koffer-priv, the privileged half of an agent: no network, no parser of network bytes.  See koffer-priv(8). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/secrets.h"
#include "agent/priv/priv_server.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "common/sys/privilege.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] = "usage: koffer-priv run [--config FILE] [--verbose]\n"
                            "       koffer-priv check [--config FILE]     (also: --check)\n"
                            "       koffer-priv --version | --help\n";

struct options {
    const char *config;
    bool verbose, check, help, version;
};

static bool
parse(int argc, char *argv[], struct options *o)
{
    enum { CHECK = 256, VERSION };
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},         {"check", no_argument, NULL, CHECK},
        {"version", no_argument, NULL, VERSION},  {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "c:vh", known, NULL)) != -1;) {
        if (c == 'c')
            o->config = optarg;
        else if (c == 'v')
            o->verbose = true;
        else if (c == 'h')
            o->help = true;
        else if (c == CHECK)
            o->check = true;
        else if (c == VERSION)
            o->version = true;
        else
            return false;
    }
    return true;
}

/* ---- run */

struct context {
    int signals;
    const char *private;
    struct stat host; /* of the file that enrolling replaces, as it was before we read our keys */
};

static enum rc
look_at_host(const char *private, struct stat *out, struct error *e)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/host", private);
    return stat(path, out) == 0 ? RC_OK : error_errno(e, "stat '%s'", path);
}

/* With the keys of an earlier enrolment nothing is signed: nobody would believe it. */
static enum rc
check_enrolment(void *ctx, struct error *e)
{
    const struct context *c = ctx;
    struct stat now;
    TRY(look_at_host(c->private, &now, e));
    if (now.st_ino == c->host.st_ino && now.st_mtim.tv_sec == c->host.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == c->host.st_mtim.tv_nsec)
        return RC_OK;
    return error_set(e, RC_DENIED, "this host was enrolled anew: start koffer-priv again");
}

static bool
stopping(void *ctx)
{
    const int *signals = &((const struct context *)ctx)->signals;
    struct signalfd_siginfo info;
    while (read(*signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            return true;
    return false;
}

static enum rc
open_signals(int *out, struct error *e)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return error_errno(e, "block signals");
    *out = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *out >= 0 ? RC_OK : error_errno(e, "signalfd");
}

/* Two of us would write the same memory and staging; the kernel ends the lock with the process. */
static enum rc
be_the_only_one(const struct settings *s, int *out, struct error *e)
{
    TRY(file_open_directory(AT_FDCWD, s->private, out, e));
    if (flock(*out, LOCK_EX | LOCK_NB) == 0)
        return RC_OK;
    return errno == EWOULDBLOCK
               ? error_set(e, RC_AGAIN, "another koffer-priv works in '%s'", s->private)
               : error_errno(e, "lock '%s'", s->private);
}

/* *ours: a socket of our own making, whose name goes when we go. */
static enum rc
open_listener(const struct settings *s, const struct privilege_account *peer, int *out,
              const char **ours, struct error *e)
{
    TRY(priv_channel_inherited(out, e));
    if (*out >= 0)
        return RC_OK;
    TRY(priv_channel_listen(s->socket, peer->gid, out, e));
    *ours = s->socket;
    return RC_OK;
}

static void
unlinkp(const char **path)
{
    if (*path != NULL)
        (void)unlink(*path);
}

/* Snapshots are root's to make; in a trial as somebody else everything is read live. */
static enum rc
open_snapshots(const struct settings *s, struct snapshot_host **out, struct error *e)
{
    const struct snapshot_host_options options = {.state = s->private};
    return privilege_self().uid == 0 ? snapshot_host_new(&options, out, e) : RC_OK;
}

static enum snapshot_driver
driver_of(const struct settings *s)
{
    int i = 0;
    while (!text_equal(s->snapshot, source_snapshot_names[i]))
        i++;
    return (enum snapshot_driver)i;
}

static enum rc
serve(const struct settings *s, const struct config *config, const struct secrets *secrets,
      const struct privilege_account *peer, struct context *context, struct error *e)
{
    CLEANUP(own_closep) int signals = -1;
    CLEANUP(own_closep) int listener = -1;
    CLEANUP(unlinkp) const char *socket = NULL;
    TRY(open_signals(&signals, e));
    CLEANUP(snapshot_host_freep) struct snapshot_host *snapshots = NULL;
    TRY(open_listener(s, peer, &listener, &socket, e));
    TRY(open_snapshots(s, &snapshots, e));
    context->signals = signals;
    const struct priv_server_options options = {
        .jobs =
            {
                .config = config,
                .host = secrets->host,
                .state = s->private,
                .staging = s->staging,
                .restore_roots = s->roots,
                .restore_root_count = s->root_count,
                .domain = secrets->domain,
                .signing = secrets->signing,
                .receiving = secrets->receiving,
                .controller = secrets->controller,
                .vault = secrets->vault,
                .level = (int)s->level,
                .threads = (unsigned)s->threads,
                .pinned = s->pinned,
                .pinned_count = s->pinned_count,
                .lease_ms = (int64_t)s->lease_seconds * 1000,
                .snapshots = snapshots,
                .snapshot = driver_of(s),
            },
        .listener = listener,
        .peer = peer->uid,
        .stop = signals,
        .stopping = stopping,
        .check = check_enrolment,
        .ctx = context,
    };
    return priv_server_run(&options, e);
}

/* Who may give us orders: the user of the network side, or, when we are not root (a trial), ourselves. */
static enum rc
find_peer(const struct settings *s, struct privilege_account *out, struct error *e)
{
    *out = privilege_self();
    return out->uid == 0 ? privilege_find(s->user, out, e) : RC_OK;
}

static enum rc
run(const char *path, struct error *e)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(secrets_clear) struct secrets secrets = {.signing = NULL};
    CLEANUP(own_closep) int lock = -1;
    struct settings settings;
    struct privilege_account peer;
    TRY(privilege_hide(e));
    TRY(privilege_no_new(e));
    TRY(settings_read(path, &config, &settings, e));
    TRY(settings_check_sources(config, e));
    TRY(find_peer(&settings, &peer, e));
    struct context context = {.signals = -1, .private = settings.private};
    struct error missing = ERROR_INIT; /* secrets_load says it better */
    (void)!look_at_host(settings.private, &context.host, &missing);
    TRY(secrets_load(&settings, &secrets, e));
    TRY(be_the_only_one(&settings, &lock, e));
    log_info("koffer-priv starts", LOG_TEXT("name", secrets.host),
             LOG_TEXT("version", KOFFER_VERSION));
    TRY(serve(&settings, config, &secrets, &peer, &context, e));
    log_info("koffer-priv stops");
    return RC_OK;
}

static enum rc
check(const char *path, struct error *e)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(secrets_clear) struct secrets secrets = {.signing = NULL};
    struct settings settings;
    TRY(settings_read(path, &config, &settings, e));
    TRY(settings_check_sources(config, e));
    (void)printf("%s: good\n", path);
    if (secrets_load(&settings, &secrets, e) == RC_OK)
        (void)printf("enrolled as '%s'\n", secrets.host);
    else
        (void)printf("note: %s\n", e->text);
    return RC_OK;
}

static int
finish(enum rc rc, const struct error *e)
{
    if (rc == RC_OK)
        return EXIT_OK;
    (void)fprintf(stderr, "koffer-priv: %s\n", e->text);
    return EXIT_FAILED;
}

int
main(int argc, char *argv[])
{
    struct options o = {.config = SETTINGS_PATH};
    struct error e = ERROR_INIT;
    (void)signal(SIGPIPE, SIG_IGN); /* who goes away is an error of write, not an end */
    if (!parse(argc, argv, &o)) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    const char *verb = optind < argc ? argv[optind] : "";
    if (o.help || o.version) {
        (void)fputs(o.version ? "koffer-priv " KOFFER_VERSION "\n" : usage, stdout);
        return EXIT_OK;
    }
    if (o.verbose)
        log_set_level(LOG_LEVEL_DEBUG);
    if (o.check || text_equal(verb, "check"))
        return finish(check(o.config, &e), &e);
    if (text_equal(verb, "run") && optind + 1 == argc)
        return finish(run(o.config, &e), &e);
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}
