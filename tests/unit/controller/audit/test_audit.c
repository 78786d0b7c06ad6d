/* test_audit.c -- what was appended stays, in order; what is missing, changed or added is found. */
#include "controller/audit/audit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/sys/file.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

static const struct wall some_time = {INT64_C(1700000000000000000)};

static struct world {
    char directory[VAULT_KIT_PATH_SIZE], log[VAULT_KIT_PATH_SIZE + 8];
    struct keys_private *signer;
    struct keys_public public;
    struct audit *audit;
    struct audit_head known;
    size_t file_max;
    struct audit_report report;
} w;

static int
begin(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    w = (struct world){.audit = NULL};
    vault_kit_fast_directory(w.directory);
    (void)snprintf(w.log, sizeof w.log, "%s/audit", w.directory);
    CHECK_OK(keys_generate(KEYS_SIGNING, &w.signer, &e), &e);
    CHECK_OK(keys_public_of(w.signer, &w.public, &e), &e);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    audit_free(w.audit);
    keys_private_free(w.signer);
    vault_kit_remove(w.directory);
    return 0;
}

static void
reopen(void)
{
    struct error e = ERROR_INIT;
    const struct audit_options options = {
        .directory = w.log, .signer = w.signer, .known = w.known, .file_max = w.file_max};
    audit_free(w.audit);
    w.audit = NULL;
    CHECK_OK(audit_open(&options, &w.audit, &e), &e);
}

static struct audit_entry
entry(const char *verb)
{
    return (struct audit_entry){
        .wall = some_time,
        .mono = {5},
        .result = AUDIT_ALLOWED,
        .role = "admin",
        .who = "anna",
        .address = "192.0.2.7:4711",
        .verb = verb,
        .object = "agent imap1",
        .certificate = {{7}},
        .parameters = {{8}},
    };
}

static void
append(const char *verb)
{
    struct error e = ERROR_INIT;
    const struct audit_entry one = entry(verb);
    CHECK_OK(audit_append(w.audit, &one, &e), &e);
}

static const char *
verify(void)
{
    struct error e = ERROR_INIT;
    CHECK_OK(audit_verify(w.log, &w.public, &w.known, &w.report, &e), &e);
    return w.report.problem;
}

static void
path_of(uint64_t first, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/%020" PRIu64 ".log", w.log, first);
}

static off_t
size_of(uint64_t first)
{
    char path[128];
    struct stat about;
    path_of(first, path, sizeof path);
    assert_int_equal(stat(path, &about), 0);
    return about.st_size;
}

static void
cut_to(uint64_t first, off_t size)
{
    char path[128];
    path_of(first, path, sizeof path);
    assert_int_equal(truncate(path, size), 0);
}

/* The verbs, newest first, in one line. */
struct shown {
    char line[512];
};

static enum rc
add_verb(void *ctx, const struct audit_record *r, const struct id *hash, struct error *e)
{
    struct shown *s = ctx;
    size_t len = strlen(s->line);
    (void)hash, (void)e;
    (void)snprintf(s->line + len, sizeof s->line - len, "%s ", r->verb);
    return RC_OK;
}

static void
expect_shown(const struct audit_selection *selection, const char *line)
{
    struct error e = ERROR_INIT;
    struct shown s = {{0}};
    CHECK_OK(audit_show(w.log, selection, add_verb, &s, &e), &e);
    assert_string_equal(s.line, line);
}

static void
records_are_kept_in_order_over_restarts_and_files(void **state)
{
    (void)state;
    w.file_max = 700; /* two or three records */
    reopen();
    for (const char *const *v = (const char *const[]){"A", "B", "C", "D", NULL}; *v != NULL; v++)
        append(*v);
    reopen();
    append("E");
    expect_shown(&(struct audit_selection){.limit = 100}, "E START D C B A START ");
    expect_shown(&(struct audit_selection){.limit = 2}, "E START ");
    expect_shown(&(struct audit_selection){.limit = 100, .before = 3}, "A START ");
    assert_string_equal(verify(), "");
    assert_int_equal(w.report.records, 7);
    assert_int_equal(w.report.last, 7);
}

static enum rc
check_fields(void *ctx, const struct audit_record *r, const struct id *hash, struct error *e)
{
    (void)ctx, (void)hash, (void)e;
    assert_string_equal(r->role, "admin");
    assert_string_equal(r->who, "anna");
    assert_string_equal(r->address, "192.0.2.7:4711");
    assert_string_equal(r->object, "agent imap1");
    assert_int_equal(r->wall.ns, some_time.ns);
    assert_int_equal(r->mono.ns, 5);
    assert_int_equal(r->certificate.bytes[0], 7);
    assert_int_equal(r->parameters.bytes[0], 8);
    assert_int_equal(r->result, AUDIT_ALLOWED);
    return RC_OK;
}

static void
record_says_who_did_what_when(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    reopen();
    append("A");
    CHECK_OK(audit_show(w.log, &(struct audit_selection){.limit = 1}, check_fields, NULL, &e), &e);
}

static void
torn_record_is_cut_off_wherever_it_was_torn(void **state)
{
    (void)state;
    reopen();
    off_t before = size_of(1);
    append("A");
    off_t after = size_of(1);
    for (off_t size = before + 1; size < after; size++) {
        cut_to(1, size);
        reopen();
        assert_string_equal(audit_problem(w.audit), "");
        assert_string_equal(verify(), "");
        assert_int_equal(w.report.records, 2);
        cut_to(1, before);
        reopen();
        cut_to(1, before);
        append("A");
    }
}

