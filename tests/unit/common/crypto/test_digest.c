/* test_digest.c -- the published vectors: FIPS 180-4, RFC 4231, RFC 5869. */
#include "common/crypto/digest.h"

#include <pthread.h>

#include "common/base/text.h"
#include "tests/support/check.h"

static struct span
text(const char *s)
{
    return span_of(s, strlen(s));
}

static void
check_id(const struct id *id, const char *want)
{
    char shown[ID_TEXT_SIZE];
    assert_string_equal(id_text(id, shown), want);
}

static void
sha256_matches_fips_180(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct id id;
    CHECK_OK(digest_sha256(text("abc"), &id, &e), &e);
    check_id(&id, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_OK(digest_sha256((struct span){0}, &id, &e), &e);
    check_id(&id, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void
pieces_hash_like_the_whole_and_the_object_starts_over(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(digest_freep) struct digest *d = NULL;
    CHECK_OK(digest_new(&d, &e), &e);
    for (int round = 0; round < 2; round++) {
        struct id id;
        CHECK_OK(digest_update(d, text("a"), &e), &e);
        CHECK_OK(digest_update(d, (struct span){0}, &e), &e);
        CHECK_OK(digest_update(d, text("bc"), &e), &e);
        CHECK_OK(digest_final(d, &id, &e), &e);
        check_id(&id, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

struct hmac_vector {
    const char *key, *data, *mac;
};

/* HMAC pads a short key with zeros and hashes a long one first, so every case has a 32-byte key. */
static void
hmac_matches_rfc_4231(void **state)
{
    (void)state;
    static const struct hmac_vector vectors[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b000000000000000000000000", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a65666500000000000000000000000000000000000000000000000000000000",
         "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa000000000000000000000000",
         "dddddddddddddddddddddddddddddddddddddddddddddddddd"
         "dddddddddddddddddddddddddddddddddddddddddddddddddd",
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"0102030405060708090a0b0c0d0e0f1011121314151617181900000000000000",
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct error e = ERROR_INIT;
        struct id key, mac;
        uint8_t data[64];
        size_t len = strlen(vectors[i].data) / 2;
        assert_true(text_unhex(vectors[i].key, key.bytes, ID_SIZE));
        assert_true(text_unhex(vectors[i].data, data, len));
        for (size_t cut = 0; cut <= len; cut++) {
            CHECK_OK(
                digest_hmac(&key, span_of(data, cut), span_of(data + cut, len - cut), &mac, &e),
                &e);
            check_id(&mac, vectors[i].mac);
        }
    }
}

static void
hmac_with_a_long_key_matches_rfc_4231(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    uint8_t long_key[131];
    struct id key, mac;
    memset(long_key, 0xaa, sizeof long_key);
    CHECK_OK(digest_sha256(span_of(long_key, sizeof long_key), &key, &e), &e);
    CHECK_OK(digest_hmac(&key, text("Test Using Larger Than Block-Size Key - Hash Key First"),
                         (struct span){0}, &mac, &e),
             &e);
    check_id(&mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void
expand_matches_rfc_5869(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct id prk;
    uint8_t info[80], out[82], want[82];

    CHECK_OK(id_parse("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5", &prk, &e),
             &e);
    assert_true(text_unhex("f0f1f2f3f4f5f6f7f8f9", info, 10));
    assert_true(text_unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                           "34007208d5b887185865",
                           want, 42));
    CHECK_OK(digest_expand_bytes(&prk, span_of(info, 10), out, 42, &e), &e);
    assert_memory_equal(out, want, 42);

    CHECK_OK(id_parse("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244", &prk, &e),
             &e);
    for (size_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)(0xb0 + i);
    assert_true(text_unhex("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                           "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                           "cc30c58179ec3e87c14c01d5c1f3434f1d87",
                           want, 82));
    CHECK_OK(digest_expand_bytes(&prk, span_of(info, 80), out, 82, &e), &e);
    assert_memory_equal(out, want, 82);

    CHECK_OK(id_parse("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04", &prk, &e),
             &e);
    assert_true(text_unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                           "9d201395faa4b61a96c8",
                           want, 42));
    CHECK_OK(digest_expand(&prk, "", out, 42, &e), &e);
    assert_memory_equal(out, want, 42);
}

static void *
hash_many(void *unused)
{
    (void)unused;
    struct error e = ERROR_INIT;
    const struct id key = {{0}};
    struct id first, again;
    CHECK_OK(digest_hmac(&key, text("x"), text("y"), &first, &e), &e);
    for (int i = 0; i < 200; i++) {
        CHECK_OK(digest_hmac(&key, text("x"), text("y"), &again, &e), &e);
        assert_true(id_equal(&first, &again));
    }
    return NULL;
}

static void
threads_may_hash_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_many, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_may_hash_at_once),
        cmocka_unit_test(sha256_matches_fips_180),
        cmocka_unit_test(pieces_hash_like_the_whole_and_the_object_starts_over),
        cmocka_unit_test(hmac_matches_rfc_4231),
        cmocka_unit_test(hmac_with_a_long_key_matches_rfc_4231),
        cmocka_unit_test(expand_matches_rfc_5869),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
