/* test_certificate.c -- the small PKI: who may be called what, and that OpenSSL agrees. */
#include "common/crypto/certificate.h"

#include <stdio.h>

#include <openssl/x509_vfy.h>

#include "common/base/own.h"
#include "common/base/text.h"
#include "common/crypto/certificate_internal.h"
#include "common/crypto/keys_internal.h"
#include "tests/support/check.h"

enum { DAY = 86400, HOUR = 3600 };

static const struct wall now = {INT64_C(1795485600) * CLOCK_NS_PER_SECOND};

struct pki {
    struct keys_private *ca_key, *leaf_key;
    char *ca;
};

static int
make_pki(void **state)
{
    static struct pki pki;
    struct error e = ERROR_INIT;
    pki = (struct pki){NULL, NULL, NULL};
    CHECK_OK(keys_generate(KEYS_SIGNING, &pki.ca_key, &e), &e);
    CHECK_OK(keys_generate(KEYS_SIGNING, &pki.leaf_key, &e), &e);
    CHECK_OK(certificate_make_ca(pki.ca_key, "example.org", now, 3650, &pki.ca, &e), &e);
    *state = &pki;
    return 0;
}

static int
free_pki(void **state)
{
    struct pki *pki = *state;
    keys_private_free(pki->ca_key);
    keys_private_free(pki->leaf_key);
    free(pki->ca);
    return 0;
}

static struct certificate_identity
named(enum certificate_role role, const char *name)
{
    struct certificate_identity identity = {.role = role};
    (void)snprintf(identity.name, sizeof identity.name, "%s", name);
    return identity;
}

static char *
request_of(const struct keys_private *key, struct certificate_identity name)
{
    struct error e = ERROR_INIT;
    char *pem = NULL;
    CHECK_OK(certificate_make_request(key, &name, &pem, &e), &e);
    return pem;
}

static char *
leaf_of(const struct pki *pki, struct certificate_identity name, unsigned days)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) char *request = request_of(pki->leaf_key, name);
    char *pem = NULL;
    CHECK_OK(certificate_issue(pki->ca_key, pki->ca, request, &name, now, days, &pem, &e), &e);
    return pem;
}

