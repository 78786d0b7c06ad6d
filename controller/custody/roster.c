/* roster.c -- see roster.h. */
#include "controller/custody/roster.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/base/buffer.h"
#include "common/base/own.h"
#include "common/base/text.h"
#include "common/sys/file.h"

enum { FILE_MAX = 64 * 1024, KEY_DIGITS = 2 * KEYS_PUBLIC_SIZE };
#define RECIPIENTS "recipients"
#define VERIFIED "sheets-verified"
#define RETIRED "retired "

static const char *
path_of(const struct roster *r, const char *name, char out[static ROSTER_PATH_SIZE + 32])
{
    (void)snprintf(out, ROSTER_PATH_SIZE + 32, "%s/%s", r->state, name);
    return out;
}

/* A whole file with a NUL behind it; empty when there is none and there may be none. */
static enum rc
read_file(const struct roster *r, const char *name, bool may_miss, struct buffer *out,
          struct error *e)
{
    char path[ROSTER_PATH_SIZE + 32];
    bool exists = true;
    if (may_miss)
        TRY(file_exists(AT_FDCWD, path_of(r, name, path), &exists, e));
    if (exists)
        TRY(file_read(AT_FDCWD, path_of(r, name, path), out, e));
    TRY(buffer_append(out, span_of("", 1), e));
    out->len--;
    return RC_OK;
}

/* ---- reading */

static enum rc
take_line(struct roster *r, const char *line, struct error *e)
{
    struct roster_entry *entry = &r->entries[r->count];
    if (r->count == ROSTER_MAX)
        return error_set(e, RC_INVALID, "more than %d recipients, the retired ones counted",
                         (int)ROSTER_MAX);
    *entry = (struct roster_entry){.retired = strncmp(line, RETIRED, sizeof RETIRED - 1) == 0};
    if (entry->retired)
        line += sizeof RETIRED - 1;
    if (strlen(line) < KEY_DIGITS || !text_unhex(line, entry->key.bytes, KEYS_PUBLIC_SIZE))
        return error_set(e, RC_INVALID,
                         "'%.20s...' does not begin with a key of 64 hexadecimal digits", line);
    const char *label = line + KEY_DIGITS;
    label += strspn(label, " \t");
    (void)text_escape(span_of(label, strlen(label)), entry->label, sizeof entry->label);
    TRY(keys_fingerprint(&entry->key, &entry->fingerprint, e));
    entry->kept =
        r->has_custody && keys_equal(entry->key.bytes, r->custody.bytes, KEYS_PUBLIC_SIZE);
    r->count++;
    return RC_OK;
}

static size_t
count_current(const struct roster *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += !r->entries[i].retired;
    return count;
}

static enum rc
check_counts(const struct roster *r, struct error *e)
{
    size_t current = count_current(r);
    if (current == 0)
        return error_set(e, RC_INVALID, "it names no recipient: nobody could open a full");
    if (current > LIMIT_RECIPIENTS)
        return error_set(e, RC_INVALID, "more than %u recipients", LIMIT_RECIPIENTS);
    return RC_OK;
}

static enum rc
read_recipients(struct roster *r, struct error *e)
{
    CLEANUP(buffer_free) struct buffer file = BUFFER_INIT(FILE_MAX);
    TRY(read_file(r, RECIPIENTS, false, &file, e));
    char *rest = (char *)file.data;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (line[0] != '\0' && line[0] != '#')
            TRY(take_line(r, line, e));
    return check_counts(r, e);
}

static enum rc
read_verified(struct roster *r, struct error *e)
{
    CLEANUP(buffer_free) struct buffer file = BUFFER_INIT(FILE_MAX);
    TRY(read_file(r, VERIFIED, true, &file, e));
    for (size_t i = 0; i < r->count; i++) {
        struct roster_entry *entry = &r->entries[i];
        char hex[ID_TEXT_SIZE];
        const char *line = strstr((const char *)file.data, id_text(&entry->fingerprint, hex));
        if (line == NULL)
            continue;
        line += ID_TEXT_SIZE - 1;
        line += strspn(line, " ");
        (void)snprintf(entry->verified, sizeof entry->verified, "%.*s", (int)strcspn(line, "\n"),
                       line);
    }
    return RC_OK;
}

static enum rc
read_both(struct roster *r, struct error *e)
{
    TRY_IN(read_recipients(r, e), e, "%s/" RECIPIENTS, r->state);
    TRY_IN(read_verified(r, e), e, "%s/" VERIFIED, r->state);
    return RC_OK;
}

enum rc
roster_load(const char *state, const struct keys_private *custody, struct roster **out,
            struct error *e)
{
    CLEANUP(roster_freep) struct roster *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "recipients");
    r->has_custody = custody != NULL;
    if ((size_t)snprintf(r->state, sizeof r->state, "%s", state) >= sizeof r->state)
        return error_set(e, RC_INVALID, "the path of the state directory is too long");
    if (custody != NULL)
        TRY(keys_public_of(custody, &r->custody, e));
    TRY(read_both(r, e));
    *out = TAKE(r);
    return RC_OK;
}

void
roster_free(struct roster *r)
{
    free(r);
}

enum rc
roster_reload(struct roster *r, struct error *e)
{
    struct roster fresh = *r;
    fresh.count = 0;
    TRY(read_both(&fresh, e));
    *r = fresh;
    return RC_OK;
}

/* ---- asking */

size_t
roster_current(const struct roster *r, struct keys_public out[static LIMIT_RECIPIENTS])
{
    size_t count = 0;
    for (size_t i = 0; i < r->count && count < LIMIT_RECIPIENTS; i++)
        if (!r->entries[i].retired)
            out[count++] = r->entries[i].key;
    return count;
}

