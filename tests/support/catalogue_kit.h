/*
 * catalogue_kit.h -- a catalogue in a directory of its own.
 *
 *     static const struct CMUnitTest tests[] = {
 *         cmocka_unit_test_setup_teardown(test, catalogue_kit_begin, catalogue_kit_end)};
 *     struct catalogue_kit *k = *state;  ... k->catalogue ...;  catalogue_kit_reopen(k);
 */
#ifndef TESTS_SUPPORT_CATALOGUE_KIT_H
#define TESTS_SUPPORT_CATALOGUE_KIT_H

#include "controller/catalogue/catalogue.h"
#include "tests/support/vault_kit.h"

struct catalogue_kit {
    char directory[VAULT_KIT_PATH_SIZE], path[VAULT_KIT_PATH_SIZE + 16];
    struct catalogue *catalogue;
};

int catalogue_kit_begin(void **state);
int catalogue_kit_end(void **state);
void catalogue_kit_reopen(struct catalogue_kit *k);

#endif
