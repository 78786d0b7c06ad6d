/* restored.c -- see restored.h. */
#include "tests/support/restored.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "tests/support/describe.h"
#include "tests/support/packtree.h"

enum { TEXT_MAX = 4 << 20 };

static enum rc
open_inside(struct restored *r, const char *name, int *out, struct error *e)
{
    if (mkdirat(r->top, name, 0755) != 0)
        return error_errno(e, "make '%s'", name);
    return file_open_directory(r->top, name, out, e);
}

enum rc
restored_new(struct restored **out, struct error *e)
{
    const struct blob_domain domain = {.id = {1}, .secret = {{2}}};
    struct restored *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, RC_NO_MEMORY, "test directory");
    *out = r;
    (void)snprintf(r->path, sizeof r->path, "/tmp/koffer-restored-XXXXXX");
    r->source_text = BUFFER_INIT(TEXT_MAX);
    r->target_text = BUFFER_INIT(TEXT_MAX);
    r->store = memstore_new();
    if (r->store == NULL || mkdtemp(r->path) == NULL)
        return error_errno(e, "test directory");
    TRY(file_open_directory(AT_FDCWD, r->path, &r->top, e));
    TRY(open_inside(r, "source", &r->source, e));
    TRY(open_inside(r, "target", &r->target, e));
    return blob_sealer_new(&domain, 1, &r->sealer, e);
}

void
restored_free(struct restored *r)
{
    struct error e = ERROR_INIT;
    (void)!file_remove_tree(AT_FDCWD, r->path, &e);
    (void)close(r->top);
    (void)close(r->source);
    (void)close(r->target);
    blob_sealer_free(r->sealer);
    memstore_free(r->store);
    buffer_free(&r->source_text);
    buffer_free(&r->target_text);
    free(r);
}

enum rc
restored_write(struct restored *r, const char *path, struct span bytes, unsigned mode,
               struct error *e)
{
    const struct timespec times[2] = {{1000000001, 42}, {1000000001, 42}};
    CLEANUP(own_closep)
    int fd = openat(r->source, path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(e, "make '%s'", path);
    TRY(file_write_all(fd, bytes, e));
    if (fchmod(fd, mode) != 0 || futimens(fd, times) != 0)
        return error_errno(e, "mode and time of '%s'", path);
    return RC_OK;
}

enum rc
restored_pack(struct restored *r, struct error *e)
{
    r->root = (struct node_entry){.type = NODE_DIRECTORY};
    return packtree(r->source, r->sealer, memstore_sink(r->store), &r->root.directory, e);
}

static void
report(void *ctx, const char *path, const struct error *e)
{
    struct restored *r = ctx;
    (void)path;
    r->reports++;
    r->last_report = e->code;
}

enum rc
restored_unpack(struct restored *r, struct blob_source *source, enum unpack_existing existing,
                bool dry_run, const _Atomic(bool) *cancel, struct error *e)
{
    memset(&r->counts, 0, sizeof r->counts);
    r->reports = 0;
    r->last_report = RC_OK;
    return unpack(source, &r->root, r->target,
                  &(struct unpack_options){.existing = existing,
                                           .dry_run = dry_run,
                                           .cancel = cancel,
                                           .counts = &r->counts,
                                           .report = report,
                                           .report_ctx = r},
                  e);
}

enum rc
restored_describe(struct restored *r, struct error *e)
{
    TRY(describe(r->source, &r->source_text, e));
    TRY(buffer_append(&r->source_text, span_of("", 1), e));
    TRY(describe(r->target, &r->target_text, e));
    return buffer_append(&r->target_text, span_of("", 1), e);
}
