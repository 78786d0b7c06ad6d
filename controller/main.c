/* main.c -- koffer-controller: init, run, check, rebuild, key.  See koffer-controller(8). */
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "common/sys/privilege.h"
#include "controller/daemon/audit_log.h"
#include "controller/daemon/daemon.h"
#include "controller/daemon/init.h"
#include "controller/daemon/paper.h"
#include "controller/daemon/rebuild.h"
#include "controller/daemon/store.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
/* glibc would have eight for each processor, each keeping what a thousand handshakes left in it. */
enum { ARENAS = 2 };

static const char usage[] =
    "usage: koffer-controller init --cluster NAME [--config FILE] [--state DIR] [--vault DIR]\n"
    "                              [--listen tls+tcp://ADDRESS:PORT] [--advertise HOST] [--run DIR]\n"
    "                              [--custody controller|operator]\n"
    "       koffer-controller run [--config FILE] [--verbose]\n"
    "       koffer-controller check [--config FILE]     (also: --check)\n"
    "       koffer-controller rebuild [--config FILE]\n"
    "       koffer-controller key show [--config FILE]\n"
    "       koffer-controller key verify-paper [--config FILE] [--key-file FILE]\n"
    "       koffer-controller audit verify [--config FILE]\n"
    "       koffer-controller --version | --help\n";

struct options {
    struct init_options init;
    const char *key_file;
    bool verbose, check, print_man, print_example, help, version;
};

static bool
parse(int argc, char *argv[], struct options *o)
{
    enum {
        CLUSTER = 256,
        NAME,
        STATE,
        VAULT,
        LISTEN,
        ADVERTISE,
        RUN,
        CUSTODY,
        KEY_FILE,
        CHECK,
        MAN,
        EXAMPLE,
        VERSION
    };
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"cluster", required_argument, NULL, CLUSTER},
        {"name", required_argument, NULL, NAME},
        {"state", required_argument, NULL, STATE},
        {"vault", required_argument, NULL, VAULT},
        {"listen", required_argument, NULL, LISTEN},
        {"run", required_argument, NULL, RUN},
        {"advertise", required_argument, NULL, ADVERTISE},
        {"custody", required_argument, NULL, CUSTODY},
        {"key-file", required_argument, NULL, KEY_FILE},
        {"check", no_argument, NULL, CHECK},
        {"print-man", no_argument, NULL, MAN},
        {"print-example", no_argument, NULL, EXAMPLE},
        {"version", no_argument, NULL, VERSION},
        {NULL, 0, NULL, 0},
    };
    const char **texts[] = {
        [CLUSTER - CLUSTER] = &o->init.cluster, [NAME - CLUSTER] = &o->init.name,
        [STATE - CLUSTER] = &o->init.state,     [VAULT - CLUSTER] = &o->init.vault,
        [LISTEN - CLUSTER] = &o->init.listen,   [ADVERTISE - CLUSTER] = &o->init.advertise,
        [RUN - CLUSTER] = &o->init.run,         [CUSTODY - CLUSTER] = &o->init.custody,
        [KEY_FILE - CLUSTER] = &o->key_file,
    };
    for (int c; (c = getopt_long(argc, argv, "c:vh", known, NULL)) != -1;) {
        if (c == 'c')
            o->init.config = optarg;
        else if (c == 'v')
            o->verbose = true;
        else if (c == 'h')
            o->help = true;
        else if (c == CHECK)
            o->check = true;
        else if (c == MAN)
            o->print_man = true;
        else if (c == EXAMPLE)
            o->print_example = true;
        else if (c == VERSION)
            o->version = true;
        else if (c >= CLUSTER && c <= KEY_FILE)
            *texts[c - CLUSTER] = optarg;
        else
            return false;
    }
    return true;
}

static enum rc
print_table(enum rc (*print)(const struct config_key *, struct buffer *, struct error *),
            struct error *e)
{
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(LIMIT_CONFIG);
    TRY(print(settings_keys, &out, e));
    (void)fwrite(out.data, 1, out.len, stdout);
    return RC_OK;
}

/* Only whether it is there: while the controller runs, the vault is its own. */
static enum rc
check_vault(const struct settings *s, struct error *e)
{
    char path[4096];
    bool exists;
    (void)snprintf(path, sizeof path, "%s/format", s->vault);
    TRY(file_exists(AT_FDCWD, path, &exists, e));
    if (!exists)
        return error_set(e, RC_NOT_FOUND,
                         "there is no vault in '%s': is its file system mounted? "
                         "'koffer-controller init' makes a new one",
                         s->vault);
    return RC_OK;
}

