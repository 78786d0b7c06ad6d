/* power_trace.c -- see power_trace.h. */
#include "tests/support/power_trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fault_io_watch.h"

#define NO_NODE UINT_MAX

static void
must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "power_trace: %s\n", what);
        abort();
    }
}

/* Room for one more item of `size` bytes behind `count`. */
static void *
grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 256 : 2 * *capacity;
    void *more = reallocarray(items, *capacity, size);
    must(more != NULL, "out of memory");
    return more;
}

/* ---- what there is */

static unsigned
name_of(struct power_trace *t, const char *name)
{
    for (unsigned i = 0; i < t->name_count; i++) {
        if (strcmp(t->names[i], name) == 0)
            return i;
    }
    t->names = grown(t->names, t->name_count, &t->name_capacity, sizeof *t->names);
    t->names[t->name_count] = strdup(name);
    must(t->names[t->name_count] != NULL, "out of memory");
    return (unsigned)t->name_count++;
}

static unsigned
node_of(const struct power_trace *t, const struct stat *about)
{
    for (size_t i = t->node_count; i-- > 0 && about->st_dev == t->device;) {
        if (t->nodes[i].inode == about->st_ino && !t->nodes[i].gone)
            return (unsigned)i;
    }
    return NO_NODE;
}

static unsigned
new_node(struct power_trace *t, const struct stat *about, int dirfd, const char *path)
{
    char target[PATH_MAX];
    unsigned before = node_of(t, about);
    if (before != NO_NODE)
        t->nodes[before].gone = true;
    t->nodes = grown(t->nodes, t->node_count, &t->node_capacity, sizeof *t->nodes);
    struct power_node *node = &t->nodes[t->node_count];
    *node = (struct power_node){.inode = about->st_ino, .chmod = about->st_mode & 07777};
    node->type = S_ISDIR(about->st_mode)   ? POWER_DIRECTORY
                 : S_ISLNK(about->st_mode) ? POWER_LINK
                                           : POWER_FILE;
    if (node->type == POWER_LINK) {
        ssize_t len = readlinkat(dirfd, path, target, sizeof target - 1);
        must(len > 0, "read a link");
        target[len] = '\0';
        node->target = strdup(target);
    }
    return (unsigned)t->node_count++;
}

/* ---- operations, and what a sync makes of the earlier ones */

static bool
concerns(const struct power_op *op, unsigned node)
{
    if (op->kind == POWER_WRITE || op->kind == POWER_CUT)
        return op->node == node;
    return (op->kind == POWER_ADD || op->kind == POWER_DROP) && op->dir == node;
}

static void
settle(struct power_trace *t, const struct power_op *sync)
{
    for (size_t i = 0; i < t->op_count; i++) {
        struct power_op *op = &t->ops[i];
        if (sync->kind != POWER_ALL && !concerns(op, sync->node))
            continue;
        if (op->durable_from != POWER_NEVER || op->lost_from != POWER_NEVER)
            continue;
        /* Names that could not be synced are tried again, as a journal does: only bytes are lost. */
        bool bytes = op->kind == POWER_WRITE || op->kind == POWER_CUT;
        if (sync->kind != POWER_LOSE)
            op->durable_from = t->op_count + 1;
        else if (bytes)
            op->lost_from = t->op_count + 1;
    }
}

static struct power_op *
append(struct power_trace *t, struct power_op op)
{
    op.durable_from = op.lost_from = POWER_NEVER;
    if (op.kind == POWER_SYNC || op.kind == POWER_LOSE || op.kind == POWER_ALL)
        settle(t, &op);
    t->ops = grown(t->ops, t->op_count, &t->op_capacity, sizeof *t->ops);
    t->ops[t->op_count] = op;
    return &t->ops[t->op_count++];
}

static size_t
keep_bytes(struct power_trace *t, const void *bytes, size_t len)
{
    size_t at = t->byte_count;
    if (at + len > t->byte_capacity) {
        t->byte_capacity = 2 * (at + len);
        t->bytes = realloc(t->bytes, t->byte_capacity);
        must(t->bytes != NULL, "out of memory");
    }
    memcpy(t->bytes + at, bytes, len);
    t->byte_count += len;
    return at;
}

static void
add_write(struct power_trace *t, unsigned node, uint64_t at, const void *bytes, size_t len)
{
    size_t kept = keep_bytes(t, bytes, len);
    (void)append(t, (struct power_op){
                        .kind = POWER_WRITE, .node = node, .at = at, .len = len, .bytes = kept});
}

static void
add_name(struct power_trace *t, unsigned dir, const char *name, unsigned node)
{
    (void)append(t, (struct power_op){
                        .kind = POWER_ADD, .dir = dir, .name = name_of(t, name), .node = node});
}

