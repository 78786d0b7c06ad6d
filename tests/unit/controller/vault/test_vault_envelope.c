/* test_vault_envelope.c -- an envelope adds and never takes away; what is wrong with one is found. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/file.h"
#include "controller/restore/archive.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

enum { TEXT_MAX = 4096, PATH_SIZE = 512 };

struct world {
    char path[VAULT_KIT_PATH_SIZE];
    struct record_vault_id id;
    struct vault *vault;
    struct vault_kit kit;
    struct keys_private *sheet, *other;
    struct keys_public sheet_public;
    struct id fingerprint;
    struct blob_ref root;
    struct vault_full full;
    struct buffer bytes;
    char text[TEXT_MAX]; /* findings */
    unsigned bad;
};

static void
open_vault(struct world *w)
{
    struct error e = ERROR_INIT;
    if (w->vault != NULL)
        vault_close(TAKE(w->vault));
    CHECK_OK(vault_open(w->path, &(struct vault_options){0}, &w->vault, &e), &e);
}

static void
add_full(struct world *w)
{
    CLEANUP(vault_session_freep) struct vault_session *s = NULL;
    struct error e = ERROR_INIT;
    bool known;
    const struct id none = {{0}};

    vault_kit_blob(&w->bytes, &w->root.id, 7, 100, NULL, 0);
    memset(w->root.key.bytes, 0x22, ID_SIZE);
    CHECK_OK(vault_session_begin(w->vault, &s, &e), &e);
    CHECK_OK(vault_session_put(s, &w->root.id, buffer_span(&w->bytes), &known, &e), &e);
    CHECK_OK(vault_session_flush(s, &e), &e);
    vault_kit_record(&w->kit, &w->id, 1, &none, &w->root.id, &w->bytes);
    w->full.number = 1;
    CHECK_OK(vault_commit_full(w->vault, buffer_span(&w->bytes), &w->full.name, &e), &e);
}

static int
begin(void **state)
{
    static struct world w;
    struct error e = ERROR_INIT;

    w = (struct world){.bytes = BUFFER_INIT(LIMIT_RECORD)};
    vault_kit_fast_directory(w.path);
    vault_kit_begin(&w.kit);
    CHECK_OK(keys_generate(KEYS_RECEIVING, &w.sheet, &e), &e);
    CHECK_OK(keys_generate(KEYS_RECEIVING, &w.other, &e), &e);
    CHECK_OK(keys_public_of(w.sheet, &w.sheet_public, &e), &e);
    CHECK_OK(keys_fingerprint(&w.sheet_public, &w.fingerprint, &e), &e);
    CHECK_OK(vault_create(w.path, false, &w.id, &e), &e);
    open_vault(&w);
    add_full(&w);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    vault_close(w->vault);
    vault_kit_end(&w->kit);
    keys_private_free(w->sheet);
    keys_private_free(w->other);
    buffer_free(&w->bytes);
    vault_kit_remove(w->path);
    return 0;
}

/* One for the sheet, of the root of the full, unless the test spoils something. */
struct made {
    struct envelope envelope;
    struct envelope_root root;
    const struct keys_private *signer;
};

static void
make(struct world *w, struct made *m)
{
    struct error e = ERROR_INIT;
    struct record_recipient sealed;
    *m = (struct made){.signer = w->kit.controller};
    CHECK_OK(record_seal_root(&w->id, &w->root, &w->sheet_public, 1, &sealed, &e), &e);
    m->root.root = w->root.id;
    memcpy(m->root.sealed, sealed.sealed, KEYS_SEALED_SIZE);
    m->envelope = (struct envelope){.vault = w->id,
                                    .number = 1,
                                    .full = w->full.name,
                                    .recipient = w->fingerprint,
                                    .roots = &m->root,
                                    .root_count = 1};
}

static void
encode(struct world *w, struct made *m)
{
    struct error e = ERROR_INIT;
    CHECK_OK(envelope_encode(&m->envelope, m->signer, &w->bytes, &e), &e);
}

static void
add_good(struct world *w, struct made *m)
{
    struct error e = ERROR_INIT;
    make(w, m);
    encode(w, m);
    CHECK_OK(vault_add_envelope(w->vault, buffer_span(&w->bytes), &e), &e);
}

/* Past the vault's checks, as somebody with a hand on the disk would. */
static void
smuggle(struct world *w, struct made *m)
{
    struct error e = ERROR_INIT;
    char name[VAULT_ENVELOPE_NAME_SIZE], path[PATH_SIZE];
    encode(w, m);
    const struct vault_full full = {.number = m->envelope.number, .name = m->envelope.name};
    (void)snprintf(path, sizeof path, "%s/envelopes/%s", w->path, vault_envelope_name(&full, name));
    CHECK_OK(file_write_new(AT_FDCWD, path, buffer_span(&w->bytes), 0600, &e), &e);
}