/* Whoever owns the state directory is who the controller is: root, doing something there, becomes that user, so that no file of
 * another owner is left in it. */
static enum rc
read_and_become(const char *path, struct config **config, struct settings *settings,
                struct error *e)
{
    struct stat about;
    TRY(settings_read(path, config, settings, e));
    if (geteuid() != 0 || stat(settings->state, &about) != 0 || about.st_uid == 0)
        return RC_OK;
    const struct privilege_account owner = {about.st_uid, about.st_gid};
    return privilege_drop(&owner, e);
}

static enum rc
check(const char *path, struct error *e)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(store_clear) struct store store = {0};
    struct settings settings;
    TRY(read_and_become(path, &config, &settings, e));
    TRY(store_load(&settings, &store, e));
    TRY(check_vault(&settings, e));
    (void)printf("%s: good\n", path);
    return RC_OK;
}

static enum rc
run(const char *path, struct error *e)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct settings settings;
    TRY(read_and_become(path, &config, &settings, e));
    return daemon_run(&settings, e);
}

/* Commands that work on what the configuration names. */
static enum rc
run_on(const char *path, const struct options *o,
       enum rc (*command)(const struct settings *s, const struct options *o, struct error *e),
       struct error *e)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct settings settings;
    TRY(read_and_become(path, &config, &settings, e));
    return command(&settings, o, e);
}

static enum rc
rebuild(const struct settings *s, const struct options *o, struct error *e)
{
    (void)o;
    return rebuild_run(s, e);
}

static enum rc
key_show(const struct settings *s, const struct options *o, struct error *e)
{
    (void)o;
    return paper_show(s, e);
}

static enum rc
key_verify(const struct settings *s, const struct options *o, struct error *e)
{
    return paper_verify(s, o->key_file, e);
}

static enum rc
check_audit(const struct settings *s, const struct options *o, struct error *e)
{
    bool whole = false;
    (void)o;
    TRY(audit_log_verify(s, &whole, e));
    return whole
               ? RC_OK
               : error_set(e, RC_CORRUPT,
                           "the audit log is not what was written: keep it as it is, compare with "
                           "the heads in the system log ('audit head')");
}

static int
finish(enum rc rc, const struct error *e)
{
    if (rc == RC_OK)
        return EXIT_OK;
    (void)fprintf(stderr, "koffer-controller: %s\n", e->text);
    return EXIT_FAILED;
}

int
main(int argc, char *argv[])
{
    struct options o = {0};
    struct error e = ERROR_INIT;
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of write, not an end */
    (void)mallopt(M_ARENA_MAX, ARENAS);
    if (!parse(argc, argv, &o)) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    const char *verb = optind < argc ? argv[optind] : "";
    const char *path = o.init.config != NULL ? o.init.config : SETTINGS_PATH;
    if (o.help || o.version) {
        (void)fputs(o.version ? "koffer-controller " KOFFER_VERSION "\n" : usage, stdout);
        return EXIT_OK;
    }
    if (o.verbose)
        log_set_level(LOG_LEVEL_DEBUG);
    if (o.print_man)
        return finish(print_table(config_print_man, &e), &e);
    if (o.print_example)
        return finish(print_table(config_print_example, &e), &e);
    if (o.check || text_equal(verb, "check"))
        return finish(check(path, &e), &e);
    if (text_equal(verb, "init") && optind + 1 == argc)
        return finish(init_run(&o.init, &e), &e);
    if (text_equal(verb, "run") && optind + 1 == argc)
        return finish(run(path, &e), &e);
    if (text_equal(verb, "rebuild") && optind + 1 == argc)
        return finish(run_on(path, &o, rebuild, &e), &e);
    const char *what = text_equal(verb, "key") && optind + 2 == argc ? argv[optind + 1] : "";
    if (text_equal(what, "show"))
        return finish(run_on(path, &o, key_show, &e), &e);
    if (text_equal(what, "verify-paper"))
        return finish(run_on(path, &o, key_verify, &e), &e);
    if (text_equal(verb, "audit") && optind + 2 == argc && text_equal(argv[optind + 1], "verify"))
        return finish(run_on(path, &o, check_audit, &e), &e);
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}
