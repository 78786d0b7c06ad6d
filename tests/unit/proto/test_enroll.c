/* test_enroll.c -- the transcript, byte by byte: both sides of an enrolment sign the same. */
#include "proto/enroll.h"

#include <string.h>

#include "proto/message.h"
#include "tests/support/check.h"

static void
fill(Koffer__EnrollRequest *r, const uint8_t *signing, const uint8_t *receiving)
{
    koffer__enroll_request__init(r);
    r->role = message_text("agent");
    r->name = message_text("imap1");
    r->request = message_text("PEM");
    r->signing_key = message_bytes(signing, 2);
    r->receiving_key = message_bytes(receiving, 3);
}

static const uint8_t signing[] = {1, 2}, receiving[] = {3, 4, 5};

static void
transcript_is_what_the_format_says(void **state)
{
    (void)state;
    static const char golden[] = "koffer/1/enroll"
                                 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                                 "\x05"
                                 "agent"
                                 "\x05"
                                 "imap1"
                                 "\x03"
                                 "PEM"
                                 "\x02\x01\x02"
                                 "\x03\x03\x04\x05";
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(1000);
    uint8_t binding[32];
    Koffer__EnrollRequest request;
    memset(binding, 'b', sizeof binding);
    fill(&request, signing, receiving);
    CHECK_OK(enroll_transcript(&request, binding, &out, &e), &e);
    assert_int_equal(out.len, sizeof golden - 1);
    assert_memory_equal(out.data, golden, out.len);
}

static void
no_two_requests_have_the_same_transcript(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer one = BUFFER_INIT(1000);
    CLEANUP(buffer_free) struct buffer other = BUFFER_INIT(1000);
    static const uint8_t binding[32];
    Koffer__EnrollRequest request;
    fill(&request, signing, receiving);
    request.role = message_text("agenti");
    request.name = message_text("map1");
    CHECK_OK(enroll_transcript(&request, binding, &one, &e), &e);
    fill(&request, signing, receiving);
    CHECK_OK(enroll_transcript(&request, binding, &other, &e), &e);
    assert_int_equal(one.len, other.len);
    assert_memory_not_equal(one.data, other.data, one.len);
}

static void
operator_has_no_keys_beyond_the_request(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer out = BUFFER_INIT(1000);
    static const uint8_t binding[32];
    Koffer__EnrollRequest request;
    koffer__enroll_request__init(&request);
    request.role = message_text("operator");
    request.name = message_text("ada");
    request.request = message_text("PEM");
    CHECK_OK(enroll_transcript(&request, binding, &out, &e), &e);
    assert_memory_equal(out.data + out.len - 2, "\0\0", 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transcript_is_what_the_format_says),
        cmocka_unit_test(no_two_requests_have_the_same_transcript),
        cmocka_unit_test(operator_has_no_keys_beyond_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
