/* renew.c -- see renew.h. */
#include "controller/fleet/renew.h"

#include "common/base/log.h"
#include "common/base/own.h"

static enum rc
record(const struct renew *r, const struct tls_peer *peer, const char *role, const struct id *key,
       struct error *e)
{
    return audit_append(r->audit,
                        &(struct audit_entry){
                            .wall = clock_wall(),
                            .mono = clock_mono(),
                            .result = AUDIT_ALLOWED,
                            .role = role,
                            .who = peer->identity.name,
                            .address = peer->address,
                            .verb = "CERTIFICATE_RENEW",
                            .object = "its own certificate",
                            .certificate = peer->spki,
                            .parameters = *key,
                        },
                        e);
}

static enum rc
take_given(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    *(struct wall *)ctx = p->given;
    return RC_OK;
}

/* A clock that was set back is no reason to let certificates end. */
static enum rc
check_pause(const struct renew *r, const struct certificate_identity *who, struct wall now,
            struct error *e)
{
    struct wall given;
    char when[CLOCK_TEXT_SIZE];
    TRY(catalogue_peer_find(r->catalogue, who->role, who->name, take_given, &given, e));
    struct wall next = {given.ns + r->seconds * CLOCK_NS_PER_SECOND / RENEW_PER_LIFE};
    if (now.ns < given.ns || now.ns >= next.ns)
        return RC_OK;
    return error_set(e, RC_AGAIN, "%s '%s' was given a certificate just now: not another before %s",
                     certificate_role_name(who->role), who->name, clock_text(next, when));
}

enum rc
renew_certificate(const struct renew *r, const struct tls_peer *peer, const char *role,
                  const char *request, struct wall now, char **pem, struct error *e)
{
    CLEANUP(own_freep) char *made = NULL;
    struct certificate_facts facts;
    const struct certificate_identity *who = &peer->identity;
    TRY(check_pause(r, who, now, e));
    TRY_IN(certificate_issue_for(r->ca_key, r->ca_pem, request, who, now, r->seconds, &made, e), e,
           "renewal for %s '%s'", certificate_role_name(who->role), who->name);
    TRY(certificate_inspect(made, &facts, e));
    if (id_equal(&facts.spki, &peer->spki))
        return error_set(e, RC_INVALID, "a renewed certificate needs a new key");
    TRY(record(r, peer, role, &facts.spki, e));
    TRY(catalogue_peer_renewed(r->catalogue, who->role, who->name, &facts.spki, facts.not_after,
                               now, e));
    log_info("certificate renewed", LOG_TEXT("role", certificate_role_name(who->role)),
             LOG_TEXT("name", who->name));
    *pem = TAKE(made);
    return RC_OK;
}
