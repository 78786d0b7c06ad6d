/* test_catalogue_peer.c -- tokens open and burn once; a certificate is replaced, never doubled. */
#include "controller/catalogue/catalogue.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"

#define AGENT CERTIFICATE_AGENT

static const struct id secret = {{1}}, other_secret = {{2}};
static const struct keys_public signing = {{3}}, receiving = {{4}};
static const struct id first_certificate = {{5}}, second_certificate = {{6}};
static const struct wall now = {1000}, later = {2000}, until = {3000}, after = {4000};

static void
must_invite(struct catalogue_kit *k, const char *name, bool replace, const struct id *token)
{
    struct error e = ERROR_INIT;
    CHECK_OK(catalogue_peer_invite(k->catalogue, AGENT, name, replace, token, until, now, &e), &e);
}

static void
must_enrol(struct catalogue_kit *k, const char *name, const struct id *certificate)
{
    struct error e = ERROR_INIT;
    CHECK_OK(catalogue_peer_enrolled(k->catalogue, AGENT, name, &signing, &receiving, certificate,
                                     after, later, &e),
             &e);
}

static enum rc
burn(struct catalogue_kit *k, const char *name, const struct id *token, struct wall when)
{
    struct error e = ERROR_INIT;
    enum rc rc = catalogue_peer_burn(k->catalogue, AGENT, name, token, when, &e);
    assert_true(rc == RC_OK || strstr(e.text, "koffer agent add") != NULL);
    return rc;
}

static enum rc
copy_peer(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    *(struct catalogue_peer *)ctx = *p;
    return RC_OK;
}

/* Its texts have ended with the visit: only the rest is looked at. */
static struct catalogue_peer
peer(struct catalogue_kit *k, const char *name)
{
    struct error e = ERROR_INIT;
    struct catalogue_peer p = {0};
    CHECK_OK(catalogue_peer_find(k->catalogue, AGENT, name, copy_peer, &p, &e), &e);
    return p;
}

static bool
tokens_open(struct catalogue_kit *k, struct wall when)
{
    struct error e = ERROR_INIT;
    bool open;
    CHECK_OK(catalogue_tokens_open(k->catalogue, when, &open, &e), &e);
    return open;
}

static void
token_burns_once(void **state)
{
    struct catalogue_kit *k = *state;
    must_invite(k, "imap1", false, &secret);
    assert_true(tokens_open(k, later));
    CHECK_RC(burn(k, "imap1", &other_secret, later), RC_DENIED);
    CHECK_RC(burn(k, "imap2", &secret, later), RC_DENIED);
    CHECK_RC(burn(k, "imap1", &secret, later), RC_OK);
    CHECK_RC(burn(k, "imap1", &secret, later), RC_DENIED);
    assert_false(tokens_open(k, later));
    catalogue_kit_reopen(k);
    CHECK_RC(burn(k, "imap1", &secret, later), RC_DENIED);
}

static void
zero_is_no_token(void **state)
{
    struct catalogue_kit *k = *state;
    static const struct id zero;
    must_invite(k, "imap1", false, &secret);
    CHECK_RC(burn(k, "imap1", &secret, later), RC_OK);
    CHECK_RC(burn(k, "imap1", &zero, later), RC_DENIED);
}

static void
token_of_an_agent_is_none_of_an_operator(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    must_invite(k, "ada", false, &secret);
    CHECK_RC(catalogue_peer_burn(k->catalogue, CERTIFICATE_OPERATOR, "ada", &secret, later, &e),
             RC_DENIED);
    CHECK_RC(burn(k, "ada", &secret, later), RC_OK);
}

static void
token_expires(void **state)
{
    struct catalogue_kit *k = *state;
    must_invite(k, "imap1", false, &secret);
    CHECK_RC(burn(k, "imap1", &secret, until), RC_DENIED);
    assert_false(tokens_open(k, until));
    must_invite(k, "imap1", false, &other_secret); /* never enrolled: no --replace needed */
    CHECK_RC(burn(k, "imap1", &secret, later), RC_DENIED);
    CHECK_RC(burn(k, "imap1", &other_secret, later), RC_OK);
}

