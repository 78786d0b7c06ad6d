/* fuzz_node.c -- what node_decode accepts, node_encode writes back to the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "common/tree/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { CHILDREN_MAX = 255, MEMORY = 64 << 20 };

/* The first byte says how many children the blob has; their ids are 1, 2, 3 ... */
static uint8_t child_ids[CHILDREN_MAX * ID_SIZE];

static void
check_round_trip(const struct node *node, struct span plain, uint32_t children, struct arena *arena)
{
    struct error e = ERROR_INIT;
    struct buffer again = BUFFER_INIT(LIMIT_BLOB_PLAIN);
    const struct id *ids;
    size_t count;
    if (node_encode(node, arena, &again, &ids, &count, &e) != RC_OK)
        abort();
    if (count != children || memcmp(ids, child_ids, count * ID_SIZE) != 0)
        abort();
    if (again.len != plain.len || memcmp(again.data, plain.data, plain.len) != 0)
        abort();
    buffer_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    const uint32_t children = data[0];
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        child_ids[i * ID_SIZE] = (uint8_t)(i + 1);

    struct arena *arena = arena_new(MEMORY);
    struct error e = ERROR_INIT;
    struct node node;
    struct span plain = span_of(data + 1, len - 1);
    struct blob_header header = {.type = BLOB_NODE, .children = children, .child_ids = child_ids};
    if (arena != NULL && node_decode(plain, &header, arena, &node, &e) == RC_OK)
        check_round_trip(&node, plain, children, arena);
    arena_free(arena);
    return 0;
}
