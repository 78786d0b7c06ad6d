/* main.c -- koffer-agent, the network side of an agent: enroll, run, check.  See koffer-agent(8). */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/daemon/settings.h"
#include "agent/net/enrolment.h"
#include "agent/net/papers.h"
#include "agent/net/session.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/sys/privilege.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] = "usage: koffer-agent enroll [--config FILE] < TOKEN\n"
                            "       koffer-agent run [--config FILE] [--verbose]\n"
                            "       koffer-agent check [--config FILE]     (also: --check)\n"
                            "       koffer-agent --version | --help\n";

struct options {
    const char *config;
    bool verbose, check, print_man, print_example, help, version;
};

static bool
parse(int argc, char *argv[], struct options *o)
{
    enum { CHECK = 256, MAN, EXAMPLE, VERSION };
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"check", no_argument, NULL, CHECK},
        {"print-man", no_argument, NULL, MAN},
        {"version", no_argument, NULL, VERSION},
        {"print-example", no_argument, NULL, EXAMPLE},
        {NULL, 0, NULL, 0},
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
        else if (c == MAN)
            o->print_man = true;
        else if (c == EXAMPLE)
            o->print_example = true;
        else if (c == VERSION)
            o->version = true;
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

/* ---- enroll */

/* From stdin, never from argv: /proc shows that to everyone. */
static enum rc
read_token(struct token *out, struct error *e)
{
    char text[TOKEN_TEXT_SIZE];
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* no second copy that nobody wipes */
    if (isatty(STDIN_FILENO))
        (void)fputs("paste the token, then press Enter: ", stderr);
    enum rc rc = RC_OK;
    if (fgets(text, sizeof text, stdin) == NULL)
        rc = error_set(e, RC_INVALID,
                       "no token on standard input; get one with 'koffer agent add NAME'");
    text[rc == RC_OK ? strcspn(text, "\r\n") : 0] = '\0';
    if (rc == RC_OK)
        rc = token_decode(text, out, e);
    keys_wipe(text, sizeof text);
    return rc;
}

/* The other half starts before there is a secret that it could inherit. */
static enum rc
enroll(const char *path, struct error *e)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(enrolment_close) struct enrolment enrolment = ENROLMENT_INIT;
    struct settings settings;
    struct token token;
    TRY(privilege_hide(e));
    TRY(settings_read(path, &config, &settings, e));
    TRY(enrolment_open(&settings, &enrolment, e));
    enum rc rc = read_token(&token, e);
    if (rc != RC_OK)
        return rc;
    if (token.identity.role != CERTIFICATE_AGENT)
        rc = error_set(e, RC_INVALID, "this is an operator's token: use 'koffer operator enroll'");
    else if (token_expired(&token, clock_wall()))
        rc = error_set(e, RC_DENIED,
                       "the token has expired; get a new one with 'koffer agent add "
                       "%s' (and check this host's clock)",
                       token.identity.name);
    if (rc == RC_OK)
        rc = enrolment_run(&enrolment, &token, e);
    if (rc == RC_OK)
        (void)printf("enrolled as agent '%s' of controller '%s'\nnow start, or start anew: "
                     "koffer-priv run, and koffer-agent run\n",
                     token.identity.name, token.controller);
    keys_wipe(&token, sizeof token);
    return rc;
}

/* ---- run */

static bool
stopping(void *ctx)
{
    const int *signals = ctx;
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

/* Before the first byte from outside, and before the first thread. */
static enum rc
give_up_rights(const struct settings *s, struct error *e)
{
    struct privilege_account account = privilege_self();
    if (account.uid == 0)
        TRY(privilege_find(s->user, &account, e));
    TRY(privilege_close_input(e));
    TRY(privilege_drop(&account, e));
    return privilege_hide(e);
}

static enum rc
serve(const struct settings *s, const struct papers *papers, int *signals, bool *renewed,
      struct error *e)
{
    char expect[CERTIFICATE_URI_MAX];
    struct certificate_identity controller = {.role = CERTIFICATE_CONTROLLER};
    (void)snprintf(controller.name, sizeof controller.name, "%s", papers->controller_name);
    const struct tls_identity identity = {
        .ca = papers->ca_pem, .certificate = papers->certificate_pem, .key = papers->tls_key_pem};
    const struct session_options options = {
        .url = s->controller != NULL ? s->controller : papers->control_url,
        .expect = certificate_uri(&controller, expect),
        .identity = &identity,
        .vault = papers->vault,
        .socket = s->socket,
        .directory = s->state,
        .certificate = &papers->certificate,
        .stopping = stopping,
        .ctx = signals,
    };
    return session_run(&options, renewed, e);
}

static enum rc
run(const char *path, struct error *e)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(own_closep) int signals = -1;
    struct settings settings;
    bool renewed = true;
    TRY(settings_read(path, &config, &settings, e));
    TRY(give_up_rights(&settings, e));
    TRY(open_signals(&signals, e));
    while (renewed) {
        CLEANUP(papers_clear) struct papers papers = {0};
        TRY(papers_load(settings.state, &papers, e));
        TRY(tls_start(e));
        log_info("agent starts", LOG_TEXT("name", papers.certificate.identity.name),
                 LOG_TEXT("version", KOFFER_VERSION));
        TRY(serve(&settings, &papers, &signals, &renewed, e));
    }
    log_info("agent stops");
    return RC_OK;
}

static enum rc
check(const char *path, struct error *e)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(papers_clear) struct papers papers = {0};
    struct settings settings;
    TRY(settings_read(path, &config, &settings, e));
    (void)printf("%s: good, as far as the network side can judge; sources: koffer-priv check\n",
                 path);
    TRY(give_up_rights(&settings, e));
    if (papers_load(settings.state, &papers, e) == RC_OK)
        (void)printf("enrolled as '%s'\n", papers.certificate.identity.name);
    else
        (void)printf("note: %s\n", e->text);
    return RC_OK;
}

static int
finish(enum rc rc, const struct error *e)
{
    if (rc == RC_OK)
        return EXIT_OK;
    (void)fprintf(stderr, "koffer-agent: %s\n", e->text);
    return EXIT_FAILED;
}

int
main(int argc, char *argv[])
{
    struct options o = {0};
    struct error e = ERROR_INIT;
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of write, not an end */
    if (!parse(argc, argv, &o)) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    const char *verb = optind < argc ? argv[optind] : "";
    const char *path = o.config != NULL ? o.config : SETTINGS_PATH;
    if (o.help || o.version) {
        (void)fputs(o.version ? "koffer-agent " KOFFER_VERSION "\n" : usage, stdout);
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
    if (text_equal(verb, "enroll") && optind + 1 == argc)
        return finish(enroll(path, &e), &e);
    if (text_equal(verb, "run") && optind + 1 == argc)
        return finish(run(path, &e), &e);
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}
