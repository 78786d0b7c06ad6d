/* test_blob.c -- sealing and opening; the golden blob was computed by an independent implementation
 * (Python's hmac, hashlib and cryptography) of docs/formats/blob.md. */
#include "common/blob/blob.h"

#include <stdlib.h>

#include "common/blob/blob_open.h"
#include "common/crypto/aead.h"
#include "common/crypto/digest.h"
#include "tests/support/check.h"

struct fixture {
    struct blob_domain domain;
    struct blob_sealer *sealer;
    struct blob_opener *opener;
    struct buffer blob, plain;
    struct blob_ref ref;
};

static int
set_up(void **state)
{
    static struct fixture f;
    struct error e = ERROR_INIT;
    f = (struct fixture){.blob = BUFFER_INIT(LIMIT_BLOB), .plain = BUFFER_INIT(LIMIT_BLOB_PLAIN)};
    for (uint8_t i = 0; i < BLOB_DOMAIN_SIZE; i++)
        f.domain.id[i] = i;
    for (uint8_t i = 0; i < ID_SIZE; i++)
        f.domain.secret.bytes[i] = (uint8_t)(100 + i);
    *state = &f;
    return blob_sealer_new(&f.domain, BLOB_LEVEL_DEFAULT, &f.sealer, &e) != RC_OK ||
           blob_opener_new(&f.opener, &e) != RC_OK;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    blob_sealer_free(f->sealer);
    blob_opener_free(f->opener);
    buffer_free(&f->blob);
    buffer_free(&f->plain);
    return 0;
}

static void
seal(struct fixture *f, struct span plain)
{
    struct error e = ERROR_INIT;
    CHECK_OK(blob_seal(f->sealer, BLOB_DATA, NULL, 0, plain, &f->blob, &f->ref, &e), &e);
}

static enum rc
open_blob(struct fixture *f, struct span blob, const struct blob_ref *ref)
{
    struct error e = ERROR_INIT;
    return blob_open(f->opener, blob, ref, &f->plain, &e);
}

static void
golden_blob_has_its_id(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct id children[2];
    memset(&children[0], 1, ID_SIZE);
    memset(&children[1], 2, ID_SIZE);
    CHECK_OK(
        blob_seal(f->sealer, BLOB_NODE, children, 2, span_of("golden", 6), &f->blob, &f->ref, &e),
        &e);
    char text[ID_TEXT_SIZE];
    assert_int_equal(f->blob.len, 134);
    assert_string_equal(id_text(&f->ref.key, text),
                        "51990d29279a0c162d83e46ab765a1205f27db8f9dab5b758b198897417bf956");
    assert_string_equal(id_text(&f->ref.id, text),
                        "cf88936f0acdddca4a2cd6d44537e03ef95641113c8ec5e585757344662d05a8");
    struct blob_header header;
    CHECK_OK(blob_parse(buffer_span(&f->blob), &header, &e), &e);
    assert_int_equal(header.type, BLOB_NODE);
    assert_int_equal(header.children, 2);
    assert_memory_equal(header.child_ids, children, sizeof children);
    assert_memory_equal(header.domain, f->domain.id, BLOB_DOMAIN_SIZE);
}

static void
same_content_is_the_same_blob_whatever_was_sealed_before(void **state)
{
    struct fixture *f = *state;
    static uint8_t text[100000];
    memset(text, 'a', sizeof text);
    seal(f, span_of(text, sizeof text));
    struct blob_ref first = f->ref;
    seal(f, span_of("x", 1));
    seal(f, span_of(text, sizeof text));
    assert_true(id_equal(&first.id, &f->ref.id) && id_equal(&first.key, &f->ref.key));
    assert_true(f->blob.len < 1000); /* it was compressed */
}

static void
every_length_comes_back(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[LIMIT_BLOB_PLAIN + 1];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 7);
    const size_t lengths[] = {0, 1, 2, 3, 100, 4096, 1 << 20, LIMIT_BLOB_PLAIN};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        seal(f, span_of(bytes, lengths[i]));
        CHECK_RC(open_blob(f, buffer_span(&f->blob), &f->ref), RC_OK);
        assert_int_equal(f->plain.len, lengths[i]);
        assert_true(lengths[i] == 0 || memcmp(f->plain.data, bytes, lengths[i]) == 0);
    }
    struct error e = ERROR_INIT;
    CHECK_RC(blob_seal(f->sealer, BLOB_DATA, NULL, 0, span_of(bytes, sizeof bytes), &f->blob,
                       &f->ref, &e),
             RC_INVALID);
}

/*
 * The key is an HMAC of what is encrypted, as docs/formats/blob.md has it.  One of the plain text would be the same for two
 * bodies, after a new version of the compressor: one key and nonce for two messages.
 */
