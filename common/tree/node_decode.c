/* node_decode.c -- bytes to nodes; nothing in them is believed.  See node.h. */
#include "common/base/text.h"
#include "common/base/wire.h"
#include "common/tree/node.h"

enum { NAME_SHOWN = 128, NANOSECONDS = 1000000000, PERMISSIONS = 07777 };

struct owner {
    uint32_t number;
    struct span name;
    bool used;
};

struct table {
    struct owner *owners;
    size_t count;
};

struct decoder {
    struct wire_reader r;
    struct arena *arena;
    struct error *e;
    struct blob_ref *refs;
    bool *used; /* per reference */
    size_t ref_count;
    struct table users, groups;
};

static enum rc
corrupt(struct decoder *d, const char *why)
{
    return error_set(d->e, RC_CORRUPT, "tree node: %s", why);
}

/* An array for `count` items, each of which takes at least `least` bytes of what is left: a false count
 * costs no more memory than the bytes that came with it. */
static enum rc
allocate(struct decoder *d, uint64_t count, size_t most, size_t least, size_t size, void *out)
{
    if (!wire_ok(&d->r) || count > most || count > d->r.rest.len / least)
        return corrupt(d, "it ends early, or a count is over its limit");
    void *items = arena_alloc(d->arena, (size_t)count * size);
    if (items == NULL)
        return error_set(d->e, RC_NO_MEMORY, "a tree node exceeds the memory set aside for it");
    memcpy(out, &items, sizeof items);
    return RC_OK;
}

static enum rc
read_ref(struct decoder *d, struct blob_ref *out)
{
    uint64_t child = wire_varint(&d->r);
    if (!wire_ok(&d->r) || child >= d->ref_count)
        return corrupt(d, "it refers to a child that it does not have");
    d->used[child] = true;
    *out = d->refs[child];
    return RC_OK;
}

static enum rc
read_refs(struct decoder *d, const struct blob_header *header)
{
    TRY(allocate(d, header->children, LIMIT_BLOB_CHILDREN, ID_SIZE, sizeof *d->refs, &d->refs));
    d->used = arena_alloc(d->arena, header->children * sizeof *d->used);
    if (d->used == NULL)
        return error_set(d->e, RC_NO_MEMORY, "a tree node exceeds the memory set aside for it");
    for (; d->ref_count < header->children; d->ref_count++) {
        struct blob_ref *ref = &d->refs[d->ref_count];
        memcpy(ref->id.bytes, header->child_ids + d->ref_count * ID_SIZE, ID_SIZE);
        ref->key = wire_id(&d->r);
    }
    return RC_OK;
}

/* ---- content ---- */

static enum rc
read_piece(struct decoder *d, bool lists, struct node_piece *out)
{
    uint64_t tag = wire_varint(&d->r);
    if (wire_ok(&d->r) && tag > NODE_PIECES)
        return error_set(d->e, RC_UNSUPPORTED,
                         "tree node: piece of kind %ju; a later version of Koffer wrote it",
                         (uintmax_t)tag);
    out->kind = (enum node_piece_kind)tag;
    if ((out->kind == NODE_PIECES) != lists)
        return corrupt(d, "content mixes lists with other pieces");
    if (out->kind != NODE_HOLE)
        TRY(read_ref(d, &out->ref));
    if (out->kind == NODE_DATA)
        out->offset = wire_varint(&d->r);
    out->length = wire_varint(&d->r);
    if (!wire_ok(&d->r) || out->length == 0)
        return corrupt(d, "a piece without length");
    if (out->kind == NODE_DATA &&
        (out->length > LIMIT_BLOB_PLAIN || out->offset > LIMIT_BLOB_PLAIN - out->length))
        return corrupt(d, "a slice reaches beyond the largest blob");
    return RC_OK;
}

/* `lists`: 1 all pieces must be lists, 0 none may, -1 as the first one is. */
static enum rc
read_pieces(struct decoder *d, size_t most, int lists, struct node_piece **out, size_t *count,
            uint64_t *length)
{
    uint64_t announced = wire_varint(&d->r);
    TRY(allocate(d, announced, most, 2, sizeof **out, out));
    *count = (size_t)announced;
    *length = 0;
    if (lists < 0)
        lists = *count > 0 && d->r.rest.data[0] == NODE_PIECES;
    for (size_t i = 0; i < *count; i++) {
        struct node_piece *piece = &(*out)[i];
        TRY(read_piece(d, lists != 0, piece));
        if (piece->length > (uint64_t)INT64_MAX - *length)
            return corrupt(d, "content longer than any file");
        *length += piece->length;
    }
    return RC_OK;
}

static enum rc
read_file(struct decoder *d, struct node_entry *out)
{
    out->size = wire_varint(&d->r);
    struct node_piece *pieces;
    uint64_t length;
    TRY(read_pieces(d, NODE_CONTENT_MAX, -1, &pieces, &out->piece_count, &length));
    out->pieces = pieces;
    bool short_of_size = length < out->size && (out->flags & NODE_UNREADABLE) != 0;
    if (out->size > INT64_MAX || (length != out->size && !short_of_size))
        return corrupt(d, "the pieces of a file do not add up to its size");
    return RC_OK;
}

