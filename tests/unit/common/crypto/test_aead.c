/* test_aead.c -- the AES-256-GCM vectors of the GCM specification (McGrew, Viega; cases 13 to 16),
 * and what must be refused. */
#include "common/crypto/aead.h"

#include "common/base/text.h"
#include "tests/support/check.h"

#define KEY_15 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define IV_15 "cafebabefacedbaddecaf888"
#define PLAIN_16                                                                                   \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                             \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define CIPHER_16                                                                                  \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"                             \
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"

struct vector {
    const char *key, *iv, *header, *plain, *sealed;
};

static const struct vector vectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {KEY_15, IV_15, "", PLAIN_16 "1aafd255", CIPHER_16 "898015adb094dac5d93471bdec1a502270e3cc6c"},
    {KEY_15, IV_15, "feedfacedeadbeeffeedfacedeadbeefabaddad2", PLAIN_16,
     CIPHER_16 "76fc6ece0f4e1768cddf8853bb2d551b"},
};

struct bytes {
    uint8_t data[128];
    size_t len;
};

static struct bytes
unhex(const char *text)
{
    struct bytes b = {.len = strlen(text) / 2};
    assert_true(text_unhex(text, b.data, b.len));
    return b;
}

static struct aead_key
key_of(const struct vector *v)
{
    struct aead_key key;
    assert_true(text_unhex(v->key, key.bytes, AEAD_KEY_SIZE));
    assert_true(text_unhex(v->iv, key.bytes + AEAD_KEY_SIZE, AEAD_NONCE_SIZE));
    return key;
}

static void
one_object_seals_and_opens_the_published_vectors(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(aead_freep) struct aead *a = NULL;
    CHECK_OK(aead_new(&a, &e), &e);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct aead_key key = key_of(&vectors[i]);
        struct bytes header = unhex(vectors[i].header), plain = unhex(vectors[i].plain),
                     want = unhex(vectors[i].sealed);
        uint8_t sealed[128], opened[128];
        CHECK_OK(aead_seal(a, &key, span_of(header.data, header.len),
                           span_of(plain.data, plain.len), sealed, &e),
                 &e);
        assert_int_equal(want.len, plain.len + AEAD_TAG_SIZE);
        assert_memory_equal(sealed, want.data, want.len);
        CHECK_OK(aead_open(a, &key, span_of(header.data, header.len), span_of(sealed, want.len),
                           opened, &e),
                 &e);
        assert_memory_equal(opened, plain.data, plain.len);
    }
}

static void
any_flipped_bit_is_corrupt_and_yields_no_plain_text(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(aead_freep) struct aead *a = NULL;
    CHECK_OK(aead_new(&a, &e), &e);
    struct aead_key key = key_of(&vectors[3]);
    struct bytes header = unhex(vectors[3].header), sealed = unhex(vectors[3].sealed);
    size_t bits = 8 * (header.len + sealed.len);
    for (size_t bit = 0; bit < bits; bit++) {
        uint8_t *at =
            bit / 8 < header.len ? &header.data[bit / 8] : &sealed.data[bit / 8 - header.len];
        uint8_t out[128];
        memset(out, 0x5a, sizeof out);
        *at ^= (uint8_t)(1u << (bit % 8));
        CHECK_RC(aead_open(a, &key, span_of(header.data, header.len),
                           span_of(sealed.data, sealed.len), out, &e),
                 RC_CORRUPT);
        *at ^= (uint8_t)(1u << (bit % 8));
        for (size_t i = 0; i < sealed.len - AEAD_TAG_SIZE; i++)
            assert_int_equal(out[i], 0);
    }
}

static void
less_than_a_tag_is_corrupt(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(aead_freep) struct aead *a = NULL;
    CHECK_OK(aead_new(&a, &e), &e);
    struct aead_key key = {{0}};
    uint8_t sealed[AEAD_TAG_SIZE] = {0}, out[1];
    for (size_t len = 0; len < sizeof sealed; len++) {
        CHECK_RC(aead_open(a, &key, (struct span){0}, span_of(sealed, len), out, &e), RC_CORRUPT);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_object_seals_and_opens_the_published_vectors),
        cmocka_unit_test(any_flipped_bit_is_corrupt_and_yields_no_plain_text),
        cmocka_unit_test(less_than_a_tag_is_corrupt),
    };
    return cmocka_run_group_tests_name("aead", tests, NULL, NULL);
}
