/*
 * test_envelope.c -- envelopes as the format says, byte for byte; nothing else is accepted.
 *
 * The golden envelope was made by a separate program from docs/formats/envelope.md alone: signing key of 32 bytes 02,
 * recipient 03, keys 22 and 66 of the roots 11 and 55, of the full of test_record.c.
 */
#include "common/record/envelope.h"

#include <string.h>

#include "common/base/text.h"
#include "common/crypto/keys_internal.h"
#include "tests/support/check.h"

static const char golden_text[] =
    "4b46455601000000000102030405060708090a0b0c0d0e0f0700000000000000d9996326cd5b0363b993"
    "fe40937faf502705903b77b7e907e33ddb89f096d58400d017c72c9d97173d74359e38a88a425a57d871"
    "6fe3c08deaff0b683257175efc07e68d352b462f02001111111111111111111111111111111111111111"
    "111111111111111111111111ab4f197998fcc56cc6ed68c1d931af9bb522ec00743e181f7330915df4aa"
    "3176685d0bee15f7bf0143bceccb9ad3e2886cf4d415a09624d0063d70a14b3f4ca564eb0bd09b434489"
    "2a69b614c5c096545555555555555555555555555555555555555555555555555555555555555555cd48"
    "d0681ea73f09a00f83859bd10880df56822019cda3c883e0d1514e35b10699512621b418498b9060b0e9"
    "8526801139990435d89dc87d537a1013b6be855fb444309713f54d52ad3f718d7508c3f88139770ea87d"
    "175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b39445d7160db80adc902d201814301350a0"
    "d217a1760394dfa7ac5645882f7509d23c8208ac189388746107709cacdd212278e56236f0eba8b5330f"
    "0556b3ae3405";
#define NAME "9540b586b8ffb39613ca37f00ab732b4d4a5231de354f4b6f0fa2764be280e13"

enum { GOLDEN_SIZE = (sizeof golden_text - 1) / 2, ARENA = 4 << 20, COUNT_AT = 104 };

struct bench {
    struct arena *arena;
    struct keys_private *controller, *recipient;
    uint8_t golden[GOLDEN_SIZE];
};

static struct keys_private *
key_of(enum keys_kind kind, uint8_t byte)
{
    struct error e = ERROR_INIT;
    struct keys_private *k = NULL;
    uint8_t raw[KEYS_RAW_SIZE];
    memset(raw, byte, sizeof raw);
    CHECK_OK(keys_from_raw(kind, raw, &k, &e), &e);
    return k;
}

static int
enter(void **state)
{
    static struct bench b;
    b = (struct bench){.arena = arena_new(ARENA),
                       .controller = key_of(KEYS_SIGNING, 2),
                       .recipient = key_of(KEYS_RECEIVING, 3)};
    *state = &b;
    return text_unhex(golden_text, b.golden, sizeof b.golden) ? 0 : -1;
}

static int
leave(void **state)
{
    struct bench *b = *state;
    arena_free(b->arena);
    keys_private_free(b->controller);
    keys_private_free(b->recipient);
    return 0;
}

static struct envelope
decoded(struct bench *b)
{
    struct error e = ERROR_INIT;
    struct envelope v;
    CHECK_OK(envelope_decode(span_of(b->golden, sizeof b->golden), b->arena, &v, &e), &e);
    return v;
}

static void
the_golden_envelope_says_what_the_format_says(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    struct keys_public public;
    struct id fingerprint;
    char text[ID_TEXT_SIZE];
    struct envelope v = decoded(b);
    CHECK_OK(keys_public_of(b->recipient, &public, &e), &e);
    CHECK_OK(keys_fingerprint(&public, &fingerprint, &e), &e);
    assert_string_equal(id_text(&v.name, text), NAME);
    assert_int_equal(v.vault.bytes[15], 15);
    assert_int_equal(v.number, 7);
    assert_int_equal(v.full.bytes[0], 0xd9);
    assert_int_equal(v.made.ns, INT64_C(1700000200000000000));
    assert_true(id_equal(&v.recipient, &fingerprint));
    assert_int_equal(v.root_count, 2);
}

static void
its_recipient_opens_every_root_in_it_and_nobody_else_does(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *other = key_of(KEYS_RECEIVING, 4);
    struct envelope v = decoded(b);
    for (size_t i = 0; i < 2; i++) {
        struct id root, key;
        memset(root.bytes, i == 0 ? 0x11 : 0x55, ID_SIZE);
        const struct envelope_root *found = envelope_find(&v, &root);
        assert_non_null(found);
        CHECK_OK(record_open_sealed(&v.vault, &root, b->recipient, found->sealed, &key, &e), &e);
        assert_int_equal(key.bytes[31], i == 0 ? 0x22 : 0x66);
        CHECK_RC(record_open_sealed(&v.vault, &root, other, found->sealed, &key, &e), RC_DENIED);
    }
}

