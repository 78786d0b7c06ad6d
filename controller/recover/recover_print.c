/* recover_print.c -- see recover_print.h. */
#include "controller/recover/recover_print.h"

#include "common/base/text.h"

const char *
recover_print_state(enum record_full_state state)
{
    return state == RECORD_FULL ? "full" : "incomplete";
}

const char *
recover_print_key(const struct keys_public *key, char out[static ID_TEXT_SIZE])
{
    text_hex(span_of(key->bytes, KEYS_PUBLIC_SIZE), out);
    return out;
}

const char *
recover_print_verdict(const struct recover *r, const struct record_full *full)
{
    if (!r->has_controller_key)
        return "";
    return recover_is_expected(r, full) ? " (as on the sheet)" : " FOREIGN";
}

struct record_totals
recover_print_sum(const struct archive_set *set)
{
    struct record_totals sum = {0};
    for (size_t i = 0; i < set->full.archive_count; i++) {
        sum.files += set->archives[i].totals.files;
        sum.directories += set->archives[i].totals.directories;
        sum.bytes += set->archives[i].totals.bytes;
    }
    return sum;
}

/* ---- JSON */

static json_t *
time_of(struct wall t)
{
    char text[CLOCK_TEXT_SIZE];
    return t.ns == 0 ? json_null() : json_string(clock_text(t, text));
}

json_t *
recover_print_vault(const struct recover *r)
{
    char id[2 * RECORD_VAULT_ID_SIZE + 1];
    text_hex(span_of(vault_id(r->vault)->bytes, RECORD_VAULT_ID_SIZE), id);
    return json_string(id);
}

static json_t *
archive_of(const struct record_archive *a)
{
    char root[ID_TEXT_SIZE], signer[ID_TEXT_SIZE];
    const struct record_totals *n = &a->totals;
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "agent",
                     a->host, "source", a->source, "kind", a->kind, "state",
                     a->state == RECORD_COMPLETE ? "complete" : "incomplete", "started",
                     time_of(a->started), "finished", time_of(a->finished), "files",
                     (json_int_t)n->files, "directories", (json_int_t)n->directories, "bytes",
                     (json_int_t)n->bytes, "unreadable", (json_int_t)n->unreadable, "fuzzy",
                     (json_int_t)n->fuzzy, "root", id_text(&a->root, root), "signed_by",
                     recover_print_key(&a->signing_key, signer));
}

static json_t *
missing_of(const struct record_missing *m)
{
    char reason[1024];
    (void)text_escape(span_of(m->reason, strlen(m->reason)), reason, sizeof reason);
    return json_pack("{s:s, s:s, s:s}", "agent", m->host, "source", m->source, "reason", reason);
}

/* Adds both lists; false when out of memory. */
static bool
add_parts(json_t *full, const struct archive_set *set)
{
    json_t *archives = json_array(), *missing = json_array();
    bool good = json_object_set_new(full, "archives", archives) == 0;
    good = json_object_set_new(full, "missing", missing) == 0 && good;
    for (size_t i = 0; good && i < set->full.archive_count; i++)
        good = json_array_append_new(archives, archive_of(&set->archives[i])) == 0;
    for (size_t i = 0; good && i < set->full.missing_count; i++)
        good = json_array_append_new(missing, missing_of(&set->full.missing[i])) == 0;
    return good;
}

json_t *
recover_print_json(const struct recover *r, const struct archive_set *set, bool whole)
{
    char record[ID_TEXT_SIZE], signer[ID_TEXT_SIZE];
    const struct record_full *f = &set->full;
    struct record_totals sum = recover_print_sum(set);
    json_t *as_expected =
        r->has_controller_key ? json_boolean(recover_is_expected(r, f)) : json_null();
    json_t *full =
        json_pack("{s:I, s:s, s:o, s:o, s:I, s:I, s:s, s:s, s:o}", "full", (json_int_t)f->number,
                  "state", recover_print_state(f->state), "started", time_of(f->started), "sealed",
                  time_of(f->sealed), "files", (json_int_t)sum.files, "bytes",
                  (json_int_t)sum.bytes, "record", id_text(&f->name, record), "signed_by",
                  recover_print_key(&f->signing_key, signer), "signed_as_expected", as_expected);
    if (full != NULL && whole && !add_parts(full, set)) {
        json_decref(full);
        return NULL;
    }
    return full;
}

enum rc
recover_print_document(json_t *document, struct error *e)
{
    if (document == NULL)
        return error_set(e, RC_NO_MEMORY, "JSON");
    int failed = json_dumpf(document, stdout, JSON_INDENT(2));
    json_decref(document);
    (void)fputc('\n', stdout);
    return failed == 0 ? RC_OK : error_set(e, RC_IO, "standard output: cannot write");
}
