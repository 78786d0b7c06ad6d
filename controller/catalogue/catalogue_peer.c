/* catalogue_peer.c -- agents and operators.  See catalogue.h. */
#include "controller/catalogue/catalogue.h"

#include "controller/catalogue/catalogue_internal.h"

#define COLUMNS                                                                                       \
    "role, name, enrolled, added, enrolled_at, last_seen, certificate_until, token_until, version, "  \
    "system, address, signing, receiving, token, clock_offset, certificate, operator_role, revoked, " \
    "renewed, given, previous"

static struct catalogue_peer
peer_of(struct sql *rows)
{
    struct catalogue_peer p = {
        .role = (enum certificate_role)sql_int(rows, 0),
        .name = sql_text(rows, 1),
        .enrolled = sql_int(rows, 2) != 0,
        .added = catalogue_wall(rows, 3),
        .enrolled_at = catalogue_wall(rows, 4),
        .last_seen = catalogue_wall(rows, 5),
        .certificate_until = catalogue_wall(rows, 6),
        .token_until = catalogue_wall(rows, 7),
        .version = sql_text(rows, 8),
        .system = sql_text(rows, 9),
        .address = sql_text(rows, 10),
        .clock_offset_ns = sql_int(rows, 14),
        .operator_role = sql_text(rows, 16),
        .revoked = catalogue_wall(rows, 17),
        .given = catalogue_wall(rows, 19),
    };
    sql_bytes(rows, 11, p.signing.bytes, sizeof p.signing.bytes);
    sql_bytes(rows, 12, p.receiving.bytes, sizeof p.receiving.bytes);
    sql_bytes(rows, 13, p.token.bytes, sizeof p.token.bytes);
    sql_bytes(rows, 15, p.certificate.bytes, sizeof p.certificate.bytes);
    sql_bytes(rows, 18, p.renewed.bytes, sizeof p.renewed.bytes);
    sql_bytes(rows, 20, p.previous.bytes, sizeof p.previous.bytes);
    return p;
}

enum rc
catalogue_peer_find(struct catalogue *c, enum certificate_role role, const char *name,
                    catalogue_peer_visit *visit, void *ctx, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    bool more;
    TRY(sql_query(c->db, &rows, e, "SELECT " COLUMNS " FROM peer WHERE role=? AND name=?", "it",
                  (int64_t)role, name));
    TRY(sql_next(rows, &more, e));
    if (!more) {
        return error_set(e, RC_NOT_FOUND, "there is no %s named '%s'", certificate_role_name(role),
                         name);
    }
    struct catalogue_peer p = peer_of(rows);
    return visit(ctx, &p, e);
}

enum rc
catalogue_peer_each(struct catalogue *c, enum certificate_role role, catalogue_peer_visit *visit,
                    void *ctx, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    TRY(sql_query(c->db, &rows, e, "SELECT " COLUMNS " FROM peer WHERE role=? ORDER BY name", "i",
                  (int64_t)role));
    for (;;) {
        bool more;
        TRY(sql_next(rows, &more, e));
        if (!more)
            return RC_OK;
        struct catalogue_peer p = peer_of(rows);
        TRY(visit(ctx, &p, e));
    }
}

static enum rc
note_enrolled(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    *(bool *)ctx = p->enrolled;
    return RC_OK;
}

enum rc
catalogue_peer_invite(struct catalogue *c, enum certificate_role role, const char *name,
                      bool replace, const struct id *token, struct wall until, struct wall now,
                      struct error *e)
{
    bool enrolled = false;
    enum rc rc = catalogue_peer_find(c, role, name, note_enrolled, &enrolled, e);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (enrolled && !replace) {
        return error_set(e, RC_EXISTS,
                         "%s '%s' is enrolled already; to enrol it again (its old certificate ends "
                         "then) repeat with --replace",
                         certificate_role_name(role), name);
    }
    struct span secret = span_of(token->bytes, ID_SIZE);
    return sql_run(c->db, e,
                   "INSERT INTO peer (role, name, added, token, token_until) VALUES (?,?,?,?,?) "
                   "ON CONFLICT (role, name) DO UPDATE SET token=excluded.token, "
                   "token_until=excluded.token_until, invited_role=''",
                   "itibi", (int64_t)role, name, now.ns, &secret, until.ns);
}

struct burn {
    const struct id *token;
    struct wall now;
    bool good;
};

static enum rc
compare_token(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct burn *burn = ctx;
    (void)e;
    burn->good = !id_is_zero(&p->token) && p->token_until.ns > burn->now.ns &&
                 keys_equal(p->token.bytes, burn->token->bytes, ID_SIZE);
    return RC_OK;
}

