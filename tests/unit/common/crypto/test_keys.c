/* test_keys.c -- signing (RFC 8032 keys), sealing to a recipient, key files, the paper key. */
#include "common/crypto/keys.h"

#include <stdio.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "common/crypto/keys_internal.h"
#include "tests/support/check.h"

#define CONTEXT "koffer/1/test"

struct place {
    char directory[32];
    char path[64];
};

static int
enter(void **state)
{
    static struct place place;
    place = (struct place){.directory = "/tmp/koffer-keys-XXXXXX"};
    if (mkdtemp(place.directory) == NULL)
        return -1;
    (void)snprintf(place.path, sizeof place.path, "%s/key", place.directory);
    *state = &place;
    return 0;
}

static int
leave(void **state)
{
    struct place *place = *state;
    (void)unlink(place->path);
    return rmdir(place->directory);
}

static struct keys_private *
key_of(enum keys_kind kind, const char *hex)
{
    struct error e = ERROR_INIT;
    struct keys_private *k = NULL;
    uint8_t raw[KEYS_RAW_SIZE];
    assert_true(text_unhex(hex, raw, sizeof raw));
    CHECK_OK(keys_from_raw(kind, raw, &k, &e), &e);
    return k;
}

static struct keys_private *
new_key(enum keys_kind kind)
{
    struct error e = ERROR_INIT;
    struct keys_private *k = NULL;
    CHECK_OK(keys_generate(kind, &k, &e), &e);
    return k;
}

static struct keys_public
public_of(const struct keys_private *k)
{
    struct error e = ERROR_INIT;
    struct keys_public public;
    CHECK_OK(keys_public_of(k, &public, &e), &e);
    return public;
}

