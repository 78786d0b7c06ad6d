/* scan.c -- recursion over directories; its depth is bounded by LIMIT_DEPTH.  See scan.h. */
#include "agent/capture/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/names.h"
#include "agent/capture/scan_item.h"
#include "agent/capture/scan_open.h"

/* archive root, fs and export take two of the levels. */
enum { DEPTH_MAX = LIMIT_DEPTH - 2, PATH_LIMIT = (LIMIT_DEPTH + 1) * (LIMIT_NAME + 1) };

static enum rc
push_name(struct scan *s, const char *name, size_t *before, struct error *e)
{
    *before = s->path.len;
    return buffer_printf(&s->path, e, "/%s", name);
}

static void
pop_name(struct scan *s, size_t before)
{
    s->path.len = before;
    if (s->path.data != NULL)
        s->path.data[before] = '\0';
}

static bool
excluded(const struct scan_reason *reason, const char *path, const char *name, mode_t mode)
{
    bool out = reason != NULL;
    for (; reason != NULL; reason = reason->outer)
        for (const struct paths_scope *p = reason->node->scopes; p != NULL; p = p->next)
            if (p->exclude == NULL || !p->exclude(p->exclude_ctx, path, name, mode))
                out = false;
    return out;
}

static bool
crosses(const struct scan_reason *reason)
{
    for (; reason != NULL; reason = reason->outer)
        for (const struct paths_scope *p = reason->node->scopes; p != NULL; p = p->next)
            if (p->cross)
                return true;
    return false;
}

static enum rc scan_entry(struct scan *s, const struct scan_place *in, const char *name,
                          const struct paths_node *child, struct error *e);

/* The paths asked for in this directory, from *next on, whose names come before `name` (NULL: all)
 * and that its list did not have: looked at by name, which says whether they are gone. */
static enum rc
scan_unlisted(struct scan *s, const struct scan_place *in, const char *name, size_t *next,
              struct error *e)
{
    for (; in->node != NULL && *next < in->node->count; ++*next) {
        const struct paths_node *child = in->node->children[*next];
        if (name != NULL && strcmp(child->name, name) >= 0)
            break;
        TRY(scan_entry(s, in, child->name, child, e));
    }
    return RC_OK;
}

static enum rc
scan_names(struct scan *s, const struct scan_place *in, const struct names *names, size_t *next,
           struct error *e)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names_at(names, i);
        const struct paths_node *child = NULL;
        TRY(scan_unlisted(s, in, name, next, e));
        if (in->node != NULL && *next < in->node->count &&
            strcmp(in->node->children[*next]->name, name) == 0)
            child = in->node->children[(*next)++];
        TRY(scan_entry(s, in, name, child, e));
    }
    return RC_OK;
}

/* *complete: every name could be read. */
static enum rc
scan_whole(struct scan *s, const struct scan_place *in, bool *complete, struct error *e)
{
    CLEANUP(names_free) struct names names = NAMES_INIT(s->o.names_bytes);
    size_t next = 0;
    for (bool more = true; more;) {
        struct error why = ERROR_INIT;
        enum rc rc = names_next(&names, in->fd, &more, &why);
        if (rc == RC_NO_MEMORY) {
            *e = why;
            return rc;
        }
        if (rc != RC_OK && *complete)
            intake_complain(s->o.intake, scan_item_path(s), why.text);
        *complete = *complete && rc == RC_OK;
        TRY(scan_names(s, in, &names, &next, e));
    }
    return scan_unlisted(s, in, NULL, &next, e);
}

static enum rc
scan_inside(struct scan *s, const struct scan_place *in, struct event_found *found, struct error *e)
{
    struct error why = ERROR_INIT;
    bool complete = true;
    enum rc rc = in->reason != NULL ? xattrs_of_file(in->fd, &found->xattrs, &why)
                                    : xattrs_of_entry(in->fd, ".", &found->xattrs, &why);
    if (rc != RC_OK) {
        complete = false;
        intake_complain(s->o.intake, scan_item_path(s), why.text);
    }
    if (in->reason != NULL)
        TRY(scan_whole(s, in, &complete, e));
    else
        TRY(scan_unlisted(s, in, NULL, &(size_t){0}, e));
    found->flags |= complete ? 0 : NODE_UNREADABLE;
    return RC_OK;
}

/* An open directory with what is asked for in it, or, with fd -1, one that cannot be opened. */
static enum rc
tell_directory(struct scan *s, const struct scan_place *in, const char *name, const struct stat *st,
               struct error *e)
{
    bool inside = s->path.len > 0; /* "/" itself is fs, which the memory takes for granted */
    CLEANUP(event_found_freep) struct event_found *found = event_found_new(name, st);
    struct event_found *enter = event_found_new(name, st);
    struct event *event = event_new(EVENT_ENTER);
    if (event == NULL || enter == NULL || found == NULL) {
        event_free(event);
        event_found_free(enter);
        return error_set(e, RC_NO_MEMORY, "capture");
    }
    event->found = enter;
    event->remember = inside;
    TRY(outlet_tell(s->o.intake->outlet, event, e));
    if (inside && s->o.memory != NULL)
        memory_enter(s->o.memory, span_of(name, strlen(name)));
    if (in->fd >= 0)
        TRY(scan_inside(s, in, found, e));
    else
        found->flags |= NODE_UNREADABLE;
    if (inside && s->o.memory != NULL)
        memory_leave(s->o.memory);