static const char *
path_of(const struct world *w, const struct made *m, char out[static PATH_SIZE])
{
    char name[VAULT_ENVELOPE_NAME_SIZE];
    const struct vault_full full = {.number = m->envelope.number, .name = m->envelope.name};
    (void)snprintf(out, PATH_SIZE, "%s/envelopes/%s", w->path, vault_envelope_name(&full, name));
    return out;
}

static void
hear(void *ctx, const struct vault_finding *f)
{
    struct world *w = ctx;
    size_t used = strlen(w->text);
    w->bad += f->kind == VAULT_BAD_ENVELOPE;
    (void)snprintf(w->text + used, sizeof w->text - used, "%s\n", f->text);
}

static uint64_t
verify(struct world *w, uint64_t only)
{
    struct error e = ERROR_INIT;
    struct vault_verify_counts counts;
    const struct vault_verify_options o = {.finding = hear, .ctx = w, .only_full = only};
    w->text[0] = '\0';
    w->bad = 0;
    CHECK_OK(vault_verify(w->vault, &o, &counts, &e), &e);
    return counts.damaged + counts.missing;
}

static enum rc
open_root(struct world *w, const struct keys_private *key, struct blob_ref *root, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    struct archive_set set;
    CHECK_OK(archive_load(w->vault, 1, arena, &set, e), e);
    return archive_open_root(w->vault, &set, &set.archives[0], key, root, e);
}

static void
an_envelope_opens_an_old_full_to_its_recipient_and_to_nobody_else(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct blob_ref root;
    struct made m;

    CHECK_RC(open_root(w, w->sheet, &root, &e), RC_DENIED);
    add_good(w, &m);
    CHECK_OK(open_root(w, w->sheet, &root, &e), &e);
    assert_memory_equal(&root, &w->root, sizeof root);
    CHECK_RC(open_root(w, w->other, &root, &e), RC_DENIED);
    open_vault(w);
    CHECK_OK(open_root(w, w->sheet, &root, &e), &e);
    assert_int_equal(verify(w, 0), 0);
    assert_int_equal(verify(w, 1), 0);
    assert_int_equal(vault_kit_count(w->path, "tmp"), 0);
}

static void
the_same_envelope_again_is_no_mistake(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct made m;
    add_good(w, &m);
    CHECK_OK(vault_add_envelope(w->vault, buffer_span(&w->bytes), &e), &e);
    assert_int_equal(vault_kit_count(w->path, "envelopes"), 1);
}

static void
a_vault_from_before_envelopes_is_given_the_folder(void **state)
{
    struct world *w = *state;
    char path[PATH_SIZE];
    struct error e = ERROR_INIT;
    struct blob_ref root;
    struct made m;

    (void)snprintf(path, sizeof path, "%s/envelopes", w->path);
    assert_int_equal(rmdir(path), 0);
    open_vault(w);
    assert_int_equal(verify(w, 0), 0);
    CHECK_RC(open_root(w, w->sheet, &root, &e), RC_DENIED);
    add_good(w, &m);
    CHECK_OK(open_root(w, w->sheet, &root, &e), &e);
}

static void
what_is_not_about_a_full_here_is_refused(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct made m;

    CHECK_RC(vault_add_envelope(w->vault, span_of("KFEV", 4), &e), RC_INVALID);
    make(w, &m);
    m.envelope.vault.bytes[0] ^= 1;
    encode(w, &m);
    CHECK_RC(vault_add_envelope(w->vault, buffer_span(&w->bytes), &e), RC_INVALID);
    make(w, &m);
    m.envelope.full.bytes[0] ^= 1;
    encode(w, &m);
    CHECK_RC(vault_add_envelope(w->vault, buffer_span(&w->bytes), &e), RC_INVALID);
    make(w, &m);
    m.envelope.number = 2;
    encode(w, &m);
    CHECK_RC(vault_add_envelope(w->vault, buffer_span(&w->bytes), &e), RC_INVALID);
    make(w, &m);
    m.root.root.bytes[0] ^= 1;
    encode(w, &m);
    CHECK_RC(vault_add_envelope(w->vault, buffer_span(&w->bytes), &e), RC_INVALID);
    make(w, &m);
    encode(w, &m);
    w->bytes.data[40] ^= 1;
    CHECK_RC(vault_add_envelope(w->vault, buffer_span(&w->bytes), &e), RC_INVALID);
    assert_int_equal(vault_kit_count(w->path, "envelopes"), 0);
}

static void
every_flipped_byte_is_found_and_the_others_still_read(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char path[PATH_SIZE];
    struct made good, second;
    struct blob_ref root;
    struct stat st;

    add_good(w, &good);
    add_good(w, &second); /* sealed with another ephemeral key: another file */
    assert_int_equal(stat(path_of(w, &good, path), &st), 0);
    for (uint64_t at = 0; at < (uint64_t)st.st_size; at++) {
        vault_kit_flip(path, at, (uint8_t)(1 << at % 8));
        (void)verify(w, at % 2);
        assert_int_equal(w->bad, 1);
        assert_non_null(strstr(w->text, path + strlen(w->path) + 1));
        CHECK_OK(open_root(w, w->sheet, &root, &e), &e);
        vault_kit_flip(path, at, (uint8_t)(1 << at % 8));
    }
    assert_int_equal(verify(w, 0), 0);
}