/* ---- entries ---- */

static enum rc
read_table(struct decoder *d, struct table *out)
{
    uint64_t announced = wire_varint(&d->r);
    TRY(allocate(d, announced, NODE_ITEMS_MAX, 2, sizeof *out->owners, &out->owners));
    for (; out->count < announced; out->count++) {
        struct owner *owner = &out->owners[out->count];
        uint64_t number = wire_varint(&d->r);
        owner->name = wire_varbytes(&d->r, LIMIT_NAME);
        if (!wire_ok(&d->r) || number > UINT32_MAX)
            return corrupt(d, "an owner out of bounds");
        owner->number = (uint32_t)number;
        if (out->count == 0)
            continue;
        const struct owner *before = owner - 1;
        if (before->number > owner->number ||
            (before->number == owner->number && node_compare(before->name, owner->name) >= 0))
            return corrupt(d, "owners out of order");
    }
    return RC_OK;
}

static enum rc
read_owner(struct decoder *d, struct table *table, uint32_t *number, struct span *name)
{
    uint64_t index = wire_varint(&d->r);
    if (!wire_ok(&d->r) || index >= table->count)
        return corrupt(d, "an entry with an unknown owner");
    struct owner *owner = &table->owners[index];
    owner->used = true;
    *number = owner->number;
    *name = owner->name;
    return RC_OK;
}

static enum rc
read_xattrs(struct decoder *d, struct node_entry *out)
{
    uint64_t announced = wire_varint(&d->r);
    struct node_xattr *xattrs;
    TRY(allocate(d, announced, LIMIT_XATTR_COUNT, 3, sizeof *xattrs, &xattrs));
    if (announced == 0)
        return corrupt(d, "attributes announced, none there");
    for (size_t i = 0; i < announced; i++) {
        struct span name = wire_varbytes(&d->r, LIMIT_NAME);
        struct span value = wire_varbytes(&d->r, LIMIT_XATTR_VALUE);
        if (!wire_ok(&d->r) || name.len == 0 || memchr(name.data, '\0', name.len) != NULL)
            return corrupt(d, "an attribute with a bad name or value");
        if (i > 0 && node_compare(xattrs[i - 1].name, name) >= 0)
            return corrupt(d, "attributes out of order");
        xattrs[i] = (struct node_xattr){name, value};
    }
    out->xattrs = xattrs;
    out->xattr_count = (size_t)announced;
    return RC_OK;
}

static enum rc
read_device(struct decoder *d, struct node_entry *out)
{
    uint64_t major = wire_varint(&d->r), minor = wire_varint(&d->r);
    if (major > UINT32_MAX || minor > UINT32_MAX)
        return corrupt(d, "a device number out of bounds");
    out->major = (uint32_t)major;
    out->minor = (uint32_t)minor;
    return RC_OK;
}

static enum rc
read_content(struct decoder *d, struct node_entry *out)
{
    switch (out->type) {
    case NODE_FILE:
        return read_file(d, out);
    case NODE_DIRECTORY:
        return read_ref(d, &out->directory);
    case NODE_SYMLINK:
        out->target = wire_varbytes(&d->r, LIMIT_SYMLINK);
        if (out->target.len == 0 || memchr(out->target.data, '\0', out->target.len) != NULL)
            return corrupt(d, "a symbolic link with a bad target");
        return RC_OK;
    case NODE_CHARACTER_DEVICE:
    case NODE_BLOCK_DEVICE:
        return read_device(d, out);
    case NODE_FIFO:
    case NODE_SOCKET:
        break;
    }
    return RC_OK;
}

/* Name, type, flags and mode. */
static enum rc
read_nature(struct decoder *d, struct node_entry *out)
{
    out->name = wire_varbytes(&d->r, LIMIT_NAME);
    unsigned type = wire_u8(&d->r);
    uint64_t flags = wire_varint(&d->r), mode = wire_varint(&d->r);
    if (!wire_ok(&d->r) || !node_name_is_good(out->name))
        return corrupt(d, "an entry with a name that no directory can hold");
    if (type < NODE_FILE || type > NODE_BLOCK_DEVICE)
        return error_set(d->e, RC_UNSUPPORTED,
                         "tree node: entry of type %u; a later version of Koffer wrote it", type);
    if (flags > NODE_FLAGS_ALL_ || mode > PERMISSIONS)
        return corrupt(d, "flags or mode out of bounds");
    out->type = (enum node_type)type;
    out->flags = (unsigned)flags;
    out->mode = (uint32_t)mode;
    return RC_OK;
}

