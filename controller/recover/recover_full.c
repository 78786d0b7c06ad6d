/* recover_full.c -- open the vault, find a full, open an archive with the sheet's key.  See recover.h. */
#include "common/base/text.h"
#include "common/crypto/keys_ask.h"
#include "controller/recover/recover.h"

enum rc
recover_open(struct recover *r, struct error *e)
{
    /* Nothing is written, so a network file system cannot lose anything. */
    const struct vault_options options = {.read_only = true, .allow_network_fs = true};
    return vault_open(r->directory, &options, &r->vault, e);
}

const char *
recover_name(const struct record_archive *a, char out[static 2 * LIMIT_LABEL + 2])
{
    (void)snprintf(out, 2 * LIMIT_LABEL + 2, "%s.%s", a->host, a->source);
    return out;
}

bool
recover_is_expected(const struct recover *r, const struct record_full *full)
{
    return !r->has_controller_key ||
           keys_equal(full->signing_key.bytes, r->controller_key.bytes, KEYS_PUBLIC_SIZE);
}

enum rc
recover_load_number(struct recover *r, uint64_t number, struct arena *arena,
                    struct archive_set *out, struct error *e)
{
    TRY(archive_load(r->vault, number, arena, out, e));
    if (memcmp(&out->full.vault, vault_id(r->vault), sizeof out->full.vault) != 0)
        return error_set(e, RC_CORRUPT,
                         "full %llu is the record of another vault; it does not belong here",
                         (unsigned long long)number);
    return RC_OK;
}

/* The newest that is whole as a record, good, and signed by the expected controller. */
static enum rc
find_latest(struct recover *r, uint64_t *out, struct error *e)
{
    CLEANUP(own_freep) struct vault_full *fulls = NULL;
    size_t count = 0;
    TRY(vault_fulls(r->vault, &fulls, &count, e));
    while (count-- > 0) {
        CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
        struct archive_set set;
        struct error why = ERROR_INIT;
        if (arena == NULL)
            return error_set(e, RC_NO_MEMORY, "record");
        if (recover_load_number(r, fulls[count].number, arena, &set, &why) != RC_OK) {
            recover_say("passed over: %s", why.text);
        } else if (!recover_is_expected(r, &set.full)) {
            recover_say("passed over: full %llu is not signed by the expected controller",
                        (unsigned long long)set.full.number);
        } else if (set.full.state == RECORD_FULL) {
            *out = set.full.number;
            return RC_OK;
        }
    }
    return error_set(e, RC_NOT_FOUND,
                     "there is no good full in vault '%s'; 'list' shows what there is, and an "
                     "incomplete one may be named by its number",
                     r->directory);
}

enum rc
recover_load(struct recover *r, struct arena *arena, struct archive_set *out, struct error *e)
{
    uint64_t number = r->place.full;
    if (number == 0)
        TRY(find_latest(r, &number, e));
    enum rc rc = recover_load_number(r, number, arena, out, e);
    if (rc == RC_NOT_FOUND)
        return error_context(e, "see 'list'");
    TRY(rc);
    if (recover_is_expected(r, &out->full))
        return RC_OK;
    char found[ID_TEXT_SIZE];
    text_hex(span_of(out->full.signing_key.bytes, KEYS_PUBLIC_SIZE), found);
    return error_set(e, RC_DENIED,
                     "full %llu is signed by the controller key %s, which is not the one given: "
                     "compare with the sheet; without --controller-key it is read all the same",
                     (unsigned long long)number, found);
}

enum rc
recover_root(struct recover *r, const struct archive_set *set, const struct record_archive *archive,
             struct blob_ref *out, struct error *e)
{
    char id[2 * RECORD_VAULT_ID_SIZE + 1];
    if (r->key == NULL)
        TRY(keys_ask(r->key_file, &r->key, e));
    enum rc rc = archive_open_root(r->vault, set, archive, r->key, out, e);
    if (rc != RC_DENIED)
        return rc;
    text_hex(span_of(vault_id(r->vault)->bytes, RECORD_VAULT_ID_SIZE), id);
    return error_context(e, "take the sheet with the vault id %s", id);
}

enum rc
recover_entry(struct recover *r, struct tree_reader *reader, struct arena *arena,
              struct node_entry *out, struct error *e)
{
    struct archive_set set;
    const struct record_archive *archive;
    struct blob_ref root;
    bool found;
    char shown[256];
    TRY(recover_load(r, arena, &set, e));
    TRY(archive_select(&set, r->place.source, &archive, e));
    TRY(recover_root(r, &set, archive, &root, e));
    TRY(tree_find(reader, &root, r->place.path, arena, &found, out, e));
    if (!found)
        return error_set(
            e, RC_NOT_FOUND, "there is no '%s' in %s.%s of full %llu; see 'ls'",
            text_escape(span_of(r->place.path, strlen(r->place.path)), shown, sizeof shown),
            archive->host, archive->source, (unsigned long long)set.full.number);
    return RC_OK;
}