static void
enrolled_peer_is_replaced_only_on_demand(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    must_invite(k, "imap1", false, &secret);
    must_enrol(k, "imap1", &first_certificate);
    CHECK_RC(catalogue_peer_invite(k->catalogue, AGENT, "imap1", false, &secret, until, now, &e),
             RC_EXISTS);
    assert_non_null(strstr(e.text, "--replace"));

    must_invite(k, "imap1", true, &other_secret);
    struct catalogue_peer p = peer(k, "imap1");
    assert_true(p.enrolled); /* until somebody uses the token, the old certificate counts */
    assert_true(id_equal(&p.certificate, &first_certificate));
    CHECK_RC(burn(k, "imap1", &other_secret, later), RC_OK);
    must_enrol(k, "imap1", &second_certificate);
    p = peer(k, "imap1");
    assert_true(id_equal(&p.certificate, &second_certificate));
}

static enum rc
check_all_fields(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    assert_int_equal(p->role, AGENT);
    assert_string_equal(p->name, "imap1");
    assert_true(p->enrolled);
    assert_int_equal(p->added.ns, now.ns);
    assert_int_equal(p->enrolled_at.ns, later.ns);
    assert_int_equal(p->last_seen.ns, after.ns);
    assert_int_equal(p->certificate_until.ns, after.ns);
    assert_string_equal(p->version, "1.2");
    assert_string_equal(p->system, "Debian");
    assert_string_equal(p->address, "10.0.0.1:5");
    assert_memory_equal(p->signing.bytes, signing.bytes, KEYS_PUBLIC_SIZE);
    assert_memory_equal(p->receiving.bytes, receiving.bytes, KEYS_PUBLIC_SIZE);
    assert_int_equal(p->clock_offset_ns, -77);
    ++*(size_t *)ctx;
    return RC_OK;
}

static void
everything_known_survives_reopen(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    size_t visited = 0;
    must_invite(k, "imap1", false, &secret);
    must_enrol(k, "imap1", &first_certificate);
    CHECK_OK(catalogue_peer_seen(k->catalogue, AGENT, "imap1", "1.2", "Debian", "10.0.0.1:5", -77,
                                 after, &e),
             &e);
    catalogue_kit_reopen(k);
    CHECK_OK(catalogue_peer_each(k->catalogue, AGENT, check_all_fields, &visited, &e), &e);
    assert_int_equal(visited, 1);
    CHECK_OK(
        catalogue_peer_each(k->catalogue, CERTIFICATE_OPERATOR, check_all_fields, &visited, &e),
        &e);
    assert_int_equal(visited, 1);
    CHECK_RC(catalogue_peer_find(k->catalogue, AGENT, "imap2", copy_peer, NULL, &e), RC_NOT_FOUND);
}

static enum rc
expect_role(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    (void)e;
    assert_string_equal(p->operator_role, ctx);
    return RC_OK;
}

static void
must_have_role(struct catalogue_kit *k, const char *name, const char *role)
{
    struct error e = ERROR_INIT;
    char wanted[16];
    (void)snprintf(wanted, sizeof wanted, "%s", role);
    CHECK_OK(catalogue_peer_find(k->catalogue, CERTIFICATE_OPERATOR, name, expect_role, wanted, &e),
             &e);
}

static void
operator_has_no_role_until_one_is_given(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    CHECK_RC(catalogue_operator_role(k->catalogue, "ada", "viewer", &e), RC_NOT_FOUND);
    CHECK_OK(catalogue_peer_invite(k->catalogue, CERTIFICATE_OPERATOR, "ada", false, &secret, until,
                                   now, &e),
             &e);
    must_have_role(k, "ada", "");
    CHECK_OK(catalogue_operator_role(k->catalogue, "ada", "viewer", &e), &e);
    must_have_role(k, "ada", "viewer");
    CHECK_OK(catalogue_peer_revoke(k->catalogue, CERTIFICATE_OPERATOR, "ada", later, &e), &e);
    must_have_role(k, "ada", "");
}

