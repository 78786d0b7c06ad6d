/*
 * cli_cut.h -- when the sources of a cycle or full were cut, how far apart, and what was locked for it: as a table.
 *
 *     CLEANUP(table_freep) struct table *t = NULL;
 *     TRY(cli_cut_begin(&t, e));
 *     cli_cut_put(t, agent, source, cut, facts, count);        // each
 *     TRY(table_print(t, stdout, e));
 *
 * Layer: controller/cli.
 */
#ifndef CONTROLLER_CLI_CLI_CUT_H
#define CONTROLLER_CLI_CLI_CUT_H

#include "common/base/table.h"
#include "controller/cli/cli.h"

enum rc cli_cut_begin(struct table **out, struct error *e);
/* `cut` may be NULL: read live. */
void cli_cut_put(struct table *t, const char *agent, const char *source, const Koffer__Cut *cut,
                 Koffer__Fact *const *facts, size_t count);

enum { CLI_CUT_TEXT = 32 };
/* "3.214 ms"; "-" for less than 0. */
const char *cli_cut_ms(int64_t ns, char out[static CLI_CUT_TEXT]);

#endif
