/* test_fleet_admit.c -- a certificate counts while the catalogue knows it as its bearer's newest. */
#include "controller/fleet/fleet.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"

static const struct id first = {{1}}, second = {{2}}, zero;
static const struct keys_public key = {{3}};

static void
enrol(struct catalogue_kit *k, enum certificate_role role, const char *name,
      const struct id *certificate)
{
    struct error e = ERROR_INIT;
    const struct wall now = {1}, until = {2};
    CHECK_OK(catalogue_peer_invite(k->catalogue, role, name, true, &first, until, now, &e), &e);
    CHECK_OK(
        catalogue_peer_enrolled(k->catalogue, role, name, &key, &key, certificate, until, now, &e),
        &e);
}

static enum rc
admit(struct catalogue_kit *k, enum certificate_role role, const char *name,
      const struct id *certificate, struct error *e)
{
    struct tls_peer peer = {.verified = true, .identity = {.role = role}, .spki = *certificate};
    (void)snprintf(peer.identity.name, sizeof peer.identity.name, "%s", name);
    return fleet_admit(k->catalogue, &peer, e);
}

static void
newest_certificate_counts_and_no_other(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    enrol(k, CERTIFICATE_AGENT, "imap1", &first);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_OK);
    enrol(k, CERTIFICATE_AGENT, "imap1", &second);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_DENIED);
    assert_non_null(strstr(e.text, "newer certificate"));
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_OK);
}

static void
renew(struct catalogue_kit *k, const char *name, const struct id *certificate)
{
    struct error e = ERROR_INIT;
    CHECK_OK(catalogue_peer_renewed(k->catalogue, CERTIFICATE_AGENT, name, certificate,
                                    (struct wall){3}, (struct wall){2}, &e),
             &e);
}

static void
an_old_certificate_counts_until_the_renewed_one_is_used(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    enrol(k, CERTIFICATE_AGENT, "imap1", &first);
    renew(k, "imap1", &second);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_OK);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_OK);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_DENIED);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_OK);
}

static enum rc
admit_open(struct catalogue_kit *k, const struct id *certificate, struct error *e)
{
    struct tls_peer peer = {.verified = true,
                            .identity = {.role = CERTIFICATE_AGENT, .name = "imap1"},
                            .spki = *certificate};
    return fleet_admit_open(k->catalogue, &peer, e);
}

/* A restore runs for hours, and another program of the same operator renews his certificate. */
static void
what_is_open_goes_on_after_a_renewal_and_ends_with_a_revocation(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    const struct id third = {{9}};
    enrol(k, CERTIFICATE_AGENT, "imap1", &first);
    renew(k, "imap1", &second);
    CHECK_RC(admit_open(k, &third, &e), RC_DENIED);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_OK);
    CHECK_RC(admit_open(k, &first, &e), RC_OK);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_DENIED); /* no new one */
    renew(k, "imap1", &third);
    CHECK_RC(admit_open(k, &third, &e), RC_OK); /* its first use */
    CHECK_RC(admit_open(k, &first, &e), RC_DENIED);
    CHECK_RC(admit_open(k, &second, &e), RC_OK);
    enrol(k, CERTIFICATE_AGENT, "imap1", &first);
    CHECK_RC(admit_open(k, &second, &e), RC_DENIED);
    renew(k, "imap1", &second);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_OK);
    CHECK_OK(catalogue_peer_revoke(k->catalogue, CERTIFICATE_AGENT, "imap1", (struct wall){4}, &e),
             &e);
    CHECK_RC(admit_open(k, &first, &e), RC_DENIED);
}

/* Its answer was lost, and it was asked for again. */
static void
of_two_renewed_ones_the_last_counts(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    const struct id third = {{9}};
    enrol(k, CERTIFICATE_AGENT, "imap1", &first);
    renew(k, "imap1", &second);
    renew(k, "imap1", &third);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_DENIED);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_OK);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &third, &e), RC_OK);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_DENIED);
}

static void
a_renewed_certificate_is_void_when_its_bearer_is_revoked_or_enrols_anew(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    enrol(k, CERTIFICATE_AGENT, "imap1", &first);
    renew(k, "imap1", &second);
    CHECK_OK(catalogue_peer_revoke(k->catalogue, CERTIFICATE_AGENT, "imap1", (struct wall){4}, &e),
             &e);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_DENIED);
    enrol(k, CERTIFICATE_AGENT, "imap1", &first);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_DENIED);
    renew(k, "imap1", &second);
    enrol(k, CERTIFICATE_AGENT, "imap1", &first);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &second, &e), RC_DENIED);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_OK);
}

static void
name_of_one_role_is_none_of_another(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    enrol(k, CERTIFICATE_AGENT, "ada", &first);
    CHECK_RC(admit(k, CERTIFICATE_OPERATOR, "ada", &first, &e), RC_NOT_FOUND);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "bob", &first, &e), RC_NOT_FOUND);
}

static void
invited_is_not_enrolled(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    const struct wall now = {1}, until = {2};
    CHECK_OK(catalogue_peer_invite(k->catalogue, CERTIFICATE_AGENT, "imap1", false, &first, until,
                                   now, &e),
             &e);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_DENIED);
}

static void
enrolled_before_certificates_were_kept_still_counts(void **state)
{
    struct catalogue_kit *k = *state;
    struct error e = ERROR_INIT;
    enrol(k, CERTIFICATE_AGENT, "imap1", &zero);
    CHECK_RC(admit(k, CERTIFICATE_AGENT, "imap1", &first, &e), RC_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, catalogue_kit_begin, catalogue_kit_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(newest_certificate_counts_and_no_other),
        TEST(what_is_open_goes_on_after_a_renewal_and_ends_with_a_revocation),
        TEST(an_old_certificate_counts_until_the_renewed_one_is_used),
        TEST(of_two_renewed_ones_the_last_counts),
        TEST(a_renewed_certificate_is_void_when_its_bearer_is_revoked_or_enrols_anew),
        TEST(name_of_one_role_is_none_of_another),
        TEST(invited_is_not_enrolled),
        TEST(enrolled_before_certificates_were_kept_still_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
