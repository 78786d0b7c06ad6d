/* test_frame.c -- what the frame decoder promises about any bytes at all. */
#include "tests/support/check.h"

#include <string.h>

#include "proto/frame.h"

static const uint8_t GOLDEN[] = {
    1, FRAME_REPLY, /* version, flags */
    0, 43,          /* type */
    0, 0,
    0, 2, /* body length */
    0, 1,
    2, 3, /* correlation */
    4, 5,
    6, 7, /* ... */
    8, 1  /* body */
};

static void
header_is_laid_out_as_documented(void **state)
{
    (void)state;
    const struct frame frame = {.flags = FRAME_REPLY,
                                .type = 43,
                                .correlation = 0x0001020304050607,
                                .body = span_of("\x08\x01", 2)};
    uint8_t header[FRAME_HEADER_SIZE];

    frame_encode_header(&frame, header);
    assert_memory_equal(header, GOLDEN, sizeof header);
}

static void
decoding_gives_back_every_field(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct frame frame;

    CHECK_OK(frame_decode(span_of(GOLDEN, sizeof GOLDEN), &frame, &e), &e);
    assert_int_equal(frame.flags, FRAME_REPLY);
    assert_int_equal(frame.type, 43);
    assert_int_equal(frame.correlation, 0x0001020304050607);
    assert_ptr_equal(frame.body.data, GOLDEN + FRAME_HEADER_SIZE);
    assert_int_equal(frame.body.len, 2);
}

static void
body_may_be_empty(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct frame heartbeat = {.type = 1, .correlation = UINT64_MAX};
    struct frame back;
    uint8_t header[FRAME_HEADER_SIZE];

    frame_encode_header(&heartbeat, header);
    CHECK_OK(frame_decode(span_of(header, sizeof header), &back, &e), &e);
    assert_int_equal(back.body.len, 0);
    assert_true(back.correlation == UINT64_MAX);
}

static void
every_truncation_and_extension_is_refused(void **state)
{
    (void)state;
    uint8_t longer[sizeof GOLDEN + 1] = {0};
    memcpy(longer, GOLDEN, sizeof GOLDEN);

    for (size_t len = 0; len <= sizeof longer; len++) {
        struct error e = ERROR_INIT;
        struct frame frame = {.type = 999};
        enum rc rc = frame_decode(span_of(longer, len), &frame, &e);
        if (len == sizeof GOLDEN) {
            CHECK_OK(rc, &e);
            continue;
        }
        CHECK_RC(rc, RC_PROTOCOL);
        assert_int_equal(frame.type, 999); /* untouched */
    }
}

/* Change one byte of the golden frame and try to decode it. */
static enum rc
decode_with(size_t offset, uint8_t value)
{
    struct error e = ERROR_INIT;
    struct frame frame;
    uint8_t bytes[sizeof GOLDEN];

    memcpy(bytes, GOLDEN, sizeof bytes);
    bytes[offset] = value;
    return frame_decode(span_of(bytes, sizeof bytes), &frame, &e);
}

static void
only_our_version_and_known_flags_are_accepted(void **state)
{
    (void)state;
    for (unsigned value = 0; value <= UINT8_MAX; value++) {
        bool known_flags =
            value == 0 || value == FRAME_REPLY || value == (FRAME_REPLY | FRAME_FAILURE);
        CHECK_RC(decode_with(0, (uint8_t)value), value == FRAME_VERSION ? RC_OK : RC_PROTOCOL);
        CHECK_RC(decode_with(1, (uint8_t)value), known_flags ? RC_OK : RC_PROTOCOL);
    }
}

static void
a_length_that_does_not_match_is_refused_with_both_numbers(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    struct frame frame;
    uint8_t bytes[sizeof GOLDEN];

    memcpy(bytes, GOLDEN, sizeof bytes);
    memset(bytes + 4, 0xff, 4);
    CHECK_RC(frame_decode(span_of(bytes, sizeof bytes), &frame, &e), RC_PROTOCOL);
    assert_non_null(strstr(e.text, "4294967295"));
    assert_non_null(strstr(e.text, "carries 2"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_laid_out_as_documented),
        cmocka_unit_test(decoding_gives_back_every_field),
        cmocka_unit_test(body_may_be_empty),
        cmocka_unit_test(every_truncation_and_extension_is_refused),
        cmocka_unit_test(only_our_version_and_known_flags_are_accepted),
        cmocka_unit_test(a_length_that_does_not_match_is_refused_with_both_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
