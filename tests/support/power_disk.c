/* power_disk.c -- see power_disk.h. */
#include "tests/support/power_disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, ENTRIES_MAX = 1024, CHANCES = 8 };

enum names { NOTHING, ALL, DIRECTORY_ORDER, DISK_ORDER, ANY, WAYS };

struct disk {
    const struct power_trace *t;
    size_t end; /* operations before this one count */
    uint64_t seed, state, print;
    bool dry;        /* only the fingerprint is wanted */
    unsigned chance; /* of CHANCES, that something not synced is there */
    bool *kept;      /* names, by operation */
    bool *made;      /* directories, by node */
    uint8_t *bytes;  /* of the file at work */
    size_t size, capacity;
};

struct entry {
    unsigned name, node;
};

static void
must(bool good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

static uint64_t
mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t
below(struct disk *d, uint64_t limit)
{
    return mix(&d->state) % limit;
}

static bool
happens(struct disk *d)
{
    return below(d, CHANCES) < d->chance;
}

static bool
is_durable(const struct disk *d, const struct power_op *op)
{
    return op->durable_from <= d->end;
}

/* ---- names */

static bool
is_open(const struct disk *d, size_t i)
{
    const struct power_op *op = &d->t->ops[i];
    return (op->kind == POWER_ADD || op->kind == POWER_DROP) && !is_durable(d, op);
}

static void
keep_any(struct disk *d)
{
    for (size_t i = 0; i < d->end; i++)
        d->kept[i] = !is_open(d, i) || happens(d);
}

/* The first part of what is open in `dir`, or in all when `dir` is UINT_MAX. */
static void
keep_first(struct disk *d, unsigned dir)
{
    size_t open = 0;
    for (size_t i = 0; i < d->end; i++)
        open += is_open(d, i) && (dir == UINT32_MAX || d->t->ops[i].dir == dir);
    size_t left = below(d, open + 1);
    for (size_t i = 0; i < d->end; i++) {
        if (!is_open(d, i) || (dir != UINT32_MAX && d->t->ops[i].dir != dir))
            continue;
        d->kept[i] = left > 0;
        left -= left > 0;
    }
}

/* What moves a directory does it at once. */
static void
tie_directories(struct disk *d)
{
    for (size_t i = 1; i < d->end; i++) {
        const struct power_op *op = &d->t->ops[i], *add = &d->t->ops[i - 1];
        if (op->kind != POWER_DROP || !op->moved || d->t->nodes[add->node].type != POWER_DIRECTORY)
            continue;
        bool both = is_durable(d, op) || d->kept[i - 1];
        d->kept[i] = d->kept[i - 1] = both;
    }
    /* Cut off between the two. */
    if (d->end > 0 && d->end < d->t->op_count && d->t->ops[d->end].moved &&
        !is_durable(d, &d->t->ops[d->end - 1]) &&
        d->t->nodes[d->t->ops[d->end - 1].node].type == POWER_DIRECTORY)
        d->kept[d->end - 1] = false;
}

static void
decide_names(struct disk *d)
{
    enum names way = (enum names)below(d, WAYS);
    for (size_t i = 0; i < d->end; i++)
        d->kept[i] = way == ALL || !is_open(d, i);
    if (way == DISK_ORDER)
        keep_first(d, UINT32_MAX);
    if (way == ANY)
        keep_any(d);
    for (unsigned n = 0; way == DIRECTORY_ORDER && n < d->t->node_count; n++) {
        if (d->t->nodes[n].type == POWER_DIRECTORY)
            keep_first(d, n);
    }
    tie_directories(d);
}

/* ---- bytes */

static void
resize(struct disk *d, size_t size)
{
    if (size > d->capacity) {
        d->capacity = 2 * size;
        d->bytes = realloc(d->bytes, d->capacity);
        must(d->bytes != NULL, "realloc");
    }
    if (size > d->size)
        memset(d->bytes + d->size, 0, size - d->size);
    d->size = size;
}

static void
place(struct disk *d, const struct power_op *op, size_t from, size_t len)
{
    size_t end = op->at + from + len;
    if (end > d->size)
        resize(d, end);
    memcpy(d->bytes + op->at + from, d->t->bytes + op->bytes + from, len);
}

static void
place_torn(struct disk *d, const struct power_op *op)
{
    for (size_t from = 0; from < op->len;) {
        size_t len = SECTOR - (op->at + from) % SECTOR;
        len = len < op->len - from ? len : op->len - from;
        if (happens(d))
            place(d, op, from, len);
        from += len;
    }
}

static void
apply_write(struct disk *d, const struct power_op *op)
{
    if (is_durable(d, op)) {
        place(d, op, 0, op->len);
        return;
    }
    bool there = happens(d), torn = below(d, 2) == 0, longer = below(d, 2) == 0;
    if (torn)
        place_torn(d, op);
    else if (there)
        place(d, op, 0, op->len);
    if (longer && op->at + op->len > d->size)
        resize(d, op->at + op->len);
}

static void
fill(struct disk *d, unsigned node)
{
    /* By node, so that all its names show the same. */
    d->state = d->seed ^ (node + 1) * UINT64_C(0xd1342543de82ef95);
    d->size = 0;
    for (size_t i = 0; i < d->end; i++) {
        const struct power_op *op = &d->t->ops[i];
        if (op->node != node)
            continue;
        if (op->kind == POWER_WRITE)
            apply_write(d, op);
        if (op->kind == POWER_CUT && (is_durable(d, op) || happens(d)))
            resize(d, op->at);
    }
}

/* ---- the fingerprint */

static void
add_word(struct disk *d, uint64_t word)
{
    d->print = (d->print ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    d->print ^= d->print >> 29;
}

static void
add_bytes(struct disk *d)
{
    uint64_t word = 0;
    size_t at = 0;
    add_word(d, d->size);
    for (; at + sizeof word <= d->size; at += sizeof word) {
        memcpy(&word, d->bytes + at, sizeof word);
        add_word(d, word);
    }
    word = 0;
    if (at < d->size)
        memcpy(&word, d->bytes + at, d->size - at);
    add_word(d, word);
}

/* ---- the directory */

static void make_directory(struct disk *d, int dirfd, unsigned dir);

static void
make_file(struct disk *d, int dirfd, const char *name, unsigned node)
{
    fill(d, node);
    if (d->dry) {
        add_bytes(d);
        return;
    }
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, d->bytes, d->size) == (ssize_t)d->size, "power_disk: write");
    if (d->t->nodes[node].chmod != 0600)
        must(fchmod(fd, d->t->nodes[node].chmod | 0600) == 0, "power_disk: chmod");
    (void)close(fd);
}

