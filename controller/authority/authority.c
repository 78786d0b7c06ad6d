/* authority.c -- the table.  See authority.h. */
#include "controller/authority/authority.h"

#include <stdio.h>

#include "common/base/text.h"
#include "proto/koffer.pb-c.h"
#include "proto/stream.h"

#define BIT(role) (1u << AUTHORITY_##role)
#define ROOT BIT(ROOT)
#define ADMINS (ROOT | BIT(ADMIN))
#define RESTORERS (ADMINS | BIT(RESTORE))
#define OPERATORS (ADMINS | BIT(OPERATOR))
#define WORKERS (RESTORERS | BIT(OPERATOR))
#define VIEWERS (WORKERS | BIT(VIEWER))
#define AGENTS BIT(AGENT)
#define ENROLLERS BIT(ENROLLER)

struct row {
    const char *name;
    uint16_t verb;
    uint8_t channel, weight;
    uint8_t grant; /* needed; AUTHORITY_NO_GRANT: none is */
    uint8_t roles[AUTHORITY_OBJECTS_];
};

#define ROW(channel, type, name, weight, grant, own, others, cluster)                              \
    {                                                                                              \
#name, type, AUTHORITY_##channel, AUTHORITY_##weight, AUTHORITY_##grant,                   \
        {                                                                                          \
            own, others, cluster                                                                   \
        }                                                                                          \
    }
#define REQUEST(name, weight, own, others, cluster)                                                \
    ROW(REQUEST, KOFFER__MESSAGE_TYPE__##name, name, weight, NO_GRANT, own, others, cluster)
#define ANSWER(name) ROW(ANSWER, KOFFER__MESSAGE_TYPE__##name, name, LIGHT, NO_GRANT, AGENTS, 0, 0)
#define STREAM(name, grant) ROW(DATA, STREAM_##name, name, LIGHT, grant, AGENTS, 0, 0)
#define FETCH(name, grant) ROW(DATA, STREAM_##name, name, LIGHT, grant, AGENTS | RESTORERS, 0, 0)

static const struct row rows[] = {
    /* name, weight; who may to its own, to others', to the cluster's */
    REQUEST(AGENT_HELLO, LIGHT, AGENTS, 0, 0),
    REQUEST(AGENT_SOURCES, LIGHT, AGENTS, 0, 0),
    REQUEST(STEP_PROGRESS, LIGHT, AGENTS, 0, 0),
    REQUEST(CERTIFICATE_RENEW, WEIGHTY, AGENTS | (VIEWERS & ~ROOT), 0, 0),
    REQUEST(STEP_RESULT, LIGHT, AGENTS, 0, 0),
    REQUEST(STATUS, LIGHT, 0, 0, VIEWERS),
    REQUEST(AGENT_LIST, LIGHT, 0, 0, VIEWERS),
    REQUEST(OPERATOR_LIST, LIGHT, 0, 0, VIEWERS),
    REQUEST(SOURCE_LIST, LIGHT, 0, 0, VIEWERS),
    REQUEST(CYCLE_STATUS, LIGHT, 0, 0, VIEWERS),
    REQUEST(CYCLE_LIST, LIGHT, 0, 0, VIEWERS),
    REQUEST(FULL_LIST, LIGHT, 0, 0, VIEWERS),
    REQUEST(FULL_SHOW, LIGHT, 0, 0, VIEWERS),
    REQUEST(VAULT_STATS, LIGHT, 0, 0, VIEWERS),
    REQUEST(JOB_STATUS, LIGHT, VIEWERS, RESTORERS, 0),
    REQUEST(CYCLE_START, NOTED, 0, 0, OPERATORS),
    REQUEST(CYCLE_CANCEL, WEIGHTY, 0, 0, OPERATORS),
    REQUEST(FULL_VERIFY, NOTED, 0, 0, OPERATORS),
    REQUEST(VAULT_VERIFY, NOTED, 0, 0, OPERATORS),
    REQUEST(JOB_CANCEL, WEIGHTY, WORKERS, ADMINS, 0),
    REQUEST(FULL_LS, WEIGHTY, 0, 0, RESTORERS),
    REQUEST(FULL_CAT, WEIGHTY, 0, 0, RESTORERS),
    REQUEST(RESTORE_FILES, WEIGHTY, 0, RESTORERS, ROOT),
    REQUEST(AGENT_ADD, WEIGHTY, 0, 0, ADMINS),
    REQUEST(AGENT_REVOKE, WEIGHTY, 0, 0, ADMINS),
    REQUEST(OPERATOR_ADD, WEIGHTY, 0, 0, ADMINS),
    REQUEST(OPERATOR_REVOKE, WEIGHTY, 0, 0, ADMINS),
    REQUEST(OPERATOR_ROLE, WEIGHTY, 0, 0, ADMINS),
    REQUEST(SOURCE_FORGET, WEIGHTY, 0, 0, ADMINS),
    REQUEST(VAULT_REPAIR, WEIGHTY, 0, 0, ADMINS),
    REQUEST(VAULT_ACCEPT_GAP, WEIGHTY, 0, 0, ADMINS),
    REQUEST(AUDIT_SHOW, LIGHT, 0, 0, ADMINS),
    REQUEST(AUDIT_VERIFY, LIGHT, 0, 0, ADMINS),
    REQUEST(KEY_LIST, LIGHT, 0, 0, ADMINS),
    REQUEST(KEY_ADD, WEIGHTY, 0, 0, ADMINS),
    REQUEST(KEY_REMOVE, WEIGHTY, 0, 0, ADMINS),
    REQUEST(KEY_PROVE, WEIGHTY, 0, 0, ADMINS),
    REQUEST(KEY_REWRAP, WEIGHTY, 0, 0, ADMINS),
    REQUEST(KEY_ENVELOPE, WEIGHTY, 0, 0, ADMINS),
    REQUEST(ROOT_LIST, WEIGHTY, 0, 0, RESTORERS),
    REQUEST(AGENT_KEY, LIGHT, 0, 0, RESTORERS),
    REQUEST(RESTORE_BEGIN, WEIGHTY, 0, 0, RESTORERS),
    REQUEST(RESTORE_REPORT, LIGHT, 0, 0, RESTORERS),
    REQUEST(ENROLL, WEIGHTY, ENROLLERS, 0, 0),
    ANSWER(STEP),
    ANSWER(STEP_CANCEL),
    ANSWER(CLOCK),
    FETCH(HELLO, NO_GRANT),
    STREAM(HAVE, CAPTURE),
    STREAM(PUT, CAPTURE),
    STREAM(FINISH, CAPTURE),
    FETCH(GET, RESTORING),
};

static const char *const role_names[AUTHORITY_ROLES_] = {
    "nobody", "enroller", "agent", "viewer", "operator", "restore", "admin", "root",
};

const char *
authority_role_name(enum authority_role role)
{
    return role < AUTHORITY_ROLES_ ? role_names[role] : role_names[AUTHORITY_NOBODY];
}

enum rc
authority_role_parse(const char *text, enum authority_role *out, struct error *e)
{
    for (enum authority_role role = AUTHORITY_VIEWER; role <= AUTHORITY_ADMIN; role++) {
        if (text_equal(text, role_names[role])) {
            *out = role;
            return RC_OK;
        }
    }
    char shown[64];
    return error_set(e, RC_INVALID,
                     "'%s' is no role of an operator: viewer, operator, restore, or admin",
                     text_escape(span_of(text, strlen(text)), shown, sizeof shown));
}

static const struct row *
find(enum authority_channel channel, uint16_t verb)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].channel == channel && rows[i].verb == verb)
            return &rows[i];
    return NULL;
}