static void
public_keys_match_rfc_8032_and_rfc_9180(void **state)
{
    (void)state;
    static const struct {
        enum keys_kind kind;
        const char *private, *public;
    } vectors[] = {
        {KEYS_SIGNING, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
        {KEYS_SIGNING, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
        {KEYS_RECEIVING, "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
         "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        CLEANUP(keys_private_freep)
        struct keys_private *k = key_of(vectors[i].kind, vectors[i].private);
        struct keys_public public = public_of(k);
        uint8_t want[KEYS_PUBLIC_SIZE];
        assert_true(text_unhex(vectors[i].public, want, sizeof want));
        assert_memory_equal(public.bytes, want, sizeof want);
    }
}

/* Ed25519 is deterministic: this one was made by another implementation (pyca/cryptography). */
static void
signatures_are_over_the_context_and_the_hash(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep)
    struct keys_private *k =
        key_of(KEYS_SIGNING, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    uint8_t signature[KEYS_SIGNATURE_SIZE], want[KEYS_SIGNATURE_SIZE];
    assert_true(text_unhex("ace502432189c63ff6858efdf1160ae2170f34a22ed35655cafb2a370d7b63f5"
                           "2c89d129009712bbdb88f35080fc3ab39993f143caa0645e7f08add0aa1d0f09",
                           want, sizeof want));
    CHECK_OK(keys_sign(k, CONTEXT, span_of("abc", 3), signature, &e), &e);
    assert_memory_equal(signature, want, sizeof want);
}

static void
only_the_signed_message_in_its_context_by_its_key_checks(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = new_key(KEYS_SIGNING);
    CLEANUP(keys_private_freep) struct keys_private *other = new_key(KEYS_SIGNING);
    struct keys_public public = public_of(k), another = public_of(other);
    uint8_t signature[KEYS_SIGNATURE_SIZE];
    struct span message = span_of("message", 7);

    CHECK_OK(keys_sign(k, CONTEXT, message, signature, &e), &e);
    CHECK_OK(keys_check(&public, CONTEXT, message, signature, &e), &e);
    CHECK_RC(keys_check(&public, "koffer/1/tesT", message, signature, &e), RC_CORRUPT);
    CHECK_RC(keys_check(&public, CONTEXT, span_of("massage", 7), signature, &e), RC_CORRUPT);
    CHECK_RC(keys_check(&another, CONTEXT, message, signature, &e), RC_CORRUPT);
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        CHECK_RC(keys_check(&public, CONTEXT, message, signature, &e), RC_CORRUPT);
        signature[i] ^= 1;
    }
    memset(public.bytes, 0xff, sizeof public.bytes);
    CHECK_RC(keys_check(&public, CONTEXT, message, signature, &e), RC_CORRUPT);
}

static void
each_kind_does_only_its_own_work(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *signing = new_key(KEYS_SIGNING);
    CLEANUP(keys_private_freep) struct keys_private *receiving = new_key(KEYS_RECEIVING);
    uint8_t signature[KEYS_SIGNATURE_SIZE], sealed[KEYS_SEALED_SIZE] = {0};
    char paper[KEYS_PAPER_SIZE];
    struct id out;
    CHECK_RC(keys_sign(receiving, CONTEXT, span_of("x", 1), signature, &e), RC_INVALID);
    CHECK_RC(keys_open(signing, span_of("x", 1), sealed, &out, &e), RC_INVALID);
    CHECK_RC(keys_to_paper(signing, paper, &e), RC_INVALID);
}

static void
a_secret_reaches_its_recipient_only_and_with_its_info_only(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = new_key(KEYS_RECEIVING);
    CLEANUP(keys_private_freep) struct keys_private *other = new_key(KEYS_RECEIVING);
    struct keys_public public = public_of(k);
    struct id secret, opened;
    uint8_t sealed[KEYS_SEALED_SIZE], again[KEYS_SEALED_SIZE];
    uint8_t long_info[61];
    memset(long_info, 7, sizeof long_info);
    struct span info = span_of(long_info, sizeof long_info);
    CHECK_OK(keys_random(&secret, sizeof secret, &e), &e);

    CHECK_OK(keys_seal(&public, info, &secret, sealed, &e), &e);
    CHECK_OK(keys_open(k, info, sealed, &opened, &e), &e);
    assert_true(id_equal(&secret, &opened));
    CHECK_RC(keys_open(other, info, sealed, &opened, &e), RC_DENIED);
    CHECK_RC(keys_open(k, span_of(long_info, 60), sealed, &opened, &e), RC_DENIED);
    CHECK_OK(keys_seal(&public, info, &secret, again, &e), &e);
    assert_memory_not_equal(sealed, again, sizeof again); /* a fresh ephemeral key each time */
}

static void
what_another_implementation_sealed_opens(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep)
    struct keys_private *k =
        key_of(KEYS_RECEIVING, "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8");
    uint8_t sealed[KEYS_SEALED_SIZE];
    struct id opened;
    assert_true(text_unhex("2eb9be65713447d31170db5078876c4d410a4321b5f966ecb1b9f87a766cb416"
                           "636845baaa963d9e1a81734a49fb5e9edba87fa2d4a32fed0d2bbc6a1e7d1dc8"
                           "98cc6a66f606112d4a58780693463cea",
                           sealed, sizeof sealed));
    CHECK_OK(keys_open(k, span_of("koffer/1/root", 13), sealed, &opened, &e), &e);
    for (size_t i = 0; i < ID_SIZE; i++)
        assert_int_equal(opened.bytes[i], i);
}

static void
a_key_file_is_private_and_never_overwritten(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = new_key(KEYS_SIGNING);
    CLEANUP(keys_private_freep) struct keys_private *read = NULL;
    struct stat about;
    CHECK_OK(keys_write_file(k, place->path, &e), &e);
    assert_int_equal(stat(place->path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    CHECK_RC(keys_write_file(k, place->path, &e), RC_EXISTS);

    CHECK_OK(keys_read_file(KEYS_SIGNING, place->path, &read, &e), &e);
    struct keys_public before = public_of(k), after = public_of(read);
    assert_memory_equal(&before, &after, sizeof before);
    struct keys_private *none = NULL;
    CHECK_RC(keys_read_file(KEYS_RECEIVING, place->path, &none, &e), RC_INVALID);
    assert_null(none);
    assert_non_null(strstr(e.text, place->path));
}

static void
a_key_that_others_can_reach_is_refused_with_the_remedy(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = new_key(KEYS_RECEIVING);
    struct keys_private *read = NULL;
    char link[80];
    CHECK_OK(keys_write_file(k, place->path, &e), &e);

    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(chmod(place->path, bad[i]), 0);
        CHECK_RC(keys_read_file(KEYS_RECEIVING, place->path, &read, &e), RC_DENIED);
        assert_non_null(strstr(e.text, "chmod 600"));
    }
    assert_int_equal(chmod(place->path, 0400), 0);
    (void)snprintf(link, sizeof link, "%s.link", place->path);
    assert_int_equal(symlink(place->path, link), 0);
    CHECK_RC(keys_read_file(KEYS_RECEIVING, link, &read, &e), RC_DENIED);
    assert_int_equal(unlink(link), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(place->path, 65534, 65534), 0);
        CHECK_RC(keys_read_file(KEYS_RECEIVING, place->path, &read, &e), RC_DENIED);
    }
    assert_int_equal(unlink(place->path), 0);
    CHECK_RC(keys_read_file(KEYS_RECEIVING, place->path, &read, &e), RC_NOT_FOUND);
    assert_null(read);
}

static void
a_pem_text_can_be_given_to_tls(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *k = new_key(KEYS_SIGNING);
    char *pem = NULL;
    CHECK_OK(keys_to_pem(k, &pem, &e), &e);
    assert_non_null(strstr(pem, "-----BEGIN PRIVATE KEY-----\n"));
    keys_wipe(pem, strlen(pem));
    free(pem);
}

static void
write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void
a_secret_file_is_one_line_of_64_digits(void **state)
{
    const struct place *place = *state;
    struct error e = ERROR_INIT;
    struct id secret, read;
    char text[ID_TEXT_SIZE + 8];
    CHECK_OK(keys_random(&secret, sizeof secret, &e), &e);
    CHECK_OK(keys_write_secret(&secret, place->path, &e), &e);
    CHECK_OK(keys_read_secret(place->path, &read, &e), &e);
    assert_true(id_equal(&secret, &read));
    CHECK_RC(keys_write_secret(&secret, place->path, &e), RC_EXISTS);

    (void)id_text(&secret, text);
    write_text(place->path, text);
    CHECK_OK(keys_read_secret(place->path, &read, &e), &e);
    static const char *const tails[] = {"0", "\n\n", "\nx", " "};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        (void)snprintf(text + ID_TEXT_SIZE - 1, 9, "%s", tails[i]);
        write_text(place->path, text);
        CHECK_RC(keys_read_secret(place->path, &read, &e), RC_INVALID);
    }
    text[ID_TEXT_SIZE - 2] = '\0';
    write_text(place->path, text);
    CHECK_RC(keys_read_secret(place->path, &read, &e), RC_INVALID);
    write_text(place->path, "");
    CHECK_RC(keys_read_secret(place->path, &read, &e), RC_INVALID);
}

