/* test_node.c -- the node codec against bytes written down by hand, and against wrong ones. */
#include "common/tree/node.h"

#include "tests/support/check.h"

enum { MEMORY = 1 << 20 };

struct fixture {
    struct arena *arena;
    struct buffer bytes;
};

static int
set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new(MEMORY), .bytes = BUFFER_INIT(LIMIT_BLOB_PLAIN)};
    *state = &f;
    return f.arena == NULL;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    buffer_free(&f->bytes);
    return 0;
}

static struct span
text(const char *s)
{
    return span_of(s, strlen(s));
}

/* Blob n: id n n n ..., key of the complement. */
static struct blob_ref
ref(uint8_t n)
{
    struct blob_ref r;
    memset(&r.id, n, sizeof r.id);
    memset(&r.key, 0xff ^ n, sizeof r.key);
    return r;
}

static enum rc
encode(struct fixture *f, const struct node *node)
{
    struct error e = ERROR_INIT;
    const struct id *children;
    size_t count;
    return node_encode(node, f->arena, &f->bytes, &children, &count, &e);
}

static enum rc
decode(struct fixture *f, struct span plain, uint32_t children, struct node *out)
{
    struct error e = ERROR_INIT;
    static uint8_t ids[8 * ID_SIZE];
    for (uint8_t i = 0; i < 8; i++)
        memset(ids + (size_t)i * ID_SIZE, i + 1, ID_SIZE);
    struct blob_header header = {.type = BLOB_NODE, .children = children, .child_ids = ids};
    return node_decode(plain, &header, f->arena, out, &e);
}

#define KEY8(hex) hex, hex, hex, hex, hex, hex, hex, hex
#define KEY(hex) KEY8(hex), KEY8(hex), KEY8(hex), KEY8(hex)

/* One of each: what docs/formats/node.md makes of the entries below. */
/* clang-format off */
static const uint8_t golden_leaf[] = {
    1, 1, 0, 0,                    /* version, leaf, level, zero */
    KEY(0xfe), KEY(0xfd),          /* the keys of blobs 1 and 2 */
    2, 0, 4, 'r', 'o', 'o', 't',   /* two users: 0 root, */
    0xe8, 0x07, 0,                 /* 1000 without a name */
    1, 12, 4, 'm', 'a', 'i', 'l',  /* one group */
    4,                             /* entries */
    3, 'd', 'e', 'v', 6, 0, 0xa4, 0x03, 0, 0,                     /* device 0644 */
    1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5, 0x80, 0x02,            /* 1 s 2 ns; 5, 256 */
    1, 'f', 1, 0x0c, 0xff, 0x1f, 1, 0,                            /* file 07777, linked, attributes */
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x9a, 0x3b, /* -1 s 999999999 ns */
    7, 0, 0, 0, 0, 0, 0, 0x80,                                    /* link id */
    2, 6, 'u', 's', 'e', 'r', '.', 'a', 1, 'x', 6, 'u', 's', 'e', 'r', '.', 'b', 0,
    0x8a, 0x01, 3, 0, 0x80, 0x01, 1, 1, 3, 4, 1, 1, 9, 6,         /* 138: hole 128, two slices */
    1, 's', 3, 0, 0xff, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, '.', '.',
    1, 't', 2, 0x10, 0xed, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* directory: blob 1 */
};
/* clang-format on */

