/* test_dse.c -- which backends an instance has, from its configuration and nothing else. */
#include "agent/source/ldap/dse.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "tests/support/check.h"

#define MAIN                                                                                       \
    "dn: cn=config\nnsslapd-ldapilisten: on\nnsslapd-ldapifilepath: /run/slapd.socket\n"           \
    "nsslapd-ldapiautobind: on\nnsslapd-localuser: ldapd\n\n"
#define BACKEND(name, suffix)                                                                      \
    "dn: cn=" name ",cn=ldbm database,cn=plugins,cn=config\nobjectClass: nsBackendInstance\n"      \
    "cn: " name "\nnsslapd-suffix: " suffix "\n\n"

static struct arena *arena;

static int
set_up(void **state)
{
    (void)state;
    arena = arena_new(DSE_ARENA);
    return arena == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static enum rc
parse(const char *text, const struct dse **out, struct error *e)
{
    return dse_parse("/etc/dirsrv/slapd-kolab", span_of(text, strlen(text)), arena, out, e);
}

static void
backends_come_from_the_configuration_sorted_by_name(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct dse *dse;
    CHECK_OK(parse(MAIN BACKEND("userRoot", "dc=b") BACKEND(
                       "alpha", "dc=a") "dn: cn=config,cn=ldbm database,cn=plugins,cn=config\n"
                                        "nsslapd-backend-implement: mdb\n\n",
                   &dse, &e),
             &e);
    assert_string_equal(dse->instance, "kolab");
    assert_string_equal(dse->socket, "/run/slapd.socket");
    assert_string_equal(dse->user, "ldapd");
    assert_string_equal(dse->store, "mdb");
    assert_true(dse->autobind);
    assert_int_equal(dse->backend_count, 2);
    assert_string_equal(dse->backends[0].name, "alpha");
    assert_string_equal(dse->backends[1].suffix, "dc=b");
}

static void
a_replica_is_matched_to_its_suffix_however_it_is_written(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct dse *dse;
    CHECK_OK(
        parse(
            MAIN BACKEND("one", "dc=Example, dc=org") BACKEND(
                "two",
                "dc=example,dc=net") "dn: cn=replica,cn=dc\\3Dexample\\2Cdc\\3Dorg,cn=mapping tree,cn=config\n"
                                     "objectClass: nsds5replica\nnsDS5ReplicaRoot: dc=example,dc=org\n\n",
            &dse, &e),
        &e);
    assert_true(dse->backends[0].replicated);
    assert_false(dse->backends[1].replicated);
}

static void
a_configuration_without_backends_is_refused(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    const struct dse *dse;
    CHECK_RC(parse(MAIN, &dse, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "nothing would be exported"));
    CHECK_RC(parse("", &dse, &e), RC_INVALID);
    CHECK_RC(parse(MAIN BACKEND("a", "dc=a") BACKEND("A", "dc=b"), &dse, &e), RC_CORRUPT);
    CHECK_RC(parse(MAIN "dn: cn=x,cn=ldbm database,cn=plugins,cn=config\n"
                        "objectClass: nsBackendInstance\ncn: x\n\n",
                   &dse, &e),
             RC_CORRUPT);
}

static void
suffixes_compare_as_names_not_as_text(void **state)
{
    (void)state;
    assert_true(dse_suffix_equal("dc=A , dc=b ", "dc=a,DC = b"));
    assert_false(dse_suffix_equal("dc=a,dc=b", "dc=a"));
    assert_true(dse_suffix_below("ou=x, dc=a,dc=b", "dc=A,dc=b"));
    assert_true(dse_suffix_below("dc=a,dc=b", "dc=b"));
    assert_false(dse_suffix_below("dc=a,dc=b", "dc=a,dc=b"));
    assert_false(dse_suffix_below("dc=xa", "dc=a"));
    assert_false(dse_suffix_below("cn=a\\,dc=b", "dc=b"));
}

static void
removed_instances_are_not_found(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char base[] = "/tmp/koffer-dse-XXXXXX", path[256];
    assert_non_null(mkdtemp(base));
    const char **found;
    CHECK_RC(dse_find(base, arena, &found, &e), RC_NOT_FOUND);

    static const char *const names[] = {"slapd-b", "slapd-a", "slapd-old.removed", "slapd-empty",
                                        "schema"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", base, names[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(path, sizeof path, "%s/%s/dse.ldif", base, names[i]);
        FILE *f = i == 3 ? NULL : fopen(path, "w");
        if (f != NULL)
            (void)fclose(f);
    }
    CHECK_OK(dse_find(base, arena, &found, &e), &e);
    assert_string_equal(strrchr(found[0], '/'), "/slapd-a");
    assert_string_equal(strrchr(found[1], '/'), "/slapd-b");
    assert_null(found[2]);
    CHECK_OK(file_remove_tree(AT_FDCWD, base, &e), &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backends_come_from_the_configuration_sorted_by_name),
        cmocka_unit_test(a_replica_is_matched_to_its_suffix_however_it_is_written),
        cmocka_unit_test(a_configuration_without_backends_is_refused),
        cmocka_unit_test(suffixes_compare_as_names_not_as_text),
        cmocka_unit_test(removed_instances_are_not_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
