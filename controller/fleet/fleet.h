/*
 * fleet.h -- the agents: who is here, what they protect, and how to give them orders.
 *
 * The loop hands every event of an agent's peer to fleet_event(); the fleet greets agents (AgentHello -> Welcome),
 * keeps the catalogue's peers and sources up to date, and passes results, progress and losses on to
 * the steps' owner through `struct fleet_owner`.
 *
 *     TRY(fleet_order(fleet, "imap1", &order, e));     // job chosen by fleet_new_job()
 *     // later: owner.result(ctx, agent, result) exactly once per accepted order, or owner.lost(...)
 *
 * An agent that is lost may come back within a grace period with its jobs still running; `up` lists them, and those that it was
 * ordered on the same connection and has not answered yet: an agent whose koffer-priv was restarted says hello again.
 *
 * Threads: one (the controller's loop).  Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_FLEET_H
#define CONTROLLER_FLEET_FLEET_H

#include "controller/catalogue/catalogue.h"
#include "controller/custody/roster.h"
#include "controller/fleet/renew.h"
#include "controller/vault/vault.h"
#include "proto/hub.h"
#include "proto/koffer.pb-c.h"

struct fleet;

/* Who gets to know; every member is required. */
struct fleet_owner {
    void *ctx;
    void (*result)(void *ctx, const char *agent, const Koffer__StepResult *result);
    void (*progress)(void *ctx, const char *agent, const Koffer__Progress *progress);
    void (*up)(void *ctx, const char *agent, const uint64_t *jobs, size_t count);
    void (*lost)(void *ctx, const char *agent);
};

struct fleet_options {
    struct hub *hub; /* borrowed, as all below */
    struct catalogue *catalogue;
    struct vault *vault;
    const char *data_url;              /* for the Welcome; host part may be empty */
    const struct roster *roster;       /* asked each time: recipients come and go */
    const struct keys_private *signer; /* of recipients and restores: common/record/mandate.h */
    const struct renew *renew;
    struct fleet_owner owner;
};

enum rc fleet_new(const struct fleet_options *options, struct fleet **out, struct error *e);
void fleet_free(struct fleet *f);
DEFINE_FREEP(fleet)

/* Any hub event; those that are not an agent's are left alone (*taken false). */
enum rc fleet_event(struct fleet *f, const struct hub_event *event, bool *taken, struct error *e);

/*
 * May this certificate still speak?  RC_DENIED or RC_NOT_FOUND unless the catalogue knows its bearer as enrolled and no
 * newer certificate took its place.  One that was renewed takes the old one's place with this, its first use.
 */
enum rc fleet_admit(struct catalogue *c, const struct tls_peer *peer, struct error *e);
/*
 * The same for a connection that was admitted and is open since: a renewal by another program of the same bearer does not end
 * it.  Revocation, and enrolling anew, do.
 */
enum rc fleet_admit_open(struct catalogue *c, const struct tls_peer *peer, struct error *e);

/* The agent's certificate counts no more: whoever is connected with it is closed, and its steps are lost. */
void fleet_cut(struct fleet *f, const char *agent, const char *why);

/* What the Welcome says has changed (the recipients): every connected agent is told. */
void fleet_welcome_again(struct fleet *f);

bool fleet_is_connected(const struct fleet *f, const char *agent);
size_t fleet_connected_count(const struct fleet *f);
/* What is wrong with this agent, for people; "" when nothing.  Until the next call. */
const char *fleet_problem(const struct fleet *f, const char *agent);

/* What an agent can do beyond the protocol's first version, as its last hello named it. */
enum fleet_feature {
    FLEET_CLOCK, /* "clock": answers CLOCK */
    FLEET_CUT,   /* "cut": READY and CUT */
    FLEET_FEATURES_,
};
bool fleet_can(const struct fleet *f, const char *agent, enum fleet_feature feature);

/*
 * Ask a connected agent for its clock (fleet_clock.h); what was measured before is forgotten.  Nothing comes of it where an agent
 * cannot.  fleet_clock: the best so far; offset_ns RECORD_CLOCK_UNKNOWN when there is none.
 */
void fleet_clock_measure(struct fleet *f, const char *agent);
struct record_clock fleet_clock(const struct fleet *f, const char *agent);

uint64_t fleet_new_job(struct fleet *f);
/* RC_AGAIN when the agent is not connected. */
enum rc
fleet_order(struct fleet *f, const char *agent, const Koffer__StepOrder *order, struct error *e);
/* Best effort: the step answers with a result of RC_CANCELLED. */
void fleet_cancel(struct fleet *f, const char *agent, uint64_t job);

#endif
