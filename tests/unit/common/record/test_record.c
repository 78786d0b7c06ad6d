/*
 * test_record.c -- records as the format says, byte for byte; nothing else is accepted.
 *
 * The golden records were made by separate programs from docs/formats/record.md alone: signing keys of 32 bytes 01
 * (agent) and 02 (controller), recipient 03, root key 22.
 */
#include "tests/support/check.h"

#include <string.h>

#include "common/base/text.h"
#include "common/crypto/keys_internal.h"
#include "common/record/record.h"

/* Version 2. */
static const char golden_full[] =
    "4b46465202000000000102030405060708090a0b0c0d0e0f070000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000002a36fe9c971700e8a07e159d971701000000"
    "0000000000010000e548ffffffffffe093040000000000d20100004b4641520200000000010203040506"
    "0708090a0b0c0d0e0f05696d617031046d61696c04696d61700700000000000000020000000000000033"
    "3333333333333333333333333333333333333333333333333333333333333300002a36fe9c9717005871"
    "2e0c9d971700cac471fe9c9717a0efea71fe9c9717010100000000000000020000000000000003000000"
    "000000000400000000000000000000000000000005000000000000000600000000000000444444444444"
    "444444444444444444441111111111111111111111111111111111111111111111111111111111111111"
    "02000a6375742e647269766572036c766d0c6c6f636b2e686f6c645f75730001003d74359e38a88a425a"
    "57d8716fe3c08deaff0b683257175efc07e68d352b462fac01b2209e86354fb853237b5de0f4fab13c7f"
    "cbf433a61c019369617fecf10baf55ad1a0da14cfe28f57a18f219c5c6818e83c80418ef62682046367a"
    "e35d21899baabe7af4f03d66c02f366a61d12e8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d9412"
    "1bf3748801b40f6f5c2c8ccb748980b582c4b91a11259403b75930d738f77520953ec7194481d6e65449"
    "9f9bc3a4a37a9b996b59bfefdad2d05ff967e0c80f265b9c33a2add67abc080100036462310373716c12"
    "7468652073657276657220697320646f776e8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a2"
    "5df60f5b8fc9b3940d25a07d4369f3d1e193469b4aa53cef5f299669e00359ccb46ca86e718c7f8ac7e8"
    "66a5fadf026de299c7fcb1168f7dbec465c5e615a72b2c06cd685d0c1d0e";
#define NAME_OF_ARCHIVE "8dbcb45b8e2940bc4fdde265d8f6ddb93f419b285545f3daa58d571f35e6d2b5"
#define NAME_OF_FULL "cffcf0b59bf35194a37aecd89359ec6b545c53eb3fb25200434f741a0d05d147"

/* Version 1: the same without cut, facts and clocks. */
static const char golden_first[] =
    "4b46465201000000000102030405060708090a0b0c0d0e0f070000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000002a36fe9c971700e8a07e159d971701ffffff"
    "ffffffffff0100a30100004b46415201000000000102030405060708090a0b0c0d0e0f05696d61703104"
    "6d61696c04696d6170070000000000000002000000000000003333333333333333333333333333333333"
    "33333333333333333333333333333300002a36fe9c97170058712e0c9d97170101000000000000000200"
    "000000000000030000000000000004000000000000000000000000000000050000000000000006000000"
    "000000004444444444444444444444444444444411111111111111111111111111111111111111111111"
    "1111111111111111111101003d74359e38a88a425a57d8716fe3c08deaff0b683257175efc07e68d352b"
    "462fac01b2209e86354fb853237b5de0f4fab13c7fcbf433a61c019369617fecf10baf55ad1a0da14cfe"
    "28f57a18f219c5c6818e83c80418ef62682046367ae35d21899baabe7af4f03d66c02f366a61d12e8a88"
    "e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c702723de98cbd895435e8c97"
    "063ad3f02714ff93d914bab970fa3e1e258e63ad47d1afcb1d36108bc13a31d2b2fc7fc6ffc713bd516a"
    "bb2d02fbc62d29ce2c0b0100036462310373716c127468652073657276657220697320646f776e813977"
    "0ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394199dcff7e8350b45a0ad0ad180"
    "50249617dbf13906a018cba03f79975a4347175be43ba26a075dcc3e63b8ac4b9280bb205752a5fc4588"
    "ea0a2046de56c10d0c";