enum rc
catalogue_peer_burn(struct catalogue *c, enum certificate_role role, const char *name,
                    const struct id *token, struct wall now, struct error *e)
{
    struct burn burn = {.token = token, .now = now};
    enum rc rc = catalogue_peer_find(c, role, name, compare_token, &burn, e);
    if (rc == RC_OK && burn.good) {
        /* Burnt before anything is signed: a token is worth one certificate at most. */
        return sql_run(c->db, e,
                       "UPDATE peer SET token=NULL, token_until=0 WHERE role=? AND name=?", "it",
                       (int64_t)role, name);
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    return error_set(e, RC_DENIED,
                     "the token for %s '%s' is not valid: used, expired or never given; make a new "
                     "one with 'koffer %s add'",
                     certificate_role_name(role), name, certificate_role_name(role));
}

enum rc
catalogue_peer_enrolled(struct catalogue *c, enum certificate_role role, const char *name,
                        const struct keys_public *signing, const struct keys_public *receiving,
                        const struct id *certificate, struct wall until, struct wall now,
                        struct error *e)
{
    struct span spki = span_of(certificate->bytes, ID_SIZE);
    struct span s = span_of(signing->bytes, sizeof signing->bytes);
    struct span r = span_of(receiving->bytes, sizeof receiving->bytes);
    return sql_run(c->db, e,
                   "UPDATE peer SET enrolled=1, enrolled_at=?, certificate_until=?, signing=?, "
                   "receiving=?, certificate=?, revoked=0, renewed=NULL, previous=NULL, "
                   "operator_role=CASE invited_role WHEN '' THEN operator_role ELSE invited_role "
                   "END, invited_role='', given=? WHERE role=? AND name=?",
                   "iibbbiit", now.ns, until.ns, &s, &r, &spki, now.ns, (int64_t)role, name);
}

enum rc
catalogue_peer_seen(struct catalogue *c, enum certificate_role role, const char *name,
                    const char *version, const char *system, const char *address,
                    int64_t clock_offset_ns, struct wall now, struct error *e)
{
    return sql_run(c->db, e,
                   "UPDATE peer SET last_seen=?, version=?, system=?, address=?, clock_offset=? "
                   "WHERE role=? AND name=?",
                   "itttiit", now.ns, version, system, address, clock_offset_ns, (int64_t)role,
                   name);
}

enum rc
catalogue_peer_met(struct catalogue *c, enum certificate_role role, const char *name,
                   struct wall now, struct error *e)
{
    return sql_run(c->db, e, "UPDATE peer SET last_seen=? WHERE role=? AND name=?", "iit", now.ns,
                   (int64_t)role, name);
}

static enum rc
is_there(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)ctx, (void)p, (void)e;
    return RC_OK;
}

enum rc
catalogue_peer_revoke(struct catalogue *c, enum certificate_role role, const char *name,
                      struct wall now, struct error *e)
{
    TRY(catalogue_peer_find(c, role, name, is_there, NULL, e));
    /* First, and alone: whatever else fails, the certificate counts no more. */
    TRY(sql_run(
        c->db, e,
        "UPDATE peer SET enrolled=0, revoked=?, token=NULL, token_until=0, "
        "operator_role='', invited_role='', renewed=NULL, previous=NULL WHERE role=? AND name=?",
        "iit", now.ns, (int64_t)role, name));
    return role == CERTIFICATE_AGENT ? catalogue_sources_set(c, name, NULL, 0, e) : RC_OK;
}

enum rc
catalogue_peer_renewed(struct catalogue *c, enum certificate_role role, const char *name,
                       const struct id *certificate, struct wall until, struct wall now,
                       struct error *e)
{
    struct span spki = span_of(certificate->bytes, ID_SIZE);
    return sql_run(
        c->db, e,
        "UPDATE peer SET renewed=?, renewed_until=?, given=? WHERE role=? AND name=? AND "
        "enrolled=1",
        "biiit", &spki, until.ns, now.ns, (int64_t)role, name);
}

enum rc
catalogue_peer_promote(struct catalogue *c, enum certificate_role role, const char *name,
                       const struct id *certificate, struct error *e)
{
    struct span spki = span_of(certificate->bytes, ID_SIZE);
    return sql_run(
        c->db, e,
        "UPDATE peer SET previous=certificate, certificate=renewed, certificate_until=renewed_until, "
        "renewed=NULL, renewed_until=0 WHERE role=? AND name=? AND renewed=?",
        "itb", (int64_t)role, name, &spki);
}

enum rc
catalogue_operator_role(struct catalogue *c, const char *name, const char *operator_role,
                        struct error *e)
{
    TRY(catalogue_peer_find(c, CERTIFICATE_OPERATOR, name, is_there, NULL, e));
    return sql_run(c->db, e,
                   "UPDATE peer SET operator_role=?, invited_role='' WHERE role=? AND name=?",
                   "tit", operator_role, (int64_t)CERTIFICATE_OPERATOR, name);
}

enum rc
catalogue_operator_invited(struct catalogue *c, const char *name, const char *operator_role,
                           struct error *e)
{
    TRY(catalogue_peer_find(c, CERTIFICATE_OPERATOR, name, is_there, NULL, e));
    return sql_run(c->db, e,
                   "UPDATE peer SET invited_role=?, operator_role=CASE enrolled WHEN 0 THEN ? ELSE "
                   "operator_role END WHERE role=? AND name=?",
                   "ttit", operator_role, operator_role, (int64_t)CERTIFICATE_OPERATOR, name);
}

enum rc
catalogue_tokens_open(struct catalogue *c, struct wall now, bool *out, struct error *e)
{
    CLEANUP(sql_freep) struct sql *rows = NULL;
    TRY(sql_query(c->db, &rows, e, "SELECT 1 FROM peer WHERE token_until > ? LIMIT 1", "i",
                  now.ns));
    return sql_next(rows, out, e);
}
