/* node_encode.c -- nodes to bytes: collect what is referred to, sort it, write.  See node.h. */
#include "common/base/text.h"
#include "common/base/wire.h"
#include "common/tree/node.h"

enum { NAME_SHOWN = 128, NANOSECONDS = 1000000000, PERMISSIONS = 07777 };

struct owner {
    uint32_t number;
    struct span name;
};

struct table { /* sorted, each once */
    struct owner *owners;
    size_t count;
};

struct encoder {
    struct arena *arena;
    struct wire_writer w;
    struct error *e;
    struct blob_ref *refs; /* sorted by id, each once */
    size_t ref_count;
    struct table users, groups;
};

static enum rc
no_memory(struct error *e)
{
    return error_set(e, RC_NO_MEMORY, "a tree node exceeds the memory set aside for it");
}

static enum rc
refuse(const struct node_entry *entry, const char *why, struct error *e)
{
    char shown[NAME_SHOWN];
    return error_set(e, RC_INVALID, "entry '%s': %s", text_escape(entry->name, shown, sizeof shown),
                     why);
}

/* ---- collecting ---- */

static size_t
refs_of_pieces(const struct node_piece *pieces, size_t count, struct blob_ref *out)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].kind == NODE_HOLE)
            continue;
        if (out != NULL)
            out[found] = pieces[i].ref;
        found++;
    }
    return found;
}

static size_t
refs_of_entry(const struct node_entry *entry, struct blob_ref *out)
{
    if (entry->type == NODE_FILE)
        return refs_of_pieces(entry->pieces, entry->piece_count, out);
    if (entry->type != NODE_DIRECTORY)
        return 0;
    if (out != NULL)
        *out = entry->directory;
    return 1;
}

/* Every reference of the node, in order of appearance; `out` NULL: only count them. */
static size_t
refs_of_node(const struct node *node, struct blob_ref *out)
{
    if (node->kind == NODE_LIST)
        return refs_of_pieces(node->pieces, node->count, out);
    size_t found = 0;
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == NODE_LEAF)
            found += refs_of_entry(&node->entries[i], out != NULL ? out + found : NULL);
        else if (out != NULL)
            out[found++] = node->parts[i].ref;
        else
            found++;
    }
    return found;
}

static int
compare_refs(const void *a, const void *b)
{
    const struct blob_ref *first = a, *second = b;
    return id_compare(&first->id, &second->id);
}

static enum rc
collect_refs(struct encoder *c, const struct node *node)
{
    size_t count = refs_of_node(node, NULL);
    c->refs = arena_alloc(c->arena, count * sizeof *c->refs);
    if (c->refs == NULL)
        return no_memory(c->e);
    (void)refs_of_node(node, c->refs);
    qsort(c->refs, count, sizeof *c->refs, compare_refs);

    for (size_t i = 0; i < count; i++) {
        struct blob_ref *last = c->ref_count > 0 ? &c->refs[c->ref_count - 1] : NULL;
        if (last == NULL || !id_equal(&last->id, &c->refs[i].id))
            c->refs[c->ref_count++] = c->refs[i];
        else if (!id_equal(&last->key, &c->refs[i].key))
            return error_set(c->e, RC_INVALID, "two keys for one blob in a tree node");
    }
    if (c->ref_count > LIMIT_BLOB_CHILDREN)
        return error_set(c->e, RC_INVALID,
                         "a tree node refers to %zu blobs, at most %u are allowed", c->ref_count,
                         LIMIT_BLOB_CHILDREN);
    return RC_OK;
}

static int
compare_owners(const void *a, const void *b)
{
    const struct owner *first = a, *second = b;
    if (first->number != second->number)
        return first->number < second->number ? -1 : 1;
    return node_compare(first->name, second->name);
}

static void
sort_owners(struct table *table, size_t count)
{
    qsort(table->owners, count, sizeof *table->owners, compare_owners);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_owners(&table->owners[i - 1], &table->owners[i]) != 0)
            table->owners[table->count++] = table->owners[i];
    }
}