static struct roster_entry *
find(struct roster *r, const struct id *fingerprint)
{
    for (size_t i = 0; i < r->count; i++)
        if (id_equal(&r->entries[i].fingerprint, fingerprint))
            return &r->entries[i];
    return NULL;
}

const struct roster_entry *
roster_find(const struct roster *r, const struct id *fingerprint)
{
    for (size_t i = 0; i < r->count; i++)
        if (id_equal(&r->entries[i].fingerprint, fingerprint))
            return &r->entries[i];
    return NULL;
}

const struct roster_entry *
roster_unverified(const struct roster *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct roster_entry *entry = &r->entries[i];
        if (!entry->retired && !entry->kept && entry->verified[0] == '\0')
            return entry;
    }
    return NULL;
}

/* ---- writing */

enum rc
roster_line(const struct keys_public *key, const char *label, struct buffer *out, struct error *e)
{
    char hex[KEY_DIGITS + 1];
    text_hex(span_of(key->bytes, KEYS_PUBLIC_SIZE), hex);
    return buffer_printf(out, e, "%s %s\n", hex, label);
}

static enum rc
save(const struct roster *r, struct error *e)
{
    CLEANUP(buffer_free) struct buffer file = BUFFER_INIT(FILE_MAX);
    char path[ROSTER_PATH_SIZE + 32];
    for (size_t i = 0; i < r->count; i++) {
        if (r->entries[i].retired)
            TRY(buffer_printf(&file, e, RETIRED));
        TRY(roster_line(&r->entries[i].key, r->entries[i].label, &file, e));
    }
    return file_replace(AT_FDCWD, path_of(r, RECIPIENTS, path), buffer_span(&file), 0600, e);
}

/* On disk first; `r` is the old one until then. */
static enum rc
change_to(struct roster *r, const struct roster *changed, struct error *e)
{
    TRY(save(changed, e));
    *r = *changed;
    return RC_OK;
}

/* Printable ASCII, so that it looks the same on paper, on a terminal and in the file. */
static enum rc
check_label(const char *label, struct error *e)
{
    size_t len = strlen(label);
    bool good = len > 0 && len <= LIMIT_LABEL && label[0] != ' ' && label[len - 1] != ' ';
    for (size_t i = 0; i < len && good; i++)
        good = label[i] >= ' ' && label[i] <= '~' && label[i] != '\\';
    return good ? RC_OK
                : error_set(e, RC_INVALID,
                            "a recipient's label has 1 to %u printable ASCII characters, no "
                            "backslash, and no blank at its ends",
                            LIMIT_LABEL);
}

enum rc
roster_add(struct roster *r, const struct keys_public *key, const char *label, struct error *e)
{
    struct roster changed = *r;
    struct id fingerprint;
    TRY(check_label(label, e));
    TRY(keys_fingerprint(key, &fingerprint, e));
    const struct roster_entry *there = roster_find(r, &fingerprint);
    if (there != NULL)
        return error_set(e, RC_EXISTS, "this key is a recipient already: '%s'%s", there->label,
                         there->retired ? ", retired; make a new one" : "");
    if (count_current(r) == LIMIT_RECIPIENTS)
        return error_set(e, RC_NO_SPACE,
                         "there are %u recipients, and a full holds no more; 'koffer key remove' "
                         "one first",
                         LIMIT_RECIPIENTS);
    if (r->count == ROSTER_MAX)
        return error_set(e, RC_NO_SPACE,
                         "there are %d recipients, the retired ones counted; delete a 'retired' "
                         "line of %s/" RECIPIENTS " by hand, when no full is worth keeping that "
                         "only its sheet opens",
                         (int)ROSTER_MAX, r->state);
    struct roster_entry *entry = &changed.entries[changed.count++];
    *entry = (struct roster_entry){.key = *key, .fingerprint = fingerprint};
    (void)snprintf(entry->label, sizeof entry->label, "%s", label);
    return change_to(r, &changed, e);
}

enum rc
roster_retire(struct roster *r, const struct id *fingerprint, struct error *e)
{
    struct roster changed = *r;
    size_t sheets = 0;
    struct roster_entry *entry = find(&changed, fingerprint);
    if (entry == NULL)
        return error_set(e, RC_NOT_FOUND, "there is no such recipient; see 'koffer key show'");
    if (entry->retired)
        return error_set(e, RC_EXISTS, "'%s' is retired already", entry->label);
    entry->retired = true;
    for (size_t i = 0; i < changed.count; i++)
        sheets += !changed.entries[i].retired && !changed.entries[i].kept;
    if (sheets == 0)
        return error_set(e, RC_DENIED,
                         "'%s' is the last recovery sheet: without one nobody could open a full "
                         "when this controller is gone; 'koffer key add' another first",
                         entry->label);
    return change_to(r, &changed, e);
}

enum rc
roster_note_verified(struct roster *r, const struct id *fingerprint, struct wall now,
                     struct error *e)
{
    CLEANUP(buffer_free) struct buffer file = BUFFER_INIT(FILE_MAX);
    char path[ROSTER_PATH_SIZE + 32], hex[ID_TEXT_SIZE], when[CLOCK_TEXT_SIZE];
    struct roster_entry *entry = find(r, fingerprint);
    if (entry == NULL)
        return error_set(e, RC_NOT_FOUND, "there is no such recipient");
    if (entry->verified[0] != '\0')
        return RC_OK;
    TRY(read_file(r, VERIFIED, true, &file, e));
    TRY(buffer_printf(&file, e, "%s %s\n", id_text(fingerprint, hex), clock_text(now, when)));
    TRY(file_replace(AT_FDCWD, path_of(r, VERIFIED, path), buffer_span(&file), 0600, e));
    (void)snprintf(entry->verified, sizeof entry->verified, "%s", when);
    return RC_OK;
}
