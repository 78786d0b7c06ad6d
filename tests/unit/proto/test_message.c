/* test_message.c -- messages go through protobuf-c unchanged, and hostile ones go nowhere. */
#include "tests/support/check.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/base/own.h"
#include "proto/message.h"
#include "tests/support/messages.h"

enum { NESTED = 100000 };

static void
a_message_survives_the_trip(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer packed = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    static const uint8_t token[] = {0, 1, 2, 255};

    Koffer__StepOrder order;
    koffer__step_order__init(&order);
    order.job = UINT64_MAX;
    order.verb = KOFFER__STEP_VERB__STEP_CAPTURE;
    order.source = message_text("mail");
    order.token = message_bytes(token, sizeof token);
    CHECK_OK(message_pack(&order.base, &packed, &e), &e);
    CHECK_OK(message_unpack(&koffer__step_order__descriptor, buffer_span(&packed), &m, &e), &e);

    const Koffer__StepOrder *back = (const Koffer__StepOrder *)m;
    assert_true(back->job == UINT64_MAX);
    assert_int_equal(back->verb, KOFFER__STEP_VERB__STEP_CAPTURE);
    assert_string_equal(back->source, "mail");
    assert_int_equal(back->token.len, sizeof token);
    assert_memory_equal(back->token.data, token, sizeof token);
}

static void
an_empty_body_is_a_message_of_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGES_COUNT; i++) {
        struct error e = ERROR_INIT;
        CLEANUP(buffer_free) struct buffer packed = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
        CLEANUP(message_freep) ProtobufCMessage *m = NULL;
        CHECK_OK(message_unpack(messages_all[i], span_of("", 0), &m, &e), &e);
        CHECK_OK(message_pack(m, &packed, &e), &e);
        assert_int_equal(packed.len, 0);
    }
}

static void
packing_replaces_what_was_in_the_buffer(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer packed = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    Koffer__JobRef ref;

    CHECK_OK(buffer_append(&packed, span_of("old", 3), &e), &e);
    koffer__job_ref__init(&ref);
    ref.job = 1;
    CHECK_OK(message_pack(&ref.base, &packed, &e), &e);
    assert_int_equal(packed.len, 2);
    assert_memory_equal(packed.data, "\x08\x01", 2);
}

static void
a_message_over_the_limit_is_refused_both_ways(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) uint8_t *data = calloc(1, LIMIT_CONTROL_MESSAGE + 1);
    CLEANUP(buffer_free) struct buffer packed = BUFFER_INIT(2 * LIMIT_CONTROL_MESSAGE);
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    Koffer__CatReply reply;

    assert_non_null(data);
    koffer__cat_reply__init(&reply);
    reply.data = message_bytes(data, LIMIT_CONTROL_MESSAGE);
    CHECK_RC(message_pack(&reply.base, &packed, &e), RC_INVALID);
    assert_int_equal(packed.len, 0);

    struct span over = span_of(data, LIMIT_CONTROL_MESSAGE + 1);
    CHECK_RC(message_unpack(&koffer__cat_reply__descriptor, over, &m, &e), RC_PROTOCOL);
    assert_null(m);
}

/* 100 000 sub-messages inside one another, as field `number`: lengths are written from the inside
 * out, so the bytes are made back to front. */
static void
make_nested(uint32_t number, struct buffer *out)
{
    struct error e = ERROR_INIT;
    size_t size = LIMIT_CONTROL_MESSAGE;
    CHECK_OK(buffer_reserve(out, size, &e), &e);
    uint8_t *start = out->data + size, *end = start;

    for (unsigned i = 0; i < NESTED && start - out->data >= 5; i++) {
        size_t len = (size_t)(end - start);
        uint8_t varint[4];
        size_t n = 0;
        do {
            varint[n++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
            len >>= 7;
        } while (len > 0);
        start -= n;
        memcpy(start, varint, n);
        *--start = (uint8_t)(number << 3 | 2);
    }
    memmove(out->data, start, (size_t)(end - start));
    out->len = (size_t)(end - start);
}

static void
nested_input_comes_back_for_every_type_and_field(void **state)
{
    (void)state;
    for (uint32_t field = 1; field <= 15; field++) {
        CLEANUP(buffer_free) struct buffer nested = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
        make_nested(field, &nested);
        for (size_t i = 0; i < MESSAGES_COUNT; i++) {
            struct error e = ERROR_INIT;
            CLEANUP(message_freep) ProtobufCMessage *m = NULL;
            enum rc rc = message_unpack(messages_all[i], buffer_span(&nested), &m, &e);
            assert_true(rc == RC_OK || rc == RC_PROTOCOL);
        }
    }
}

static void
amplifying_input_is_refused_by_the_memory_cap(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) uint8_t *bytes = malloc(LIMIT_CONTROL_MESSAGE);
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;

    /* Two bytes each: an empty Agent, more than a hundred bytes once unpacked. */
    assert_non_null(bytes);
    for (size_t i = 0; i < LIMIT_CONTROL_MESSAGE; i += 2)
        memcpy(bytes + i, "\x0a\x00", 2);
    struct span all = span_of(bytes, LIMIT_CONTROL_MESSAGE);
    CHECK_RC(message_unpack(&koffer__agent_list__descriptor, all, &m, &e), RC_PROTOCOL);
    assert_non_null(strstr(e.text, "in memory"));
    assert_null(m);
}

static void
text_of_the_full_length_is_still_welcome(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP(own_freep) uint8_t *data = calloc(1, LIMIT_CONTROL_MESSAGE / 2);
    CLEANUP(buffer_free) struct buffer packed = BUFFER_INIT(LIMIT_CONTROL_MESSAGE);
    CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    Koffer__CatReply reply;

    assert_non_null(data);
    koffer__cat_reply__init(&reply);
    reply.data = message_bytes(data, LIMIT_CONTROL_MESSAGE / 2);
    CHECK_OK(message_pack(&reply.base, &packed, &e), &e);
    CHECK_OK(message_unpack(&koffer__cat_reply__descriptor, buffer_span(&packed), &m, &e), &e);
}

/* A message's sub-messages must be in the table too, so that a new type is not forgotten. */
static void
the_table_of_types_is_closed(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGES_COUNT; i++) {
        for (unsigned f = 0; f < messages_all[i]->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &messages_all[i]->fields[f];
            bool found = field->type != PROTOBUF_C_TYPE_MESSAGE;
            for (size_t k = 0; k < MESSAGES_COUNT && !found; k++)
                found = field->descriptor == messages_all[k];
            if (!found)
                fail_msg("%s.%s", messages_all[i]->name, field->name);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_survives_the_trip),
        cmocka_unit_test(an_empty_body_is_a_message_of_defaults),
        cmocka_unit_test(packing_replaces_what_was_in_the_buffer),
        cmocka_unit_test(a_message_over_the_limit_is_refused_both_ways),
        cmocka_unit_test(nested_input_comes_back_for_every_type_and_field),
        cmocka_unit_test(amplifying_input_is_refused_by_the_memory_cap),
        cmocka_unit_test(text_of_the_full_length_is_still_welcome),
        cmocka_unit_test(the_table_of_types_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
