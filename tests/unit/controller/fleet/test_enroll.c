/* test_enroll.c -- joining over real TLS: a good token is worth one certificate, anything else nothing. */
#include "controller/fleet/enroll.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "common/crypto/digest.h"
#include "proto/enroll.h"
#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

static struct world {
    struct catalogue_kit *catalogue;
    char vault_path[VAULT_KIT_PATH_SIZE + 8];
    struct record_vault_id vault_id;
    struct vault *vault;
    struct pki pki;
    struct pki_leaf controller;
    struct keys_public controller_key, recipient;
    struct roster roster;
    struct tls_identity identity;
    struct mailbox *mailbox;
    struct audit *audit;
    struct enroll_server *server;
    sem_t woken;
    struct keys_private *tls, *signing, *receiving;
    /* one attempt, made on a thread of its own */
    char enrolled[80];   /* "agent imap1": what was told */
    bool open_meanwhile; /* the listener, after a tick between the token's end and the answer */
    struct token token;
    bool done;
    enum rc rc;
    struct error e;
    struct enroll_result result;
} w;

static void
wake(void *ctx)
{
    (void)ctx;
    assert_int_equal(sem_post(&w.woken), 0);
}

static void
open_stores(void)
{
    struct error e = ERROR_INIT;
    void *kit;
    assert_int_equal(catalogue_kit_begin(&kit), 0);
    w.catalogue = kit;
    (void)snprintf(w.vault_path, sizeof w.vault_path, "%s/vault", w.catalogue->directory);
    CHECK_OK(vault_create(w.vault_path, false, &w.vault_id, &e), &e);
    CHECK_OK(vault_open(w.vault_path, &(struct vault_options){0}, &w.vault, &e), &e);
}

static void
make_keys(void)
{
    struct error e = ERROR_INIT;
    pki_make(&w.pki, "test");
    pki_issue(&w.pki, CERTIFICATE_CONTROLLER, "main", clock_wall(), 30, &w.controller);
    w.identity = (struct tls_identity){
        .ca = w.pki.ca, .certificate = w.controller.certificate, .key = w.controller.key};
    memset(w.controller_key.bytes, 'c', sizeof w.controller_key.bytes);
    memset(w.recipient.bytes, 'r', sizeof w.recipient.bytes);
    w.roster.entries[w.roster.count++].key = w.recipient;
    CHECK_OK(keys_generate(KEYS_SIGNING, &w.tls, &e), &e);
    CHECK_OK(keys_generate(KEYS_SIGNING, &w.signing, &e), &e);
    CHECK_OK(keys_generate(KEYS_RECEIVING, &w.receiving, &e), &e);
}

static void
enrolled(void *ctx, enum certificate_role role, const char *name)
{
    struct error ignored = ERROR_INIT;
    unsigned port;
    (void)snprintf(ctx, sizeof w.enrolled, "%s %s", certificate_role_name(role), name);
    enroll_tick(w.server);
    w.open_meanwhile = enroll_port(w.server, &port, &ignored) == RC_OK;
}

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    w = (struct world){.done = false};
    assert_int_equal(sem_init(&w.woken, 0, 0), 0);
    open_stores();
    make_keys();
    CHECK_OK(mailbox_new(wake, NULL, &w.mailbox, &e), &e);
    char audit[VAULT_KIT_PATH_SIZE + 8];
    (void)snprintf(audit, sizeof audit, "%s/audit", w.catalogue->directory);
    CHECK_OK(
        audit_open(&(struct audit_options){.directory = audit, .signer = w.signing}, &w.audit, &e),
        &e);
    const struct enroll_options options = {
        .catalogue = w.catalogue->catalogue,
        .vault = w.vault,
        .mailbox = w.mailbox,
        .audit = w.audit,
        .ca_key = w.pki.key,
        .identity = &w.identity,
        .url = "tls+tcp://127.0.0.1:0",
        .controller = "main",
        .control_url = "tls+tcp://c:1",
        .data_url = "tls+tcp://c:2",
        .controller_key = &w.controller_key,
        .roster = &w.roster,
        .certificate_seconds = 10 * 86400,
        .enrolled = enrolled,
        .ctx = w.enrolled,
    };
    CHECK_OK(enroll_server_new(&options, &w.server, &e), &e);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    void *kit = w.catalogue;
    mailbox_close(w.mailbox);
    enroll_server_free(w.server);
    mailbox_free(w.mailbox);
    audit_free(w.audit);
    vault_close(w.vault);
    enroll_result_free(&w.result);
    keys_private_free(w.tls);
    keys_private_free(w.signing);
    keys_private_free(w.receiving);
    pki_leaf_free(&w.controller);
    pki_free(&w.pki);
    (void)sem_destroy(&w.woken);
    return catalogue_kit_end(&kit);
}

