/* ledger.c -- the file, and what it says, in step.  See ledger.h. */
#include "agent/snapshot/ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "common/sys/file.h"

static const char file_name[] = "ledger";

struct ledger {
    int dirfd;
    struct ledger_image image; /* room for LEDGER_ENTRIES_MAX entries */
};

static enum rc
write_image(const struct ledger *l, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LEDGER_FILE_MAX);
    TRY(ledger_encode(&l->image, &bytes, e));
    TRY_IN(file_replace(l->dirfd, file_name, buffer_span(&bytes), 0600, e), e,
           "ledger of snapshots");
    return RC_OK;
}

static enum rc
begin_ledger(struct ledger *l, struct error *e)
{
    if (getrandom(&l->image.mark, sizeof l->image.mark, 0) != (ssize_t)sizeof l->image.mark)
        return error_errno(e, "random bytes for the ledger of snapshots");
    l->image.next = 1;
    return write_image(l, e);
}

static enum rc
read_ledger(struct ledger *l, struct error *e)
{
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(LEDGER_FILE_MAX);
    TRY(file_read(l->dirfd, file_name, &bytes, e));
    return ledger_decode(buffer_span(&bytes), &l->image, e);
}

static enum rc
make_room(struct ledger *l, struct error *e)
{
    struct ledger_entry *room = calloc(LEDGER_ENTRIES_MAX, sizeof *room);
    if (room == NULL)
        return error_set(e, RC_NO_MEMORY, "ledger of snapshots");
    if (l->image.count > 0)
        memcpy(room, l->image.entries, l->image.count * sizeof *room);
    free(l->image.entries);
    l->image.entries = room;
    return RC_OK;
}

enum rc
ledger_open(const char *state, struct ledger **out, struct error *e)
{
    CLEANUP(ledger_freep) struct ledger *l = calloc(1, sizeof *l);
    bool there;
    if (l == NULL)
        return error_set(e, RC_NO_MEMORY, "ledger of snapshots");
    l->dirfd = -1;
    TRY(file_open_directory(AT_FDCWD, state, &l->dirfd, e));
    TRY(file_exists(l->dirfd, file_name, &there, e));
    if (there) {
        TRY_IN(
            read_ledger(l, e), e,
            "'%s/%s' (when it is lost: look for what it named with 'lvs @koffer' and in .koffer of each "
            "btrfs, remove that, then this file)",
            state, file_name);
    }
    TRY(make_room(l, e));
    if (!there)
        TRY_IN(begin_ledger(l, e), e, "'%s'", state);
    *out = TAKE(l);
    return RC_OK;
}

void
ledger_free(struct ledger *l)
{
    if (l == NULL)
        return;
    own_closep(&l->dirfd);
    ledger_image_free(&l->image);
    free(l);
}

enum rc
ledger_add(struct ledger *l, struct ledger_entry *entry, const char *what, struct error *e)
{
    struct ledger_image *image = &l->image;
    if (image->count == LEDGER_ENTRIES_MAX) {
        return error_set(
            e, RC_NO_SPACE,
            "the ledger names %d snapshots already; see why none of them can be removed",
            (int)LEDGER_ENTRIES_MAX);
    }
    entry->serial = image->next;
    (void)snprintf(entry->name, sizeof entry->name, "koffer_%" PRIu64 "_%.*s_%" PRIu64,
                   entry->cycle, (int)LEDGER_WHAT_MAX, what, entry->serial);
    image->entries[image->count++] = *entry;
    image->next++;
    enum rc rc = write_image(l, e);
    if (rc != RC_OK)
        image->count--; /* the serial is not given again: the file may name it */
    return rc;
}

enum rc
ledger_drop(struct ledger *l, uint64_t serial, struct error *e)
{
    struct ledger_image *image = &l->image;
    size_t at = 0;
    while (at < image->count && image->entries[at].serial != serial)
        at++;
    if (at == image->count)
        return RC_OK;
    struct ledger_entry gone = image->entries[at];
    size_t behind = (image->count - at - 1) * sizeof gone;
    memmove(&image->entries[at], &image->entries[at + 1], behind);
    image->count--;
    enum rc rc = write_image(l, e);
    if (rc != RC_OK) {
        memmove(&image->entries[at + 1], &image->entries[at], behind);
        image->entries[at] = gone;
        image->count++;
    }
    return rc;
}

const struct ledger_image *
ledger_image_of(const struct ledger *l)
{
    return &l->image;
}

const char *
ledger_mark_text(const struct ledger *l, char out[static LEDGER_MARK_TEXT_SIZE])
{
    (void)snprintf(out, LEDGER_MARK_TEXT_SIZE, "%016" PRIx64, l->image.mark);
    return out;
}