static void
names_are_parsed_strictly(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct certificate_identity identity;
    char uri[CERTIFICATE_URI_MAX];
    static const char *const good[] = {"koffer://controller/backup",
                                       "koffer://agent/imap1.example.org", "koffer://operator/a"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_OK(certificate_parse_uri(good[i], &identity, &e), &e);
        assert_int_equal(identity.role, i);
        assert_string_equal(certificate_uri(&identity, uri), good[i]);
    }
    static const char *const bad[] = {
        "",
        "koffer://",
        "koffer://agent",
        "koffer://agent/",
        "koffer://agents/a",
        "koffer://Agent/a",
        "KOFFER://agent/a",
        "koffer://agent/A",
        "koffer://agent/a/b",
        "koffer://agent/a?x",
        "koffer://agent/../operator/a",
        "koffer://agent/a ",
        "https://agent/a",
        "koffer:agent/a",
        "koffer://agent/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_RC(certificate_parse_uri(bad[i], &identity, &e), RC_INVALID);
}

static void
a_leaf_says_who_when_and_which_key(void **state)
{
    const struct pki *pki = *state;
    struct error e = ERROR_INIT;
    for (unsigned role = 0; role < 3; role++) {
        struct certificate_identity name = named((enum certificate_role)role, "one");
        struct certificate_facts facts, from_der;
        CLEANUP(own_freep) char *pem = leaf_of(pki, name, 30);
        CHECK_OK(certificate_inspect(pem, &facts, &e), &e);
        assert_int_equal(facts.identity.role, role);
        assert_string_equal(facts.identity.name, "one");
        assert_true(facts.not_before.ns == now.ns - HOUR * CLOCK_NS_PER_SECOND);
        assert_true(facts.not_after.ns == now.ns + 30 * DAY * CLOCK_NS_PER_SECOND);
        assert_false(id_is_zero(&facts.spki));

        CLEANUP(certificate_x509_freep) X509 *x = NULL;
        unsigned char *der = NULL;
        CHECK_OK(certificate_read_x509(pem, &x, &e), &e);
        int len = i2d_X509(x, &der);
        assert_true(len > 0);
        CHECK_OK(certificate_inspect_der(span_of(der, (size_t)len), &from_der, &e), &e);
        assert_true(id_equal(&facts.spki, &from_der.spki));
        CHECK_RC(certificate_inspect_der(span_of(der, (size_t)len - 1), &from_der, &e), RC_INVALID);
        OPENSSL_free(der);
    }
}

/* Does OpenSSL's own verification accept it for this purpose? */
static bool
verifies(const char *ca_pem, const char *leaf_pem, int purpose)
{
    struct error e = ERROR_INIT;
    CLEANUP(certificate_x509_freep) X509 *ca = NULL;
    CLEANUP(certificate_x509_freep) X509 *leaf = NULL;
    CHECK_OK(certificate_read_x509(ca_pem, &ca, &e), &e);
    CHECK_OK(certificate_read_x509(leaf_pem, &leaf, &e), &e);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_true(store != NULL && ctx != NULL && X509_STORE_add_cert(store, ca) == 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    X509_STORE_CTX_set_time(ctx, 0, now.ns / CLOCK_NS_PER_SECOND);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
    assert_int_equal(X509_STORE_CTX_set_purpose(ctx, purpose), 1);
    bool good = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return good;
}

static void
openssl_accepts_a_leaf_strictly_and_for_its_own_use_only(void **state)
{
    const struct pki *pki = *state;
    CLEANUP(own_freep) char *server = leaf_of(pki, named(CERTIFICATE_CONTROLLER, "c"), 30);
    CLEANUP(own_freep) char *client = leaf_of(pki, named(CERTIFICATE_AGENT, "a"), 30);
    assert_true(verifies(pki->ca, server, X509_PURPOSE_SSL_SERVER));
    assert_false(verifies(pki->ca, server, X509_PURPOSE_SSL_CLIENT));
    assert_true(verifies(pki->ca, client, X509_PURPOSE_SSL_CLIENT));
    assert_false(verifies(pki->ca, client, X509_PURPOSE_SSL_SERVER));
}

static void
a_request_for_another_name_is_denied(void **state)
{
    const struct pki *pki = *state;
    struct error e = ERROR_INIT;
    char *pem = NULL;
    CLEANUP(own_freep) char *request = request_of(pki->leaf_key, named(CERTIFICATE_AGENT, "a"));
    const struct certificate_identity others[] = {
        named(CERTIFICATE_AGENT, "b"),
        named(CERTIFICATE_OPERATOR, "a"),
        named(CERTIFICATE_CONTROLLER, "a"),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK_RC(certificate_issue(pki->ca_key, pki->ca, request, &others[i], now, 30, &pem, &e),
                 RC_DENIED);
    }
    assert_null(pem);
}

static void
what_is_no_request_is_refused(void **state)
{
    const struct pki *pki = *state;
    struct error e = ERROR_INIT;
    char *pem = NULL;
    struct certificate_identity name = named(CERTIFICATE_AGENT, "a");
    CLEANUP(own_freep) char *request = request_of(pki->leaf_key, name);
    const char *const texts[] = {"", "x", pki->ca, "-----BEGIN CERTIFICATE REQUEST-----\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK_RC(certificate_issue(pki->ca_key, pki->ca, texts[i], &name, now, 30, &pem, &e),
                 RC_INVALID);
    }
    /* The last base64 characters hold the signature. */
    char *end = strstr(request, "\n-----END");
    assert_non_null(end);
    end[-8] = end[-8] == 'A' ? 'B' : 'A';
    CHECK_RC(certificate_issue(pki->ca_key, pki->ca, request, &name, now, 30, &pem, &e),
             RC_INVALID);
    assert_null(pem);
}

static void
a_foreign_or_expired_ca_issues_nothing(void **state)
{
    const struct pki *pki = *state;
    struct error e = ERROR_INIT;
    char *pem = NULL;
    struct certificate_identity name = named(CERTIFICATE_AGENT, "a");
    CLEANUP(own_freep) char *request = request_of(pki->leaf_key, name);
    CLEANUP(own_freep) char *leaf = leaf_of(pki, name, 30);
    CHECK_RC(certificate_issue(pki->leaf_key, pki->ca, request, &name, now, 30, &pem, &e),
             RC_INVALID);
    CHECK_RC(certificate_issue(pki->leaf_key, leaf, request, &name, now, 30, &pem, &e), RC_INVALID);
    struct wall late = {now.ns + INT64_C(3651) * DAY * CLOCK_NS_PER_SECOND};
    CHECK_RC(certificate_issue(pki->ca_key, pki->ca, request, &name, late, 30, &pem, &e),
             RC_INVALID);
    assert_null(pem);
}

static void
a_leaf_never_outlives_its_ca(void **state)
{
    const struct pki *pki = *state;
    struct error e = ERROR_INIT;
    struct certificate_facts facts;
    CLEANUP(own_freep) char *pem = leaf_of(pki, named(CERTIFICATE_AGENT, "a"), 5000);
    CHECK_OK(certificate_inspect(pem, &facts, &e), &e);
    assert_true(facts.not_after.ns == now.ns + INT64_C(3650) * DAY * CLOCK_NS_PER_SECOND);
}

static void
a_ca_is_no_leaf_and_serials_differ(void **state)
{
    const struct pki *pki = *state;
    struct error e = ERROR_INIT;
    struct certificate_facts facts;
    CHECK_RC(certificate_inspect(pki->ca, &facts, &e), RC_INVALID);
    CHECK_RC(certificate_inspect("nonsense", &facts, &e), RC_INVALID);

    CLEANUP(own_freep) char *a = leaf_of(pki, named(CERTIFICATE_AGENT, "a"), 30);
    CLEANUP(own_freep) char *b = leaf_of(pki, named(CERTIFICATE_AGENT, "a"), 30);
    CLEANUP(certificate_x509_freep) X509 *x = NULL;
    CLEANUP(certificate_x509_freep) X509 *y = NULL;
    CHECK_OK(certificate_read_x509(a, &x, &e), &e);
    CHECK_OK(certificate_read_x509(b, &y, &e), &e);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(x), X509_get0_serialNumber(y)), 0);
    CLEANUP(certificate_x509_freep) X509 *ca = NULL;
    CHECK_OK(certificate_read_x509(pki->ca, &ca, &e), &e);
    assert_int_equal(X509_get_pathlen(ca), 0);
}

