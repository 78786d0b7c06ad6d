/* test_hpke.c -- RFC 9180 appendix A.1, its AES-256-GCM sibling, and what must be refused. */
#include "common/crypto/hpke.h"

#include "common/base/text.h"
#include "common/crypto/keys_internal.h"
#include "tests/support/check.h"

#define SK_E "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"
#define SK_R "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"
#define PK_R "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"
#define ENC "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
#define INFO "Ode on a Grecian Urn"
#define AAD "Count-0"
#define PLAIN "Beauty is truth, truth beauty"

enum { PLAIN_LEN = sizeof PLAIN - 1, SEALED_LEN = PLAIN_LEN + HPKE_TAG_SIZE };

struct vector {
    enum hpke_aead aead;
    const char *sealed;
};

static const struct vector vectors[] = {
    /* RFC 9180 A.1.1.1, sequence number 0. */
    {HPKE_AES_128_GCM, "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
                       "6d8770ac83d07bea87e13c512a"},
    /* The same keys with AES-256-GCM; test_keys.c opens what another implementation sealed. */
    {HPKE_AES_256_GCM, "090b7dc225419f7da9e8b460becfbb96a26c7964d79b8010d397fa838530a32a"
                       "397b14f5776db19ff5e57734e0"},
};

static struct hpke
how_of(enum hpke_aead aead)
{
    return (struct hpke){aead, span_of(INFO, sizeof INFO - 1), span_of(AAD, sizeof AAD - 1)};
}

static struct keys_private *
private_of(const char *hex)
{
    struct error e = ERROR_INIT;
    struct keys_private *k = NULL;
    uint8_t raw[KEYS_RAW_SIZE];
    assert_true(text_unhex(hex, raw, sizeof raw));
    CHECK_OK(keys_from_raw(KEYS_RECEIVING, raw, &k, &e), &e);
    return k;
}

static void
seals_and_opens_as_published(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *ephemeral = private_of(SK_E);
    CLEANUP(keys_private_freep) struct keys_private *recipient = private_of(SK_R);
    struct keys_public public;
    uint8_t want_public[32], want_enc[32], want[SEALED_LEN];
    CHECK_OK(keys_public_of(recipient, &public, &e), &e);
    assert_true(text_unhex(PK_R, want_public, 32) && text_unhex(ENC, want_enc, 32));
    assert_memory_equal(public.bytes, want_public, 32);

    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct hpke how = how_of(vectors[i].aead);
        uint8_t enc[HPKE_ENC_SIZE], sealed[SEALED_LEN], opened[PLAIN_LEN];
        assert_true(text_unhex(vectors[i].sealed, want, sizeof want));
        CHECK_OK(hpke_seal(&how, &public, ephemeral, span_of(PLAIN, PLAIN_LEN), enc, sealed, &e),
                 &e);
        assert_memory_equal(enc, want_enc, sizeof enc);
        assert_memory_equal(sealed, want, sizeof want);
        CHECK_OK(hpke_open(&how, recipient, enc, span_of(sealed, sizeof sealed), opened, &e), &e);
        assert_memory_equal(opened, PLAIN, PLAIN_LEN);
    }
}

/* Bit 255 of an X25519 share is ignored by RFC 7748, but the schedule hashes it all the same. */
static void
any_flipped_bit_is_denied(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *recipient = private_of(SK_R);
    struct hpke how = how_of(HPKE_AES_256_GCM);
    uint8_t all[HPKE_ENC_SIZE + SEALED_LEN], opened[PLAIN_LEN];
    assert_true(text_unhex(ENC, all, HPKE_ENC_SIZE));
    assert_true(text_unhex(vectors[1].sealed, all + HPKE_ENC_SIZE, SEALED_LEN));
    for (size_t bit = 0; bit < 8 * sizeof all; bit++) {
        all[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        CHECK_RC(
            hpke_open(&how, recipient, all, span_of(all + HPKE_ENC_SIZE, SEALED_LEN), opened, &e),
            RC_DENIED);
        all[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void
a_share_of_low_order_is_denied(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *recipient = private_of(SK_R);
    struct hpke how = how_of(HPKE_AES_256_GCM);
    const uint8_t zero[HPKE_ENC_SIZE] = {0}, sealed[SEALED_LEN] = {0};
    const struct keys_public nobody = {{0}};
    uint8_t enc[HPKE_ENC_SIZE], out[SEALED_LEN];
    CHECK_RC(hpke_open(&how, recipient, zero, span_of(sealed, sizeof sealed), out, &e), RC_DENIED);
    CHECK_RC(hpke_open(&how, recipient, zero, span_of(sealed, 15), out, &e), RC_DENIED);
    CHECK_RC(hpke_seal(&how, &nobody, NULL, span_of(PLAIN, PLAIN_LEN), enc, out, &e), RC_DENIED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_and_opens_as_published),
        cmocka_unit_test(any_flipped_bit_is_denied),
        cmocka_unit_test(a_share_of_low_order_is_denied),
    };
    return cmocka_run_group_tests_name("hpke", tests, NULL, NULL);
}