enum authority_weight
authority_weight(enum authority_channel channel, uint16_t verb)
{
    const struct row *row = find(channel, verb);
    return row == NULL ? AUTHORITY_LIGHT : (enum authority_weight)row->weight;
}

const char *
authority_verb_name(enum authority_channel channel, uint16_t verb,
                    char out[static AUTHORITY_VERB_SIZE])
{
    const struct row *row = find(channel, verb);
    if (row != NULL)
        return row->name;
    (void)snprintf(out, AUTHORITY_VERB_SIZE, "%u", verb);
    return out;
}

/* ---- words */

/* The least of the operators' roles that would do. */
static enum authority_role
least(unsigned roles)
{
    for (enum authority_role role = AUTHORITY_VIEWER; role <= AUTHORITY_ADMIN; role++)
        if ((roles & (1u << role)) != 0)
            return role;
    return AUTHORITY_NOBODY;
}

static bool
is_operators(enum authority_role role)
{
    return role >= AUTHORITY_VIEWER && role <= AUTHORITY_ADMIN;
}

static enum rc
refuse(const struct authority_question *q, const struct row *row, unsigned roles, struct error *e)
{
    char number[AUTHORITY_VERB_SIZE];
    const char *verb = authority_verb_name(q->channel, q->verb, number);
    enum authority_role needed = least(roles);
    if (row == NULL)
        return error_set(e, RC_DENIED, "nobody may send %s %s here",
                         q->channel == AUTHORITY_DATA ? "frames of type" : "messages of type",
                         verb);
    if (is_operators(q->role) && needed != AUTHORITY_NOBODY)
        return error_set(e, RC_DENIED,
                         "operator '%s' has the role %s; this needs %s: ask an admin for 'koffer "
                         "operator role %s %s'",
                         q->who, role_names[q->role], role_names[needed], q->who,
                         role_names[needed]);
    if (is_operators(q->role) && (roles & ROOT) != 0)
        return error_set(e, RC_DENIED,
                         "only root on the controller's host may do this; a restore can go through "
                         "an agent instead (--on AGENT)");
    if (q->role == AUTHORITY_AGENT && (row->roles[AUTHORITY_OWN] & AGENTS) == 0)
        return error_set(e, RC_DENIED, "agent '%s' may not ask %s: only operators may", q->who,
                         verb);
    if (q->role == AUTHORITY_AGENT && q->object == AUTHORITY_OWN)
        return error_set(e, RC_DENIED, "agent '%s' may not %s in this job", q->who, verb);
    return error_set(e, RC_DENIED, "%s '%s' may not %s what is not its own",
                     authority_role_name(q->role), q->who, verb);
}

enum rc
authority_check(const struct authority_question *q, struct error *e)
{
    const struct row *row = find(q->channel, q->verb);
    unsigned roles = row != NULL && q->object < AUTHORITY_OBJECTS_ ? row->roles[q->object] : 0;
    bool granted = row != NULL && (row->grant == AUTHORITY_NO_GRANT || row->grant == q->grant);
    if (granted && q->role < AUTHORITY_ROLES_ && (roles & (1u << q->role)) != 0)
        return RC_OK;
    return refuse(q, row, roles, e);
}