#define NAME_OF_FIRST_ARCHIVE "15589eb814cfa2a2e11a879d822dacc100420739c4c7d0597856ff70a649b0dc"
#define NAME_OF_FIRST_FULL "d9996326cd5b0363b993fe40937faf502705903b77b7e907e33ddb89f096d584"

enum {
    GOLDEN_SIZE = (sizeof golden_full - 1) / 2,
    FIRST_SIZE = (sizeof golden_first - 1) / 2,
    ARENA = 1024 * 1024
};

struct bench {
    struct arena *arena;
    struct keys_private *agent, *controller, *recipient;
    uint8_t golden[GOLDEN_SIZE], first[FIRST_SIZE];
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
                       .agent = key_of(KEYS_SIGNING, 1),
                       .controller = key_of(KEYS_SIGNING, 2),
                       .recipient = key_of(KEYS_RECEIVING, 3)};
    *state = &b;
    return text_unhex(golden_full, b.golden, sizeof b.golden) &&
                   text_unhex(golden_first, b.first, sizeof b.first)
               ? 0
               : -1;
}

static int
leave(void **state)
{
    struct bench *b = *state;
    arena_free(b->arena);
    keys_private_free(b->agent);
    keys_private_free(b->controller);
    keys_private_free(b->recipient);
    return 0;
}

static struct record_full
decoded_full(struct bench *b)
{
    struct error e = ERROR_INIT;
    struct record_full f;
    CHECK_OK(record_decode_full(span_of(b->golden, sizeof b->golden), b->arena, &f, &e), &e);
    return f;
}

static struct record_archive
decoded_archive(struct bench *b)
{
    struct error e = ERROR_INIT;
    struct record_archive a;
    CHECK_OK(record_decode_archive(decoded_full(b).archives[0], b->arena, &a, &e), &e);
    return a;
}

static void
the_golden_full_says_what_the_format_says(void **state)
{
    char text[ID_TEXT_SIZE];
    struct record_full f = decoded_full(*state);
    assert_string_equal(id_text(&f.name, text), NAME_OF_FULL);
    assert_int_equal(f.vault.bytes[15], 15);
    assert_int_equal(f.number, 7);
    assert_true(id_is_zero(&f.previous));
    assert_int_equal(f.started.ns, INT64_C(1700000000000000000));
    assert_int_equal(f.sealed.ns, INT64_C(1700000100000000000));
    assert_int_equal(f.state, RECORD_FULL);
    assert_int_equal(f.skew_ns, 0);
    assert_int_equal(f.archive_count, 1);
    assert_int_equal(f.clocks[0].offset_ns, -12 * CLOCK_NS_PER_MS);
    assert_int_equal(f.clocks[0].uncertainty_ns, 300000);
    assert_int_equal(f.missing_count, 1);
    assert_string_equal(f.missing[0].host, "db1");
    assert_string_equal(f.missing[0].source, "sql");
    assert_string_equal(f.missing[0].reason, "the server is down");
}

static void
the_golden_archive_says_what_the_format_says(void **state)
{
    char text[ID_TEXT_SIZE];
    struct record_archive a = decoded_archive(*state);
    assert_string_equal(id_text(&a.name, text), NAME_OF_ARCHIVE);
    assert_string_equal(a.host, "imap1");
    assert_string_equal(a.source, "mail");
    assert_string_equal(a.kind, "imap");
    assert_int_equal(a.cycle, 7);
    assert_int_equal(a.sequence, 2);
    assert_int_equal(a.previous.bytes[0], 0x33);
    assert_int_equal(a.finished.ns - a.started.ns, 60 * CLOCK_NS_PER_SECOND);
    assert_int_equal(a.cut_from.ns, a.started.ns + CLOCK_NS_PER_SECOND);
    assert_int_equal(a.cut_until.ns - a.cut_from.ns, 2500000);
    assert_int_equal(a.fact_count, 2);
    assert_string_equal(a.facts[0].name, "cut.driver");
    assert_string_equal(a.facts[0].value, "lvm");
    assert_string_equal(a.facts[1].name, "lock.hold_us");
    assert_string_equal(a.facts[1].value, "");
    assert_int_equal(a.state, RECORD_COMPLETE);
    assert_int_equal(a.totals.files, 1);
    assert_int_equal(a.totals.bytes, 4);
    assert_int_equal(a.totals.vanished, 6);
    assert_int_equal(a.domain[0], 0x44);
    assert_int_equal(a.root.bytes[0], 0x11);
    assert_int_equal(a.recipient_count, 1);
}

