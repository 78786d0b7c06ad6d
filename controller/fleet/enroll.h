/*
 * enroll.h -- the controller's side of enrolment (proto/enroll.h): a listener that is open only while a token is.
 *
 *     enroll_open(server)   after a token was made;  enroll_tick(server)   closes it when none is open any more
 *                                                                          and nobody still reads a certificate
 *
 * The audit log holds an enrolment before its token is burnt, durably, and that before anything is signed.  After three failures an address waits ten minutes.
 *
 * Close the mailbox before enroll_server_free: it waits for streams, and those wait for the loop.
 *
 * Threads: the loop's; questions arrive on streams' threads and go through the mailbox.
 * Layer: controller/fleet.
 */
#ifndef CONTROLLER_FLEET_ENROLL_H
#define CONTROLLER_FLEET_ENROLL_H

#include "controller/audit/audit.h"
#include "controller/catalogue/catalogue.h"
#include "controller/custody/roster.h"
#include "controller/fleet/mailbox.h"
#include "controller/vault/vault.h"
#include "proto/tls.h"

struct enroll_server;

struct enroll_options {
    struct catalogue *catalogue; /* borrowed, as all below */
    struct vault *vault;
    struct mailbox *mailbox;
    struct audit *audit;
    const struct keys_private *ca_key;
    const struct tls_identity *identity;             /* its .ca is the CA */
    const char *url;                                 /* to listen on */
    const char *controller, *control_url, *data_url; /* told to who joins */
    const struct keys_public *controller_key;
    const struct roster *roster; /* asked each time: recipients come and go */
    int64_t certificate_seconds;
    /* NULL, or called on the loop when a certificate was given: an older one counts no more. */
    void (*enrolled)(void *ctx, enum certificate_role role, const char *name);
    void *ctx;
};

enum rc enroll_server_new(const struct enroll_options *options, struct enroll_server **out,
                          struct error *e);
void enroll_server_free(struct enroll_server *s);
DEFINE_FREEP(enroll_server)
enum rc enroll_open(struct enroll_server *s, struct error *e);
void enroll_tick(struct enroll_server *s);
/* The port a listener with ":0" got.  RC_AGAIN while it is closed. */
enum rc enroll_port(const struct enroll_server *s, unsigned *out, struct error *e);

#endif
