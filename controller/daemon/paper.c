/* paper.c -- see paper.h. */
#include "controller/daemon/paper.h"

#include <stdio.h>

#include "common/base/table.h"
#include "common/base/text.h"
#include "common/crypto/keys_ask.h"

/* ---- show */

static void
put_recipient(struct table *t, const struct roster_entry *entry)
{
    char hex[ID_TEXT_SIZE];
    table_put(t, "%s", entry->label);
    table_put(t, "%s", id_text(&entry->fingerprint, hex));
    table_put(t, "%s",
              entry->kept                  ? "kept here"
              : entry->verified[0] == '\0' ? "NOT VERIFIED"
                                           : entry->verified);
    table_put(t, "%s", entry->retired ? "no" : "yes");
}

enum rc
paper_show(const struct settings *s, struct error *e)
{
    static const char *const titles[] = {"RECIPIENT", "FINGERPRINT", "SHEET VERIFIED", "NEW FULLS",
                                         NULL};
    CLEANUP(store_clear) struct store store = {0};
    CLEANUP(table_freep) struct table *t = NULL;
    char signing[ID_TEXT_SIZE];
    TRY(store_load(s, &store, e));
    TRY(table_new(titles, &t, e));
    for (size_t i = 0; i < store.roster->count; i++)
        put_recipient(t, &store.roster->entries[i]);
    text_hex(span_of(store.signing_public.bytes, KEYS_PUBLIC_SIZE), signing);
    (void)printf("controller key %s\n\n", signing);
    return table_print(t, stdout, e);
}

/* ---- verify-paper */

enum rc
paper_verify(const struct settings *s, const char *key_file, struct error *e)
{
    CLEANUP(store_clear) struct store store = {0};
    CLEANUP(keys_private_freep) struct keys_private *key = NULL;
    struct keys_public public;
    struct id fingerprint;
    TRY(store_load(s, &store, e));
    TRY(keys_ask(key_file, &key, e));
    TRY(keys_public_of(key, &public, e));
    TRY(keys_fingerprint(&public, &fingerprint, e));
    const struct roster_entry *entry = roster_find(store.roster, &fingerprint);
    if (entry == NULL || entry->kept)
        return error_set(e, RC_DENIED,
                         "the key is a good one and opens nothing here: this is the sheet of "
                         "another cluster, or an older one; look for the right sheet");
    TRY(roster_note_verified(store.roster, &fingerprint, clock_wall(), e));
    (void)printf("the sheet is good: it opens what is sealed to '%s'; lock it away\n",
                 entry->label);
    return RC_OK;
}

/* ---- status */

const char *
paper_problem(struct roster *roster, char out[static PAPER_PROBLEM_SIZE])
{
    struct error e = ERROR_INIT;
    out[0] = '\0';
    if (roster_reload(roster, &e) != RC_OK) {
        (void)snprintf(out, PAPER_PROBLEM_SIZE, "recovery sheets: %.200s", e.text);
        return out;
    }
    const struct roster_entry *entry = roster_unverified(roster);
    if (entry != NULL)
        (void)snprintf(out, PAPER_PROBLEM_SIZE,
                       "the sheet '%s' was never typed back, so nobody knows that it can be read: "
                       "run 'koffer key verify' (or 'koffer-controller key verify-paper')",
                       entry->label);
    return out;
}
