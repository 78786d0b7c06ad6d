/* vault_create.c -- make an empty vault.  See vault.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "common/crypto/keys.h"
#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"

static const char *const folders[] = {"packs", "fulls", "envelopes", "index", "tmp", "quarantine"};
enum { FOLDERS = sizeof folders / sizeof folders[0] };

/* What an interrupted creation leaves is as good as nothing; so is a new file system's lost+found. */
static bool
is_harmless(const char *name)
{
    for (size_t i = 0; i < FOLDERS; i++) {
        if (text_equal(name, folders[i]))
            return true;
    }
    return text_equal(name, "lost+found");
}

static enum rc
refuse_foreign(void *ctx, const char *name, struct error *e)
{
    const char *path = ctx;
    char shown[LIMIT_NAME];

    if (text_equal(name, VAULT_FORMAT_NAME))
        return error_set(e, RC_EXISTS, "'%s' is a vault already", path);
    if (!is_harmless(name))
        return error_set(e, RC_EXISTS,
                         "'%s' is not empty (it holds '%s'): a vault needs a directory of its own",
                         path, text_escape(span_of(name, strlen(name)), shown, sizeof shown));
    return RC_OK;
}

static enum rc
refuse_any(void *ctx, const char *name, struct error *e)
{
    (void)name;
    return error_set(e, RC_EXISTS,
                     "'%s' holds packs or fulls but no file 'format': this was a vault; bring the "
                     "file back from the recovery sheet or choose another directory",
                     (const char *)ctx);
}

static enum rc
check_empty(int dir, const char *path, struct error *e)
{
    union {
        const char *from;
        void *to;
    } ctx = {.from = path};
    bool packs, fulls;

    TRY(file_list(dir, ".", refuse_foreign, ctx.to, e));
    TRY(file_exists(dir, "packs", &packs, e));
    TRY(file_exists(dir, "fulls", &fulls, e));
    if (packs)
        TRY(file_list(dir, "packs", refuse_any, ctx.to, e));
    if (fulls)
        TRY(file_list(dir, "fulls", refuse_any, ctx.to, e));
    return RC_OK;
}

static enum rc
make_directory(const char *path, struct error *e)
{
    CLEANUP(own_freep) char *parent = strdup(path);
    if (parent == NULL)
        return error_set(e, RC_NO_MEMORY, "path");

    size_t len = strlen(parent);
    while (len > 1 && parent[len - 1] == '/')
        parent[--len] = '\0';
    char *slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent)
        (void)memcpy(parent, slash == NULL ? "." : "/", 2);
    else
        *slash = '\0';
    TRY(file_check_directory("the directory for the vault", parent, e));
    return file_make_directory(AT_FDCWD, path, 0700, e);
}

static enum rc
check_mount(int dir, const char *path, struct error *e)
{
    struct stat here, root;

    if (fstat(dir, &here) != 0 || stat("/", &root) != 0)
        return error_errno(e, "stat '%s'", path);
    if (here.st_dev == root.st_dev)
        return error_set(e, RC_INVALID,
                         "'%s' lies on the root file system: mount the vault's file system first, "
                         "or say that it needs no mount of its own",
                         path);
    return RC_OK;
}

static enum rc
fill(int dir, struct record_vault_id *id, struct error *e)
{
    struct record_vault_id made;

    for (size_t i = 0; i < FOLDERS; i++)
        TRY(file_make_directory(dir, folders[i], 0700, e));
    TRY(file_remove_tree(dir, "tmp/" VAULT_FORMAT_NAME, e));
    TRY(keys_random(made.bytes, sizeof made.bytes, e));
    /* Written last: a crash up to here leaves empty folders, and creation can be repeated. */
    TRY(vault_format_write(dir, &made, e));
    *id = made;
    return RC_OK;
}

enum rc
vault_create(const char *path, bool require_mount, struct record_vault_id *id, struct error *e)
{
    CLEANUP(own_closep) int dir = -1;

    TRY_IN(make_directory(path, e), e, "cannot make a vault in '%s'", path);
    TRY_IN(file_open_directory(AT_FDCWD, path, &dir, e), e, "cannot make a vault in '%s'", path);
    if (require_mount)
        TRY_IN(check_mount(dir, path, e), e, "cannot make a vault");
    TRY_IN(check_empty(dir, path, e), e, "cannot make a vault");
    TRY_IN(fill(dir, id, e), e, "cannot make a vault in '%s'", path);
    return RC_OK;
}
