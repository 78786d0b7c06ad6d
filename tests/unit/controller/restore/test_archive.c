/* test_archive.c -- an archive is found by its name, or the message says which there are. */
#include "controller/restore/archive.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/crypto/digest.h"
#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/catalogue_kit.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

static const struct record_archive archives[] = {
    {.host = "imap1", .source = "spool"},
    {.host = "imap2", .source = "spool"},
    {.host = "imap1", .source = "etc"},
};
static const struct archive_set set = {
    .full = {.number = 17, .archive_count = sizeof archives / sizeof *archives},
    .archives = archives,
};

static enum rc
select_one(const char *name, size_t *index, struct error *e)
{
    const struct record_archive *found = NULL;
    enum rc rc = archive_select(&set, name, &found, e);
    assert_int_equal(rc == RC_OK, found != NULL);
    if (found != NULL)
        *index = (size_t)(found - archives);
    return rc;
}

static void
whole_and_unique_short_names_are_found(void **state)
{
    struct error e = ERROR_INIT;
    size_t index;
    (void)state;
    CHECK_OK(select_one("imap2.spool", &index, &e), &e);
    assert_int_equal(index, 1);
    CHECK_OK(select_one("imap1.etc", &index, &e), &e);
    assert_int_equal(index, 2);
    CHECK_OK(select_one("etc", &index, &e), &e);
    assert_int_equal(index, 2);
}

/* "web1" declares a source that is called as an archive of "imap1" is. */
static void
no_source_is_taken_for_another_hosts_archive(void **state)
{
    static const struct record_archive two[] = {
        {.host = "web1", .source = "imap1.mail"},
        {.host = "imap1", .source = "mail"},
    };
    const struct archive_set both = {.full = {.archive_count = 2}, .archives = two};
    const struct archive_set alone = {.full = {.archive_count = 1}, .archives = two};
    const struct record_archive *found = NULL;
    struct error e = ERROR_INIT;
    (void)state;
    CHECK_OK(archive_select(&both, "imap1.mail", &found, &e), &e);
    assert_ptr_equal(found, &two[1]);
    CHECK_RC(archive_select(&alone, "imap1.mail", &found, &e), RC_NOT_FOUND);
    CHECK_OK(archive_select(&alone, "web1.imap1.mail", &found, &e), &e);
    assert_ptr_equal(found, &two[0]);
}

static void
ambiguous_name_lists_what_there_is(void **state)
{
    struct error e = ERROR_INIT;
    size_t index;
    (void)state;
    CHECK_RC(select_one("spool", &index, &e), RC_INVALID);
    assert_non_null(strstr(e.text, "imap1.spool, imap2.spool, imap1.etc"));
    assert_non_null(strstr(e.text, "full 17"));
}

static void
missing_name_lists_what_there_is(void **state)
{
    struct error e = ERROR_INIT;
    size_t index;
    (void)state;
    static const char *const names[] = {"", "imap1", "imap1.", ".etc", "imap1.etc.x", "\033[2J"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_RC(select_one(names[i], &index, &e), RC_NOT_FOUND);
        assert_non_null(strstr(e.text, "imap1.etc"));
        assert_null(strchr(e.text, '\033'));
    }
}

static void
longest_names_are_found(void **state)
{
    struct error e = ERROR_INIT;
    const struct record_archive *found;
    char host[LIMIT_LABEL + 1], source[LIMIT_LABEL + 1], both[2 * LIMIT_LABEL + 2];
    (void)state;
    memset(host, 'h', LIMIT_LABEL);
    memset(source, 's', LIMIT_LABEL);
    host[LIMIT_LABEL] = source[LIMIT_LABEL] = '\0';
    (void)snprintf(both, sizeof both, "%s.%s", host, source);
    const struct record_archive one = {.host = host, .source = source};
    const struct archive_set long_set = {.full = {.archive_count = 1}, .archives = &one};
    CHECK_OK(archive_select(&long_set, both, &found, &e), &e);
    assert_ptr_equal(found, &one);
}