static enum rc
collect_owners(struct encoder *c, const struct node *node)
{
    c->users.owners = arena_alloc(c->arena, node->count * sizeof(struct owner));
    c->groups.owners = arena_alloc(c->arena, node->count * sizeof(struct owner));
    if (c->users.owners == NULL || c->groups.owners == NULL)
        return no_memory(c->e);
    for (size_t i = 0; i < node->count; i++) {
        const struct node_entry *entry = &node->entries[i];
        c->users.owners[i] = (struct owner){entry->uid, entry->user};
        c->groups.owners[i] = (struct owner){entry->gid, entry->group};
    }
    sort_owners(&c->users, node->count);
    sort_owners(&c->groups, node->count);
    return RC_OK;
}

/* ---- checking ---- */

static enum rc
check_pieces(const struct node_piece *pieces, size_t count, bool lists, uint64_t *length,
             struct error *e)
{
    *length = 0;
    for (size_t i = 0; i < count; i++) {
        const struct node_piece *piece = &pieces[i];
        if ((piece->kind == NODE_PIECES) != lists)
            return error_set(e, RC_INVALID, "content mixes lists with other pieces");
        if (piece->kind == NODE_DATA &&
            (piece->length > LIMIT_BLOB_PLAIN || piece->offset > LIMIT_BLOB_PLAIN - piece->length))
            return error_set(e, RC_INVALID, "a slice reaches beyond the largest blob");
        if (piece->length == 0 || piece->length > (uint64_t)INT64_MAX - *length)
            return error_set(e, RC_INVALID, "a piece of %ju bytes", (uintmax_t)piece->length);
        *length += piece->length;
    }
    return RC_OK;
}

static enum rc
check_file(const struct node_entry *entry, struct error *e)
{
    if (entry->piece_count > NODE_CONTENT_MAX)
        return refuse(entry, "too many pieces for an entry", e);
    uint64_t length;
    bool lists = entry->piece_count > 0 && entry->pieces[0].kind == NODE_PIECES;
    TRY(check_pieces(entry->pieces, entry->piece_count, lists, &length, e));
    bool short_of_size = length < entry->size && (entry->flags & NODE_UNREADABLE) != 0;
    if (entry->size > INT64_MAX || (length != entry->size && !short_of_size))
        return refuse(entry, "its pieces do not add up to its size", e);
    return RC_OK;
}

static enum rc
check_xattrs(const struct node_entry *entry, struct error *e)
{
    if (entry->xattr_count > LIMIT_XATTR_COUNT)
        return refuse(entry, "too many extended attributes", e);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        struct span name = entry->xattrs[i].name;
        if (name.len == 0 || name.len > LIMIT_NAME || memchr(name.data, '\0', name.len) != NULL ||
            entry->xattrs[i].value.len > LIMIT_XATTR_VALUE)
            return refuse(entry, "an extended attribute with a bad name or a value too long", e);
        if (i > 0 && node_compare(entry->xattrs[i - 1].name, name) >= 0)
            return refuse(entry, "its extended attributes are not in order", e);
    }
    return RC_OK;
}

static enum rc
check_entry(const struct node_entry *entry, const struct node_entry *before, struct error *e)
{
    if (!node_name_is_good(entry->name))
        return refuse(entry, "a directory cannot hold that name", e);
    if (before != NULL && node_compare(before->name, entry->name) >= 0)
        return refuse(entry, "names must ascend", e);
    if (entry->type < NODE_FILE || entry->type > NODE_BLOCK_DEVICE ||
        (entry->flags & ~(unsigned)NODE_FLAGS_ALL_) != 0 || entry->mode > PERMISSIONS ||
        entry->mtime_ns >= NANOSECONDS || entry->user.len > LIMIT_NAME ||
        entry->group.len > LIMIT_NAME)
        return refuse(entry, "type, flags, mode, time or owner's name out of bounds", e);
    if (entry->type == NODE_SYMLINK &&
        (entry->target.len == 0 || entry->target.len > LIMIT_SYMLINK ||
         memchr(entry->target.data, '\0', entry->target.len) != NULL))
        return refuse(entry, "a symbolic link cannot have that target", e);
    TRY(check_xattrs(entry, e));
    return entry->type == NODE_FILE ? check_file(entry, e) : RC_OK;
}

