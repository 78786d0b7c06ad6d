/* renew.c -- see renew.h. */
#include "controller/fleet/renew.h"

#include "common/base/log.h"
#include "common/base/own.h"

static enum rc
record(const struct renew *r, const struct tls_peer *peer, const struct id *key, struct error *e)
{
    if (peer->identity.role != CERTIFICATE_AGENT)
        return RC_OK;
    return audit_append(r->audit,
                        &(struct audit_entry){
                            .wall = clock_wall(),
                            .mono = clock_mono(),
                            .result = AUDIT_ALLOWED,
                            .role = certificate_role_name(peer->identity.role),
                            .who = peer->identity.name,
                            .address = peer->address,
                            .verb = "CERTIFICATE_RENEW",
                            .certificate = peer->spki,
                            .parameters = *key,
                        },
                        e);
}

enum rc
renew_certificate(const struct renew *r, const struct tls_peer *peer, const char *request,
                  char **pem, struct error *e)
{
    CLEANUP(own_freep) char *made = NULL;
    struct certificate_facts facts;
    const struct certificate_identity *who = &peer->identity;
    TRY_IN(certificate_issue_for(r->ca_key, r->ca_pem, request, who, clock_wall(), r->seconds,
                                 &made, e),
           e, "renewal for %s '%s'", certificate_role_name(who->role), who->name);
    TRY(certificate_inspect(made, &facts, e));
    if (id_equal(&facts.spki, &peer->spki))
        return error_set(e, RC_INVALID, "a renewed certificate needs a new key");
    TRY(record(r, peer, &facts.spki, e));
    TRY(catalogue_peer_renewed(r->catalogue, who->role, who->name, &facts.spki, facts.not_after,
                               e));
    log_info("certificate renewed", LOG_TEXT("role", certificate_role_name(who->role)),
             LOG_TEXT("name", who->name));
    *pem = TAKE(made);
    return RC_OK;
}