static void
a_root_that_is_not_in_it_is_not_found(void **state)
{
    struct envelope v = decoded(*state);
    const struct id low = {{0}}, between = {{0x12}}, high = {{0xff}};
    assert_null(envelope_find(&v, &low));
    assert_null(envelope_find(&v, &between));
    assert_null(envelope_find(&v, &high));
}

static void
encoding_gives_the_golden_bytes_again(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(65536);
    struct envelope v = decoded(b);
    CHECK_OK(envelope_encode(&v, b->controller, &out, &e), &e);
    assert_int_equal(out.len, sizeof b->golden);
    assert_memory_equal(out.data, b->golden, out.len);
}

static void
sorting_keeps_each_root_once(void **state)
{
    struct envelope_root roots[] = {
        {.root = {{3}}}, {.root = {{1}}}, {.root = {{3}}}, {.root = {{2}}}, {.root = {{1}}}};
    (void)state;
    assert_int_equal(envelope_sort(roots, 5), 3);
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(roots[i].root.bytes[0], i + 1);
    assert_int_equal(envelope_sort(roots, 0), 0);
}

static void
what_the_format_forbids_is_not_encoded(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(65536);
    struct envelope v = decoded(b);
    const struct envelope_root twice[] = {v.roots[0], v.roots[0]};
    const struct envelope_root wrong_order[] = {v.roots[1], v.roots[0]};

    struct envelope bad = v;
    bad.root_count = 0;
    CHECK_RC(envelope_encode(&bad, b->controller, &out, &e), RC_INVALID);
    bad.root_count = LIMIT_ARCHIVES + 1;
    CHECK_RC(envelope_encode(&bad, b->controller, &out, &e), RC_INVALID);
    bad = v;
    bad.roots = twice;
    CHECK_RC(envelope_encode(&bad, b->controller, &out, &e), RC_INVALID);
    bad.roots = wrong_order;
    CHECK_RC(envelope_encode(&bad, b->controller, &out, &e), RC_INVALID);
    bad = v;
    bad.number = 0;
    CHECK_RC(envelope_encode(&bad, b->controller, &out, &e), RC_INVALID);
    bad.number = RECORD_NUMBER_MAX + 1;
    CHECK_RC(envelope_encode(&bad, b->controller, &out, &e), RC_INVALID);
}

/* The head apart, which names what a later version may mean, any change is damage. */
static void
any_flipped_bit_is_refused(void **state)
{
    struct bench *b = *state;
    for (size_t at = 0; at < GOLDEN_SIZE; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct error e = ERROR_INIT;
            struct envelope v;
            b->golden[at] ^= (uint8_t)(1u << bit);
            CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA);
            enum rc rc = envelope_decode(span_of(b->golden, GOLDEN_SIZE), arena, &v, &e);
            b->golden[at] ^= (uint8_t)(1u << bit);
            CHECK_RC(rc, at == 4 || at == 5 ? RC_UNSUPPORTED : RC_CORRUPT);
        }
    }
}

static void
any_cut_and_anything_behind_is_refused(void **state)
{
    struct bench *b = *state;
    uint8_t longer[GOLDEN_SIZE + 1] = {0};
    struct error e = ERROR_INIT;
    struct envelope v;
    memcpy(longer, b->golden, GOLDEN_SIZE);
    CHECK_RC(envelope_decode(span_of(longer, sizeof longer), b->arena, &v, &e), RC_CORRUPT);
    for (size_t len = 0; len < GOLDEN_SIZE; len++)
        CHECK_RC(envelope_decode(span_of(b->golden, len), b->arena, &v, &e), RC_CORRUPT);
}

static void
more_roots_than_a_full_can_have_are_refused_before_memory_is_taken(void **state)
{
    struct bench *b = *state;
    uint8_t bytes[GOLDEN_SIZE];
    struct error e = ERROR_INIT;
    struct envelope v;
    memcpy(bytes, b->golden, GOLDEN_SIZE);
    bytes[COUNT_AT] = bytes[COUNT_AT + 1] = 0xff;
    CLEANUP(arena_freep) struct arena *small = arena_new(1024);
    CHECK_RC(envelope_parse(span_of(bytes, GOLDEN_SIZE), small, &v, &e), RC_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_envelope_says_what_the_format_says),
        cmocka_unit_test(its_recipient_opens_every_root_in_it_and_nobody_else_does),
        cmocka_unit_test(a_root_that_is_not_in_it_is_not_found),
        cmocka_unit_test(encoding_gives_the_golden_bytes_again),
        cmocka_unit_test(sorting_keeps_each_root_once),
        cmocka_unit_test(what_the_format_forbids_is_not_encoded),
        cmocka_unit_test(any_flipped_bit_is_refused),
        cmocka_unit_test(any_cut_and_anything_behind_is_refused),
        cmocka_unit_test(more_roots_than_a_full_can_have_are_refused_before_memory_is_taken),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