/* A key with a passphrase would make OpenSSL ask for it, on a terminal that a daemon has not. */
static void
a_file_without_a_plain_key_is_refused(void **state)
{
    struct place *place = *state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *read = NULL;
    static const char encrypted[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAj77Evb0EA3NwICCAAw\n"
        "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMAtvakssntwsLj+4ARf1PsEQGLB\n"
        "igdG+YLzdSbxp1iQjzx/I8w7MiVti7hWvYza9xPmee67xjRVSzR8CcMwnBlE3Jmt\n"
        "ZbG2HEQivh9QuSqoobw=\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    write_text(place->path, "no key\n");
    CHECK_RC(keys_read_file(KEYS_RECEIVING, place->path, &read, &e), RC_INVALID);
    write_text(place->path, encrypted);
    CHECK_RC(keys_read_file(KEYS_RECEIVING, place->path, &read, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "not an unencrypted PEM"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_keys_match_rfc_8032_and_rfc_9180),
        cmocka_unit_test(signatures_are_over_the_context_and_the_hash),
        cmocka_unit_test(only_the_signed_message_in_its_context_by_its_key_checks),
        cmocka_unit_test(each_kind_does_only_its_own_work),
        cmocka_unit_test(a_secret_reaches_its_recipient_only_and_with_its_info_only),
        cmocka_unit_test(what_another_implementation_sealed_opens),
        cmocka_unit_test_setup_teardown(a_key_file_is_private_and_never_overwritten, enter, leave),
        cmocka_unit_test_setup_teardown(a_key_that_others_can_reach_is_refused_with_the_remedy,
                                        enter, leave),
        cmocka_unit_test(a_pem_text_can_be_given_to_tls),
        cmocka_unit_test_setup_teardown(a_secret_file_is_one_line_of_64_digits, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_without_a_plain_key_is_refused, enter, leave),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
