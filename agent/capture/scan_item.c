/* scan_item.c -- see scan_item.h. */
#include "agent/capture/scan_item.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *
scan_item_path(const struct scan *s)
{
    return s->path.len > 0 ? (const char *)s->path.data : "/";
}

static enum rc
tell(struct scan *s, struct event_found *found, enum event_content content, struct error *e)
{
    struct event *event = event_new(EVENT_ENTRY);
    if (event == NULL) {
        event_found_free(found);
        return error_set(e, RC_NO_MEMORY, "capture");
    }
    event->found = found;
    event->content = content;
    event->remember = true;
    return outlet_tell(s->o.intake->outlet, event, e);
}

void
scan_item_gone(struct scan *s)
{
    if (!s->wanted) {
        s->o.intake->vanished++;
        return;
    }
    intake_complain(s->o.intake, scan_item_path(s), "it was asked for and is gone");
    s->result->unreadable++;
}

enum rc
scan_item_lost(struct scan *s, struct error *e)
{
    if (errno == ENOENT || errno == ESTALE || errno == ENOTDIR || errno == ELOOP) {
        scan_item_gone(s);
        return RC_OK;
    }
    if (intake_is_our_failure(errno))
        return error_errno(e, "look at '%s'", scan_item_path(s));
    intake_complain(s->o.intake, scan_item_path(s), strerrordesc_np(errno));
    s->result->unreadable++;
    return RC_OK;
}

static bool
unchanged(const struct memory_record *before, const struct stat *st)
{
    return before != NULL && !before->check && before->size == (uint64_t)st->st_size &&
           before->inode == st->st_ino && before->device == st->st_dev &&
           before->mtime.seconds == st->st_mtim.tv_sec &&
           before->mtime.ns == (uint32_t)st->st_mtim.tv_nsec &&
           before->ctime.seconds == st->st_ctim.tv_sec &&
           before->ctime.ns == (uint32_t)st->st_ctim.tv_nsec;
}

static enum rc
tell_unchanged(struct scan *s, const char *name, const struct stat *st,
               const struct memory_record *before, struct error *e)
{
    CLEANUP(event_found_freep) struct event_found *found = event_found_new(name, st);
    if (found == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    TRY(xattrs_copy(before->xattrs, before->xattr_count, &found->xattrs, e));
    found->pieces = malloc(before->piece_count * sizeof *found->pieces + 1);
    if (found->pieces == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    if (before->piece_count > 0)
        memcpy(found->pieces, before->pieces, before->piece_count * sizeof *found->pieces);
    found->piece_count = before->piece_count;
    found->bundle = before->bundle;
    found->hashed = before->hashed;
    found->hash = before->hash;
    found->link = st->st_nlink > 1 ? links_id(st) : 0;
    return tell(s, TAKE(found), EVENT_KNOWN, e);
}

static enum rc
tell_link(struct scan *s, const char *name, const struct stat *st, int slot, bool last,
          struct error *e)
{
    struct event_found *found = event_found_new(name, st);
    struct event *event = event_new(EVENT_ENTRY);
    if (found == NULL || event == NULL) {
        event_found_free(found);
        event_free(event);
        return error_set(e, RC_NO_MEMORY, "capture");
    }
    found->link = links_id(st);
    event->found = found;
    event->content = EVENT_IN_SLOT;
    event->slot = slot;
    event->last = last;
    event->remember = true;
    return outlet_tell(s->o.intake->outlet, event, e);
}

enum rc
scan_item_file(struct scan *s, const struct scan_place *in, const char *name, const struct stat *st,
               struct error *e)
{
    const struct memory_record *before =
        s->o.memory != NULL ? memory_find(s->o.memory, span_of(name, strlen(name))) : NULL;
    if (unchanged(before, st))
        return tell_unchanged(s, name, st, before, e);
    int slot;
    bool last;
    if (st->st_nlink > 1 && links_find(s->o.intake->links, st, &slot, &last))
        return tell_link(s, name, st, slot, last, e);
    const struct intake_file file = {
        .dirfd = in->fd, .name = name, .path = scan_item_path(s), .before = before};
    uint64_t vanished = s->o.intake->vanished;
    TRY(intake_read(s->o.intake, &file, st, e));
    if (s->wanted && s->o.intake->vanished > vanished) {
        s->o.intake->vanished = vanished;
        scan_item_gone(s);
    }
    return RC_OK;
}

enum rc
scan_item_other(struct scan *s, const struct scan_place *in, const char *name,
                const struct stat *st, struct error *e)
{
    CLEANUP(event_found_freep) struct event_found *found = event_found_new(name, st);
    if (found == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    if (S_ISLNK(st->st_mode)) {
        char target[LIMIT_SYMLINK + 1];
        ssize_t len = readlinkat(in->fd, name, target, sizeof target - 1);
        if (len <= 0)
            return scan_item_lost(s, e);
        target[len] = '\0';
        found->target = strdup(target);
        if (found->target == NULL)
            return error_set(e, RC_NO_MEMORY, "capture");
    }
    struct error why = ERROR_INIT;
    if (xattrs_of_entry(in->fd, name, &found->xattrs, &why) != RC_OK && why.sys_errno != ENOENT) {
        intake_complain(s->o.intake, scan_item_path(s), why.text);
        found->flags |= NODE_UNREADABLE;
    }
    found->link = st->st_nlink > 1 ? links_id(st) : 0;
    return tell(s, TAKE(found), EVENT_NO_CONTENT, e);
}
