/* probe_collector.c -- see probe_collector.h. */
#include "tests/integration/probe_collector.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/sys/file.h"

enum { PATH_SIZE = 4096, PIECE = 4096 };

/* The collector is the first member. */
static struct probe *
probe_of(struct source_collector *c)
{
    return (struct probe *)(void *)c;
}

static enum rc
copy_out(int file, enum rc (*read)(void *, void *, size_t, size_t *, struct error *), void *ctx,
         uint64_t *size, struct error *e)
{
    uint8_t piece[PIECE];
    for (*size = 0;;) {
        size_t got;
        TRY(read(ctx, piece, sizeof piece, &got, e));
        if (got == 0)
            return RC_OK;
        TRY(file_write_all(file, span_of(piece, got), e));
        *size += got;
    }
}

static enum rc
take_made(struct source_collector *c, const char *name,
          enum rc (*read)(void *ctx, void *out, size_t size, size_t *got, struct error *e),
          void *ctx, uint64_t *size, struct error *e)
{
    char path[PATH_SIZE], folder[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/export/%s", probe_of(c)->out, name);
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    TRY(file_make_directory(AT_FDCWD, folder, 0700, e));
    CLEANUP(own_closep) int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return error_errno(e, "create '%s'", path);
    enum rc rc = copy_out(file, read, ctx, size, e);
    if (rc != RC_OK)
        (void)unlink(path);
    return rc;
}

void
probe_place(const struct probe *p, const char *path, char *out, size_t size)
{
    size_t len = p->live == NULL ? 0 : strlen(p->live);
    if (len > 0 && strncmp(path, p->live, len) == 0 && (path[len] == '/' || path[len] == '\0'))
        (void)snprintf(out, size, "%s%s", p->cut, path + len);
    else
        (void)snprintf(out, size, "%s", path);
}

struct walk {
    struct probe *probe;
    source_exclude *exclude;
    void *ctx;
    const char *folder; /* live */
};

static enum rc visit(void *ctx, const char *name, struct error *e);

static enum rc
walk_path(const struct walk *w, const char *path, const struct stat *about, struct error *e)
{
    (void)fprintf(w->probe->files, "%s\n", path);
    if (!S_ISDIR(about->st_mode))
        return RC_OK;
    struct walk inside = *w;
    inside.folder = path;
    char seen[PATH_SIZE];
    probe_place(w->probe, path, seen, sizeof seen);
    return file_list(AT_FDCWD, seen, visit, &inside, e);
}

static enum rc
visit(void *ctx, const char *name, struct error *e)
{
    const struct walk *w = ctx;
    char path[PATH_SIZE], seen[PATH_SIZE];
    struct stat about;
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    probe_place(w->probe, path, seen, sizeof seen);
    if (lstat(seen, &about) != 0) /* gone meanwhile */
        return RC_OK;
    if (w->exclude != NULL && w->exclude(w->ctx, path, name, about.st_mode))
        return RC_OK;
    return walk_path(w, path, &about, e);
}

static enum rc
take_path(struct source_collector *c, const char *path, bool cross, source_exclude *exclude,
          void *exclude_ctx, struct error *e)
{
    (void)cross;
    char seen[PATH_SIZE];
    struct stat about;
    probe_place(probe_of(c), path, seen, sizeof seen);
    if (lstat(seen, &about) != 0)
        return errno == ENOENT ? error_set(e, RC_NOT_FOUND, "'%s' does not exist", path)
                               : error_errno(e, "look at '%s'", path);
    struct walk walk = {.probe = probe_of(c), .exclude = exclude, .ctx = exclude_ctx};
    return walk_path(&walk, path, &about, e);
}

static void
show_phase(struct source_collector *c, const char *phase)
{
    (void)c;
    (void)printf("phase %s\n", phase);
}

enum rc
probe_open(struct probe *p, const char *out, char *staging, size_t size, struct error *e)
{
    char path[PATH_SIZE];
    *p = (struct probe){.collector = {.made = take_made, .path = take_path, .phase = show_phase},
                        .out = out};
    TRY(file_make_directory(AT_FDCWD, out, 0755, e));
    (void)snprintf(staging, size, "%s/staging", out);
    TRY(file_make_directory(AT_FDCWD, staging, 0700, e));
    (void)snprintf(path, sizeof path, "%s/files", out);
    p->files = fopen(path, "we");
    return p->files == NULL ? error_errno(e, "create '%s'", path) : RC_OK;
}
