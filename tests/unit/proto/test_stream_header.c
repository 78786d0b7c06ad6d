/* test_stream_header.c -- the data stream's frame header. */
#include "tests/support/check.h"

#include "proto/stream.h"

static void
header_is_laid_out_as_documented(void **state)
{
    (void)state;
    static const uint8_t golden[STREAM_HEADER_SIZE] = {0x04, 0x03, 0x02, 0x00, STREAM_PUT};
    uint8_t header[STREAM_HEADER_SIZE];

    stream_encode_header(STREAM_PUT, 0x00020304, header);
    assert_memory_equal(header, golden, sizeof header);
}

static void
every_type_comes_back_and_no_other(void **state)
{
    (void)state;
    for (unsigned number = 0; number <= UINT8_MAX; number++) {
        struct error e = ERROR_INIT;
        uint8_t header[STREAM_HEADER_SIZE] = {1, [4] = (uint8_t)number};
        enum stream_type type = STREAM_TYPES_;
        uint32_t len = 0;
        bool known = number > 0 && number < STREAM_TYPES_;

        CHECK_RC(stream_decode_header(header, &type, &len, &e), known ? RC_OK : RC_PROTOCOL);
        assert_int_equal(len, known ? 1 : 0);
    }
}

static void
the_largest_blob_fits_and_no_more(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    uint8_t header[STREAM_HEADER_SIZE];
    enum stream_type type;
    uint32_t len;

    stream_encode_header(STREAM_BLOB, STREAM_PAYLOAD_MAX, header);
    CHECK_OK(stream_decode_header(header, &type, &len, &e), &e);
    stream_encode_header(STREAM_BLOB, STREAM_PAYLOAD_MAX + 1, header);
    CHECK_RC(stream_decode_header(header, &type, &len, &e), RC_PROTOCOL);
}

static void
reserved_bytes_must_be_zero(void **state)
{
    (void)state;
    for (size_t at = 5; at < STREAM_HEADER_SIZE; at++) {
        struct error e = ERROR_INIT;
        uint8_t header[STREAM_HEADER_SIZE] = {[4] = STREAM_PING};
        enum stream_type type;
        uint32_t len;
        header[at] = 1;
        CHECK_RC(stream_decode_header(header, &type, &len, &e), RC_PROTOCOL);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_laid_out_as_documented),
        cmocka_unit_test(every_type_comes_back_and_no_other),
        cmocka_unit_test(the_largest_blob_fits_and_no_more),
        cmocka_unit_test(reserved_bytes_must_be_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