static enum rc
check_parts(const struct node *node, struct error *e)
{
    uint64_t total = 0;
    for (size_t i = 0; i < node->count; i++) {
        const struct node_part *part = &node->parts[i];
        bool ascends = i == 0 || node_compare(node->parts[i - 1].first_name, part->first_name) < 0;
        if (!node_name_is_good(part->first_name) || !ascends)
            return error_set(e, RC_INVALID, "part %zu of a directory index is out of order", i);
        if (part->entries == 0 || part->entries > UINT64_MAX - total)
            return error_set(e, RC_INVALID, "part %zu of a directory index has no entries", i);
        total += part->entries;
    }
    return RC_OK;
}

static enum rc
check_node(const struct node *node, struct error *e)
{
    bool level_fits = node->kind == NODE_LEAF    ? node->level == 0
                      : node->kind == NODE_INDEX ? node->level >= 1
                                                 : node->kind == NODE_LIST;
    if (!level_fits || node->level > NODE_LEVEL_MAX || node->count > NODE_ITEMS_MAX ||
        (node->count == 0 && node->kind != NODE_LEAF))
        return error_set(e, RC_INVALID, "a tree node of kind %d, level %u with %zu items",
                         (int)node->kind, node->level, node->count);
    if (node->kind == NODE_INDEX)
        return check_parts(node, e);
    if (node->kind == NODE_LIST) {
        uint64_t length;
        return check_pieces(node->pieces, node->count, node->level > 0, &length, e);
    }
    for (size_t i = 0; i < node->count; i++)
        TRY(check_entry(&node->entries[i], i > 0 ? &node->entries[i - 1] : NULL, e));
    return RC_OK;
}

/* ---- writing ---- */

static void
put_ref(struct encoder *c, const struct blob_ref *ref)
{
    const struct blob_ref *found =
        bsearch(ref, c->refs, c->ref_count, sizeof *c->refs, compare_refs);
    wire_put_varint(&c->w, (uint64_t)(found - c->refs));
}

static void
put_owner(struct encoder *c, const struct table *table, uint32_t number, struct span name)
{
    const struct owner wanted = {number, name};
    const struct owner *found =
        bsearch(&wanted, table->owners, table->count, sizeof wanted, compare_owners);
    wire_put_varint(&c->w, (uint64_t)(found - table->owners));
}

static void
put_table(struct encoder *c, const struct table *table)
{
    wire_put_varint(&c->w, table->count);
    for (size_t i = 0; i < table->count; i++) {
        wire_put_varint(&c->w, table->owners[i].number);
        wire_put_varbytes(&c->w, table->owners[i].name);
    }
}

static void
put_pieces(struct encoder *c, const struct node_piece *pieces, size_t count)
{
    wire_put_varint(&c->w, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_varint(&c->w, (uint64_t)pieces[i].kind);
        if (pieces[i].kind != NODE_HOLE)
            put_ref(c, &pieces[i].ref);
        if (pieces[i].kind == NODE_DATA)
            wire_put_varint(&c->w, pieces[i].offset);
        wire_put_varint(&c->w, pieces[i].length);
    }
}

static void
put_xattrs(struct encoder *c, const struct node_entry *entry)
{
    wire_put_varint(&c->w, entry->xattr_count);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        wire_put_varbytes(&c->w, entry->xattrs[i].name);
        wire_put_varbytes(&c->w, entry->xattrs[i].value);
    }
}