/* As `koffer agent add` does: fills w.token. */
static void
invite(enum certificate_role role, const char *name, struct wall until)
{
    struct error e = ERROR_INIT;
    unsigned port;
    struct id hash;
    w.token = (struct token){.identity = {.role = role}, .spki = w.controller.spki};
    (void)snprintf(w.token.identity.name, sizeof w.token.identity.name, "%s", name);
    (void)snprintf(w.token.controller, sizeof w.token.controller, "main");
    CHECK_OK(keys_random(w.token.secret.bytes, ID_SIZE, &e), &e);
    CHECK_OK(digest_sha256(span_of(w.token.secret.bytes, ID_SIZE), &hash, &e), &e);
    CHECK_OK(catalogue_peer_invite(w.catalogue->catalogue, role, name, true, &hash, until,
                                   clock_wall(), &e),
             &e);
    CHECK_OK(enroll_open(w.server, &e), &e);
    CHECK_OK(enroll_port(w.server, &port, &e), &e);
    (void)snprintf(w.token.url, sizeof w.token.url, "tls+tcp://127.0.0.1:%u", port);
}

static struct wall
in_an_hour(void)
{
    return (struct wall){clock_wall().ns + 3600 * CLOCK_NS_PER_SECOND};
}

static void
finished(void *ctx)
{
    (void)ctx;
    w.done = true;
}

static void *
run_join(void *arg)
{
    struct error e = ERROR_INIT;
    bool agent = w.token.identity.role == CERTIFICATE_AGENT;
    struct enroll_keys keys = {&w.token, agent ? w.signing : NULL, agent ? w.receiving : NULL};
    const struct enroll_prover prover = {enroll_prove, &keys};
    (void)arg;
    w.rc = enroll_join(&w.token, w.tls, &prover, &w.result, &w.e);
    CHECK_OK(mailbox_post(w.mailbox, finished, NULL, &e), &e);
    return NULL;
}

/* The joiner on a thread of its own, the controller's loop on ours. */
static enum rc
join(void)
{
    pthread_t joiner;
    w.done = false;
    w.enrolled[0] = '\0';
    w.e = ERROR_INIT;
    enroll_result_free(&w.result);
    assert_int_equal(pthread_create(&joiner, NULL, run_join, NULL), 0);
    while (!w.done) {
        assert_int_equal(sem_wait(&w.woken), 0);
        mailbox_run(w.mailbox);
    }
    assert_int_equal(pthread_join(joiner, NULL), 0);
    return w.rc;
}

static void
must_join(void)
{
    if (join() != RC_OK)
        fail_msg("%s", w.e.text);
}

static enum rc
check_peer(void *ctx, const struct catalogue_peer *p, struct error *e)
{
    struct keys_public signing, receiving;
    const struct certificate_facts *facts = ctx;
    assert_true(p->enrolled);
    assert_true(id_is_zero(&p->token));
    assert_true(id_equal(&p->certificate, &facts->spki));
    CHECK_OK(keys_public_of(w.signing, &signing, e), e);
    CHECK_OK(keys_public_of(w.receiving, &receiving, e), e);
    assert_memory_equal(p->signing.bytes, signing.bytes, KEYS_PUBLIC_SIZE);
    assert_memory_equal(p->receiving.bytes, receiving.bytes, KEYS_PUBLIC_SIZE);
    return RC_OK;
}

static void
good_token_gives_a_certificate_and_all_there_is_to_know(void **state)
{
    struct error e = ERROR_INIT;
    struct certificate_facts facts;
    (void)state;
    invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
    must_join();
    assert_string_equal(w.enrolled, "agent imap1");
    CHECK_OK(certificate_inspect(w.result.certificate, &facts, &e), &e);
    assert_int_equal(facts.identity.role, CERTIFICATE_AGENT);
    assert_string_equal(facts.identity.name, "imap1");
    assert_string_equal(w.result.ca, w.pki.ca);
    assert_string_equal(w.result.controller, "main");
    assert_string_equal(w.result.control_url, "tls+tcp://c:1");
    assert_string_equal(w.result.data_url, "tls+tcp://c:2");
    assert_memory_equal(w.result.vault.bytes, w.vault_id.bytes, RECORD_VAULT_ID_SIZE);
    assert_memory_equal(w.result.controller_key.bytes, w.controller_key.bytes, KEYS_PUBLIC_SIZE);
    assert_int_equal(w.result.recipient_count, 1);
    assert_memory_equal(w.result.recipients[0].bytes, w.recipient.bytes, KEYS_PUBLIC_SIZE);
    CHECK_OK(catalogue_peer_find(w.catalogue->catalogue, CERTIFICATE_AGENT, "imap1", check_peer,
                                 &facts, &e),
             &e);
}