static struct node
golden_node(void)
{
    static const struct node_xattr xattrs[2] = {
        {.name = {(const uint8_t *)"user.a", 6}, .value = {(const uint8_t *)"x", 1}},
        {.name = {(const uint8_t *)"user.b", 6}},
    };
    static struct node_piece pieces[3];
    static struct node_entry entries[4];
    pieces[0] = (struct node_piece){.kind = NODE_HOLE, .length = 128};
    pieces[1] = (struct node_piece){.kind = NODE_DATA, .offset = 3, .length = 4, .ref = ref(2)};
    pieces[2] = (struct node_piece){.kind = NODE_DATA, .offset = 9, .length = 6, .ref = ref(2)};
    const struct node_entry root = {.user = text("root"), .gid = 12, .group = text("mail")};
    entries[0] = entries[1] = entries[2] = entries[3] = root;

    struct node_entry *device = &entries[0];
    device->name = text("dev");
    device->type = NODE_CHARACTER_DEVICE;
    device->mode = 0644;
    device->mtime = 1;
    device->mtime_ns = 2;
    device->major = 5;
    device->minor = 256;

    struct node_entry *file = &entries[1];
    file->name = text("f");
    file->type = NODE_FILE;
    file->mode = 07777;
    file->uid = 1000;
    file->user.len = 0;
    file->mtime = -1;
    file->mtime_ns = 999999999;
    file->link = UINT64_C(0x8000000000000007);
    file->xattrs = xattrs;
    file->xattr_count = 2;
    file->size = 138;
    file->pieces = pieces;
    file->piece_count = 3;

    struct node_entry *link = &entries[2];
    link->name = text("s");
    link->type = NODE_SYMLINK;
    link->mode = 0777;
    link->target = text("..");

    struct node_entry *directory = &entries[3];
    directory->name = text("t");
    directory->type = NODE_DIRECTORY;
    directory->mode = 0755;
    directory->flags = NODE_MADE;
    directory->directory = ref(1);
    return (struct node){.kind = NODE_LEAF, .count = 4, .entries = entries};
}

static void
golden_leaf_is_written_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    struct error e = ERROR_INIT;
    struct node node = golden_node();
    const struct id *children;
    size_t count;
    CHECK_OK(node_encode(&node, f->arena, &f->bytes, &children, &count, &e), &e);
    assert_int_equal(count, 2);
    assert_memory_equal(&children[0], ref(1).id.bytes, ID_SIZE);
    assert_memory_equal(&children[1], ref(2).id.bytes, ID_SIZE);
    assert_int_equal(f->bytes.len, sizeof golden_leaf);
    assert_memory_equal(f->bytes.data, golden_leaf, sizeof golden_leaf);
}

static void
golden_leaf_is_read(void **state)
{
    struct fixture *f = *state;
    struct node node;
    CHECK_RC(decode(f, span_of(golden_leaf, sizeof golden_leaf), 2, &node), RC_OK);
    assert_int_equal(node.count, 4);
    const struct node_entry *file = &node.entries[1];
    assert_int_equal(file->uid, 1000);
    assert_int_equal(file->user.len, 0);
    assert_int_equal(file->mtime, -1);
    assert_int_equal(file->flags, NODE_XATTRS | NODE_LINKED);
    assert_int_equal(file->xattr_count, 2);
    assert_int_equal(file->pieces[2].offset, 9);
    struct blob_ref second = ref(2);
    assert_memory_equal(&file->pieces[1].ref, &second, sizeof second);
    assert_int_equal(node.entries[0].minor, 256);
    assert_memory_equal(node.entries[2].target.data, "..", 2);
}

static void
every_truncation_and_every_extension_is_refused(void **state)
{
    struct fixture *f = *state;
    struct node node;
    uint8_t longer[sizeof golden_leaf + 1] = {0};
    memcpy(longer, golden_leaf, sizeof golden_leaf);
    for (size_t len = 0; len <= sizeof longer; len++) {
        if (len != sizeof golden_leaf)
            CHECK_RC(decode(f, span_of(longer, len), 2, &node), RC_CORRUPT);
        arena_reset(f->arena);
    }
}

/* One wrong byte at a time: whatever is still accepted must say exactly what its bytes say. */
static void
every_changed_byte_is_refused_or_means_itself(void **state)
{
    struct fixture *f = *state;
    uint8_t changed[sizeof golden_leaf];
    for (size_t i = 0; i < sizeof changed * 256; i++) {
        struct node node;
        memcpy(changed, golden_leaf, sizeof changed);
        changed[i / 256] = (uint8_t)i;
        arena_reset(f->arena);
        if (decode(f, span_of(changed, sizeof changed), 2, &node) != RC_OK)
            continue;
        CHECK_RC(encode(f, &node), RC_OK);
        assert_int_equal(f->bytes.len, sizeof changed);
        assert_memory_equal(f->bytes.data, changed, sizeof changed);
    }
}

