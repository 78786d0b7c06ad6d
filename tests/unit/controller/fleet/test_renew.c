/* test_renew.c -- a peer gets a new certificate when it is time, and cannot make the controller write without end. */
#include "controller/fleet/renew.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

enum { LIFE = 2000, PAUSE = LIFE / RENEW_PER_LIFE };

static struct world {
    struct catalogue_kit *kit;
    struct pki pki;
    struct audit *audit;
    struct renew renew;
    struct tls_peer peer;
    struct wall start;
} w;

static struct wall
after(int seconds)
{
    return (struct wall){w.start.ns + seconds * CLOCK_NS_PER_SECOND};
}

static void
enrol(void)
{
    struct error e = ERROR_INIT;
    static const struct keys_public none;
    const struct certificate_identity *who = &w.peer.identity;
    CHECK_OK(catalogue_peer_invite(w.kit->catalogue, who->role, who->name, true, &w.peer.spki,
                                   after(LIFE), w.start, &e),
             &e);
    CHECK_OK(catalogue_peer_enrolled(w.kit->catalogue, who->role, who->name, &none, &none,
                                     &w.peer.spki, after(LIFE), w.start, &e),
             &e);
}

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    char log[VAULT_KIT_PATH_SIZE + 8];
    void *kit;
    (void)state;
    assert_int_equal(catalogue_kit_begin(&kit), 0);
    w = (struct world){.kit = kit, .start = clock_wall()};
    pki_make(&w.pki, "test");
    (void)snprintf(log, sizeof log, "%s/audit", w.kit->directory);
    CHECK_OK(
        audit_open(&(struct audit_options){.directory = log, .signer = w.pki.key}, &w.audit, &e),
        &e);
    w.renew = (struct renew){.catalogue = w.kit->catalogue,
                             .audit = w.audit,
                             .ca_key = w.pki.key,
                             .ca_pem = w.pki.ca,
                             .seconds = LIFE};
    w.peer = (struct tls_peer){
        .verified = true, .identity = {.role = CERTIFICATE_OPERATOR, .name = "eve"}, .spki = {{1}}};
    enrol();
    return 0;
}

static int
end(void **state)
{
    void *kit = w.kit;
    (void)state;
    audit_free(w.audit);
    pki_free(&w.pki);
    return catalogue_kit_end(&kit);
}

static enum rc
ask(struct wall now, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    CLEANUP(own_freep) char *request = NULL;
    CLEANUP(own_freep) char *pem = NULL;
    CHECK_OK(keys_generate(KEYS_SIGNING, &key, e), e);
    CHECK_OK(certificate_make_request(key, &w.peer.identity, &request, e), e);
    return renew_certificate(&w.renew, &w.peer, "viewer", request, now, &pem, e);
}

static enum rc
count(void *ctx, const struct audit_record *record, const struct id *hash, struct error *e)
{
    (void)hash;
    (void)e;
    if (strcmp(record->verb, "CERTIFICATE_RENEW") != 0)
        return RC_OK; /* START */
    assert_string_equal(record->role, "viewer");
    ++*(unsigned *)ctx;
    return RC_OK;
}

static unsigned
records(void)
{
    struct error e = ERROR_INIT;
    unsigned found = 0;
    const struct audit_selection all = {.limit = 1000};
    CHECK_OK(audit_show(audit_directory(w.audit), &all, count, &found, &e), &e);
    return found;
}

static void
who_asks_all_the_time_gets_few_and_leaves_few_records(void **state)
{
    struct error e = ERROR_INIT;
    unsigned given = 0;
    (void)state;
    for (int second = 0; second < 3 * PAUSE; second += 5)
        given += ask(after(second), &e) == RC_OK;
    assert_int_equal(given, 2);
    assert_int_equal(records(), 2);
}

static void
refusal_says_when_to_ask_again(void **state)
{
    struct error e = ERROR_INIT;
    char when[CLOCK_TEXT_SIZE];
    (void)state;
    CHECK_RC(ask(after(PAUSE - 1), &e), RC_AGAIN);
    assert_non_null(strstr(e.text, clock_text(after(PAUSE), when)));
    assert_int_equal(records(), 0);
    e = ERROR_INIT;
    CHECK_OK(ask(after(PAUSE), &e), &e);
}

/* Its answer was lost, and the controller starts anew. */
static void
pause_outlives_a_restart_and_ends_before_the_certificate_does(void **state)
{
    struct error e = ERROR_INIT;
    const int due = LIFE * 2 / 3;
    (void)state;
    CHECK_OK(ask(after(due), &e), &e);
    catalogue_kit_reopen(w.kit);
    w.renew.catalogue = w.kit->catalogue;
    CHECK_RC(ask(after(due + 1), &e), RC_AGAIN);
    e = ERROR_INIT;
    CHECK_OK(ask(after(due + PAUSE), &e), &e);
    assert_true(due + PAUSE < LIFE);
}

static void
clock_that_was_set_back_keeps_nobody_out(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_OK(ask(after(-1000), &e), &e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_asks_all_the_time_gets_few_and_leaves_few_records),
        TEST(refusal_says_when_to_ask_again),
        TEST(pause_outlives_a_restart_and_ends_before_the_certificate_does),
        TEST(clock_that_was_set_back_keeps_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
