/* test_authority.c -- the whole matrix: every verb there is, and numbers that are none, by every role to every object. */
#include "controller/authority/authority.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "proto/koffer.pb-c.h"
#include "proto/stream.h"
#include "tests/support/check.h"

#define VIEWERS "viewer, operator, restore, admin, root"
#define WORKERS "operator, restore, admin, root"
#define OPERATORS "operator, admin, root"
#define RESTORERS "restore, admin, root"
#define ADMINS "admin, root"

/* Written by hand, from what is wanted; docs/architecture/authority.md says the same. */
struct cell {
    enum authority_channel channel;
    uint16_t verb;
    const char *name, *own, *others, *cluster;
    enum authority_grant grant;
};
#define ASK(name, own, others, cluster)                                                            \
    {                                                                                              \
        AUTHORITY_REQUEST, KOFFER__MESSAGE_TYPE__##name, #name, own, others, cluster,              \
            AUTHORITY_NO_GRANT                                                                     \
    }
#define REPLY(name)                                                                                \
    {                                                                                              \
        AUTHORITY_ANSWER, KOFFER__MESSAGE_TYPE__##name, #name, "agent", "", "", AUTHORITY_NO_GRANT \
    }
#define DATA(name, grant)                                                                          \
    {                                                                                              \
        AUTHORITY_DATA, STREAM_##name, #name, "agent", "", "", AUTHORITY_##grant                   \
    }
#define FETCH(name, grant)                                                                         \
    {                                                                                              \
        AUTHORITY_DATA, STREAM_##name, #name, "agent, " RESTORERS, "", "", AUTHORITY_##grant       \
    }
static const struct cell cells[] = {
    ASK(AGENT_HELLO, "agent", "", ""),
    ASK(AGENT_SOURCES, "agent", "", ""),
    ASK(STEP_PROGRESS, "agent", "", ""),
    ASK(STEP_RESULT, "agent", "", ""),
    ASK(CERTIFICATE_RENEW, "agent, viewer, operator, restore, admin", "", ""),
    ASK(STATUS, "", "", VIEWERS),
    ASK(AGENT_LIST, "", "", VIEWERS),
    ASK(OPERATOR_LIST, "", "", VIEWERS),
    ASK(SOURCE_LIST, "", "", VIEWERS),
    ASK(CYCLE_STATUS, "", "", VIEWERS),
    ASK(CYCLE_LIST, "", "", VIEWERS),
    ASK(FULL_LIST, "", "", VIEWERS),
    ASK(FULL_SHOW, "", "", VIEWERS),
    ASK(VAULT_STATS, "", "", VIEWERS),
    ASK(JOB_STATUS, VIEWERS, RESTORERS, ""),
    ASK(CYCLE_START, "", "", OPERATORS),
    ASK(CYCLE_CANCEL, "", "", OPERATORS),
    ASK(FULL_VERIFY, "", "", OPERATORS),
    ASK(VAULT_VERIFY, "", "", OPERATORS),
    ASK(JOB_CANCEL, WORKERS, ADMINS, ""),
    ASK(FULL_LS, "", "", RESTORERS),
    ASK(FULL_CAT, "", "", RESTORERS),
    ASK(RESTORE_FILES, "", RESTORERS, "root"),
    ASK(AGENT_ADD, "", "", ADMINS),
    ASK(AGENT_REVOKE, "", "", ADMINS),
    ASK(OPERATOR_ADD, "", "", ADMINS),
    ASK(OPERATOR_REVOKE, "", "", ADMINS),
    ASK(OPERATOR_ROLE, "", "", ADMINS),
    ASK(SOURCE_FORGET, "", "", ADMINS),
    ASK(VAULT_REPAIR, "", "", ADMINS),
    ASK(VAULT_ACCEPT_GAP, "", "", ADMINS),
    ASK(AUDIT_SHOW, "", "", ADMINS),
    ASK(AUDIT_VERIFY, "", "", ADMINS),
    ASK(KEY_LIST, "", "", ADMINS),
    ASK(KEY_ADD, "", "", ADMINS),
    ASK(KEY_REMOVE, "", "", ADMINS),
    ASK(KEY_PROVE, "", "", ADMINS),
    ASK(KEY_REWRAP, "", "", ADMINS),
    ASK(KEY_ENVELOPE, "", "", ADMINS),
    ASK(ROOT_LIST, "", "", RESTORERS),
    ASK(AGENT_KEY, "", "", RESTORERS),
    ASK(RESTORE_BEGIN, "", "", RESTORERS),
    ASK(RESTORE_REPORT, "", "", RESTORERS),
    ASK(ENROLL, "enroller", "", ""),
    REPLY(STEP),
    REPLY(STEP_CANCEL),
    REPLY(CLOCK),
    FETCH(HELLO, NO_GRANT),
    DATA(HAVE, CAPTURE),
    DATA(PUT, CAPTURE),
    DATA(FINISH, CAPTURE),
    FETCH(GET, RESTORING),
};
enum { CELLS = sizeof cells / sizeof *cells };

