/* daemon.c -- see daemon.h. */
#include "controller/daemon/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/sys/file.h"
#include "controller/api/api.h"
#include "controller/authority/authority.h"
#include "controller/daemon/audit_log.h"
#include "controller/daemon/paper.h"
#include "controller/daemon/store.h"
#include "controller/fleet/enroll.h"
#include "controller/fleet/fleet_reply.h"

enum { TICK_MS = 500, URL_SIZE = 320, PATH_SIZE = 4096 };

struct daemon {
    const struct settings *settings;
    struct store store;
    struct tls_identity identity;
    struct vault *vault;
    struct catalogue *catalogue;
    struct audit *audit;
    struct mono sign_next; /* the audit log's next head */
    struct hub *hub;
    struct mailbox *mailbox;
    struct data *data;
    struct fleet *fleet;
    struct cycle_runner *cycles;
    struct jobs *jobs;
    struct enroll_server *enroll;
    struct api *api;
    struct renew renew;
    char problem[PAPER_PROBLEM_SIZE];
    char control_url[URL_SIZE], data_url[URL_SIZE], enroll_url[URL_SIZE];
    char data_local_url[URL_SIZE];
    int signals;
};

/* ---- the fleet's news concern cycles and restores alike */

static void
on_result(void *ctx, const char *agent, const Koffer__StepResult *result)
{
    struct daemon *d = ctx;
    struct fleet_owner cycles = cycle_fleet_owner(d->cycles);
    cycles.result(cycles.ctx, agent, result);
    jobs_result(d->jobs, agent, result);
}

static void
on_progress(void *ctx, const char *agent, const Koffer__Progress *progress)
{
    struct daemon *d = ctx;
    struct fleet_owner cycles = cycle_fleet_owner(d->cycles);
    cycles.progress(cycles.ctx, agent, progress);
    jobs_progress(d->jobs, agent, progress);
}

static void
on_up(void *ctx, const char *agent, const uint64_t *jobs, size_t count)
{
    struct daemon *d = ctx;
    struct fleet_owner cycles = cycle_fleet_owner(d->cycles);
    cycles.up(cycles.ctx, agent, jobs, count);
}

static void
on_lost(void *ctx, const char *agent)
{
    struct daemon *d = ctx;
    struct fleet_owner cycles = cycle_fleet_owner(d->cycles);
    cycles.lost(cycles.ctx, agent);
    jobs_agent_lost(d->jobs, agent);
}

/* Whatever is open with a certificate that counts no more ends now. */
static void
cut(const struct daemon *d, enum certificate_role role, const char *name, const char *why)
{
    data_cut(d->data, role, name);
    if (role == CERTIFICATE_AGENT) {
        fleet_cut(d->fleet, name, why);
    } else {
        api_cut(d->api, name);
    }
}

static void
on_enrolled(void *ctx, enum certificate_role role, const char *name)
{
    cut(ctx, role, name, "enrolled anew");
}

static void
on_revoked(void *ctx, enum certificate_role role, const char *name)
{
    cut(ctx, role, name, "revoked");
}

/* ---- a data stream's thread asks whether its peer still counts */

struct admission {
    struct catalogue *catalogue;
    const struct tls_peer *peer;
    struct error e;
    enum rc rc;
};

static void
admit_on_the_loop(void *ctx)
{
    struct admission *a = ctx;
    a->rc = fleet_admit(a->catalogue, a->peer, &a->e);
}

static enum rc
admit(void *ctx, const struct tls_peer *peer, struct error *e)
{
    const struct daemon *d = ctx;
    struct admission a = {.catalogue = d->catalogue, .peer = peer, .e = ERROR_INIT};
    TRY(mailbox_call(d->mailbox, admit_on_the_loop, &a, e));
    if (a.rc != RC_OK)
        *e = a.e;
    return a.rc;
}

static void
wake(void *ctx)
{
    const struct daemon *d = ctx;
    hub_wake(d->hub);
}

static void
token_made(void *ctx)
{
    const struct daemon *d = ctx;
    struct error e = ERROR_INIT;
    if (enroll_open(d->enroll, &e) != RC_OK)
        log_error(&e, "enrolment");
}

