/*
 * api.h -- what operators ask: one table of verbs, each with its request message and its answer.
 *
 * Every hub event that is not an agent's comes here.  controller/authority decides who may ask what: the local socket is
 * root's, an operator's role is in the catalogue.  Answers are made in an arena and sent at once; long work becomes a job.
 *
 * Threads: one (the controller's loop).  Layer: controller/api.
 */
#ifndef CONTROLLER_API_API_H
#define CONTROLLER_API_API_H

#include "controller/audit/audit.h"
#include "controller/cycle/cycle.h"
#include "controller/restore/jobs.h"

struct api;

struct api_options {
    struct hub *hub; /* borrowed, as all below */
    struct catalogue *catalogue;
    struct vault *vault;
    struct fleet *fleet;
    struct cycle_runner *cycles;
    struct jobs *jobs;
    struct audit *audit;
    const struct keys_public *signing;  /* the controller's, for the heads of the audit log */
    const struct keys_private *custody; /* NULL: none here */
    const struct keys_private *signer;  /* of envelopes */
    struct roster *roster;
    const struct renew *renew;
    const char *cluster, *controller, *enroll_url;
    const char *data_url, *data_local_url; /* for restores to operators' machines */
    const struct id *spki;                 /* of the controller's certificate, for tokens */
    uint32_t token_seconds;
    /* Called when a token was made: the enrolment listener must be open. */
    void (*token_made)(void *ctx);
    /* Called when a peer's certificate counts no more: its connections must end. */
    void (*revoked)(void *ctx, enum certificate_role role, const char *name);
    /* Something else that status is to call a problem; "" when there is none.  Lives until the next call. */
    const char *(*problem)(void *ctx);
    void *ctx;
};

enum rc api_new(const struct api_options *options, struct api **out, struct error *e);
void api_free(struct api *a);
DEFINE_FREEP(api)
void api_event(struct api *a, const struct hub_event *event);
/* The operator's certificate counts no more: whoever is connected with it is closed. */
void api_cut(struct api *a, const char *operator);

#endif