/* Nobody sends these to the controller as a request: our own orders, what hub and link keep to themselves. */
static const char *const never[] = {"MESSAGE_NONE", "HEARTBEAT", "STEP",
                                    "STEP_CANCEL",  "CLOCK",     "RENEW"};

static const struct cell *
cell_of(enum authority_channel channel, unsigned verb)
{
    for (size_t i = 0; i < CELLS; i++)
        if (cells[i].channel == channel && cells[i].verb == verb)
            return &cells[i];
    return NULL;
}

static bool
is_in(const char *list, const char *role)
{
    size_t len = strlen(role);
    for (const char *at = strstr(list, role); at != NULL; at = strstr(at + 1, role))
        if ((at == list || at[-1] == ' ') && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

static bool
wanted(const struct authority_question *q)
{
    const struct cell *c = cell_of(q->channel, q->verb);
    if (c == NULL || (c->grant != AUTHORITY_NO_GRANT && c->grant != q->grant))
        return false;
    const char *roles = q->object == AUTHORITY_OWN       ? c->own
                        : q->object == AUTHORITY_OTHERS  ? c->others
                        : q->object == AUTHORITY_CLUSTER ? c->cluster
                                                         : "";
    return is_in(roles, authority_role_name(q->role));
}

static void
check(const struct authority_question *q)
{
    struct error e = ERROR_INIT;
    enum rc rc = authority_check(q, &e);
    if ((rc == RC_OK) != wanted(q))
        fail_msg("channel %d, verb %u, %s, object %d, grant %d: %s %s", (int)q->channel, q->verb,
                 authority_role_name(q->role), (int)q->object, (int)q->grant, rc_name(rc), e.text);
    if (rc != RC_OK) {
        CHECK_RC(rc, RC_DENIED);
        assert_string_not_equal(e.text, "");
    }
}

static void
check_all_objects(struct authority_question q)
{
    for (unsigned object = 0; object <= AUTHORITY_OBJECTS_; object++) {
        for (unsigned grant = 0; grant <= AUTHORITY_GRANTS_; grant++) {
            q.object = (enum authority_object)object;
            q.grant = (enum authority_grant)grant;
            check(&q);
        }
    }
}

static void
every_cell_of_the_matrix_is_as_wanted(void **state)
{
    (void)state;
    for (unsigned verb = 0; verb < 400; verb++)
        for (unsigned channel = 0; channel <= AUTHORITY_CHANNELS_; channel++)
            for (unsigned role = 0; role <= AUTHORITY_ROLES_; role++)
                check_all_objects((struct authority_question){
                    .role = (enum authority_role)role,
                    .who = "anna",
                    .channel = (enum authority_channel)channel,
                    .verb = (uint16_t)(verb == 399 ? UINT16_MAX : verb),
                });
}

static bool
is_never_sent(const char *name)
{
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (text_equal(never[i], name))
            return true;
    return false;
}

static void
no_message_type_is_without_a_decision(void **state)
{
    const ProtobufCEnumDescriptor *types = &koffer__message_type__descriptor;
    (void)state;
    for (unsigned i = 0; i < types->n_values; i++) {
        const ProtobufCEnumValue *type = &types->values[i];
        bool listed = cell_of(AUTHORITY_REQUEST, (unsigned)type->value) != NULL;
        if (listed == is_never_sent(type->name))
            fail_msg("%s: decide who may send it, in authority.c, here and in authority.md",
                     type->name);
    }
}

static void
page_for_people_says_the_same(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(buffer_free) struct buffer page = BUFFER_INIT(1u << 20);
    (void)state;
    CHECK_OK(file_read(AT_FDCWD, TESTS_AUTHORITY_PAGE, &page, &e), &e);
    CHECK_OK(buffer_append(&page, span_of("", 1), &e), &e);
    for (size_t i = 0; i < CELLS; i++) {
        const struct cell *c = &cells[i];
        static const char *const channels[] = {"request", "answer", "data"};
        static const char *const grants[] = {"", " in a capture", " in a restore"};
        char line[256];
        (void)snprintf(line, sizeof line, "| %s | %s%s | %s | %s | %s |\n", channels[c->channel],
                       c->name, grants[c->grant], c->own[0] ? c->own : "–",
                       c->others[0] ? c->others : "–", c->cluster[0] ? c->cluster : "–");
        if (strstr((const char *)page.data, line) == NULL)
            fail_msg("authority.md lacks: %s", line);
    }
}

static void
expect_words(const struct authority_question *q, const char *words)
{
    struct error e = ERROR_INIT;
    CHECK_RC(authority_check(q, &e), RC_DENIED);
    assert_string_equal(e.text, words);
}

static void
refusals_say_what_would_help(void **state)
{
    (void)state;
    expect_words(&(struct authority_question){.role = AUTHORITY_VIEWER,
                                              .who = "x",
                                              .verb = KOFFER__MESSAGE_TYPE__FULL_CAT,
                                              .object = AUTHORITY_CLUSTER},
                 "operator 'x' has the role viewer; this needs restore: ask an admin for 'koffer "
                 "operator role x restore'");
    expect_words(&(struct authority_question){.role = AUTHORITY_AGENT,
                                              .who = "imap1",
                                              .verb = KOFFER__MESSAGE_TYPE__FULL_LIST,
                                              .object = AUTHORITY_CLUSTER},
                 "agent 'imap1' may not ask FULL_LIST: only operators may");
    expect_words(&(struct authority_question){.role = AUTHORITY_ROOT, .who = "root", .verb = 77},
                 "nobody may send messages of type 77 here");
    expect_words(&(struct authority_question){.role = AUTHORITY_ADMIN,
                                              .who = "x",
                                              .verb = KOFFER__MESSAGE_TYPE__RESTORE_FILES,
                                              .object = AUTHORITY_CLUSTER},
                 "only root on the controller's host may do this; a restore can go through an "
                 "agent instead (--on AGENT)");
}

static void
only_operators_roles_can_be_given(void **state)
{
    static const char *const bad[] = {"root", "agent", "nobody", "enroller", "", "Admin", "admin "};
    struct error e = ERROR_INIT;
    enum authority_role role = AUTHORITY_NOBODY;
    (void)state;
    CHECK_OK(authority_role_parse("restore", &role, &e), &e);
    assert_int_equal(role, AUTHORITY_RESTORE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_RC(authority_role_parse(bad[i], &role, &e), RC_INVALID);
    assert_int_equal(role, AUTHORITY_RESTORE);
}

static void
what_changes_who_may_do_what_is_never_done_unrecorded(void **state)
{
    static const uint16_t weighty[] = {
        KOFFER__MESSAGE_TYPE__ENROLL,          KOFFER__MESSAGE_TYPE__AGENT_ADD,
        KOFFER__MESSAGE_TYPE__AGENT_REVOKE,    KOFFER__MESSAGE_TYPE__OPERATOR_ADD,
        KOFFER__MESSAGE_TYPE__OPERATOR_REVOKE, KOFFER__MESSAGE_TYPE__OPERATOR_ROLE,
        KOFFER__MESSAGE_TYPE__RESTORE_FILES,   KOFFER__MESSAGE_TYPE__FULL_CAT,
        KOFFER__MESSAGE_TYPE__FULL_LS,         KOFFER__MESSAGE_TYPE__CYCLE_CANCEL,
        KOFFER__MESSAGE_TYPE__JOB_CANCEL,      KOFFER__MESSAGE_TYPE__SOURCE_FORGET,
    };
    (void)state;
    for (size_t i = 0; i < sizeof weighty / sizeof *weighty; i++)
        assert_int_equal(authority_weight(AUTHORITY_REQUEST, weighty[i]), AUTHORITY_WEIGHTY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_of_the_matrix_is_as_wanted),
        cmocka_unit_test(no_message_type_is_without_a_decision),
        cmocka_unit_test(page_for_people_says_the_same),
        cmocka_unit_test(refusals_say_what_would_help),
        cmocka_unit_test(only_operators_roles_can_be_given),
        cmocka_unit_test(what_changes_who_may_do_what_is_never_done_unrecorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