static const char *
own_problem(void *ctx)
{
    struct daemon *d = ctx;
    if (audit_problem(d->audit)[0] != '\0') {
        (void)snprintf(d->problem, sizeof d->problem,
                       "the audit log was cut or damaged: %.120s; see 'koffer audit verify'",
                       audit_problem(d->audit));
        return d->problem;
    }
    if (paper_problem(d->store.roster, d->problem)[0] == '\0')
        (void)store_problem(&d->store, clock_wall(), d->problem, sizeof d->problem);
    return d->problem;
}

/* ---- the audit log */

static void
sign_audit(struct daemon *d)
{
    d->sign_next = clock_after_ms(clock_mono(), INT64_C(1000) * AUDIT_SIGN_SECONDS);
    audit_log_sign(d->audit, d->catalogue);
}

/* Status forgets it with the next start; the audit log does not. */
static enum rc
record_vault_problem(struct daemon *d, struct error *e)
{
    const char *problem = cycle_vault_problem(d->cycles);
    if (problem[0] == '\0')
        return RC_OK;
    return audit_append(d->audit,
                        &(struct audit_entry){
                            .wall = clock_wall(),
                            .mono = clock_mono(),
                            .result = AUDIT_FAILED,
                            .role = "controller",
                            .who = "controller",
                            .verb = "VAULT",
                            .why = problem,
                        },
                        e);
}

static void
record_refusal(struct daemon *d, const struct hub_event *event, const struct error *why)
{
    char number[AUTHORITY_VERB_SIZE];
    audit_refused(d->audit, &(struct audit_entry){
                                .wall = clock_wall(),
                                .mono = clock_mono(),
                                .role = authority_role_name(AUTHORITY_AGENT),
                                .who = event->tls.identity.name,
                                .address = event->tls.address,
                                .verb = event->kind == HUB_UP
                                            ? "CONNECT"
                                            : authority_verb_name(AUTHORITY_REQUEST,
                                                                  event->frame.type, number),
                                .why = why->text,
                                .certificate = event->tls.spki,
                            });
}

/* ---- opening, in the order of what needs what */

static enum rc
open_stores(struct daemon *d, struct error *e)
{
    const struct settings *s = d->settings;
    const struct vault_options vault = {.reserve = s->vault_reserve,
                                        .lease_seconds = s->lease_seconds,
                                        .allow_network_fs = s->allow_network_fs};
    char path[PATH_SIZE];
    TRY(store_load(s, &d->store, e));
    TRY(store_renew(s, &d->store, clock_wall(), e));
    d->identity = (struct tls_identity){
        .ca = d->store.ca_pem,
        .certificate = d->store.certificate_pem,
        .key = d->store.tls_key_pem,
    };
    TRY(vault_open(s->vault, &vault, &d->vault, e));
    (void)snprintf(path, sizeof path, "%s/catalogue.db", s->state);
    return catalogue_open(path, &d->catalogue, e);
}

static enum rc
open_urls(struct daemon *d, struct error *e)
{
    const struct settings *s = d->settings;
    (void)snprintf(d->data_local_url, URL_SIZE, "ipc://%s/data", s->run);
    TRY(settings_advertised(s, s->listen, d->control_url, URL_SIZE, e));
    TRY(settings_advertised(s, s->data_listen, d->data_url, URL_SIZE, e));
    return settings_advertised(s, s->enroll_listen, d->enroll_url, URL_SIZE, e);
}