/* A certificate signed by our CA key, but with names we would not give. */
static char *
odd_leaf(const struct pki *pki, const char *san)
{
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) char *good = leaf_of(pki, named(CERTIFICATE_AGENT, "a"), 30);
    CLEANUP(certificate_x509_freep) X509 *x = NULL;
    char *pem = NULL;
    CHECK_OK(certificate_read_x509(good, &x, &e), &e);
    int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
    X509_EXTENSION_free(X509_delete_ext(x, at));
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(x, pki->ca_key->pkey, NULL) > 0);
    CHECK_OK(certificate_write_x509(x, &pem, &e), &e);
    return pem;
}

static void
exactly_one_uri_is_a_name(void **state)
{
    const struct pki *pki = *state;
    struct error e = ERROR_INIT;
    struct certificate_facts facts;
    static const char *const sans[] = {
        "URI:koffer://agent/a,URI:koffer://agent/b",
        "DNS:a",
        "URI:koffer://agent/a,DNS:a",
        "URI:koffer://nobody/a",
        "URI:koffer://controller/a", /* with an agent's key usage */
    };
    for (size_t i = 0; i < sizeof sans / sizeof sans[0]; i++) {
        CLEANUP(own_freep) char *pem = odd_leaf(pki, sans[i]);
        CHECK_RC(certificate_inspect(pem, &facts, &e), RC_INVALID);
    }
    CLEANUP(own_freep) char *fine = odd_leaf(pki, "URI:koffer://agent/z");
    CHECK_OK(certificate_inspect(fine, &facts, &e), &e);
}

static void
two_thirds_of_a_life_are_its_renewal(void **state)
{
    const int64_t hour = INT64_C(3600) * CLOCK_NS_PER_SECOND;
    const struct certificate_facts facts = {.not_before = {9 * hour}, .not_after = {40 * hour}};
    const struct certificate_facts dead = {.not_before = {9 * hour}, .not_after = {10 * hour}};
    (void)state;
    assert_int_equal(certificate_renewal(&facts).ns, 30 * hour);
    assert_true(certificate_renewal(&dead).ns <= 10 * hour);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_thirds_of_a_life_are_its_renewal),
        cmocka_unit_test(names_are_parsed_strictly),
        cmocka_unit_test(a_leaf_says_who_when_and_which_key),
        cmocka_unit_test(openssl_accepts_a_leaf_strictly_and_for_its_own_use_only),
        cmocka_unit_test(a_request_for_another_name_is_denied),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(a_foreign_or_expired_ca_issues_nothing),
        cmocka_unit_test(a_leaf_never_outlives_its_ca),
        cmocka_unit_test(a_ca_is_no_leaf_and_serials_differ),
        cmocka_unit_test(exactly_one_uri_is_a_name),
    };
    return cmocka_run_group_tests_name("certificate", tests, make_pki, free_pki);
}
