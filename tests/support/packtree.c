/* packtree.c -- see packtree.h. */
#include "tests/support/packtree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "common/sys/file.h"

enum { CHUNK = 64 * 1024, MEMORY = 8 << 20, XATTR_NAMES = 4096 };

struct packing {
    struct blob_sealer *sealer;
    struct blob_sink *sink;
    struct tree_content *content;
    struct arena *arena; /* of one directory */
    struct buffer blob;
};

static enum rc
pack_range(struct packing *p, int fd, uint64_t from, uint64_t to, struct error *e)
{
    static uint8_t bytes[CHUNK];
    while (from < to) {
        size_t got, want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
        TRY(file_read_at(fd, from, bytes, want, &got, e));
        if (got == 0)
            return error_set(e, RC_IO, "the file became shorter");
        struct node_piece piece = {.kind = NODE_DATA, .length = got};
        TRY(blob_seal(p->sealer, BLOB_DATA, NULL, 0, span_of(bytes, got), &p->blob, &piece.ref, e));
        TRY(p->sink->put(p->sink, &piece.ref.id, buffer_span(&p->blob), e));
        TRY(tree_content_add(p->content, &piece, e));
        from += got;
    }
    return RC_OK;
}

static enum rc
pack_content(struct packing *p, int fd, struct node_entry *entry, struct error *e)
{
    off_t size = lseek(fd, 0, SEEK_END), at = 0;
    while (at < size) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0)
            data = size;
        struct node_piece hole = {.kind = NODE_HOLE, .length = (uint64_t)(data - at)};
        TRY(tree_content_add(p->content, &hole, e));
        if (data == size)
            break;
        at = lseek(fd, data, SEEK_HOLE);
        TRY(pack_range(p, fd, (uint64_t)data, (uint64_t)at, e));
    }
    TRY(tree_content_finish(p->content, &entry->pieces, &entry->piece_count, &entry->size, e));
    return RC_OK;
}

static int
compare_xattrs(const void *a, const void *b)
{
    return node_compare(((const struct node_xattr *)a)->name, ((const struct node_xattr *)b)->name);
}

static enum rc
pack_xattrs(struct packing *p, int fd, struct node_entry *entry, struct error *e)
{
    enum { MOST = 16 };
    char *names = arena_alloc(p->arena, XATTR_NAMES);
    struct node_xattr *xattrs = arena_alloc(p->arena, MOST * sizeof *xattrs);
    ssize_t len = flistxattr(fd, names, XATTR_NAMES);
    for (ssize_t at = 0; at < len && entry->xattr_count < MOST;
         at += (ssize_t)strlen(names + at) + 1) {
        uint8_t *value = arena_alloc(p->arena, XATTR_NAMES);
        ssize_t value_len = fgetxattr(fd, names + at, value, XATTR_NAMES);
        if (value_len < 0)
            return error_errno(e, "attribute '%s'", names + at);
        xattrs[entry->xattr_count++] = (struct node_xattr){span_of(names + at, strlen(names + at)),
                                                           span_of(value, (size_t)value_len)};
    }
    qsort(xattrs, entry->xattr_count, sizeof *xattrs, compare_xattrs);
    entry->xattrs = xattrs;
    return RC_OK;
}

static enum node_type
type_of(mode_t mode)
{
    return S_ISREG(mode)    ? NODE_FILE
           : S_ISDIR(mode)  ? NODE_DIRECTORY
           : S_ISLNK(mode)  ? NODE_SYMLINK
           : S_ISFIFO(mode) ? NODE_FIFO
           : S_ISSOCK(mode) ? NODE_SOCKET
           : S_ISCHR(mode)  ? NODE_CHARACTER_DEVICE
                            : NODE_BLOCK_DEVICE;
}

static enum rc
pack_link_target(struct packing *p, int dirfd, const char *name, struct node_entry *entry,
                 struct error *e)
{
    char *target = arena_alloc(p->arena, LIMIT_SYMLINK);
    ssize_t len = readlinkat(dirfd, name, target, LIMIT_SYMLINK);
    if (len < 0)
        return error_errno(e, "read link '%s'", name);
    entry->target = span_of(target, (size_t)len);
    return RC_OK;
}

static enum rc
pack_entry(struct packing *p, int dirfd, const char *name, struct node_entry *entry,
           struct error *e)
{
    struct stat s;
    if (fstatat(dirfd, name, &s, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(e, "stat '%s'", name);
    *entry = (struct node_entry){
        .name = span_of(name, strlen(name)),
        .type = type_of(s.st_mode),
        .mode = s.st_mode & 07777,
        .uid = s.st_uid,
        .gid = s.st_gid,
        .mtime = s.st_mtim.tv_sec,
        .mtime_ns = (uint32_t)s.st_mtim.tv_nsec,
        .link = !S_ISDIR(s.st_mode) && s.st_nlink > 1 ? s.st_ino : 0,
        .major = major(s.st_rdev),
        .minor = minor(s.st_rdev),
    };
    if (entry->type == NODE_SYMLINK)
        return pack_link_target(p, dirfd, name, entry, e);
    if (entry->type != NODE_FILE && entry->type != NODE_DIRECTORY)
        return RC_OK;
    CLEANUP(own_closep) int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "open '%s'", name);
    if (entry->type == NODE_FILE)
        TRY(pack_content(p, fd, entry, e));
    else
        TRY(packtree(fd, p->sealer, p->sink, &entry->directory, e));
    return pack_xattrs(p, fd, entry, e);
}

struct names {
    struct packing *p;
    struct tree_builder *builder;
    int dirfd;
};

static enum rc
pack_name(void *ctx, const char *name, struct error *e)
{
    struct names *n = ctx;
    struct node_entry entry;
    TRY(pack_entry(n->p, n->dirfd, name, &entry, e));
    TRY(tree_builder_add(n->builder, &entry, e));
    arena_reset(n->p->arena);
    return RC_OK;
}

enum rc
packtree(int dirfd, struct blob_sealer *sealer, struct blob_sink *sink, struct blob_ref *out,
         struct error *e)
{
    struct packing p = {.sealer = sealer, .sink = sink, .blob = BUFFER_INIT(LIMIT_BLOB)};
    CLEANUP(arena_freep) struct arena *arena = arena_new(MEMORY);
    CLEANUP(tree_content_freep) struct tree_content *content = NULL;
    CLEANUP(tree_builder_freep) struct tree_builder *builder = NULL;
    TRY(tree_content_new(sealer, sink, &content, e));
    TRY(tree_builder_new(sealer, sink, &builder, e));
    p.arena = arena;
    p.content = content;

    struct names n = {.p = &p, .builder = builder, .dirfd = dirfd};
    enum rc rc = file_list(dirfd, ".", pack_name, &n, e);
    buffer_free(&p.blob);
    return rc == RC_OK ? tree_builder_finish(builder, out, e) : rc;
}