static void
must_invite_as(struct catalogue_kit *k, const char *name, const char *role)
{
    struct error e = ERROR_INIT;
    CHECK_OK(catalogue_peer_invite(k->catalogue, CERTIFICATE_OPERATOR, name, true, &secret, until,
                                   now, &e),
             &e);
    if (role != NULL)
        CHECK_OK(catalogue_operator_invited(k->catalogue, name, role, &e), &e);
}

static void
must_enrol_operator(struct catalogue_kit *k, const char *name)
{
    struct error e = ERROR_INIT;
    CHECK_OK(catalogue_peer_enrolled(k->catalogue, CERTIFICATE_OPERATOR, name, &signing, &receiving,
                                     &first_certificate, after, later, &e),
             &e);
}

/* The old certificate must not have what was meant for the new one. */
static void
role_that_goes_with_a_token_counts_when_it_is_used(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    CHECK_RC(catalogue_operator_invited(k->catalogue, "bob", "admin", &e), RC_NOT_FOUND);
    must_invite_as(k, "bob", "viewer");
    must_have_role(k, "bob", "viewer"); /* he has no certificate yet */
    must_enrol_operator(k, "bob");
    must_invite_as(k, "bob", "admin");
    must_have_role(k, "bob", "viewer");
    must_enrol_operator(k, "bob");
    must_have_role(k, "bob", "admin");
    must_enrol_operator(k, "bob");
    must_have_role(k, "bob", "admin");
}

static void
role_of_an_older_word_does_not_come_back(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    must_invite_as(k, "bob", "viewer");
    must_enrol_operator(k, "bob");
    must_invite_as(k, "bob", "admin");
    must_invite_as(k, "bob", NULL); /* another token, and no role named */
    must_enrol_operator(k, "bob");
    must_have_role(k, "bob", "viewer");
    must_invite_as(k, "bob", "admin");
    CHECK_OK(catalogue_operator_role(k->catalogue, "bob", "restore", &e), &e);
    must_enrol_operator(k, "bob");
    must_have_role(k, "bob", "restore");
    must_invite_as(k, "bob", "admin");
    CHECK_OK(catalogue_peer_revoke(k->catalogue, CERTIFICATE_OPERATOR, "bob", later, &e), &e);
    must_enrol_operator(k, "bob");
    must_have_role(k, "bob", "");
}

static void
revoked_peer_has_neither_certificate_nor_token(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    CHECK_RC(catalogue_peer_revoke(k->catalogue, AGENT, "imap1", now, &e), RC_NOT_FOUND);
    must_invite(k, "imap1", false, &secret);
    must_enrol(k, "imap1", &first_certificate);
    must_invite(k, "imap1", true, &secret);
    CHECK_OK(catalogue_peer_revoke(k->catalogue, AGENT, "imap1", later, &e), &e);
    assert_false(peer(k, "imap1").enrolled);
    assert_int_equal(peer(k, "imap1").revoked.ns, later.ns);
    assert_false(tokens_open(k, now));
    CHECK_RC(burn(k, "imap1", &secret, now), RC_DENIED);

    must_invite(k, "imap1", false, &other_secret); /* and it may come back */
    must_enrol(k, "imap1", &second_certificate);
    assert_true(peer(k, "imap1").enrolled);
    assert_int_equal(peer(k, "imap1").revoked.ns, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, catalogue_kit_begin, catalogue_kit_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(operator_has_no_role_until_one_is_given),
        TEST(role_that_goes_with_a_token_counts_when_it_is_used),
        TEST(role_of_an_older_word_does_not_come_back),
        TEST(revoked_peer_has_neither_certificate_nor_token),
        TEST(token_burns_once),
        TEST(zero_is_no_token),
        TEST(token_of_an_agent_is_none_of_an_operator),
        TEST(token_expires),
        TEST(enrolled_peer_is_replaced_only_on_demand),
        TEST(everything_known_survives_reopen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
