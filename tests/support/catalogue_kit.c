/* catalogue_kit.c -- see catalogue_kit.h. */
#include "tests/support/catalogue_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/check.h"

int
catalogue_kit_begin(void **state)
{
    struct error e = ERROR_INIT;
    struct catalogue_kit *k = calloc(1, sizeof *k);
    assert_non_null(k);
    vault_kit_fast_directory(k->directory);
    (void)snprintf(k->path, sizeof k->path, "%s/catalogue.db", k->directory);
    CHECK_OK(catalogue_open(k->path, &k->catalogue, &e), &e);
    *state = k;
    return 0;
}

int
catalogue_kit_end(void **state)
{
    struct catalogue_kit *k = *state;
    catalogue_close(k->catalogue);
    vault_kit_remove(k->directory);
    free(k);
    return 0;
}

void
catalogue_kit_reopen(struct catalogue_kit *k)
{
    struct error e = ERROR_INIT;
    catalogue_close(k->catalogue);
    k->catalogue = NULL;
    CHECK_OK(catalogue_open(k->path, &k->catalogue, &e), &e);
}