/* What has this name now. */
static unsigned
named(const struct power_trace *t, unsigned dir, const char *name)
{
    for (size_t i = t->op_count; i-- > 0;) {
        const struct power_op *op = &t->ops[i];
        if ((op->kind == POWER_ADD || op->kind == POWER_DROP) && op->dir == dir &&
            strcmp(t->names[op->name], name) == 0)
            return op->kind == POWER_ADD ? op->node : NO_NODE;
    }
    return NO_NODE;
}

/* ---- what was there before */

static void
load_bytes(struct power_trace *t, unsigned node, int dirfd, const char *name, size_t len)
{
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes = malloc(len + 1);
    must(fd >= 0 && bytes != NULL && read(fd, bytes, len) == (ssize_t)len, "read what is there");
    add_write(t, node, 0, bytes, len);
    free(bytes);
    (void)close(fd);
}

static void load(struct power_trace *t, int dirfd, unsigned dir);

static void
load_entry(struct power_trace *t, int dirfd, unsigned dir, const char *name)
{
    struct stat about;
    must(fstatat(dirfd, name, &about, AT_SYMLINK_NOFOLLOW) == 0, "look at what is there");
    unsigned node = node_of(t, &about);
    bool known = node != NO_NODE;
    if (!known)
        node = new_node(t, &about, dirfd, name);
    add_name(t, dir, name, node);
    if (known)
        return;
    if (S_ISREG(about.st_mode) && about.st_size > 0)
        load_bytes(t, node, dirfd, name, (size_t)about.st_size);
    if (S_ISDIR(about.st_mode))
        load(t, openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), node);
}

/* Takes over `dirfd`. */
static void
load(struct power_trace *t, int dirfd, unsigned dir)
{
    DIR *stream = fdopendir(dirfd);
    must(stream != NULL, "list what is there");
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            load_entry(t, dirfd, dir, entry->d_name);
    }
    (void)closedir(stream);
}

struct power_trace *
power_trace_begin(const char *root)
{
    struct power_trace *t = calloc(1, sizeof *t);
    struct stat about;
    must(t != NULL && stat(root, &about) == 0, "look at the root");
    t->device = about.st_dev;
    (void)new_node(t, &about, AT_FDCWD, root);
    load(t, open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
    (void)append(t, (struct power_op){.kind = POWER_ALL});
    t->first = t->op_count;
    return t;
}

void
power_trace_free(struct power_trace *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->node_count; i++)
        free(t->nodes[i].target);
    for (size_t i = 0; i < t->name_count; i++)
        free(t->names[i]);
    free(t->names);
    free(t->nodes);
    free(t->ops);
    free(t->bytes);
    free(t);
}

/* ---- what is done */

/* The directory that holds `path`, and the name in it; NO_NODE when it is not below the root. */
static unsigned
directory_of(const struct power_trace *t, int dirfd, const char *path, const char **name)
{
    char parent[PATH_MAX];
    struct stat about;
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    must(len < sizeof parent, "a path too long");
    memcpy(parent, path, len);
    parent[len] = '\0';
    if (len == 0)
        memcpy(parent, slash == NULL ? "." : "/", 2);
    *name = slash == NULL ? path : slash + 1;
    return fstatat(dirfd, parent, &about, 0) == 0 ? node_of(t, &about) : NO_NODE;
}

static void
note_opened(struct power_trace *t, const struct fault_io_change *c)
{
    const char *name;
    struct stat about;
    unsigned dir = directory_of(t, c->dirfd, c->path, &name);
    if (dir == NO_NODE || fstat(c->fd, &about) != 0)
        return;
    if ((c->flags & O_TMPFILE) == O_TMPFILE) {
        (void)new_node(t, &about, c->dirfd, c->path);
        return;
    }
    unsigned node = named(t, dir, name);
    if (node == NO_NODE || t->nodes[node].inode != about.st_ino)
        add_name(t, dir, name, new_node(t, &about, c->dirfd, c->path));
    else if ((c->flags & O_TRUNC) != 0)
        (void)append(t, (struct power_op){.kind = POWER_CUT, .node = node});
}

static unsigned
node_of_file(const struct power_trace *t, int fd, struct stat *about)
{
    return fstat(fd, about) == 0 ? node_of(t, about) : NO_NODE;
}

static void
note_wrote(struct power_trace *t, const struct fault_io_change *c)
{
    struct stat about;
    unsigned node = node_of_file(t, c->fd, &about);
    if (node == NO_NODE)
        return;
    off_t at = c->at >= 0 ? c->at : lseek(c->fd, 0, SEEK_CUR) - (off_t)c->len;
    add_write(t, node, (uint64_t)at, c->bytes, c->len);
    if ((fcntl(c->fd, F_GETFL) & O_DSYNC) != 0)
        (void)append(t, (struct power_op){.kind = POWER_SYNC, .node = node});
}

static void
note_cut(struct power_trace *t, const struct fault_io_change *c)
{
    struct stat about;
    unsigned node = node_of_file(t, c->fd, &about);
    if (node != NO_NODE)
        (void)append(
            t, (struct power_op){.kind = POWER_CUT, .node = node, .at = (uint64_t)about.st_size});
}

