/* cli_json.c -- see cli_json.h. */
#include "controller/cli/cli_json.h"

#include <inttypes.h>

#include "controller/cli/cli.h"

/* Escaped, a byte takes four. */
static json_t *
escaped(struct span bytes)
{
    size_t room = bytes.len * 4 + 1;
    char *text = malloc(room + 3);
    json_t *made = text == NULL ? NULL : json_string(text_escape(bytes, text, room + 3));
    free(text);
    return made;
}

static json_t *
text_of(struct span bytes)
{
    json_t *made = json_stringn((const char *)bytes.data, bytes.len);
    return made != NULL ? made : escaped(bytes);
}

/* Reversible: a backslash shows that escapes may follow, so it is escaped itself. */
static json_t *
name_of(struct span bytes)
{
    return bytes.len == 0 ? json_string("") : escaped(bytes);
}

static json_t *
base64_of(struct span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc(bytes.len / 3 * 4 + 5), *at = text;
    for (size_t i = 0; text != NULL && i < bytes.len; i += 3) {
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = (uint32_t)bytes.data[i] << 16;
        bits |= have > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0u;
        bits |= have > 2 ? (uint32_t)bytes.data[i + 2] : 0u;
        for (size_t d = 0; d < 4; d++)
            *at++ = (char)(d <= have ? digits[bits >> (18 - 6 * d) & 63] : '=');
    }
    json_t *made = text == NULL ? NULL : json_stringn(text, (size_t)(at - text));
    free(text);
    return made;
}

static json_t *
time_of(int64_t ns)
{
    char seconds[CLOCK_TEXT_SIZE], text[CLOCK_TEXT_SIZE + 16];
    if (ns == 0)
        return json_null();
    int64_t fraction = ((ns % CLOCK_NS_PER_SECOND) + CLOCK_NS_PER_SECOND) % CLOCK_NS_PER_SECOND;
    /* The second it lies in, which the earliest nanoseconds do not reach. */
    int64_t whole = ns < INT64_MIN + fraction ? INT64_MIN : ns - fraction;
    (void)clock_text((struct wall){whole}, seconds);
    (void)snprintf(text, sizeof text, "%.*s.%09" PRId64 "Z", (int)strcspn(seconds, "Z"), seconds,
                   fraction);
    return json_string(text);
}

/* Every other int64 of our messages is a time. */
static bool
is_duration(const char *field)
{
    static const char *const names[] = {"clock_offset", "offset", "uncertainty", "skew"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_equal(names[i], field))
            return true;
    return false;
}

/* protobuf-c lays values out by type; they are read by copying, whatever their alignment. */
#define LOAD(type, at)                                                                             \
    __extension__({                                                                                \
        type load_;                                                                                \
        memcpy(&load_, (at), sizeof load_);                                                        \
        load_;                                                                                     \
    })

static json_t *
bytes_value(const ProtobufCFieldDescriptor *f, const void *at)
{
    ProtobufCBinaryData bytes = LOAD(ProtobufCBinaryData, at);
    struct span s = span_of(bytes.data, bytes.len);
    return text_equal(f->name, "data") ? base64_of(s) : name_of(s);
}

static json_t *
value_of(const ProtobufCFieldDescriptor *f, const void *at)
{
    const ProtobufCMessage *message;
    const char *text;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        message = LOAD(const ProtobufCMessage *, at);
        return message == NULL ? json_null() : cli_json_of(message);
    }
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        text = LOAD(const char *, at);
        return text == NULL ? json_null() : text_of(span_of(text, strlen(text)));
    }
    if (f->type == PROTOBUF_C_TYPE_BYTES)
        return bytes_value(f, at);
    if (f->type == PROTOBUF_C_TYPE_BOOL)
        return json_boolean(LOAD(protobuf_c_boolean, at));
    if (f->type == PROTOBUF_C_TYPE_UINT64)
        return json_integer((json_int_t)LOAD(uint64_t, at));
    if (f->type == PROTOBUF_C_TYPE_INT64)
        return is_duration(f->name) ? json_integer(LOAD(int64_t, at)) : time_of(LOAD(int64_t, at));
    if (f->type == PROTOBUF_C_TYPE_ENUM)
        return json_integer(LOAD(int, at));
    return json_integer(LOAD(uint32_t, at));
}

static size_t
size_of(ProtobufCType type)
{
    if (type == PROTOBUF_C_TYPE_BYTES)
        return sizeof(ProtobufCBinaryData);
    if (type == PROTOBUF_C_TYPE_MESSAGE || type == PROTOBUF_C_TYPE_STRING)
        return sizeof(void *);
    return type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_INT64 ? sizeof(uint64_t)
                                                                           : sizeof(uint32_t);
}

static json_t *
array_of(const ProtobufCFieldDescriptor *f, const char *base)
{
    size_t count = LOAD(size_t, base + f->quantifier_offset);
    const char *items = LOAD(const char *, base + f->offset);
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < count; i++) {
        if (json_array_append_new(array, value_of(f, items + i * size_of(f->type))) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

json_t *
cli_json_of(const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    json_t *object = json_object();
    for (unsigned i = 0; object != NULL && i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &message->descriptor->fields[i];
        json_t *value = f->label == PROTOBUF_C_LABEL_REPEATED ? array_of(f, base)
                                                              : value_of(f, base + f->offset);
        if (json_object_set_new(object, f->name, value) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

enum rc
cli_json_print_value(json_t *value, struct error *e)
{
    if (value == NULL)
        return error_set(e, RC_NO_MEMORY, "JSON");
    int failed = json_dumpf(value, stdout, JSON_INDENT(2));
    json_decref(value);
    (void)fputc('\n', stdout);
    return failed == 0 ? RC_OK : error_set(e, RC_IO, "standard output: cannot write");
}

enum rc
cli_json_print(const ProtobufCMessage *message, struct error *e)
{
    return cli_json_print_value(cli_json_of(message), e);
}