static void
names_that_could_escape_are_refused_by_both_sides(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        size_t len;
    } bad[] = {{"", 0}, {".", 1}, {"..", 2}, {"a/b", 3}, {"/", 1}, {"a\0b", 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct node_entry entry = {.name = span_of(bad[i].name, bad[i].len), .type = NODE_FIFO};
        CHECK_RC(encode(f, &(struct node){.kind = NODE_LEAF, .count = 1, .entries = &entry}),
                 RC_INVALID);

        uint8_t crafted[64] = {1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, (uint8_t)bad[i].len};
        memcpy(crafted + 12, bad[i].name, bad[i].len);
        crafted[12 + bad[i].len] = NODE_FIFO;
        struct node node;
        const size_t len = 12 + bad[i].len + 5 + 12;
        CHECK_RC(decode(f, span_of(crafted, len), 0, &node), RC_CORRUPT);
        memset(crafted + 12, 'x', bad[i].len); /* the same with a good name is good */
        if (bad[i].len > 0)
            CHECK_RC(decode(f, span_of(crafted, len), 0, &node), RC_OK);
    }
}

static void
newer_things_are_named_unsupported(void **state)
{
    struct fixture *f = *state;
    struct node node;
    const uint8_t version[] = {2, 1, 0, 0, 0, 0, 0}, kind[] = {1, 4, 0, 0};
    CHECK_RC(decode(f, span_of(version, sizeof version), 0, &node), RC_UNSUPPORTED);
    CHECK_RC(decode(f, span_of(kind, sizeof kind), 0, &node), RC_UNSUPPORTED);
    const uint8_t piece[] = {1, 3, 0, 0, 1, 3, 1};
    CHECK_RC(decode(f, span_of(piece, sizeof piece), 0, &node), RC_UNSUPPORTED);
    const uint8_t empty[] = {1, 1, 0, 0, 0, 0, 0};
    CHECK_RC(decode(f, span_of(empty, sizeof empty), 0, &node), RC_OK);
}

static void
index_and_list_come_back(void **state)
{
    struct fixture *f = *state;
    struct node node;
    struct node_part parts[] = {{text("a"), ref(2), 300}, {text("b"), ref(1), 1}};
    CHECK_RC(encode(f, &(struct node){NODE_INDEX, 1, 2, {.parts = parts}}), RC_OK);
    CHECK_RC(decode(f, buffer_span(&f->bytes), 2, &node), RC_OK);
    assert_int_equal(node.parts[0].entries, 300);
    assert_int_equal(node.parts[1].ref.id.bytes[0], 1);

    struct node_piece pieces[] = {{.kind = NODE_PIECES, .length = 10, .ref = ref(1)},
                                  {.kind = NODE_PIECES, .length = 1 << 20, .ref = ref(1)}};
    CHECK_RC(encode(f, &(struct node){NODE_LIST, 3, 2, {.pieces = pieces}}), RC_OK);
    CHECK_RC(decode(f, buffer_span(&f->bytes), 1, &node), RC_OK);
    assert_int_equal(node.level, 3);
    assert_int_equal(node.pieces[1].length, 1 << 20);
    CHECK_RC(encode(f, &(struct node){NODE_LIST, 0, 2, {.pieces = pieces}}), RC_INVALID);
}

static void
wrong_entries_are_refused_before_they_are_written(void **state)
{
    struct fixture *f = *state;
    struct node_piece piece = {.kind = NODE_HOLE, .length = 5};
    struct node_entry e[2] = {
        {.name = text("a"), .type = NODE_FILE, .size = 5, .pieces = &piece, .piece_count = 1},
        {.name = text("b"), .type = NODE_FIFO},
    };
    struct node node = {.kind = NODE_LEAF, .count = 2, .entries = e};
    CHECK_RC(encode(f, &node), RC_OK);
    e[0].size = 6;
    CHECK_RC(encode(f, &node), RC_INVALID);
    e[0].flags = NODE_UNREADABLE;
    CHECK_RC(encode(f, &node), RC_OK);
    e[0].size = 4;
    CHECK_RC(encode(f, &node), RC_INVALID);
    e[0].size = 5;
    e[1].name = text("a");
    CHECK_RC(encode(f, &node), RC_INVALID);
    e[1].name = text("b");
    e[1].mode = 010000;
    CHECK_RC(encode(f, &node), RC_INVALID);
    e[1].mode = 0;
    e[1].type = NODE_SYMLINK;
    CHECK_RC(encode(f, &node), RC_INVALID);
}

static void
refuse(struct fixture *f, const struct node *node)
{
    CHECK_RC(encode(f, node), RC_INVALID);
    arena_reset(f->arena);
}

