/* paper.c -- see paper.h. */
#include "controller/daemon/paper.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/table.h"
#include "common/base/text.h"
#include "common/crypto/keys_ask.h"
#include "common/sys/file.h"

enum { PATH_SIZE = 4096, VERIFIED_MAX = 64 * 1024, TIME_SIZE = 32 };
#define VERIFIED "sheets-verified"

static const char *
path_of(const struct settings *s, char path[static PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/" VERIFIED, s->state);
    return path;
}

/* The whole file with a NUL behind it; empty when there is none. */
static enum rc
read_verified(const struct settings *s, struct buffer *out, struct error *e)
{
    char path[PATH_SIZE];
    bool exists;
    TRY(file_exists(AT_FDCWD, path_of(s, path), &exists, e));
    if (exists)
        TRY(file_read(AT_FDCWD, path, out, e));
    TRY(buffer_append(out, span_of("", 1), e));
    out->len--;
    return RC_OK;
}

/* When, as text; "" when it was not. */
static enum rc
find_verified(const struct buffer *file, const struct keys_public *key, char when[static TIME_SIZE],
              struct error *e)
{
    struct id fingerprint;
    char hex[ID_TEXT_SIZE];
    TRY(keys_fingerprint(key, &fingerprint, e));
    const char *line = strstr((const char *)file->data, id_text(&fingerprint, hex));
    const char *time =
        line == NULL ? "" : line + ID_TEXT_SIZE - 1 + strspn(line + ID_TEXT_SIZE - 1, " ");
    (void)snprintf(when, TIME_SIZE, "%.*s", (int)strcspn(time, "\n"), time);
    return RC_OK;
}

/* The controller's own key has no sheet. */
static enum rc
is_custody(const struct store *store, const struct keys_public *key, bool *out, struct error *e)
{
    struct keys_public own;
    *out = false;
    if (store->custody == NULL)
        return RC_OK;
    TRY(keys_public_of(store->custody, &own, e));
    *out = keys_equal(own.bytes, key->bytes, KEYS_PUBLIC_SIZE);
    return RC_OK;
}

/* ---- show */

static enum rc
put_recipient(struct table *t, const struct store *store, const struct buffer *verified, size_t i,
              struct error *e)
{
    struct id fingerprint;
    char hex[ID_TEXT_SIZE], when[TIME_SIZE];
    bool custody;
    TRY(keys_fingerprint(&store->recipients[i], &fingerprint, e));
    TRY(find_verified(verified, &store->recipients[i], when, e));
    TRY(is_custody(store, &store->recipients[i], &custody, e));
    table_put(t, "%s", store->labels[i]);
    table_put(t, "%s", id_text(&fingerprint, hex));
    table_put(t, "%s", custody ? "kept here" : when[0] == '\0' ? "NOT VERIFIED" : when);
    return RC_OK;
}

enum rc
paper_show(const struct settings *s, struct error *e)
{
    static const char *const titles[] = {"RECIPIENT", "FINGERPRINT", "SHEET VERIFIED", NULL};
    CLEANUP(store_clear) struct store store = {0};
    CLEANUP(buffer_free) struct buffer verified = BUFFER_INIT(VERIFIED_MAX);
    CLEANUP(table_freep) struct table *t = NULL;
    char signing[ID_TEXT_SIZE];
    TRY(store_load(s, &store, e));
    TRY(read_verified(s, &verified, e));
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < store.recipient_count; i++)
        TRY(put_recipient(t, &store, &verified, i, e));
    text_hex(span_of(store.signing_public.bytes, KEYS_PUBLIC_SIZE), signing);
    (void)printf("controller key %s\n\n", signing);
    return table_print(t, stdout, e);
}

/* ---- verify-paper */

static enum rc
find_recipient(const struct store *store, const struct keys_public *key, size_t *out,
               struct error *e)
{
    bool custody;
    TRY(is_custody(store, key, &custody, e));
    for (size_t i = 0; i < store->recipient_count && !custody; i++) {
        if (keys_equal(store->recipients[i].bytes, key->bytes, KEYS_PUBLIC_SIZE)) {
            *out = i;
            return RC_OK;
        }
    }
    return error_set(e, RC_DENIED,
                     "the key is a good one and opens nothing here: this is the sheet of another "
                     "cluster, or an older one; look for the right sheet");
}

static enum rc
note(const struct settings *s, const struct keys_public *key, struct error *e)
{
    CLEANUP(buffer_free) struct buffer file = BUFFER_INIT(VERIFIED_MAX);
    struct id fingerprint;
    char path[PATH_SIZE], hex[ID_TEXT_SIZE], when[CLOCK_TEXT_SIZE];
    TRY(read_verified(s, &file, e));
    TRY(find_verified(&file, key, when, e));
    if (when[0] != '\0')
        return RC_OK;
    TRY(keys_fingerprint(key, &fingerprint, e));
    TRY(buffer_printf(&file, e, "%s %s\n", id_text(&fingerprint, hex),
                      clock_text(clock_wall(), when)));
    return file_replace(AT_FDCWD, path_of(s, path), buffer_span(&file), 0600, e);
}

enum rc
paper_verify(const struct settings *s, const char *key_file, struct error *e)
{
    CLEANUP(store_clear) struct store store = {0};
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    struct keys_public public;
    size_t at;
    TRY(store_load(s, &store, e));
    TRY(keys_ask(key_file, &key, e));
    TRY(keys_public_of(key, &public, e));
    TRY(find_recipient(&store, &public, &at, e));
    TRY(note(s, &public, e));
    (void)printf("the sheet is good: it opens what is sealed to '%s'; lock it away\n",
                 store.labels[at]);
    return RC_OK;
}

/* ---- status */

static enum rc
look(const struct settings *s, const struct store *store, char out[static PAPER_PROBLEM_SIZE],
     struct error *e)
{
    CLEANUP(buffer_free) struct buffer verified = BUFFER_INIT(VERIFIED_MAX);
    TRY(read_verified(s, &verified, e));
    for (size_t i = 0; i < store->recipient_count; i++) {
        char when[TIME_SIZE];
        bool custody;
        TRY(is_custody(store, &store->recipients[i], &custody, e));
        TRY(find_verified(&verified, &store->recipients[i], when, e));
        if (custody || when[0] != '\0')
            continue;
        (void)snprintf(out, PAPER_PROBLEM_SIZE,
                       "the %s was never typed back, so nobody knows that it can be read: run "
                       "'koffer-controller key verify-paper'",
                       store->labels[i]);
        return RC_OK;
    }
    return RC_OK;
}

const char *
paper_problem(const struct settings *s, const struct store *store,
              char out[static PAPER_PROBLEM_SIZE])
{
    struct error e = ERROR_INIT;
    out[0] = '\0';
    if (look(s, store, out, &e) != RC_OK)
        (void)snprintf(out, PAPER_PROBLEM_SIZE, "recovery sheets: %.200s", e.text);
    return out;
}
