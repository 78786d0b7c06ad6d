/* job_restore.c -- put files back on this host, below one of the configured restore roots.  See job.h. */
#include <fcntl.h>
#include <stdio.h>

#include "agent/job/job_internal.h"
#include "common/base/text.h"
#include "common/sys/beneath.h"
#include "common/sys/file.h"

/* What follows `root` in `target`, or NULL when it is not below. */
static const char *
below(const char *root, const char *target)
{
    size_t len = strlen(root);
    while (len > 0 && root[len - 1] == '/')
        len--;
    if (strncmp(root, target, len) != 0 || (target[len] != '\0' && target[len] != '/'))
        return NULL;
    return target + len + strspn(target + len, "/");
}

static enum rc
refuse_target(const struct job *job, struct error *e)
{
    const struct job_options *o = &job->board->options;
    const char *target = job->order.target;
    char list[300] = "", shown[128];
    size_t used = 0;
    for (size_t i = 0; i < o->restore_root_count && used < sizeof list; i++) {
        int n = snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
                         o->restore_roots[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return error_set(e, RC_DENIED,
                     "'%s' is not below a restore root of this host (%s); choose a target there or "
                     "add it to restore-roots in koffer-agent.conf",
                     text_escape(span_of(target, strlen(target)), shown, sizeof shown), list);
}

/* No "." and no ".." in what follows the root, before anything is made or promised. */
static enum rc
check_names(const char *rest, struct error *e)
{
    while (*rest != '\0') {
        size_t len = strcspn(rest, "/");
        if (len > LIMIT_NAME)
            return error_set(e, RC_INVALID, "a name in the target is longer than %u bytes",
                             LIMIT_NAME);
        if (rest[0] == '.' && (len == 1 || (len == 2 && rest[1] == '.')))
            return error_set(e, RC_DENIED, "the target may not hold '%.*s': write the plain path",
                             (int)len, rest);
        rest += len;
        rest += strspn(rest, "/");
    }
    return RC_OK;
}

/* One name further down; links are not followed. */
static enum rc
step_down(int *here, const char *name, bool make, struct error *e)
{
    int next = -1;
    if (make)
        TRY(file_make_directory(*here, name, 0700, e));
    TRY(beneath_open(*here, name, O_RDONLY | O_DIRECTORY, 0, &next, e));
    own_closep(here);
    *here = next;
    return RC_OK;
}

/* `make`: what is missing on the way. */
static enum rc
descend(const char *root, const char *rest, bool make, int *out, struct error *e)
{
    CLEANUP(own_closep) int here = -1;
    if (make)
        TRY_IN(file_make_directory(AT_FDCWD, root, 0700, e), e, "restore root");
    TRY_IN(file_open_directory(AT_FDCWD, root, &here, e), e, "restore root");
    while (*rest != '\0') {
        char name[LIMIT_NAME + 1];
        size_t len = strcspn(rest, "/");
        (void)snprintf(name, sizeof name, "%.*s", (int)len, rest);
        TRY(step_down(&here, name, make, e));
        rest += len;
        rest += strspn(rest, "/");
    }
    *out = here;
    here = -1;
    return RC_OK;
}

/* A dry run looks at the target and nothing else; *out is -1 where a part of the way is missing. */
static enum rc
look_for_target(const char *root, const char *rest, int *out, struct error *e)
{
    struct error why = ERROR_INIT;
    *out = -1;
    enum rc rc = descend(root, rest, false, out, &why);
    if (rc == RC_OK || rc == RC_NOT_FOUND)
        return RC_OK;
    *e = why;
    return rc;
}

static enum rc
open_target(struct job *job, int *out, struct error *e)
{
    const struct job_options *o = &job->board->options;
    for (size_t i = 0; i < o->restore_root_count; i++) {
        const char *rest = below(o->restore_roots[i], job->order.target);
        if (rest == NULL)
            continue;
        TRY(check_names(rest, e));
        return job->order.dry_run ? look_for_target(o->restore_roots[i], rest, out, e)
                                  : descend(o->restore_roots[i], rest, true, out, e);
    }
    return refuse_target(job, e);
}

static void
report_item(void *ctx, const char *path, const struct error *why)
{
    struct job *job = ctx;
    source_report_warn(&job->report, "%s: %s", path, why->text);
}

static enum rc
unpack_from(struct job *job, struct blob_source *source, struct error *e)
{
    const struct job_order *o = &job->order;
    CLEANUP(arena_freep) struct arena *arena = arena_new(4 * (size_t)LIMIT_BLOB_PLAIN);
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    CLEANUP(own_closep) int target = -1;
    struct blob_ref root = {.id = o->root};
    struct node_entry entry;
    bool found;
    if (arena == NULL)
        return error_set(e, RC_NO_MEMORY, "restore");
    TRY(open_target(job, &target, e));
    TRY(record_open_sealed(&job->vault.id, &o->root, job->board->options.receiving, o->root_sealed,
                           &root.key, e));
    TRY(tree_reader_new(source, &reader, e));
    TRY(tree_find(reader, &root, o->path, arena, &found, &entry, e));
    if (!found) {
        char shown[256];
        return error_set(e, RC_NOT_FOUND, "there is no '%s' in this archive; see 'koffer full ls'",
                         text_escape(span_of(o->path, strlen(o->path)), shown, sizeof shown));
    }
    const struct unpack_options options = {
        .dry_run = o->dry_run,
        .existing = o->replace ? UNPACK_REPLACE : UNPACK_KEEP,
        .cancel = &job->cancel,
        .counts = &job->restored,
        .report = report_item,
        .report_ctx = job,
    };
    return unpack(source, &entry, target, &options, e);
}

enum rc
job_step_restore(struct job *job, struct error *e)
{
    const struct job_ports *ports = &job->board->options.ports;
    struct blob_source *source = NULL;
    TRY(ports->open_source(ports->ctx, job->order.job, &job->order.token, &job->cancel, &source,
                           e));
    enum rc rc = unpack_from(job, source, e);
    ports->close_source(ports->ctx, source);
    return rc;
}