static void
note_synced(struct power_trace *t, const struct fault_io_change *c)
{
    struct stat about;
    unsigned node = node_of_file(t, c->fd, &about);
    if (node == NO_NODE || (c->failed && t->deaf_to_failures))
        return;
    (void)append(t, (struct power_op){.kind = c->failed ? POWER_LOSE : POWER_SYNC, .node = node});
}

static void
note_all(struct power_trace *t, const struct fault_io_change *c)
{
    struct stat about;
    if (!c->failed && fstat(c->fd, &about) == 0 && about.st_dev == t->device)
        (void)append(t, (struct power_op){.kind = POWER_ALL});
}

static void
note_made(struct power_trace *t, const struct fault_io_change *c)
{
    const char *name;
    struct stat about;
    unsigned dir = directory_of(t, c->dirfd, c->path, &name);
    if (dir == NO_NODE || fstatat(c->dirfd, c->path, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    add_name(t, dir, name, new_node(t, &about, c->dirfd, c->path));
}

static void
note_linked(struct power_trace *t, const struct fault_io_change *c)
{
    const char *name;
    struct stat about;
    unsigned dir = directory_of(t, c->to_dirfd, c->to, &name);
    if (dir == NO_NODE || fstatat(c->to_dirfd, c->to, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    unsigned node = node_of(t, &about);
    must(node != NO_NODE, "something came in from outside the root");
    add_name(t, dir, name, node);
}

static void
note_removed(struct power_trace *t, const struct fault_io_change *c)
{
    const char *name;
    unsigned dir = directory_of(t, c->dirfd, c->path, &name);
    if (dir != NO_NODE)
        (void)append(t,
                     (struct power_op){.kind = POWER_DROP, .dir = dir, .name = name_of(t, name)});
}

static void
note_renamed(struct power_trace *t, const struct fault_io_change *c)
{
    size_t before = t->op_count;
    note_linked(t, c);
    note_removed(t, c);
    if (t->op_count == before + 2)
        t->ops[before + 1].moved = true;
}

static void
note(void *ctx, const struct fault_io_change *c)
{
    struct power_trace *t = ctx;
    static void (*const notes[])(struct power_trace *, const struct fault_io_change *) = {
        [FAULT_IO_OPENED] = note_opened,   [FAULT_IO_WROTE] = note_wrote,
        [FAULT_IO_CUT] = note_cut,         [FAULT_IO_SYNCED] = note_synced,
        [FAULT_IO_ALL] = note_all,         [FAULT_IO_MADE] = note_made,
        [FAULT_IO_LINKED] = note_linked,   [FAULT_IO_RENAMED] = note_renamed,
        [FAULT_IO_REMOVED] = note_removed,
    };
    if (!c->failed || c->what == FAULT_IO_SYNCED)
        notes[c->what](t, c);
}

void
power_trace_changes(struct power_trace *t, bool on)
{
    fault_io_watch(on ? note : NULL, t);
}

void
power_trace_deaf(struct power_trace *t)
{
    t->deaf_to_failures = true;
}

void
power_trace_ack(struct power_trace *t, unsigned what, uint64_t number, const struct id *id)
{
    struct power_ack ack = {.what = what, .number = number};
    if (id != NULL)
        ack.id = *id;
    (void)append(t, (struct power_op){.kind = POWER_ACK, .ack = ack});
}

/* ---- what became of it */

size_t
power_trace_length(const struct power_trace *t)
{
    return t->op_count - t->first;
}

const struct power_ack *
power_trace_acked(const struct power_trace *t, size_t at, size_t n)
{
    for (size_t i = t->first; i < t->first + at; i++) {
        if (t->ops[i].kind == POWER_ACK && n-- == 0)
            return &t->ops[i].ack;
    }
    return NULL;
}

static void
print_op(const struct power_trace *t, const struct power_op *op, FILE *out)
{
    static const char *const kinds[] = {"write", "cut",  "add", "drop",
                                        "sync",  "lose", "all", "ack"};
    (void)fprintf(out, "%s", kinds[op->kind]);
    if (op->kind == POWER_ADD || op->kind == POWER_DROP)
        (void)fprintf(out, " %u/%s", op->dir, t->names[op->name]);
    if (op->kind != POWER_DROP && op->kind != POWER_ACK && op->kind != POWER_ALL)
        (void)fprintf(out, " %u", op->node);
    if (op->kind == POWER_WRITE || op->kind == POWER_CUT)
        (void)fprintf(out, " at %" PRIu64 " len %zu", op->at, op->len);
    if (op->kind == POWER_ACK)
        (void)fprintf(out, " %u %" PRIu64, op->ack.what, op->ack.number);
    (void)fprintf(out, "\n");
}

void
power_trace_print(const struct power_trace *t, size_t at, FILE *out)
{
    for (size_t i = 0; i < t->first + at; i++) {
        (void)fprintf(out, "  %zd: ", (ssize_t)i - (ssize_t)t->first);
        print_op(t, &t->ops[i], out);
    }
}