static void
operator_joins_without_the_keys_of_an_agent(void **state)
{
    struct error e = ERROR_INIT;
    struct certificate_facts facts;
    (void)state;
    invite(CERTIFICATE_OPERATOR, "ada", in_an_hour());
    must_join();
    CHECK_OK(certificate_inspect(w.result.certificate, &facts, &e), &e);
    assert_int_equal(facts.identity.role, CERTIFICATE_OPERATOR);
}

static void
must_be_refused(const char *why)
{
    CHECK_RC(join(), RC_DENIED);
    if (strstr(w.e.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", w.e.text, why);
    assert_null(w.result.certificate);
    assert_string_equal(w.enrolled, "");
}

static void
used_token_is_refused(void **state)
{
    (void)state;
    invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
    must_join();
    must_be_refused("not valid");
}

static void
wrong_secret_is_refused_and_burns_nothing(void **state)
{
    (void)state;
    invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
    w.token.secret.bytes[0] ^= 1;
    must_be_refused("koffer agent add");
    w.token.secret.bytes[0] ^= 1;
    must_join();
}

static void
token_of_another_name_or_role_is_refused_alike(void **state)
{
    (void)state;
    invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
    (void)snprintf(w.token.identity.name, sizeof w.token.identity.name, "imap2");
    must_be_refused("the token for 'imap2' is not valid"); /* and not: there is no imap2 */
    (void)snprintf(w.token.identity.name, sizeof w.token.identity.name, "imap1");
    w.token.identity.role = CERTIFICATE_OPERATOR;
    must_be_refused("the token for 'imap1' is not valid");
}

static void
expired_token_is_refused(void **state)
{
    (void)state;
    invite(CERTIFICATE_AGENT, "imap1", (struct wall){clock_wall().ns - 1});
    must_be_refused("expired");
}

static void
controller_with_another_key_is_not_told_anything(void **state)
{
    (void)state;
    invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
    w.token.spki.bytes[0] ^= 1;
    assert_true(join() != RC_OK);
    w.token.spki.bytes[0] ^= 1;
    must_join(); /* the token was not shown, let alone burnt */
}

static void
three_failures_block_the_address(void **state)
{
    (void)state;
    invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
    w.token.secret.bytes[0] ^= 1;
    for (int i = 0; i < 3; i++)
        must_be_refused("not valid");
    w.token.secret.bytes[0] ^= 1;
    must_be_refused("too many failed enrolments from 127.0.0.1");
}

static void
success_is_no_failure(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
        w.token.secret.bytes[0] ^= 1;
        must_be_refused("not valid");
        must_be_refused("not valid");
        w.token.secret.bytes[0] ^= 1;
        must_join();
    }
}

static void
listener_closes_when_no_token_is_open(void **state)
{
    struct error e = ERROR_INIT;
    unsigned port;
    (void)state;
    CHECK_RC(enroll_port(w.server, &port, &e), RC_AGAIN);
    invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
    enroll_tick(w.server);
    CHECK_OK(enroll_port(w.server, &port, &e), &e);
    must_join();
    do { /* until the thread that answered has seen the joiner go */
        (void)sched_yield();
        enroll_tick(w.server);
    } while (enroll_port(w.server, &port, &e) == RC_OK);
    CHECK_RC(enroll_port(w.server, &port, &e), RC_AGAIN);
    assert_true(join() != RC_OK);
}

/* A certificate whose bearer never got it would cost a token, and lock out who had one before. */
static void
the_listener_stays_until_the_certificate_was_handed_over(void **state)
{
    (void)state;
    invite(CERTIFICATE_AGENT, "imap1", in_an_hour());
    must_join();
    assert_true(w.open_meanwhile);
    assert_non_null(w.result.certificate);
}

static int
start_tls(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_OK(tls_start(&e), &e);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_token_gives_a_certificate_and_all_there_is_to_know),
        TEST(operator_joins_without_the_keys_of_an_agent),
        TEST(used_token_is_refused),
        TEST(wrong_secret_is_refused_and_burns_nothing),
        TEST(token_of_another_name_or_role_is_refused_alike),
        TEST(expired_token_is_refused),
        TEST(controller_with_another_key_is_not_told_anything),
        TEST(three_failures_block_the_address),
        TEST(success_is_no_failure),
        TEST(listener_closes_when_no_token_is_open),
        TEST(the_listener_stays_until_the_certificate_was_handed_over),
    };
    return cmocka_run_group_tests(tests, start_tls, NULL);
}
