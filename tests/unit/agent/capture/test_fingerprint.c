/* test_fingerprint.c -- content hashes that only a member of the domain can compute. */
#include "agent/capture/fingerprint.h"

#include <string.h>
#include <xxhash.h>

#include "common/crypto/digest.h"
#include "tests/support/check.h"

enum { LONGEST = 256 * 1024 };

static struct blob_domain
domain_of(char secret)
{
    struct blob_domain domain = {.id = "the same id"};
    memset(domain.secret.bytes, secret, ID_SIZE);
    return domain;
}

static void
check_differ(struct span bytes)
{
    const struct blob_domain a = domain_of('a'), b = domain_of('b');
    struct fingerprint_key key_a, key_b;
    struct memory_hash in_a, again, in_b;
    struct error e = ERROR_INIT;
    CHECK_OK(fingerprint_key_derive(&a, &key_a, &e), &e);
    CHECK_OK(fingerprint_key_derive(&b, &key_b, &e), &e);
    fingerprint_of(&key_a, bytes, &in_a);
    fingerprint_of(&key_a, bytes, &again);
    fingerprint_of(&key_b, bytes, &in_b);
    assert_memory_equal(&in_a, &again, sizeof in_a);
    assert_memory_not_equal(&in_a, &in_b, sizeof in_a);
    XXH128_canonical_t plain;
    XXH128_canonicalFromHash(&plain, XXH3_128bits(bytes.data, bytes.len));
    assert_memory_not_equal(&in_a, plain.digest, sizeof in_a);
}

/* XXH3 hashes 0, 1 to 3, 4 to 8, 9 to 16, 17 to 128, 129 to 240 and more bytes each in its own way. */
static void
two_domains_hash_the_same_content_differently_whatever_its_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,   1,   3,   4,   8,    9,     16,     17,
                                     128, 129, 240, 241, 1024, 65536, LONGEST};
    static uint8_t bytes[LONGEST];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 5);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        check_differ(span_of(bytes, lengths[i]));
}

/* As docs/formats/memory.md says, so that another implementation finds its files unchanged. */
static void
the_key_is_expanded_from_the_secret_of_the_domain(void **state)
{
    (void)state;
    const struct blob_domain domain = domain_of('s');
    struct fingerprint_key key, zero = {0};
    uint8_t want[192];
    struct error e = ERROR_INIT;
    CHECK_OK(fingerprint_key_derive(&domain, &key, &e), &e);
    CHECK_OK(digest_expand(&domain.secret, "koffer/1/memory", want, sizeof want, &e), &e);
    assert_int_equal(sizeof key.bytes, sizeof want);
    assert_memory_equal(key.bytes, want, sizeof want);
    fingerprint_key_wipe(&key);
    assert_memory_equal(&key, &zero, sizeof key);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_domains_hash_the_same_content_differently_whatever_its_length),
        cmocka_unit_test(the_key_is_expanded_from_the_secret_of_the_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