static void
full_is_loaded_from_the_vault(void **state)
{
    char directory[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 8];
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    CLEANUP(buffer_free) struct buffer record = BUFFER_INIT(LIMIT_RECORD);
    struct error e = ERROR_INIT;
    struct vault *v;
    struct vault_session *s;
    struct vault_kit kit;
    struct record_vault_id vault;
    struct id root, name, none = {{0}};
    struct archive_set loaded;
    bool known;
    (void)state;

    vault_kit_fast_directory(directory);
    (void)snprintf(path, sizeof path, "%s/vault", directory);
    vault_kit_begin(&kit);
    CHECK_OK(vault_create(path, false, &vault, &e), &e);
    CHECK_OK(vault_open(path, &(struct vault_options){0}, &v, &e), &e);
    vault_kit_blob(&blob, &root, 1, 100, NULL, 0);
    CHECK_OK(vault_session_begin(v, &s, &e), &e);
    CHECK_OK(vault_session_put(s, &root, buffer_span(&blob), &known, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_session_free(s);
    vault_kit_record(&kit, &vault, 1, &none, &root, &record);
    CHECK_OK(vault_commit_full(v, buffer_span(&record), &name, &e), &e);

    struct arena *arena = arena_new(ARCHIVE_ARENA);
    CHECK_OK(archive_load(v, 1, arena, &loaded, &e), &e);
    buffer_clear(&record); /* what was loaded is the arena's */
    assert_int_equal(loaded.full.archive_count, 1);
    assert_string_equal(loaded.archives[0].host, "mail");
    assert_true(id_equal(&loaded.archives[0].root, &root));
    CHECK_RC(archive_load(v, 2, arena, &loaded, &e), RC_NOT_FOUND);
    arena_free(arena);
    vault_close(v);
    vault_kit_end(&kit);
    vault_kit_remove(directory);
}

/* ---- a second file of the same number, as whoever can write into the vault can make it */

struct fake {
    struct catalogue_kit *kit;
    struct vault *vault;
    struct vault_kit real, eve;
    struct id root, committed;
    char path[VAULT_KIT_PATH_SIZE + 8];
};

static void
commit_one(struct fake *f)
{
    CLEANUP(buffer_free) struct buffer blob = BUFFER_INIT(LIMIT_BLOB);
    CLEANUP(buffer_free) struct buffer record = BUFFER_INIT(LIMIT_RECORD);
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    struct record_full full = {.number = 1, .state = RECORD_FULL, .sealed = {1}};
    const struct id none = {{0}};
    bool known;
    vault_kit_blob(&blob, &f->root, 1, 100, NULL, 0);
    CHECK_OK(vault_session_begin(f->vault, &s, &e), &e);
    CHECK_OK(vault_session_put(s, &f->root, buffer_span(&blob), &known, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_kit_record(&f->real, vault_id(f->vault), 1, &none, &f->root, &record);
    CHECK_OK(vault_commit_full(f->vault, buffer_span(&record), &full.name, &e), &e);
    CHECK_OK(catalogue_full_add(f->kit->catalogue, &full, NULL, &e), &e);
    f->committed = full.name;
}

static const char *
file_of(const struct fake *f, const struct id *name, char out[static VAULT_KIT_PATH_SIZE + 200])
{
    char file[VAULT_FULL_NAME_SIZE];
    const struct vault_full full = {.number = 1, .name = *name};
    (void)snprintf(out, VAULT_KIT_PATH_SIZE + 200, "%s/fulls/%s", f->path,
                   vault_full_name(&full, file));
    return out;
}

/* Signed by keys of eve's own, until its hash is the lower one. */
static void
plant_lower_one(struct fake *f)
{
    CLEANUP(buffer_free) struct buffer record = BUFFER_INIT(LIMIT_RECORD);
    struct error e = ERROR_INIT;
    const struct id none = {{0}};
    char path[VAULT_KIT_PATH_SIZE + 200];
    struct id name;
    do {
        vault_kit_end(&f->eve);
        vault_kit_begin(&f->eve);
        buffer_clear(&record);
        vault_kit_record(&f->eve, vault_id(f->vault), 1, &none, &f->root, &record);
        CHECK_OK(digest_sha256(buffer_span(&record), &name, &e), &e);
    } while (memcmp(name.bytes, f->committed.bytes, ID_SIZE) >= 0);
    CHECK_OK(file_write_new(AT_FDCWD, file_of(f, &name, path), buffer_span(&record), 0600, &e), &e);
}

static void
record_that_was_not_committed_is_not_served(void **state)
{
    struct error e = ERROR_INIT;
    struct fake f = {.kit = *state};
    struct record_vault_id id;
    struct archive_set loaded;
    char path[VAULT_KIT_PATH_SIZE + 200];
    (void)snprintf(f.path, sizeof f.path, "%s/vault", f.kit->directory);
    CHECK_OK(vault_create(f.path, false, &id, &e), &e);
    CHECK_OK(vault_open(f.path, &(struct vault_options){0}, &f.vault, &e), &e);
    vault_kit_begin(&f.real);
    vault_kit_begin(&f.eve);
    commit_one(&f);
    plant_lower_one(&f);

    struct arena *arena = arena_new(ARCHIVE_ARENA);
    CHECK_OK(archive_load(f.vault, 1, arena, &loaded, &e), &e); /* by the number alone: eve's */
    assert_false(id_equal(&loaded.full.name, &f.committed));
    CHECK_OK(archive_load_committed(f.vault, f.kit->catalogue, 1, arena, &loaded, &e), &e);
    assert_true(id_equal(&loaded.full.name, &f.committed));
    assert_int_equal(unlink(file_of(&f, &f.committed, path)), 0);
    CHECK_RC(archive_load_committed(f.vault, f.kit->catalogue, 1, arena, &loaded, &e), RC_CORRUPT);
    assert_string_equal(e.text, "the record of full 1 is not the one that was committed");
    CHECK_RC(archive_load_committed(f.vault, f.kit->catalogue, 2, arena, &loaded, &e),
             RC_NOT_FOUND);
    arena_free(arena);
    vault_close(f.vault);
    vault_kit_end(&f.eve);
    vault_kit_end(&f.real);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_unique_short_names_are_found),
        cmocka_unit_test(no_source_is_taken_for_another_hosts_archive),
        cmocka_unit_test(ambiguous_name_lists_what_there_is),
        cmocka_unit_test(missing_name_lists_what_there_is),
        cmocka_unit_test(longest_names_are_found),
        cmocka_unit_test(full_is_loaded_from_the_vault),
        cmocka_unit_test_setup_teardown(record_that_was_not_committed_is_not_served,
                                        catalogue_kit_begin, catalogue_kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
