/* test_data_reach.c -- a restore fetches from its root downwards, and nothing beside. */
#include "controller/fleet/data_reach.h"

#include "tests/support/check.h"
#include "tests/support/vault_kit.h"

struct graph {
    struct buffer root, leaf, stranger;
    struct id root_id, leaf_id, stranger_id;
};

static void
make(struct graph *g)
{
    *g = (struct graph){BUFFER_INIT(LIMIT_BLOB),
                        BUFFER_INIT(LIMIT_BLOB),
                        BUFFER_INIT(LIMIT_BLOB),
                        {{0}},
                        {{0}},
                        {{0}}};
    vault_kit_blob(&g->leaf, &g->leaf_id, 1, 100, NULL, 0);
    vault_kit_blob(&g->stranger, &g->stranger_id, 2, 100, NULL, 0);
    struct id children[] = {g->leaf_id};
    vault_kit_blob(&g->root, &g->root_id, 3, 100, children, 1);
}

static void
unmake(struct graph *g)
{
    buffer_free(&g->root);
    buffer_free(&g->leaf);
    buffer_free(&g->stranger);
}

static void
child_is_reached_once_its_parent_was_served(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(unmake) struct graph g;
    CLEANUP(data_reach_freep) struct data_reach *r = NULL;
    (void)state;
    make(&g);
    CHECK_OK(data_reach_new(&g.root_id, 1, &r, &e), &e);
    assert_true(data_reach_holds(r, &g.root_id));
    assert_false(data_reach_holds(r, &g.leaf_id));
    CHECK_OK(data_reach_served(r, buffer_span(&g.root), &e), &e);
    assert_true(data_reach_holds(r, &g.leaf_id));
    CHECK_OK(data_reach_served(r, buffer_span(&g.leaf), &e), &e);
}

static void
what_the_root_does_not_name_is_never_reached(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(unmake) struct graph g;
    CLEANUP(data_reach_freep) struct data_reach *r = NULL;
    (void)state;
    make(&g);
    CHECK_OK(data_reach_new(&g.root_id, 1, &r, &e), &e);
    CHECK_OK(data_reach_served(r, buffer_span(&g.root), &e), &e);
    assert_false(data_reach_holds(r, &g.stranger_id));
}

static void
bytes_that_are_no_blob_reach_nothing(void **state)
{
    struct error e = ERROR_INIT;
    CLEANUP(unmake) struct graph g;
    CLEANUP(data_reach_freep) struct data_reach *r = NULL;
    (void)state;
    make(&g);
    CHECK_OK(data_reach_new(&g.root_id, 1, &r, &e), &e);
    CHECK_RC(data_reach_served(r, span_of("no blob", 7), &e), RC_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_is_reached_once_its_parent_was_served),
        cmocka_unit_test(what_the_root_does_not_name_is_never_reached),
        cmocka_unit_test(bytes_that_are_no_blob_reach_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