static void
a_record_of_the_first_version_is_read_live_and_by_an_unknown_clock(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    char text[ID_TEXT_SIZE];
    struct record_full f;
    struct record_archive a;
    CHECK_OK(record_decode_full(span_of(b->first, sizeof b->first), b->arena, &f, &e), &e);
    assert_string_equal(id_text(&f.name, text), NAME_OF_FIRST_FULL);
    assert_int_equal(f.skew_ns, -1);
    assert_int_equal(f.archive_count, 1);
    assert_true(f.clocks[0].offset_ns == RECORD_CLOCK_UNKNOWN);
    assert_string_equal(f.missing[0].reason, "the server is down");
    CHECK_OK(record_decode_archive(f.archives[0], b->arena, &a, &e), &e);
    assert_string_equal(id_text(&a.name, text), NAME_OF_FIRST_ARCHIVE);
    assert_int_equal(a.cut_from.ns, 0);
    assert_int_equal(a.cut_until.ns, 0);
    assert_int_equal(a.fact_count, 0);
    assert_int_equal(a.totals.vanished, 6);
    assert_int_equal(a.recipient_count, 1);
}

static void
a_full_may_hold_archives_of_the_first_version(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(65536);
    struct record_full first, again;
    struct record_archive a;
    CHECK_OK(record_decode_full(span_of(b->first, sizeof b->first), b->arena, &first, &e), &e);
    CHECK_OK(record_encode_full(&first, b->controller, &out, &e), &e);
    CHECK_OK(record_decode_full(buffer_span(&out), b->arena, &again, &e), &e);
    CHECK_OK(record_decode_archive(again.archives[0], b->arena, &a, &e), &e);
    assert_int_equal(a.fact_count, 0);
    first.clocks = NULL; /* as who measures none writes it */
    CHECK_OK(record_encode_full(&first, b->controller, &out, &e), &e);
    CHECK_OK(record_decode_full(buffer_span(&out), b->arena, &again, &e), &e);
    assert_true(again.clocks[0].offset_ns == RECORD_CLOCK_UNKNOWN);
}

static void
encoding_gives_the_golden_bytes_again(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(65536);
    struct record_full f = decoded_full(b);
    struct record_archive a = decoded_archive(b);
    CHECK_OK(record_encode_archive(&a, b->agent, &out, &e), &e);
    assert_int_equal(out.len, f.archives[0].len);
    assert_memory_equal(out.data, f.archives[0].data, out.len);
    CHECK_OK(record_encode_full(&f, b->controller, &out, &e), &e);
    assert_int_equal(out.len, sizeof b->golden);
    assert_memory_equal(out.data, b->golden, out.len);
}

static void
the_recipient_opens_the_root_and_nobody_else_does(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    struct blob_ref root;
    struct record_archive a = decoded_archive(b);
    CHECK_OK(record_open_root(&a, b->recipient, &root, &e), &e);
    assert_int_equal(root.id.bytes[0], 0x11);
    assert_int_equal(root.key.bytes[31], 0x22);

    CLEANUP(keys_private_freep) struct keys_private *other = key_of(KEYS_RECEIVING, 9);
    CHECK_RC(record_open_root(&a, other, &root, &e), RC_DENIED);
    assert_non_null(strstr(e.text, "archive imap1.mail is not sealed to this key"));
}