static void
make_folder(struct disk *d, int dirfd, const char *name, unsigned node)
{
    if (d->made[node])
        return;
    if (d->dry) {
        make_directory(d, -1, node);
        add_word(d, 0);
        return;
    }
    must(mkdirat(dirfd, name, 0700) == 0, "power_disk: mkdir");
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(fd >= 0, "power_disk: open a directory");
    make_directory(d, fd, node);
    (void)close(fd);
}

static void
make_entry(struct disk *d, int dirfd, const struct entry *entry)
{
    const char *name = d->t->names[entry->name];
    const struct power_node *node = &d->t->nodes[entry->node];
    add_word(d, UINT64_C(1) << 32 | entry->name);
    if (node->type == POWER_LINK && !d->dry)
        must(symlinkat(node->target, dirfd, name) == 0, "power_disk: symlink");
    if (node->type == POWER_FILE)
        make_file(d, dirfd, name, entry->node);
    if (node->type == POWER_DIRECTORY)
        make_folder(d, dirfd, name, entry->node);
}

static void
drop_entry(struct entry *entries, size_t *count, unsigned name)
{
    for (size_t i = 0; i < *count; i++) {
        if (entries[i].name == name) {
            entries[i] = entries[--*count];
            return;
        }
    }
}

static void
make_directory(struct disk *d, int dirfd, unsigned dir)
{
    struct entry entries[ENTRIES_MAX];
    size_t count = 0;
    d->made[dir] = true;
    for (size_t i = 0; i < d->end; i++) {
        const struct power_op *op = &d->t->ops[i];
        if ((op->kind != POWER_ADD && op->kind != POWER_DROP) || op->dir != dir || !d->kept[i])
            continue;
        drop_entry(entries, &count, op->name);
        must(count < ENTRIES_MAX, "power_disk: too many names");
        if (op->kind == POWER_ADD)
            entries[count++] = (struct entry){.name = op->name, .node = op->node};
    }
    for (size_t i = 0; i < count; i++)
        make_entry(d, dirfd, &entries[i]);
}

/* In a directory, or nowhere (-1). */
static uint64_t
make(const struct power_trace *t, size_t at, uint64_t seed, int dirfd)
{
    struct disk d = {.t = t, .end = t->first + at, .seed = seed, .state = seed, .dry = dirfd < 0};
    d.kept = calloc(t->op_count + 1, sizeof *d.kept);
    d.made = calloc(t->node_count + 1, sizeof *d.made);
    must(d.kept != NULL && d.made != NULL, "power_disk");
    d.chance = (unsigned)below(&d, CHANCES + 1);
    decide_names(&d);
    make_directory(&d, dirfd, 0);
    free(d.kept);
    free(d.made);
    free(d.bytes);
    return d.print;
}

uint64_t
power_disk_print(const struct power_trace *t, size_t at, uint64_t seed)
{
    return make(t, at, seed, -1);
}

void
power_disk_make(const struct power_trace *t, size_t at, uint64_t seed, const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(fd >= 0, "power_disk: open the directory");
    (void)make(t, at, seed, fd);
    (void)close(fd);
}
