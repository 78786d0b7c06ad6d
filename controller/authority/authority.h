/*
 * authority.h -- who may do what: one table, and what is not in it is denied.
 *
 *     struct authority_question q = {.role = AUTHORITY_VIEWER, .who = "anna", .channel = AUTHORITY_REQUEST,
 *                                    .verb = KOFFER__MESSAGE_TYPE__CYCLE_START, .object = AUTHORITY_CLUSTER};
 *     TRY(authority_check(&q, e));        // RC_DENIED: "operator 'anna' has the role viewer; this needs operator: ask ..."
 *
 * Asked at the places where a word from outside becomes a deed: controller/api for operators, controller/fleet for agents, data
 * streams and enrolment.  They find out who asks (the certificate, never a message) and whose the object is; the table decides.
 * docs/architecture/authority.md is the same table for people; unit.controller.authority holds the two together.
 *
 * No clock, disk or network.  Threads: any.  Layer: controller/authority.
 */
#ifndef CONTROLLER_AUTHORITY_AUTHORITY_H
#define CONTROLLER_AUTHORITY_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

enum authority_role {
    AUTHORITY_NOBODY,   /* no certificate, or one that does not count (any more) */
    AUTHORITY_ENROLLER, /* whoever holds an open token */
    AUTHORITY_AGENT,
    AUTHORITY_VIEWER,   /* operators: see */
    AUTHORITY_OPERATOR, /* and start and cancel cycles, verify */
    AUTHORITY_RESTORE,  /* see, and look into fulls and restore from them */
    AUTHORITY_ADMIN,    /* all that, and peers, roles, sources, the audit log */
    AUTHORITY_ROOT,     /* on the controller's host, through the local socket */
    AUTHORITY_ROLES_,
};

/* Where a word came from; verbs are numbered within each. */
enum authority_channel {
    AUTHORITY_REQUEST, /* a control message: enum MessageType of koffer.proto */
    AUTHORITY_ANSWER,  /* the answer to one of ours: the same numbers */
    AUTHORITY_DATA,    /* a frame of a data stream: enum stream_type */
    AUTHORITY_CHANNELS_,
};

enum authority_object {
    AUTHORITY_OWN,     /* the asker's: its name, its job, what its job's root reaches */
    AUTHORITY_OTHERS,  /* another's; for a restore: an agent's disk */
    AUTHORITY_CLUSTER, /* nobody's in particular; for a restore: the controller's own disk */
    AUTHORITY_OBJECTS_,
};

/* What the controller ordered, for data streams. */
enum authority_grant {
    AUTHORITY_NO_GRANT,
    AUTHORITY_CAPTURE,
    AUTHORITY_RESTORING,
    AUTHORITY_GRANTS_,
};

struct authority_question {
    enum authority_role role;
    const char *who; /* for the answer's words */
    enum authority_channel channel;
    uint16_t verb;
    enum authority_object object;
    enum authority_grant grant;
};

/* RC_OK, or RC_DENIED with reason and remedy in words. */
enum rc authority_check(const struct authority_question *q, struct error *e);

/* How much a deed has to do with trust. */
enum authority_weight {
    AUTHORITY_LIGHT,  /* not kept */
    AUTHORITY_NOTED,  /* kept in the audit log when that can be written */
    AUTHORITY_WEIGHTY /* done only when the audit log holds it */
};
enum authority_weight authority_weight(enum authority_channel channel, uint16_t verb);

/* "viewer", "operator", "restore", "admin"; also "nobody", "enroller", "agent", "root". */
const char *authority_role_name(enum authority_role role);
/* Of an operator; RC_INVALID names the four. */
enum rc authority_role_parse(const char *text, enum authority_role *out, struct error *e);

/* "CYCLE_START", "GET": for people; "39" for a number that has no name.  Returns `out`, or a constant. */
enum { AUTHORITY_VERB_SIZE = 16 };
const char *authority_verb_name(enum authority_channel channel, uint16_t verb,
                                char out[static AUTHORITY_VERB_SIZE]);

#endif