static void
the_key_follows_from_the_compressed_body(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct aead_key derived;
    struct aead *aead = NULL;
    struct id secret, key;
    static uint8_t text[10000], body[10000];
    memset(text, 'a', sizeof text);
    seal(f, span_of(text, sizeof text));
    struct span blob = buffer_span(&f->blob);
    struct span header = span_of(blob.data, BLOB_HEADER_SIZE);
    struct span sealed = span_of(blob.data + header.len, blob.len - header.len);
    size_t body_len = sealed.len - BLOB_TAG_SIZE;
    assert_true(body_len < sizeof text / 10);
    CHECK_OK(blob_open_derive(&f->ref.key, &derived, &e), &e);
    CHECK_OK(aead_new(&aead, &e), &e);
    CHECK_OK(aead_open(aead, &derived, header, sealed, body, &e), &e);
    CHECK_OK(digest_expand(&f->domain.secret, "koffer/1/secret/chunk", secret.bytes, ID_SIZE, &e),
             &e);
    CHECK_OK(digest_hmac(&secret, header, span_of(body, body_len), &key, &e), &e);
    assert_memory_equal(key.bytes, f->ref.key.bytes, ID_SIZE);
    aead_free(aead);
}

/* Noise is stored as it is: the blob is the plain text and a fixed overhead. */
static void
what_does_not_compress_is_stored_plain(void **state)
{
    struct fixture *f = *state;
    static uint8_t noise[65536];
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < sizeof noise; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        noise[i] = (uint8_t)x;
    }
    seal(f, span_of(noise, sizeof noise));
    assert_int_equal(f->blob.len, BLOB_HEADER_SIZE + sizeof noise + BLOB_TAG_SIZE);
    CHECK_RC(open_blob(f, buffer_span(&f->blob), &f->ref), RC_OK);
    assert_memory_equal(f->plain.data, noise, sizeof noise);
}

/* A thief of the id (it hashes right) must still fail at the tag; blob_check alone sees the rest. */
static void
every_flipped_bit_is_noticed(void **state)
{
    struct fixture *f = *state;
    const char *plains[] = {"golden",
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t p = 0; p < 2; p++) {
        seal(f, span_of(plains[p], strlen(plains[p])));
        for (size_t bit = 0; bit < f->blob.len * 8; bit++) {
            struct error e = ERROR_INIT;
            struct span blob = buffer_span(&f->blob);
            f->blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK_RC(blob_check(blob, &f->ref.id, &e), RC_CORRUPT);
            CHECK_RC(open_blob(f, blob, &f->ref), RC_CORRUPT);

            struct blob_ref renamed = f->ref;
            CHECK_OK(digest_sha256(blob, &renamed.id, &e), &e);
            enum rc rc = open_blob(f, blob, &renamed);
            assert_true(rc == RC_CORRUPT || rc == RC_UNSUPPORTED);
            assert_int_equal(f->plain.len, 0);
            f->blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        CHECK_RC(open_blob(f, buffer_span(&f->blob), &f->ref), RC_OK);
    }
}

static void
wrong_key_and_wrong_length_are_refused(void **state)
{
    struct fixture *f = *state;
    seal(f, span_of("some content", 12));
    struct blob_ref wrong = f->ref;
    wrong.key.bytes[31] ^= 1;
    CHECK_RC(open_blob(f, buffer_span(&f->blob), &wrong), RC_CORRUPT);
    for (size_t len = 0; len < f->blob.len; len++) {
        struct error e = ERROR_INIT;
        struct blob_header header;
        struct blob_ref renamed = f->ref;
        struct span cut = span_of(f->blob.data, len);
        CHECK_RC(blob_parse(cut, &header, &e), RC_CORRUPT);
        CHECK_OK(digest_sha256(cut, &renamed.id, &e), &e);
        CHECK_RC(open_blob(f, cut, &renamed), RC_CORRUPT);
    }
}

static void
another_domain_makes_another_blob(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    seal(f, span_of("x", 1));
    struct blob_ref here = f->ref;
    struct blob_sealer *other;
    f->domain.secret.bytes[0] ^= 1;
    CHECK_OK(blob_sealer_new(&f->domain, BLOB_LEVEL_DEFAULT, &other, &e), &e);
    CHECK_OK(blob_seal(other, BLOB_DATA, NULL, 0, span_of("x", 1), &f->blob, &f->ref, &e), &e);
    assert_false(id_equal(&here.id, &f->ref.id));
    assert_false(id_equal(&here.key, &f->ref.key));
    blob_sealer_free(other);
}

static void
children_must_ascend(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct id children[2];
    memset(children, 1, sizeof children);
    CHECK_RC(blob_seal(f->sealer, BLOB_NODE, children, 2, span_of("x", 1), &f->blob, &f->ref, &e),
             RC_INVALID);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(golden_blob_has_its_id),
        WITH_FIXTURE(same_content_is_the_same_blob_whatever_was_sealed_before),
        WITH_FIXTURE(every_length_comes_back),
        WITH_FIXTURE(the_key_follows_from_the_compressed_body),
        WITH_FIXTURE(what_does_not_compress_is_stored_plain),
        WITH_FIXTURE(every_flipped_bit_is_noticed),
        WITH_FIXTURE(wrong_key_and_wrong_length_are_refused),
        WITH_FIXTURE(another_domain_makes_another_blob),
        WITH_FIXTURE(children_must_ascend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