static void
a_root_sealed_for_one_vault_or_root_does_not_open_in_another(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    struct blob_ref root;
    struct record_archive a = decoded_archive(b);
    a.vault.bytes[0] ^= 1;
    CHECK_RC(record_open_root(&a, b->recipient, &root, &e), RC_DENIED);
    a.vault.bytes[0] ^= 1;
    a.root.bytes[0] ^= 1;
    CHECK_RC(record_open_root(&a, b->recipient, &root, &e), RC_DENIED);
}

static void
what_is_sealed_for_several_each_can_open(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(keys_private_freep) struct keys_private *second = key_of(KEYS_RECEIVING, 9);
    const struct keys_private *keys[2] = {b->recipient, second};
    struct keys_public publics[2];
    struct record_recipient sealed[2];
    struct record_archive a = decoded_archive(b);
    struct blob_ref root = {.id = a.root, .key = {{0x55}}}, opened;
    for (size_t i = 0; i < 2; i++)
        CHECK_OK(keys_public_of(keys[i], &publics[i], &e), &e);
    CHECK_OK(record_seal_root(&a.vault, &root, publics, 2, sealed, &e), &e);
    a.recipients = sealed;
    a.recipient_count = 2;
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(record_open_root(&a, keys[i], &opened, &e), &e);
        assert_true(id_equal(&opened.key, &root.key));
    }
}

static void
flip_every_bit(struct bench *b, uint8_t *bytes, size_t len)
{
    struct error e = ERROR_INIT;
    struct record_full f;
    struct record_archive a;
    struct span whole = span_of(bytes, len);
    CHECK_OK(record_decode_full(whole, b->arena, &f, &e), &e);
    struct span archive = f.archives[0];
    size_t first = (size_t)(archive.data - bytes);
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        size_t at = bit / 8;
        bytes[at] ^= (uint8_t)(1u << bit % 8);
        arena_reset(b->arena);
        enum rc rc = record_decode_full(whole, b->arena, &f, &e);
        assert_true(rc == RC_CORRUPT || rc == RC_UNSUPPORTED);
        if (at >= first && at < first + archive.len) {
            rc = record_decode_archive(archive, b->arena, &a, &e);
            assert_true(rc == RC_CORRUPT || rc == RC_UNSUPPORTED);
        }
        bytes[at] ^= (uint8_t)(1u << bit % 8);
    }
}

static void
every_flipped_bit_is_refused(void **state)
{
    struct bench *b = *state;
    flip_every_bit(b, b->golden, sizeof b->golden);
    flip_every_bit(b, b->first, sizeof b->first);
}

static void
every_other_length_is_refused(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    struct record_full f;
    uint8_t longer[GOLDEN_SIZE + 1] = {0};
    memcpy(longer, b->golden, sizeof b->golden);
    for (size_t len = 0; len <= sizeof longer; len++) {
        arena_reset(b->arena);
        if (len != GOLDEN_SIZE)
            CHECK_RC(record_decode_full(span_of(longer, len), b->arena, &f, &e), RC_CORRUPT);
    }
}

static void
another_signer_shows_in_the_key_and_cannot_take_the_old_one(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(65536);
    CLEANUP(keys_private_freep) struct keys_private *mallory = key_of(KEYS_SIGNING, 9);
    struct record_archive a = decoded_archive(b), again;
    struct keys_public real = a.signing_key;
    CHECK_OK(record_encode_archive(&a, mallory, &out, &e), &e);
    CHECK_OK(record_decode_archive(buffer_span(&out), b->arena, &again, &e), &e);
    assert_memory_not_equal(again.signing_key.bytes, real.bytes, KEYS_PUBLIC_SIZE);

    memcpy(out.data + out.len - KEYS_SIGNATURE_SIZE - KEYS_PUBLIC_SIZE, real.bytes,
           KEYS_PUBLIC_SIZE);
    CHECK_RC(record_decode_archive(buffer_span(&out), b->arena, &again, &e), RC_CORRUPT);
}

static void
a_later_version_is_named_and_refused(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    struct record_full f;
    b->golden[4] = 3;
    CHECK_RC(record_decode_full(span_of(b->golden, sizeof b->golden), b->arena, &f, &e),
             RC_UNSUPPORTED);
    assert_string_equal(e.text, "KFFR record of version 3; this program knows up to version 2");
}