static void
losing_an_envelope_is_no_finding_and_costs_only_its_recipient(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char path[PATH_SIZE];
    struct made m;
    struct blob_ref root;

    add_good(w, &m);
    assert_int_equal(unlink(path_of(w, &m, path)), 0);
    assert_int_equal(verify(w, 0), 0);
    CHECK_RC(open_root(w, w->sheet, &root, &e), RC_DENIED);
}

static void
a_foreign_envelope_is_found(void **state)
{
    struct world *w = *state;
    char path[PATH_SIZE];
    struct made m;

    for (int how = 0; how < 5; how++) {
        make(w, &m);
        if (how == 0)
            m.envelope.vault.bytes[0] ^= 1;
        else if (how == 1)
            m.envelope.full.bytes[0] ^= 1;
        else if (how == 2)
            m.envelope.number = 9;
        else if (how == 3)
            m.root.root.bytes[0] ^= 1;
        else
            m.signer = w->kit.agent;
        smuggle(w, &m);
        (void)verify(w, 0);
        assert_int_equal(w->bad, 1);
        assert_int_equal(unlink(path_of(w, &m, path)), 0);
    }
    (void)snprintf(path, sizeof path, "%s/envelopes/stray", w->path);
    struct error e = ERROR_INIT;
    CHECK_OK(file_write_new(AT_FDCWD, path, span_of("?", 1), 0600, &e), &e);
    (void)verify(w, 0);
    assert_int_equal(w->bad, 1);
}

/* Who can write into a vault can seal any key to anybody: it must not push aside what the controller made. */
static void
the_full_s_own_signer_is_believed_first(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct blob_ref root, honest = w->root;
    struct made m;

    add_good(w, &m);
    for (int i = 0; i < 8; i++) { /* their names come before and after it */
        memset(w->root.key.bytes, 0x66, ID_SIZE);
        make(w, &m);
        m.signer = w->kit.agent;
        m.envelope.made.ns = i;
        smuggle(w, &m);
    }
    w->root = honest;
    CHECK_OK(open_root(w, w->sheet, &root, &e), &e);
    assert_memory_equal(&root, &honest, sizeof root);
}

static size_t
count_missing(struct world *w, const struct keys_public *own)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    struct error e = ERROR_INIT;
    struct archive_set set;
    bool missing[1];
    size_t count;
    CHECK_OK(archive_load(w->vault, 1, arena, &set, &e), &e);
    CHECK_OK(archive_missing(w->vault, &set, &w->fingerprint, own, missing, &count, &e), &e);
    assert_int_equal(missing[0], count == 1);
    return count;
}

/* Else a rewrap would pass over the full, and the recipient could not open it when the day comes. */
static void
an_envelope_that_a_stranger_signed_is_not_counted(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct keys_public agent;
    struct made m;

    CHECK_OK(keys_public_of(w->kit.agent, &agent, &e), &e);
    make(w, &m);
    m.signer = w->kit.agent;
    smuggle(w, &m);
    assert_int_equal(count_missing(w, NULL), 1);
    assert_int_equal(count_missing(w, &agent),
                     0); /* our own, since the controller has another key */
    add_good(w, &m);
    assert_int_equal(count_missing(w, NULL), 0);
}

static void
an_envelope_that_does_not_open_keeps_no_other_from_being_tried(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    struct blob_ref root;
    struct made m;

    for (int i = 0; i < 8; i++) { /* their names come before and after the good one's */
        make(w, &m);
        m.root.sealed[40] ^= 1;
        m.envelope.made.ns = i;
        smuggle(w, &m);
    }
    CHECK_RC(open_root(w, w->sheet, &root, &e), RC_DENIED);
    add_good(w, &m);
    e = ERROR_INIT;
    CHECK_OK(open_root(w, w->sheet, &root, &e), &e);
    assert_memory_equal(&root, &w->root, sizeof root);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_envelope_opens_an_old_full_to_its_recipient_and_to_nobody_else),
        TEST(the_same_envelope_again_is_no_mistake),
        TEST(a_vault_from_before_envelopes_is_given_the_folder),
        TEST(what_is_not_about_a_full_here_is_refused),
        TEST(every_flipped_byte_is_found_and_the_others_still_read),
        TEST(losing_an_envelope_is_no_finding_and_costs_only_its_recipient),
        TEST(a_foreign_envelope_is_found),
        TEST(the_full_s_own_signer_is_believed_first),
        TEST(an_envelope_that_a_stranger_signed_is_not_counted),
        TEST(an_envelope_that_does_not_open_keeps_no_other_from_being_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
