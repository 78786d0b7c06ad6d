/* test_mandate.c -- only what the controller signed counts, and every field of it. */
#include "common/record/mandate.h"
#include "tests/support/check.h"

static struct keys_private *controller;
static struct keys_public controller_public;
static const struct keys_public recipients[2] = {{"one"}, {"two"}};
static const struct id root = {"root"};
static const uint8_t sealed[KEYS_SEALED_SIZE] = "sealed";

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_OK(keys_generate(KEYS_SIGNING, &controller, &e), &e);
    CHECK_OK(keys_public_of(controller, &controller_public, &e), &e);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    keys_private_free(controller);
    return 0;
}

static struct mandate_restore
a_restore(void)
{
    return (struct mandate_restore){.vault = {{7}},
                                    .host = "db1",
                                    .job = 9,
                                    .root = &root,
                                    .root_sealed = sealed,
                                    .path = "fs/etc",
                                    .target = "/srv/back"};
}

static void
what_the_controller_signed_counts(void **state)
{
    struct error e = ERROR_INIT;
    uint8_t signature[KEYS_SIGNATURE_SIZE];
    const struct mandate_recipients r = {{{7}}, recipients, 2};
    const struct mandate_restore m = a_restore();
    (void)state;
    CHECK_OK(mandate_sign_recipients(controller, &r, signature, &e), &e);
    CHECK_OK(mandate_check_recipients(&controller_public, &r, signature, &e), &e);
    CHECK_OK(mandate_sign_restore(controller, &m, signature, &e), &e);
    CHECK_OK(mandate_check_restore(&controller_public, &m, signature, &e), &e);
}

static void
other_recipients_are_refused(void **state)
{
    struct error e = ERROR_INIT;
    uint8_t signature[KEYS_SIGNATURE_SIZE];
    const struct keys_public swapped[2] = {recipients[1], recipients[0]};
    const struct mandate_recipients signed_one = {{{7}}, recipients, 2};
    const struct mandate_recipients others[] = {
        {{{8}}, recipients, 2}, {{{7}}, recipients, 1}, {{{7}}, swapped, 2}};
    (void)state;
    CHECK_OK(mandate_sign_recipients(controller, &signed_one, signature, &e), &e);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK_RC(mandate_check_recipients(&controller_public, &others[i], signature, &e),
                 RC_DENIED);
}

static void
another_restore_is_refused(void **state)
{
    struct error e = ERROR_INIT;
    uint8_t signature[KEYS_SIGNATURE_SIZE];
    static const struct id other_root = {"other"};
    static const uint8_t other_sealed[KEYS_SEALED_SIZE] = "others";
    struct mandate_restore others[9];
    const struct mandate_restore m = a_restore();
    (void)state;
    for (size_t i = 0; i < 9; i++)
        others[i] = m;
    others[0].vault.bytes[0]++;
    others[1].host = "db2";
    others[2].job++;
    others[3].root = &other_root;
    others[4].root_sealed = other_sealed;
    others[5].path = "fs";
    others[6].target = "/srv/back2";
    others[7].dry_run = true;
    others[8].replace = true;
    CHECK_OK(mandate_sign_restore(controller, &m, signature, &e), &e);
    for (size_t i = 0; i < 9; i++)
        CHECK_RC(mandate_check_restore(&controller_public, &others[i], signature, &e), RC_DENIED);
}

static void
a_signature_for_one_thing_is_none_for_another(void **state)
{
    struct error e = ERROR_INIT;
    uint8_t signature[KEYS_SIGNATURE_SIZE];
    const struct mandate_recipients r = {{{7}}, recipients, 2};
    const struct mandate_restore m = a_restore();
    (void)state;
    CHECK_OK(mandate_sign_recipients(controller, &r, signature, &e), &e);
    CHECK_RC(mandate_check_restore(&controller_public, &m, signature, &e), RC_DENIED);
}

static void
proof_of_an_enrolment_needs_the_token_and_every_field(void **state)
{
    struct error e = ERROR_INIT;
    const uint8_t binding[32] = {1}, other_binding[32] = {2};
    const struct id token = {{3}}, other_token = {{4}};
    const struct mandate_enrolment m = {binding, {{7}}, controller_public};
    struct mandate_enrolment others[3] = {m, m, m};
    struct id proof, other;
    (void)state;
    others[0].binding = other_binding;
    others[1].vault.bytes[0]++;
    others[2].controller.bytes[0] ^= 1;
    CHECK_OK(mandate_enrolment_proof(&token, &m, &proof, &e), &e);
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(mandate_enrolment_proof(&token, &others[i], &other, &e), &e);
        assert_false(id_equal(&proof, &other));
    }
    CHECK_OK(mandate_enrolment_proof(&other_token, &m, &other, &e), &e);
    assert_false(id_equal(&proof, &other));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_controller_signed_counts),
        cmocka_unit_test(other_recipients_are_refused),
        cmocka_unit_test(another_restore_is_refused),
        cmocka_unit_test(a_signature_for_one_thing_is_none_for_another),
        cmocka_unit_test(proof_of_an_enrolment_needs_the_token_and_every_field),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
