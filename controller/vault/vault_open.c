/* vault_open.c -- find it, lock it, recover it.  See vault.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"

/* From linux/magic.h and, for the last four, the file systems' own sources. */
static const struct {
    long type;
    const char *name;
} network_types[] = {
    {0x6969, "NFS"},       {0x65735546, "FUSE"},       {0x01021997, "9p"},  {0x517b, "SMB"},
    {0xff534d42, "CIFS"},  {(long)0xfe534d42, "SMB2"}, {0x5346414f, "AFS"}, {0x00c36400, "Ceph"},
    {0x73757245, "Coda"},  {0x0bd00bd0, "Lustre"},     {0x564c, "NCP"},     {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"}, {0x19830326, "BeeGFS"},
};

bool
vault_is_network(long f_type)
{
    for (size_t i = 0; i < sizeof network_types / sizeof network_types[0]; i++) {
        if (network_types[i].type == f_type)
            return true;
    }
    return false;
}

static enum rc
check_file_system(struct vault *v, struct error *e)
{
    struct statfs fs;

    if (fstatfs(v->dir, &fs) != 0)
        return error_errno(e, "statfs");
    v->networked = vault_is_network((long)fs.f_type);
    if (v->options.allow_network_fs || !v->networked)
        return RC_OK;
    return error_set(
        e, RC_UNSUPPORTED,
        "it lies on a network or user-space file system (type 0x%lx), where a sync need "
        "not reach a disk and locks may not hold: use a local one, or allow it knowing "
        "that a full reported good may be lost with the server",
        (unsigned long)fs.f_type);
}

/* ---- the vault */

static enum rc
lend_blob(struct blob_source *source, const struct id *id, struct buffer *out, struct error *e)
{
    return vault_get(((struct vault_lender *)source)->vault, id, out, e);
}

/* NULL when out of memory. */
static struct vault *
vault_new(const char *path, const struct vault_options *options)
{
    struct vault *v = calloc(1, sizeof *v);
    char *copy = strdup(path);

    if (v == NULL || copy == NULL) {
        free(copy);
        free(v);
        return NULL;
    }
    v->path = copy;
    v->dir = v->lock = -1;
    (void)pthread_mutex_init(&v->recent.lock, NULL);
    v->options = *options;
    v->lender = (struct vault_lender){.source = {.get = lend_blob}, .vault = v};
    /* On Linux these two cannot fail with default attributes. */
    (void)pthread_rwlock_init(&v->publishing, NULL);
    (void)pthread_mutex_init(&v->commit, NULL);
    (void)pthread_rwlock_init(&v->survey, NULL);
    return v;
}

static enum rc
find(struct vault *v, struct error *e)
{
    enum rc rc = file_open_directory(AT_FDCWD, v->path, &v->dir, e);

    if (rc == RC_NOT_FOUND)
        return error_set(e, RC_NOT_FOUND,
                         "there is no vault in '%s': is its file system mounted? "
                         "'koffer-controller init' makes a new one",
                         v->path);
    if (rc == RC_DENIED)
        return error_context(e, "vault '%s': run as the user it belongs to", v->path);
    if (rc != RC_OK)
        return error_context(e, "vault '%s'", v->path);
    struct stat st;
    if (fstat(v->dir, &st) != 0)
        return error_errno(e, "vault '%s': stat", v->path);
    v->device = st.st_dev;
    v->inode = st.st_ino;
    return vault_format_read(v->dir, v->path, &v->id, e);
}

static enum rc
check_folder(const struct vault *v, const char *name, struct error *e)
{
    CLEANUP(own_closep) int dir = -1;
    enum rc rc = file_open_directory(v->dir, name, &dir, e);

    if (rc == RC_NOT_FOUND)
        return error_set(e, RC_CORRUPT, "its folder '%s' is missing: bring it back from a copy",
                         name);
    return rc;
}

/* No session of an earlier opening lives: its fence fits none of ours. */
static enum rc
make_leases(struct vault *v, struct error *e)
{
    uint64_t seconds = v->options.lease_seconds;

    if (seconds == 0)
        seconds = LIMIT_LEASE_SECONDS;
    return vault_leases_new(v->options.clock, (int64_t)seconds * 1000, &v->leases, e);
}

static enum rc
make_ready(struct vault *v, struct error *e)
{
    TRY(check_file_system(v, e));
    TRY(check_folder(v, "packs", e));
    TRY(check_folder(v, "fulls", e));
    TRY(vault_files_new(v->dir, &v->files, e));
    if (v->options.read_only)
        return vault_recover_aside(v, e);
    TRY(vault_lock_take(v->dir, v->networked, &v->lock, e));
    TRY(make_leases(v, e));
    TRY(vault_recover(v, e));
    vault_reserve_keep(v);
    return RC_OK;
}

enum rc
vault_open(const char *path, const struct vault_options *options, struct vault **out,
           struct error *e)
{
    CLEANUP(vault_closep) struct vault *v = vault_new(path, options);

    if (v == NULL)
        return error_set(e, RC_NO_MEMORY, "vault '%s'", path);
    TRY(find(v, e));
    TRY_IN(make_ready(v, e), e, "vault '%s'", path);
    *out = TAKE(v);
    return RC_OK;
}

void
vault_close(struct vault *v)
{
    if (v == NULL)
        return;
    vault_index_free(v->index);
    vault_files_free(v->files);
    vault_leases_free(v->leases);
    (void)pthread_rwlock_destroy(&v->publishing);
    (void)pthread_mutex_destroy(&v->commit);
    (void)pthread_rwlock_destroy(&v->survey);
    (void)pthread_mutex_destroy(&v->recent.lock);
    vault_lock_release(&v->lock);
    own_closep(&v->dir);
    free(v->path);
    free(v);
}

const struct record_vault_id *
vault_id(const struct vault *v)
{
    return &v->id;
}

const char *
vault_path(const struct vault *v)
{
    return v->path;
}

uint64_t
vault_epoch(const struct vault *v)
{
    return vault_index_epoch(v->index);
}

struct blob_source *
vault_source(struct vault *v)
{
    return &v->lender.source;
}
