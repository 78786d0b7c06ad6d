/* test_api_describe.c -- an audit record says what a deed was about, whatever the asker pads it with. */
#include "controller/api/api_describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/api_internal.h"
#include "controller/audit/audit_record.h"
#include "tests/support/check.h"

static const char *
words(const ProtobufCMessage *request)
{
    static char object[AUDIT_OBJECT_MAX + 1];
    memset(object, 'x', sizeof object);
    api_describe(request, object, sizeof object);
    assert_true(memchr(object, '\0', sizeof object) != NULL);
    return object;
}

static void
every_weighty_request_with_a_body_has_a_description(void **state)
{
    size_t found = 0;
    (void)state;
    for (unsigned verb = 0; verb <= UINT16_MAX; verb++) {
        const ProtobufCMessageDescriptor *type = api_request_type((uint16_t)verb);
        if (type == NULL || type->n_fields == 0 ||
            authority_weight(AUTHORITY_REQUEST, (uint16_t)verb) != AUTHORITY_WEIGHTY)
            continue;
        found++;
        if (!api_describes(type))
            fail_msg("a weighty %s leaves no words in the audit log", type->name);
    }
    assert_true(found >= 20);
}

static void
restores_say_first_what_decides(void **state)
{
    Koffer__RestoreBegin begin;
    Koffer__RestoreRequest request;
    (void)state;
    koffer__restore_begin__init(&begin);
    koffer__restore_request__init(&request);
    begin.full = 17;
    begin.source = message_text("imap1.mail");
    begin.path = message_text("/var/spool");
    begin.target = message_text("/tmp/x");
    assert_string_equal(words(&begin.base), "full 17 imap1.mail:/var/spool to /tmp/x");
    begin.browse = true;
    assert_string_equal(words(&begin.base), "full 17 imap1.mail:/var/spool (browse)");
    request.full = 17;
    request.source = message_text("imap1.mail");
    request.path = message_text("/var//spool");
    request.agent = message_text("imap2");
    request.target = message_text("//srv///back");
    request.replace = true;
    assert_string_equal(words(&request.base),
                        "to imap2:/srv/back (replace) full 17 imap1.mail:/var/spool");
}

static void
keys_are_told_apart(void **state)
{
    uint8_t bytes[ID_SIZE] = {0xab, 0xcd};
    const ProtobufCBinaryData id = {sizeof bytes, bytes};
    Koffer__KeyAdd add;
    Koffer__KeyRef ref;
    Koffer__EnvelopeOffer offer;
    struct keys_public key = {{0}};
    struct id fingerprint;
    struct error e = ERROR_INIT;
    char expected[100], hex[ID_TEXT_SIZE];
    (void)state;
    koffer__key_add__init(&add);
    koffer__envelope_offer__init(&offer);
    koffer__key_ref__init(&ref);
    ref.fingerprint = id;
    assert_string_equal(words(&ref.base), "key abcd0000000000000000000000000000");
    offer.full = 3;
    offer.fingerprint = id;
    assert_string_equal(words(&offer.base),
                        "full 3 0 roots to key abcd0000000000000000000000000000");
    memcpy(key.bytes, bytes, sizeof bytes);
    CHECK_OK(keys_fingerprint(&key, &fingerprint, &e), &e);
    add.label = message_text("safe");
    add.public_key = id;
    (void)snprintf(expected, sizeof expected, "key %.32s 'safe'", id_text(&fingerprint, hex));
    assert_string_equal(words(&add.base), expected);
}

/* Ten thousand slashes, then two different names. */
static void
padding_hides_nothing_that_was_read(void **state)
{
    enum { PADDING = 10000 };
    char *path = calloc(1, PADDING + 100);
    Koffer__CatRequest cat;
    struct error e = ERROR_INIT;
    struct id one, same, other;
    (void)state;
    koffer__cat_request__init(&cat);
    assert_non_null(path);
    memset(path, '/', PADDING);
    cat.full = 1;
    cat.source = message_text("a.b");
    cat.path = path;
    (void)snprintf(path + PADDING, 100, "etc/motd");
    assert_string_equal(words(&cat.base), "full 1 a.b:/etc/motd");
    CHECK_OK(api_reading_of(&cat.base, false, "eve", &one, &e), &e);
    cat.offset = 4096;
    CHECK_OK(api_reading_of(&cat.base, false, "eve", &same, &e), &e);
    (void)snprintf(path + PADDING, 100, "etc/shadow");
    assert_string_equal(words(&cat.base), "full 1 a.b:/etc/shadow");
    CHECK_OK(api_reading_of(&cat.base, false, "eve", &other, &e), &e);
    assert_true(id_equal(&one, &same));
    assert_false(id_equal(&one, &other));
    CHECK_OK(api_reading_of(&cat.base, true, "eve", &same, &e), &e);
    assert_false(id_equal(&same, &other));
    free(path);
}

static void
of_a_long_path_the_end_is_kept(void **state)
{
    char path[5000], target[5000];
    Koffer__RestoreRequest request;
    char source[300];
    (void)state;
    koffer__restore_request__init(&request);
    memset(path, 'p', sizeof path);
    memset(target, 't', sizeof target);
    memset(source, 's', sizeof source);
    source[sizeof source - 1] = '\0';
    memcpy(path + sizeof path - sizeof "/shadow", "/shadow", sizeof "/shadow");
    memcpy(target + sizeof target - sizeof "/etc", "/etc", sizeof "/etc");
    request.full = UINT64_MAX;
    request.agent = request.source = source;
    request.path = path;
    request.target = target;
    request.dry_run = request.replace = true;
    const char *object = words(&request.base);
    assert_true(strncmp(object, "to sss", 6) == 0);
    assert_non_null(strstr(object, "/etc (dry run)"));
    assert_non_null(strstr(object, "full 18446744073709551615"));
    assert_true(strcmp(object + strlen(object) - strlen("/shadow"), "/shadow") == 0);
    (void)snprintf(path, sizeof path, "/only/a bit");
    assert_non_null(strstr(words(&request.base), ":/only/a bit"));
}

static void
a_cut_path_begins_with_a_whole_character(void **state)
{
    Koffer__LsRequest ls;
    char path[402];
    (void)state;
    koffer__ls_request__init(&ls);
    for (size_t i = 0; i < 400; i += 2)
        memcpy(path + i, "\xc3\xa4", 2);
    memcpy(path + 400, "x", 2);
    ls.path = path;
    const char *object = strstr(words(&ls.base), "...");
    assert_non_null(object);
    assert_int_equal((unsigned char)object[3], 0xc3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_weighty_request_with_a_body_has_a_description),
        cmocka_unit_test(restores_say_first_what_decides),
        cmocka_unit_test(keys_are_told_apart),
        cmocka_unit_test(padding_hides_nothing_that_was_read),
        cmocka_unit_test(of_a_long_path_the_end_is_kept),
        cmocka_unit_test(a_cut_path_begins_with_a_whole_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