static void
put_content(struct encoder *c, const struct node_entry *entry)
{
    switch (entry->type) {
    case NODE_FILE:
        wire_put_varint(&c->w, entry->size);
        put_pieces(c, entry->pieces, entry->piece_count);
        return;
    case NODE_DIRECTORY:
        put_ref(c, &entry->directory);
        return;
    case NODE_SYMLINK:
        wire_put_varbytes(&c->w, entry->target);
        return;
    case NODE_CHARACTER_DEVICE:
    case NODE_BLOCK_DEVICE:
        wire_put_varint(&c->w, entry->major);
        wire_put_varint(&c->w, entry->minor);
        return;
    case NODE_FIFO:
    case NODE_SOCKET:
        return;
    }
}

static void
put_entry(struct encoder *c, const struct node_entry *entry)
{
    unsigned flags = entry->flags & ~(unsigned)(NODE_XATTRS | NODE_LINKED);
    flags |= entry->xattr_count > 0 ? NODE_XATTRS : 0;
    flags |= entry->link != 0 ? NODE_LINKED : 0;

    wire_put_varbytes(&c->w, entry->name);
    wire_put_u8(&c->w, (uint8_t)entry->type);
    wire_put_varint(&c->w, flags);
    wire_put_varint(&c->w, entry->mode);
    put_owner(c, &c->users, entry->uid, entry->user);
    put_owner(c, &c->groups, entry->gid, entry->group);
    wire_put_i64(&c->w, entry->mtime);
    wire_put_u32(&c->w, entry->mtime_ns);
    if (entry->link != 0)
        wire_put_u64(&c->w, entry->link);
    if (entry->xattr_count > 0)
        put_xattrs(c, entry);
    put_content(c, entry);
}

static void
put_node(struct encoder *c, const struct node *node)
{
    wire_put_u8(&c->w, NODE_VERSION);
    wire_put_u8(&c->w, (uint8_t)node->kind);
    wire_put_u8(&c->w, (uint8_t)node->level);
    wire_put_u8(&c->w, 0);
    for (size_t i = 0; i < c->ref_count; i++)
        wire_put_id(&c->w, &c->refs[i].key);

    if (node->kind == NODE_LIST) {
        put_pieces(c, node->pieces, node->count);
        return;
    }
    if (node->kind == NODE_LEAF) {
        put_table(c, &c->users);
        put_table(c, &c->groups);
    }
    wire_put_varint(&c->w, node->count);
    for (size_t i = 0; i < node->count && node->kind == NODE_LEAF; i++)
        put_entry(c, &node->entries[i]);
    for (size_t i = 0; i < node->count && node->kind == NODE_INDEX; i++) {
        wire_put_varbytes(&c->w, node->parts[i].first_name);
        put_ref(c, &node->parts[i].ref);
        wire_put_varint(&c->w, node->parts[i].entries);
    }
}

enum rc
node_encode(const struct node *node, struct arena *arena, struct buffer *out,
            const struct id **children, size_t *child_count, struct error *e)
{
    struct encoder c = {.arena = arena, .w = wire_writer_to(out, e), .e = e};
    TRY(check_node(node, e));
    TRY(collect_refs(&c, node));
    if (node->kind == NODE_LEAF)
        TRY(collect_owners(&c, node));

    struct id *ids = arena_alloc(arena, c.ref_count * sizeof *ids);
    if (ids == NULL)
        return no_memory(e);
    for (size_t i = 0; i < c.ref_count; i++)
        ids[i] = c.refs[i].id;

    buffer_clear(out);
    put_node(&c, node);
    TRY_IN(wire_writer_finish(&c.w), e, "tree node of %zu items", node->count);
    if (out->len > LIMIT_BLOB_PLAIN)
        return error_set(e, RC_INVALID, "a tree node of %zu bytes, at most %u are allowed",
                         out->len, LIMIT_BLOB_PLAIN);
    *children = ids;
    *child_count = c.ref_count;
    return RC_OK;
}