static void
bytes_that_never_came_are_torn_too(void **state)
{
    (void)state;
    reopen();
    cut_to(1, size_of(1) + 300);
    reopen();
    assert_string_equal(audit_problem(w.audit), "");
    assert_string_equal(verify(), "");
    assert_int_equal(w.report.records, 2);
}

static void
every_flipped_bit_is_found(void **state)
{
    char path[128];
    (void)state;
    reopen();
    append("A");
    append("B");
    append("C");
    path_of(1, path, sizeof path);
    for (off_t at = 0; at < size_of(1); at += 3) {
        vault_kit_flip(path, (uint64_t)at, (uint8_t)(1u << (at % 8)));
        assert_string_not_equal(verify(), "");
        vault_kit_flip(path, (uint64_t)at, (uint8_t)(1u << (at % 8)));
    }
    assert_string_equal(verify(), "");
}

static void
records_taken_off_the_end_are_missed(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    reopen();
    off_t size = size_of(1);
    append("A");
    CHECK_OK(audit_sign(w.audit, some_time, (struct mono){9}, &w.known, &e), &e);
    assert_int_equal(w.known.sequence, 3);
    assert_string_equal(verify(), "");
    audit_free(w.audit);
    w.audit = NULL;
    cut_to(1, size);
    assert_non_null(strstr(verify(), "the catalogue knows record 3"));
    reopen();
    assert_non_null(strstr(audit_problem(w.audit), "the log ends with record 1, and 3 was there"));
    assert_non_null(strstr(verify(), "says that something is missing before it"));
}

static void
damage_in_the_middle_stays_as_evidence_and_the_log_goes_on(void **state)
{
    char path[128];
    (void)state;
    reopen();
    off_t first = size_of(1);
    append("A");
    append("B");
    path_of(1, path, sizeof path);
    off_t all = size_of(1);
    vault_kit_flip(path, (uint64_t)first + 20, 1);
    reopen();
    assert_non_null(strstr(audit_problem(w.audit), "damaged"));
    assert_int_equal(size_of(1), all);
    append("C");
    assert_non_null(strstr(verify(), "behind record 1"));
    expect_shown(&(struct audit_selection){.limit = 2}, "C CUT ");
}

static void
heads_are_signed_when_there_is_something_new(void **state)
{
    struct error e = ERROR_INIT;
    struct audit_head head;
    struct keys_private *other;
    (void)state;
    reopen();
    CHECK_OK(audit_sign(w.audit, some_time, (struct mono){9}, &head, &e), &e);
    assert_int_equal(head.sequence, 2);
    CHECK_OK(audit_sign(w.audit, some_time, (struct mono){9}, &head, &e), &e);
    assert_int_equal(head.sequence, 0);
    assert_string_equal(verify(), "");
    assert_int_equal(w.report.last_signed.ns, some_time.ns);

    CHECK_OK(keys_generate(KEYS_SIGNING, &other, &e), &e);
    CHECK_OK(keys_public_of(other, &w.public, &e), &e);
    assert_non_null(strstr(verify(), "signed by another key"));
    keys_private_free(other);
}

static void
flood_of_refusals_does_not_fill_the_disk(void **state)
{
    (void)state;
    reopen();
    for (unsigned i = 0; i < 10000; i++) {
        struct audit_entry one = entry("FULL_CAT");
        one.mono.ns = (int64_t)i * CLOCK_NS_PER_MS; /* ten seconds in all */
        one.why = "no";
        audit_refused(w.audit, &one);
    }
    assert_string_equal(verify(), "");
    assert_in_range(w.report.records, AUDIT_REFUSALS_AT_ONCE, AUDIT_REFUSALS_AT_ONCE + 3);
    struct audit_entry late = entry("FULL_CAT");
    late.mono.ns = 100 * CLOCK_NS_PER_SECOND;
    audit_refused(w.audit, &late);
    assert_true(verify()[0] == '\0' && w.report.records >= AUDIT_REFUSALS_AT_ONCE + 2);
}

static void
long_texts_are_cut_and_never_break_a_record(void **state)
{
    struct error e = ERROR_INIT;
    char text[2000];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct audit_entry one = entry("A");
    one.object = one.why = one.who = one.address = one.role = one.verb = text;
    reopen();
    CHECK_OK(audit_append(w.audit, &one, &e), &e);
    assert_string_equal(verify(), "");
}

static void
readers_need_no_writer_and_no_log(void **state)
{
    (void)state;
    assert_string_equal(verify(), "");
    assert_int_equal(w.report.records, 0);
    expect_shown(&(struct audit_selection){.limit = 5}, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_are_kept_in_order_over_restarts_and_files),
        TEST(record_says_who_did_what_when),
        TEST(torn_record_is_cut_off_wherever_it_was_torn),
        TEST(bytes_that_never_came_are_torn_too),
        TEST(every_flipped_bit_is_found),
        TEST(records_taken_off_the_end_are_missed),
        TEST(damage_in_the_middle_stays_as_evidence_and_the_log_goes_on),
        TEST(heads_are_signed_when_there_is_something_new),
        TEST(flood_of_refusals_does_not_fill_the_disk),
        TEST(long_texts_are_cut_and_never_break_a_record),
        TEST(readers_need_no_writer_and_no_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
