/* recover_restore.c -- koffer-recover restore.  See recover.h. */
#include <fcntl.h>
#include <inttypes.h>

#include "common/base/text.h"
#include "common/sys/file.h"
#include "common/tree/unpack.h"
#include "controller/recover/recover.h"

#define RESTORE_ARENA (4 * (size_t)LIMIT_BLOB_PLAIN)

static void
report_item(void *ctx, const char *path, const struct error *why)
{
    char shown[1024];
    recover_say("%s: %s: %s", (const char *)ctx,
                text_escape(span_of(path, strlen(path)), shown, sizeof shown), why->text);
}

static void
summarise(const struct recover *r, const char *name, const struct unpack_counts *n)
{
    char size[TEXT_SIZE_MAX];
    (void)printf("%s: %s %" PRIu64 " files, %" PRIu64 " directories, %" PRIu64 " others, %s", name,
                 r->dry_run ? "would restore" : "restored", n->files, n->directories, n->others,
                 text_size(n->bytes, size));
    if (n->skipped > 0)
        (void)printf("; %" PRIu64 " were there already", n->skipped);
    if (n->existing_kept > 0)
        (void)printf("; %" PRIu64 " that differ were kept (--replace overwrites)",
                     n->existing_kept);
    if (n->owners_not_set > 0)
        (void)printf("; %" PRIu64 " without their owner (run as root)", n->owners_not_set);
    if (n->failed > 0)
        (void)printf("; %" PRIu64 " FAILED", n->failed);
    (void)printf("\n");
}

static enum rc
find(struct recover *r, const struct archive_set *set, const struct record_archive *archive,
     struct arena *arena, struct node_entry *out, struct error *e)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    struct blob_ref root;
    bool found;
    char shown[256];
    TRY(recover_root(r, set, archive, &root, e));
    TRY(tree_reader_new(vault_source(r->vault), &reader, e));
    TRY(tree_find(reader, &root, r->place.path, arena, &found, out, e));
    if (!found)
        return error_set(
            e, RC_NOT_FOUND, "there is no '%s' in it; see 'ls'",
            text_escape(span_of(r->place.path, strlen(r->place.path)), shown, sizeof shown));
    return RC_OK;
}

static enum rc
restore_one(struct recover *r, const struct archive_set *set, const struct record_archive *archive,
            int target, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(RESTORE_ARENA);
    char name[2 * LIMIT_LABEL + 2];
    struct unpack_counts counts = {0};
    const struct unpack_options options = {
        .dry_run = r->dry_run,
        .existing = r->replace ? UNPACK_REPLACE : UNPACK_KEEP,
        .counts = &counts,
        .report = report_item,
        .report_ctx = name,
    };
    struct node_entry entry;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    (void)recover_name(archive, name);
    TRY_IN(find(r, set, archive, arena, &entry, e), e, "%s", name);
    enum rc rc = unpack(vault_source(r->vault), &entry, target, &options, e);
    summarise(r, name, &counts);
    if (rc != RC_OK && (counts.failed > 0 || counts.files + counts.directories > 0))
        r->exit = RECOVER_INCOMPLETE;
    return rc == RC_OK ? RC_OK : error_context(e, "%s", name);
}

static enum rc
restore_below(struct recover *r, const struct archive_set *set,
              const struct record_archive *archive, int target, struct error *e)
{
    char name[2 * LIMIT_LABEL + 2];
    CLEANUP(own_closep) int below = -1;
    if (r->dry_run)
        return restore_one(r, set, archive, target, e);
    TRY(file_make_directory(target, recover_name(archive, name), 0700, e));
    TRY(file_open_directory(target, name, &below, e));
    return restore_one(r, set, archive, below, e);
}

/* Each archive in a directory of its own; one that fails does not keep the others from being restored. */
static enum rc
restore_all(struct recover *r, const struct archive_set *set, int target, struct error *e)
{
    size_t failed = 0;
    for (size_t i = 0; i < set->full.archive_count; i++) {
        struct error here = ERROR_INIT;
        enum rc rc = restore_below(r, set, &set->archives[i], target, &here);
        if (rc == RC_OK)
            continue;
        failed++;
        *e = here;
        /* The next would meet the same. */
        if (rc == RC_NO_SPACE || rc == RC_NO_MEMORY || rc == RC_DENIED || r->key == NULL)
            return rc;
        recover_say("%s", here.text);
    }
    if (failed == 0)
        return RC_OK;
    r->exit = RECOVER_INCOMPLETE;
    return error_set(e, RC_CORRUPT,
                     "%zu of %zu archives could not be restored whole: what is named above is "
                     "missing; another full may hold it, see 'list'",
                     failed, set->full.archive_count);
}

static enum rc
open_target(const struct recover *r, int *out, struct error *e)
{
    bool exists = true;
    if (r->dry_run)
        TRY(file_exists(AT_FDCWD, r->to, &exists, e));
    else
        TRY_IN(file_make_directory(AT_FDCWD, r->to, 0700, e), e, "--to");
    TRY_IN(file_open_directory(AT_FDCWD, exists ? r->to : "/", out, e), e, "--to");
    return RC_OK;
}

enum rc
recover_restore(struct recover *r, struct error *e)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARCHIVE_ARENA);
    CLEANUP(own_closep) int target = -1;
    struct archive_set set;
    const struct record_archive *one;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    TRY(recover_load(r, arena, &set, e));
    if (set.full.state != RECORD_FULL)
        recover_say("full %llu is incomplete; 'show' says what it lacks",
                    (unsigned long long)set.full.number);
    /* The key first: a wrong one is to leave nothing behind. */
    struct blob_ref ignored;
    if (r->place.source[0] == '\0') {
        if (set.full.archive_count > 0)
            TRY(recover_root(r, &set, &set.archives[0], &ignored, e));
        TRY(open_target(r, &target, e));
        return restore_all(r, &set, target, e);
    }
    TRY(archive_select(&set, r->place.source, &one, e));
    TRY(recover_root(r, &set, one, &ignored, e));
    TRY(open_target(r, &target, e));
    return restore_one(r, &set, one, target, e);
}