    event = event_new(EVENT_LEAVE);
    if (event == NULL)
        return error_set(e, RC_NO_MEMORY, "capture");
    event->found = TAKE(found);
    event->remember = inside;
    return outlet_tell(s->o.intake->outlet, event, e);
}

/* Is something else mounted here that nobody asked for?  Then it stays outside. */
static bool
is_foreign(struct scan *s, const struct scan_place *in, const struct paths_node *child, int fd,
           const struct stat *st)
{
    if (st->st_dev == in->device || in->reason == NULL || crosses(in->reason) ||
        (child != NULL && child->scopes != NULL))
        return false;
    scan_open_warn(s, fd);
    return true;
}

static enum rc
scan_directory(struct scan *s, const struct scan_place *in, const char *name,
               const struct paths_node *child, const struct scan_reason *reason, struct error *e)
{
    if (s->depth == DEPTH_MAX) {
        intake_complain(s->o.intake, scan_item_path(s), "directories are nested too deep");
        s->result->unreadable++;
        return RC_OK;
    }
    int flags = O_DIRECTORY | (reason == NULL ? O_PATH : 0);
    CLEANUP(scan_open_close) struct scan_opened opened;
    struct stat st;
    scan_open(s, in, name, flags, &opened);
    if (opened.hidden)
        return RC_OK;
    const int fd = opened.fd;
    if (fd < 0 && (errno != EACCES && errno != EPERM && errno != EIO))
        return scan_item_lost(s, e);
    if (fd < 0) {
        intake_complain(s->o.intake, scan_item_path(s), strerrordesc_np(errno));
        if (fstatat(in->fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
            return scan_item_lost(s, e);
    } else if (fstat(fd, &st) != 0) {
        return scan_item_lost(s, e);
    }
    if (scan_open_missed(&opened, &st)) {
        intake_complain(s->o.intake, scan_item_path(s),
                        "it is a btrfs subvolume that was made during the cut");
        s->result->unreadable++;
    }
    snapshot_view_adopt(s->o.intake->views, &st);
    if (opened.outside && !opened.quiet)
        scan_open_warn_outside(s);
    if (opened.outside || is_foreign(s, in, child, fd, &st))
        reason = NULL;
    const struct scan_place here = {
        .fd = fd, .cut = opened.cut, .device = st.st_dev, .node = child, .reason = reason};
    s->depth++;
    enum rc rc = tell_directory(s, &here, name, &st, e);
    s->depth--;
    return rc;
}

static void
show_phase(struct scan *s)
{
    char phase[CAPTURE_PHASE_SIZE];
    (void)snprintf(phase, sizeof phase, "read %s", scan_item_path(s));
    capture_progress_say(s->o.progress, phase);
}

static enum rc
scan_found(struct scan *s, const struct scan_place *in, const char *name,
           const struct paths_node *child, struct error *e)
{
    struct stat st;
    s->wanted = child != NULL;
    if (fstatat(in->fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
        return scan_item_lost(s, e);
    snapshot_view_adopt(s->o.intake->views, &st);
    bool asked = child != NULL && child->scopes != NULL;
    const struct scan_reason own = {.node = child, .outer = in->reason};
    const struct scan_reason *reason = asked ? &own : in->reason;
    if (asked)
        show_phase(s);
    if (!asked && excluded(in->reason, scan_item_path(s), name, st.st_mode)) {
        if (child == NULL)
            return RC_OK;
        reason = NULL; /* a path further down was asked for */
    }
    if (S_ISDIR(st.st_mode))
        return scan_directory(s, in, name, child, reason, e);
    if (reason == NULL) { /* there was a directory when the path was asked for */
        scan_item_gone(s);
        return RC_OK;
    }
    return S_ISREG(st.st_mode) ? scan_item_file(s, in, name, &st, e)
                               : scan_item_other(s, in, name, &st, e);
}

static enum rc
scan_entry(struct scan *s, const struct scan_place *in, const char *name,
           const struct paths_node *child, struct error *e)
{
    size_t before;
    TRY(push_name(s, name, &before, e));
    enum rc rc = scan_found(s, in, name, child, e);
    pop_name(s, before);
    return rc;
}

enum rc
scan_run(const struct scan_options *options, struct scan_result *result, struct error *e)
{
    struct scan s = {.o = *options, .result = result};
    CLEANUP(buffer_free) struct buffer path = BUFFER_INIT(PATH_LIMIT);
    const struct paths_node *root = paths_root(options->paths);
    if (root->count == 0 && root->scopes == NULL)
        return RC_OK;
    CLEANUP(scan_open_close) struct scan_opened opened;
    struct stat st;
    scan_open(&s, &(struct scan_place){.fd = AT_FDCWD}, "/", O_DIRECTORY, &opened);
    if (opened.fd < 0 || fstat(opened.fd, &st) != 0)
        return error_errno(e, "open '/'");
    snapshot_view_adopt(options->intake->views, &st);
    s.path = path;
    const struct scan_reason own = {.node = root};
    const struct scan_place top = {.fd = opened.fd,
                                   .cut = opened.cut,
                                   .device = st.st_dev,
                                   .node = root,
                                   .reason = root->scopes != NULL ? &own : NULL};
    enum rc rc = tell_directory(&s, &top, "fs", &st, e);
    path = s.path;
    return rc;
}
