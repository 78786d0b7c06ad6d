/* vault_files.c -- a small table under a lock; the least recently used one goes.  See vault_files.h. */
#include "controller/vault/vault_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "controller/vault/pack_format.h"

enum { FILES_KEPT = 32 };

struct kept {
    int fd;          /* -1: free slot */
    uint32_t number; /* 0: lent no more */
    struct id name;
    unsigned lent;
    uint64_t used; /* turn of the last use */
};

struct vault_files {
    int vault;
    pthread_mutex_t lock;
    uint64_t turn;
    struct kept kept[FILES_KEPT];
};

enum rc
vault_files_new(int vault, struct vault_files **out, struct error *e)
{
    CLEANUP(own_freep) struct vault_files *files = calloc(1, sizeof *files);

    if (files == NULL || pthread_mutex_init(&files->lock, NULL) != 0)
        return error_set(e, RC_NO_MEMORY, "table of open packs");
    files->vault = vault;
    for (int i = 0; i < FILES_KEPT; i++)
        files->kept[i].fd = -1;
    *out = TAKE(files);
    return RC_OK;
}

void
vault_files_free(struct vault_files *files)
{
    if (files == NULL)
        return;
    for (int i = 0; i < FILES_KEPT; i++)
        own_closep(&files->kept[i].fd);
    (void)pthread_mutex_destroy(&files->lock);
    free(files);
}

static void
lend(struct vault_files *files, int slot, struct vault_files_lent *out)
{
    files->kept[slot].lent++;
    files->kept[slot].used = ++files->turn;
    *out = (struct vault_files_lent){.fd = files->kept[slot].fd, .slot = slot};
}

/* A file that was removed must not seem to be there only because we hold it open. */
static bool
is_still_there(const struct kept *k)
{
    struct stat st;
    return fstat(k->fd, &st) == 0 && st.st_nlink > 0;
}

bool
vault_files_try(struct vault_files *files, uint32_t number, struct vault_files_lent *out)
{
    bool found = false;

    (void)pthread_mutex_lock(&files->lock);
    for (int i = 0; i < FILES_KEPT && !found; i++) {
        found = files->kept[i].fd >= 0 && files->kept[i].number == number &&
                is_still_there(&files->kept[i]);
        if (found)
            lend(files, i, out);
    }
    (void)pthread_mutex_unlock(&files->lock);
    return found;
}

/* A slot that nobody uses now: empty or least recently used; -1 when all are lent. */
static int
slot_to_fill(const struct vault_files *files)
{
    int best = -1;
    for (int i = 0; i < FILES_KEPT; i++) {
        const struct kept *k = &files->kept[i];
        if (k->fd < 0)
            return i;
        if (k->lent == 0 && (best < 0 || k->used < files->kept[best].used))
            best = i;
    }
    return best;
}

enum rc
vault_files_borrow(struct vault_files *files, uint32_t number, const struct id *name,
                   struct vault_files_lent *out, struct error *e)
{
    char path[PACK_PATH_SIZE];
    int fd = openat(files->vault, pack_format_path(name, path),
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return error_set(e, RC_CORRUPT, "pack '%s' is gone", path);
    if (fd < 0)
        return error_errno(e, "open pack '%s'", path);
    (void)pthread_mutex_lock(&files->lock);
    int slot = slot_to_fill(files);
    if (slot >= 0) {
        own_closep(&files->kept[slot].fd);
        files->kept[slot] = (struct kept){.fd = fd, .number = number, .name = *name};
        lend(files, slot, out);
    } else {
        *out = (struct vault_files_lent){.fd = fd, .slot = -1};
    }
    (void)pthread_mutex_unlock(&files->lock);
    return RC_OK;
}

void
vault_files_return(struct vault_files *files, const struct vault_files_lent *lent)
{
    if (lent->slot < 0) {
        own_closep(&lent->fd);
        return;
    }
    (void)pthread_mutex_lock(&files->lock);
    files->kept[lent->slot].lent--;
    (void)pthread_mutex_unlock(&files->lock);
}

void
vault_files_forget(struct vault_files *files, const struct id *name)
{
    (void)pthread_mutex_lock(&files->lock);
    for (int i = 0; i < FILES_KEPT; i++) {
        if (files->kept[i].fd >= 0 && id_equal(&files->kept[i].name, name))
            files->kept[i].number = 0;
    }
    (void)pthread_mutex_unlock(&files->lock);
}