static enum rc
read_entry(struct decoder *d, struct node_entry *out)
{
    TRY(read_nature(d, out));
    TRY(read_owner(d, &d->users, &out->uid, &out->user));
    TRY(read_owner(d, &d->groups, &out->gid, &out->group));
    out->mtime = wire_i64(&d->r);
    out->mtime_ns = wire_u32(&d->r);
    if (!wire_ok(&d->r) || out->mtime_ns >= NANOSECONDS)
        return corrupt(d, "a time out of bounds");
    if ((out->flags & NODE_LINKED) != 0) {
        out->link = wire_u64(&d->r);
        if (out->link == 0)
            return corrupt(d, "a hard link without number");
    }
    if ((out->flags & NODE_XATTRS) != 0)
        TRY(read_xattrs(d, out));
    return read_content(d, out);
}

static bool
all_used(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (!table->owners[i].used)
            return false;
    }
    return true;
}

static enum rc
read_leaf(struct decoder *d, struct node *out)
{
    enum {
        ENTRY_LEAST = 19
    }; /* name 2, type, flags, mode, owners 5, time 12; content may be nothing */
    TRY(read_table(d, &d->users));
    TRY(read_table(d, &d->groups));
    uint64_t announced = wire_varint(&d->r);
    struct node_entry *entries;
    TRY(allocate(d, announced, NODE_ITEMS_MAX, ENTRY_LEAST, sizeof *entries, &entries));
    for (size_t i = 0; i < announced; i++) {
        TRY(read_entry(d, &entries[i]));
        if (i > 0 && node_compare(entries[i - 1].name, entries[i].name) >= 0)
            return corrupt(d, "names out of order");
    }
    if (!all_used(&d->users) || !all_used(&d->groups))
        return corrupt(d, "an owner whom no entry has");
    out->entries = entries;
    out->count = (size_t)announced;
    return RC_OK;
}

/* ---- index and list ---- */

static enum rc
read_index(struct decoder *d, struct node *out)
{
    uint64_t announced = wire_varint(&d->r), total = 0;
    struct node_part *parts;
    TRY(allocate(d, announced, NODE_ITEMS_MAX, 4, sizeof *parts, &parts));
    if (announced == 0)
        return corrupt(d, "an index without parts");
    for (size_t i = 0; i < announced; i++) {
        parts[i].first_name = wire_varbytes(&d->r, LIMIT_NAME);
        TRY(read_ref(d, &parts[i].ref));
        parts[i].entries = wire_varint(&d->r);
        if (!wire_ok(&d->r) || !node_name_is_good(parts[i].first_name))
            return corrupt(d, "a part with a name that no directory can hold");
        if (i > 0 && node_compare(parts[i - 1].first_name, parts[i].first_name) >= 0)
            return corrupt(d, "parts out of order");
        if (parts[i].entries == 0 || parts[i].entries > UINT64_MAX - total)
            return corrupt(d, "a part without entries");
        total += parts[i].entries;
    }
    out->parts = parts;
    out->count = (size_t)announced;
    return RC_OK;
}

static enum rc
read_list(struct decoder *d, struct node *out)
{
    struct node_piece *pieces;
    uint64_t length;
    TRY(read_pieces(d, NODE_ITEMS_MAX, out->level > 0, &pieces, &out->count, &length));
    if (out->count == 0)
        return corrupt(d, "a list without pieces");
    out->pieces = pieces;
    return RC_OK;
}

static enum rc
read_kind(struct decoder *d, struct node *out)
{
    unsigned version = wire_u8(&d->r), kind = wire_u8(&d->r);
    out->level = wire_u8(&d->r);
    unsigned zero = wire_u8(&d->r);
    if (!wire_ok(&d->r))
        return corrupt(d, "it ends early");
    if (version != NODE_VERSION || kind < NODE_LEAF || kind > NODE_LIST)
        return error_set(d->e, RC_UNSUPPORTED,
                         "tree node: version %u, kind %u; a later version of Koffer wrote it",
                         version, kind);
    out->kind = (enum node_kind)kind;
    bool level_fits = out->kind == NODE_LEAF    ? out->level == 0
                      : out->kind == NODE_INDEX ? out->level >= 1
                                                : true;
    if (!level_fits || out->level > NODE_LEVEL_MAX || zero != 0)
        return corrupt(d, "a level out of bounds, or a reserved byte is not zero");
    return RC_OK;
}

enum rc
node_decode(struct span plain, const struct blob_header *header, struct arena *arena,
            struct node *out, struct error *e)
{
    struct decoder d = {.r = wire_reader_of(plain), .arena = arena, .e = e};
    struct node node = {.kind = NODE_LEAF};
    TRY(read_kind(&d, &node));
    TRY(read_refs(&d, header));
    if (node.kind == NODE_LEAF)
        TRY(read_leaf(&d, &node));
    else if (node.kind == NODE_INDEX)
        TRY(read_index(&d, &node));
    else
        TRY(read_list(&d, &node));

    if (!wire_done(&d.r))
        return corrupt(&d, "it ends early, or something follows its last field");
    for (size_t i = 0; i < d.ref_count; i++) {
        if (!d.used[i])
            return corrupt(&d, "a child that nothing refers to");
    }
    *out = node;
    return RC_OK;
}