static void
content_that_cannot_be_is_refused_before_it_is_written(void **state)
{
    static struct node_piece many[NODE_CONTENT_MAX + 1];
    struct fixture *f = *state;
    struct blob_ref other_key = ref(1);
    other_key.key.bytes[0] ^= 1;
    struct node_piece two[2] = {{.kind = NODE_DATA, .length = 1, .ref = ref(1)},
                                {.kind = NODE_DATA, .length = 1, .ref = other_key}};
    struct node_entry e = {
        .name = text("a"), .type = NODE_FILE, .size = 2, .pieces = two, .piece_count = 2};
    const struct node node = {.kind = NODE_LEAF, .count = 1, .entries = &e};
    refuse(f, &node); /* one blob, two keys */
    two[1].ref = ref(1);
    CHECK_RC(encode(f, &node), RC_OK);
    two[1].offset = LIMIT_BLOB_PLAIN;
    refuse(f, &node);
    two[1] = (struct node_piece){.kind = NODE_HOLE, .length = 0};
    refuse(f, &node);
    two[1].length = UINT64_MAX;
    refuse(f, &node);
    for (size_t i = 0; i <= NODE_CONTENT_MAX; i++)
        many[i] = (struct node_piece){.kind = NODE_HOLE, .length = 1};
    e.pieces = many;
    e.size = e.piece_count = NODE_CONTENT_MAX + 1;
    refuse(f, &node);
}

static void
attributes_that_cannot_be_are_refused_before_they_are_written(void **state)
{
    static struct node_xattr many[LIMIT_XATTR_COUNT + 1];
    static uint8_t value[LIMIT_XATTR_VALUE + 1];
    struct fixture *f = *state;
    struct node_xattr two[2] = {{.name = text("user.b")}, {.name = text("user.a")}};
    struct node_entry e = {.name = text("a"), .type = NODE_FIFO, .xattrs = two, .xattr_count = 2};
    const struct node node = {.kind = NODE_LEAF, .count = 1, .entries = &e};
    refuse(f, &node);
    two[0].name = text("user.a");
    refuse(f, &node); /* twice */
    two[1].name = text("user.b");
    CHECK_RC(encode(f, &node), RC_OK);
    two[1].value = span_of(value, sizeof value);
    refuse(f, &node);
    two[1] = (struct node_xattr){.name = text("")};
    refuse(f, &node);
    e.xattrs = many;
    e.xattr_count = LIMIT_XATTR_COUNT + 1;
    refuse(f, &node);
}

static void
shapes_that_cannot_be_are_refused_before_they_are_written(void **state)
{
    struct fixture *f = *state;
    struct node_part parts[2] = {{.first_name = text("b"), .entries = 1, .ref = ref(1)},
                                 {.first_name = text("a"), .entries = 1, .ref = ref(2)}};
    refuse(f, &(struct node){NODE_INDEX, 1, 2, {.parts = parts}});
    parts[1].first_name = text("c");
    CHECK_RC(encode(f, &(struct node){NODE_INDEX, 1, 2, {.parts = parts}}), RC_OK);
    refuse(f, &(struct node){NODE_INDEX, 0, 2, {.parts = parts}});
    refuse(f, &(struct node){NODE_INDEX, NODE_LEVEL_MAX + 1, 2, {.parts = parts}});
    refuse(f, &(struct node){NODE_INDEX, 1, 0, {.parts = parts}});
    parts[1].entries = 0;
    refuse(f, &(struct node){NODE_INDEX, 1, 2, {.parts = parts}});
    parts[1].entries = UINT64_MAX;
    refuse(f, &(struct node){NODE_INDEX, 1, 2, {.parts = parts}});
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(golden_leaf_is_written_byte_for_byte),
        WITH_FIXTURE(golden_leaf_is_read),
        WITH_FIXTURE(every_truncation_and_every_extension_is_refused),
        WITH_FIXTURE(every_changed_byte_is_refused_or_means_itself),
        WITH_FIXTURE(names_that_could_escape_are_refused_by_both_sides),
        WITH_FIXTURE(newer_things_are_named_unsupported),
        WITH_FIXTURE(index_and_list_come_back),
        WITH_FIXTURE(wrong_entries_are_refused_before_they_are_written),
        WITH_FIXTURE(content_that_cannot_be_is_refused_before_it_is_written),
        WITH_FIXTURE(attributes_that_cannot_be_are_refused_before_they_are_written),
        WITH_FIXTURE(shapes_that_cannot_be_are_refused_before_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
