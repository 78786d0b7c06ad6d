/* rebuild.c -- see rebuild.h. */
#include "controller/daemon/rebuild.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/base/own.h"
#include "common/sys/file.h"
#include "controller/cycle/cycle.h"
#include "controller/daemon/store.h"

enum { PATH_SIZE = 4096 };

/*
 * The database before its log: a crash between leaves a log without a database, which SQLite throws away; the other way
 * round it would open the database without its last transactions.
 */
static enum rc
move_aside(int state, char folder[static PATH_SIZE], bool *moved, struct error *e)
{
    static const char *const names[] = {"catalogue.db", "catalogue.db-wal", "catalogue.db-shm"};
    char when[CLOCK_TEXT_SIZE], to[PATH_SIZE + 32];
    *moved = false;
    (void)snprintf(folder, PATH_SIZE, "catalogue-until-%s", clock_text(clock_wall(), when));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool exists;
        TRY(file_exists(state, names[i], &exists, e));
        if (!exists)
            continue;
        TRY(file_make_directory(state, folder, 0700, e));
        (void)snprintf(to, sizeof to, "%s/%s", folder, names[i]);
        TRY(file_publish(state, names[i], state, to, e));
        *moved = true;
    }
    return RC_OK;
}

/* What every start of the controller does, and no more. */
static enum rc
learn(const struct settings *s, const struct store *store, struct vault *v, struct error *e)
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    struct cycle_runner *runner;
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/catalogue.db", s->state);
    TRY(catalogue_open(path, &c, e));
    TRY(cycle_runner_new(
        &(struct cycle_options){.catalogue = c, .vault = v, .signer = store->signing}, &runner, e));
    enum rc rc = cycle_recover(runner, e);
    if (rc == RC_OK && cycle_vault_problem(runner)[0] != '\0')
        (void)printf("beware: %s\n", cycle_vault_problem(runner));
    cycle_runner_free(runner);
    return rc;
}

enum rc
rebuild_run(const struct settings *s, struct error *e)
{
    const struct vault_options options = {.reserve = s->vault_reserve,
                                          .allow_network_fs = s->allow_network_fs};
    CLEANUP(store_clear) struct store store = {0};
    CLEANUP(vault_closep) struct vault *vault = NULL;
    CLEANUP(own_closep) int state = -1;
    char folder[PATH_SIZE];
    bool moved;
    TRY(store_load(s, &store, e)); /* is it a controller's state at all? */
    if (vault_open(s->vault, &options, &vault, e) != RC_OK)
        return e->code == RC_AGAIN ? error_context(e, "stop the controller first") : e->code;
    TRY(file_open_directory(AT_FDCWD, s->state, &state, e));
    TRY_IN(move_aside(state, folder, &moved, e), e, "state directory '%s'", s->state);
    if (moved)
        (void)printf("moved the old catalogue to %s/%s\n", s->state, folder);
    TRY(learn(s, &store, vault, e));
    (void)printf("made a new catalogue from the vault; see 'koffer full list' when the controller "
                 "runs\n");
    (void)printf("agents and operators must enrol again: 'koffer agent add NAME' makes a token; "
                 "'koffer status' names who is missing\n");
    return RC_OK;
}