static enum rc
open_services(struct daemon *d, struct error *e)
{
    const struct settings *s = d->settings;
    TRY(file_make_directory(AT_FDCWD, s->run, 0700, e)); /* hub_listen_local looks whose it is */
    TRY(hub_open(&d->hub, e));
    TRY(mailbox_new(wake, d, &d->mailbox, e));
    const struct data_options data = {
        .vault = d->vault,
        .audit = d->audit,
        .url = s->data_listen,
        .identity = &d->identity,
        .local = d->data_local_url,
        .admit = admit,
        .ctx = d,
    };
    TRY(data_open(&data, &d->data, e));
    const struct cycle_options cycles = {
        .catalogue = d->catalogue,
        .vault = d->vault,
        .data = d->data,
        .mailbox = d->mailbox,
        .signer = d->store.signing,
        .capture_seconds = (uint32_t)s->capture_seconds,
        .ready_seconds = (uint32_t)s->ready_seconds,
    };
    TRY(cycle_runner_new(&cycles, &d->cycles, e));
    const struct jobs_options jobs = {
        .vault = d->vault,
        .catalogue = d->catalogue,
        .data = d->data,
        .mailbox = d->mailbox,
        .custody = d->store.custody,
        .signer = d->store.signing,
        .restore_seconds = (uint32_t)s->restore_seconds,
    };
    TRY(jobs_new(&jobs, &d->jobs, e));
    const struct enroll_options enroll = {
        .catalogue = d->catalogue,
        .vault = d->vault,
        .mailbox = d->mailbox,
        .audit = d->audit,
        .ca_key = d->store.ca,
        .identity = &d->identity,
        .url = s->enroll_listen,
        .controller = s->name,
        .control_url = d->control_url,
        .data_url = d->data_url,
        .controller_key = &d->store.signing_public,
        .roster = d->store.roster,
        .certificate_seconds = (int64_t)s->certificate_seconds,
        .enrolled = on_enrolled,
        .ctx = d,
    };
    return enroll_server_new(&enroll, &d->enroll, e);
}

static enum rc
open_fleet(struct daemon *d, struct error *e)
{
    d->renew = (struct renew){.catalogue = d->catalogue,
                              .audit = d->audit,
                              .ca_key = d->store.ca,
                              .ca_pem = d->store.ca_pem,
                              .seconds = (int64_t)d->settings->certificate_seconds};
    const struct fleet_options fleet = {
        .signer = d->store.signing,
        .renew = &d->renew,
        .hub = d->hub,
        .catalogue = d->catalogue,
        .vault = d->vault,
        .data_url = d->data_url,
        .roster = d->store.roster,
        .owner = {d, on_result, on_progress, on_up, on_lost},
    };
    TRY(fleet_new(&fleet, &d->fleet, e));
    cycle_set_fleet(d->cycles, d->fleet);
    jobs_set_fleet(d->jobs, d->fleet);
    const struct api_options api = {
        .renew = &d->renew,
        .hub = d->hub,
        .catalogue = d->catalogue,
        .vault = d->vault,
        .fleet = d->fleet,
        .cycles = d->cycles,
        .jobs = d->jobs,
        .audit = d->audit,
        .signing = &d->store.signing_public,
        .custody = d->store.custody,
        .signer = d->store.signing,
        .roster = d->store.roster,
        .cluster = d->settings->cluster,
        .controller = d->settings->name,
        .enroll_url = d->enroll_url,
        .data_url = d->data_url,
        .data_local_url = d->data_local_url,
        .spki = &d->store.certificate.spki,
        .token_seconds = (uint32_t)d->settings->token_seconds,
        .token_made = token_made,
        .revoked = on_revoked,
        .problem = own_problem,
        .ctx = d,
    };
    return api_new(&api, &d->api, e);
}

static enum rc
open_listeners(struct daemon *d, struct error *e)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/control", d->settings->run);
    TRY(hub_listen_local(d->hub, path, e));
    TRY(hub_listen_tls(d->hub, d->settings->listen, &d->identity, e));
    log_info("controller is ready", LOG_TEXT("cluster", d->settings->cluster),
             LOG_TEXT("listen", d->settings->listen), LOG_TEXT("vault", d->settings->vault));
    return RC_OK;
}

/* Signals are read by the loop; blocked first, so that every thread inherits the mask. */
static enum rc
open_signals(struct daemon *d, struct error *e)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return error_errno(e, "block signals");
    d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (d->signals < 0)
        return error_errno(e, "signalfd");
    return RC_OK;
}

static void
close_all(struct daemon *d)
{
    /* First whoever waits for the loop, then streams and threads, then what they use. */
    if (d->mailbox != NULL)
        mailbox_close(d->mailbox);
    enroll_server_free(d->enroll);
    data_close(d->data);
    jobs_free(d->jobs);
    cycle_runner_free(d->cycles);
    api_free(d->api);
    fleet_free(d->fleet);
    mailbox_free(d->mailbox);
    hub_close(d->hub);
    if (d->audit != NULL)
        audit_log_sign(
            d->audit,
            d->catalogue); /* so that little can be taken off unnoticed while we are away */
    audit_free(d->audit);
    catalogue_close(d->catalogue);
    vault_close(d->vault);
    store_clear(&d->store);
    own_closep(&d->signals);
}