static void
what_cannot_be_true_is_not_encoded(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(65536);
    struct record_archive good = decoded_archive(b);
    struct record_archive bad[8] = {good, good, good, good, good, good, good, good};
    bad[0].host = "Not A Host";
    bad[1].kind = "tape";
    bad[2].sequence = 0;
    bad[3].sequence = 1; /* with a previous record */
    bad[4].recipient_count = 0;
    bad[5].recipient_count = 17;
    bad[6].cut_until = (struct wall){0}; /* half a cut */
    bad[7].facts = &(struct record_fact){"", "of nothing"};
    bad[7].fact_count = 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_RC(record_encode_archive(&bad[i], b->agent, &out, &e), RC_INVALID);

    struct record_full full = decoded_full(b);
    full.number = 0;
    CHECK_RC(record_encode_full(&full, b->controller, &out, &e), RC_INVALID);

    const struct record_clock bad_clocks[] = {{0, -1}, {RECORD_CLOCK_UNKNOWN, 1}};
    full = decoded_full(b);
    for (size_t i = 0; i < sizeof bad_clocks / sizeof *bad_clocks; i++) {
        full.clocks = &bad_clocks[i];
        CHECK_RC(record_encode_full(&full, b->controller, &out, &e), RC_INVALID);
    }
}

static void
facts_that_do_not_fit_are_told_before_they_are_encoded(void **state)
{
    struct bench *b = *state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(65536);
    static const char x[] = /* 256 of them */
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    struct record_fact facts[RECORD_FACTS_MAX + 1];
    struct record_archive a = decoded_archive(b), again;
    a.facts = facts;
    for (a.fact_count = 0; record_fact_fits(&a, "n", ""); a.fact_count++)
        facts[a.fact_count] = (struct record_fact){"n", ""};
    assert_int_equal(a.fact_count, RECORD_FACTS_MAX);
    for (a.fact_count = 0; record_fact_fits(&a, "name", x + 1); a.fact_count++)
        facts[a.fact_count] = (struct record_fact){"name", x + 1};
    assert_int_equal(a.fact_count, RECORD_FACTS_SIZE_MAX / (4 + RECORD_FACT_VALUE_MAX));
    CHECK_OK(record_encode_archive(&a, b->agent, &out, &e), &e);
    CHECK_OK(record_decode_archive(buffer_span(&out), b->arena, &again, &e), &e);
    assert_string_equal(again.facts[again.fact_count - 1].value, x + 1);
    facts[a.fact_count++] = (struct record_fact){"name", x + 1};
    CHECK_RC(record_encode_archive(&a, b->agent, &out, &e), RC_INVALID);

    a.fact_count = 0;
    assert_false(record_fact_fits(&a, "name", x));
    assert_false(record_fact_fits(&a, "", "value"));
    assert_false(record_fact_fits(&a, x + sizeof x - 1 - RECORD_FACT_NAME_MAX - 1, ""));
    assert_true(record_fact_fits(&a, x + sizeof x - 1 - RECORD_FACT_NAME_MAX, ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_golden_full_says_what_the_format_says),
        TEST(the_golden_archive_says_what_the_format_says),
        TEST(a_record_of_the_first_version_is_read_live_and_by_an_unknown_clock),
        TEST(a_full_may_hold_archives_of_the_first_version),
        TEST(encoding_gives_the_golden_bytes_again),
        TEST(the_recipient_opens_the_root_and_nobody_else_does),
        TEST(a_root_sealed_for_one_vault_or_root_does_not_open_in_another),
        TEST(what_is_sealed_for_several_each_can_open),
        TEST(every_flipped_bit_is_refused),
        TEST(every_other_length_is_refused),
        TEST(another_signer_shows_in_the_key_and_cannot_take_the_old_one),
        TEST(a_later_version_is_named_and_refused),
        TEST(what_cannot_be_true_is_not_encoded),
        TEST(facts_that_do_not_fit_are_told_before_they_are_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