/* ---- the loop */

static bool
asked_to_stop(const struct daemon *d)
{
    struct signalfd_siginfo info;
    while (read(d->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            return true;
    return false;
}

static void
dispatch(struct daemon *d, const struct hub_event *event)
{
    struct error e = ERROR_INIT;
    bool taken = false;
    if (fleet_event(d->fleet, event, &taken, &e) != RC_OK) {
        log_error(&e, "agent refused", LOG_TEXT("agent", event->tls.identity.name),
                  LOG_TEXT("address", event->tls.address));
        if (e.code == RC_DENIED)
            record_refusal(d, event, &e);
        if (event->kind == HUB_FRAME)
            fleet_refuse(d->hub, event, &e, "");
        /* Also when its hello failed for a reason that may pass: it says hello only when it connects. */
        if (e.code == RC_DENIED || e.code == RC_PROTOCOL || e.code == RC_NOT_FOUND ||
            !fleet_is_connected(d->fleet, event->tls.identity.name))
            hub_close_peer(d->hub, event->peer);
    } else if (!taken) {
        api_event(d->api, event);
    }
}

static enum rc
loop(struct daemon *d, struct error *e)
{
    struct mono next_tick = clock_mono();
    while (!asked_to_stop(d)) {
        struct hub_event event = {.bytes = BUFFER_INIT(LIMIT_CONTROL_MESSAGE)};
        TRY(hub_next(d->hub, next_tick, &event, e));
        if (event.kind == HUB_UP || event.kind == HUB_DOWN || event.kind == HUB_FRAME)
            dispatch(d, &event);
        hub_event_clear(&event);
        mailbox_run(d->mailbox);
        if (clock_ms_until(next_tick, clock_mono()) == 0) {
            cycle_tick(d->cycles);
            enroll_tick(d->enroll);
            jobs_tick(d->jobs, clock_mono());
            jobs_watch_damage(d->jobs);
            if (clock_ms_until(d->sign_next, clock_mono()) == 0)
                sign_audit(d);
            next_tick = clock_after_ms(clock_mono(), TICK_MS);
        }
    }
    log_info("controller stops");
    return RC_OK;
}

/* What an earlier controller committed and could not verify before it was stopped. */
static void
verify_newest(struct daemon *d)
{
    struct error e = ERROR_INIT;
    uint64_t job;
    if (jobs_verify_newest(d->jobs, &job, &e) != RC_OK)
        log_error(&e, "the newest full was never verified; run 'koffer full verify'");
    else if (job != 0)
        log_info("the newest full was never verified: it is now", LOG_U64("job", job));
}

enum rc
daemon_run(const struct settings *settings, struct error *e)
{
    struct daemon d = {.settings = settings, .signals = -1};
    enum rc rc = open_signals(&d, e);
    if (rc == RC_OK)
        rc = tls_start(e);
    if (rc == RC_OK)
        rc = open_stores(&d, e);
    if (rc == RC_OK)
        rc = audit_log_open(settings, &d.store, d.catalogue, &d.audit, e);
    if (rc == RC_OK)
        rc = open_urls(&d, e);
    if (rc == RC_OK)
        rc = open_services(&d, e);
    if (rc == RC_OK)
        rc = cycle_recover(d.cycles, e);
    if (rc == RC_OK)
        rc = record_vault_problem(&d, e);
    if (rc == RC_OK)
        rc = open_fleet(&d, e);
    if (rc == RC_OK)
        rc = open_listeners(&d, e);
    if (rc == RC_OK)
        verify_newest(&d);
    if (rc == RC_OK)
        rc = loop(&d, e);
    if (rc == RC_OK &&
        vault_is_degraded(d.vault)) /* it may be started again; somebody should look */
        rc = error_set(e, RC_IO, "a sync failed: the vault took no writes since then");
    close_all(&d);
    return rc;
}
