/* lives_state.c -- what the controller keeps about itself.  See lives.h. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/daemon/paper.h"
#include "controller/daemon/rebuild.h"
#include "controller/daemon/store.h"
#include "tests/support/backup_kit.h"
#include "tests/support/catalogue_acts.h"
#include "tests/support/check.h"
#include "tests/trust/common/lives.h"

enum { PATH = 256 };

static struct backup_kit kit;

/* What a life was told. */
struct told {
    size_t acts; /* of the catalogue, that were acknowledged */
};

/* Held by the process of the life. */
static struct catalogue *catalogue;

static struct told *
told_of(struct sweep_world *w)
{
    return (struct told *)(void *)w->told;
}

void
lives_begin(void)
{
    backup_kit_begin(&kit);
}

void
lives_end(void)
{
    backup_kit_end(&kit);
}

static const char *
in(const struct sweep_world *w, const char *name, char out[static PATH])
{
    (void)snprintf(out, PATH, "%s/%s", w->path, name);
    return out;
}

/* ---- the catalogue: act by act */

static void
prepare_catalogue(struct sweep_world *w)
{
    struct error e = ERROR_INIT;
    char path[PATH];
    CHECK_OK(catalogue_open(in(w, "catalogue.db", path), &catalogue, &e), &e);
    catalogue_acts_prepare(catalogue);
    catalogue_close(TAKE(catalogue));
}

static enum rc
act(struct sweep_world *w, struct error *e)
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    struct told *told = told_of(w);
    char path[PATH];
    TRY(catalogue_open(in(w, "catalogue.db", path), &c, e));
    for (; told->acts < CATALOGUE_ACTS; told->acts++)
        TRY_IN(catalogue_acts[told->acts].run(c, e), e, "%s", catalogue_acts[told->acts].name);
    return RC_OK;
}

/* The texts of the states that there can be. */
static void
describe_states(struct sweep_world *w, char states[static CATALOGUE_ACTS + 1][CATALOGUE_ACTS_TEXT])
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    struct error e = ERROR_INIT;
    char path[PATH];
    CHECK_OK(catalogue_open(in(w, "pattern.db", path), &c, &e), &e);
    catalogue_acts_prepare(c);
    catalogue_acts_describe(c, states[0]);
    for (size_t i = 0; i < CATALOGUE_ACTS; i++) {
        CHECK_OK(catalogue_acts[i].run(c, &e), &e);
        catalogue_acts_describe(c, states[i + 1]);
    }
}

static void
check_catalogue(struct sweep_world *w)
{
    static char states[CATALOGUE_ACTS + 1][CATALOGUE_ACTS_TEXT], now[CATALOGUE_ACTS_TEXT];
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    struct error e = ERROR_INIT;
    char path[PATH];
    size_t acts = told_of(w)->acts;
    describe_states(w, states);
    CHECK_OK(catalogue_open(in(w, "catalogue.db", path), &c, &e), &e);
    catalogue_acts_describe(c, now);
    if (acts < CATALOGUE_ACTS && strcmp(now, states[acts + 1]) == 0)
        acts++; /* done, and not told */
    assert_string_equal(now, states[acts]);
    for (; acts < CATALOGUE_ACTS; acts++)
        CHECK_OK(catalogue_acts[acts].run(c, &e), &e);
    catalogue_acts_describe(c, now);
    assert_string_equal(now, states[CATALOGUE_ACTS]);
}

/* ---- the controller's state directory */

static const struct settings *
settings_of(const struct sweep_world *w)
{
    static char state[PATH], vault[PATH];
    static struct settings s;
    s = (struct settings){.cluster = "demo",
                          .name = "controller",
                          .state = in(w, "state", state),
                          .vault = in(w, "vault", vault)};
    return &s;
}

static void
prepare_nothing(struct sweep_world *w)
{
    (void)w;
}

static enum rc
load_state(const struct settings *s, struct error *e)
{
    CLEANUP(store_clear) struct store store = {0};
    return store_load(s, &store, e);
}

static enum rc
make_state(struct sweep_world *w, struct error *e)
{
    CLEANUP(keys_private_freep) struct keys_private *recovery = NULL;
    TRY(store_create(settings_of(w), true, &recovery, e));
    return load_state(settings_of(w), e);
}

/* Whoever was told of a failure tries again: it is made anew, or what is there is whole. */
static void
check_state(struct sweep_world *w)
{
    CLEANUP(keys_private_freep) struct keys_private *recovery = NULL;
    const struct settings *s = settings_of(w);
    struct error e = ERROR_INIT;
    bool told = w->ended && w->rc == RC_OK;
    enum rc rc = told ? RC_EXISTS : store_create(s, true, &recovery, &e);
    if (rc != RC_EXISTS)
        CHECK_OK(rc, &e);
    CHECK_OK(load_state(s, &e), &e);
}

/* ---- the recovery sheet, typed back */

static void
prepare_sheet(struct sweep_world *w)
{
    CLEANUP(keys_private_freep) struct keys_private *recovery = NULL;
    struct error e = ERROR_INIT;
    char paper[KEYS_PAPER_SIZE], path[PATH];
    CHECK_OK(store_create(settings_of(w), true, &recovery, &e), &e);
    CHECK_OK(keys_to_paper(recovery, paper, &e), &e);
    CHECK_OK(
        file_write_new(AT_FDCWD, in(w, "sheet", path), span_of(paper, strlen(paper)), 0600, &e),
        &e);
}

static enum rc
type_back(struct sweep_world *w, struct error *e)
{
    char path[PATH];
    return paper_verify(settings_of(w), in(w, "sheet", path), e);
}

static void
check_problem(struct sweep_world *w)
{
    CLEANUP(store_clear) struct store store = {0};
    struct error e = ERROR_INIT;
    char problem[PAPER_PROBLEM_SIZE];
    CHECK_OK(store_load(settings_of(w), &store, &e), &e);
    assert_string_equal(paper_problem(store.roster, problem), "");
}

static void
check_sheet(struct sweep_world *w)
{
    struct error e = ERROR_INIT;
    if (w->ended && w->rc == RC_OK)
        check_problem(w);
    CHECK_OK(type_back(w, &e), &e);
    check_problem(w);
}

/* ---- rebuild */

static void
prepare_rebuild(struct sweep_world *w)
{
    CLEANUP(keys_private_freep) struct keys_private *recovery = NULL;
    CLEANUP(vault_closep) struct vault *v = NULL;
    struct backup_kit_full full;
    struct error e = ERROR_INIT;
    char path[PATH];
    backup_kit_place(&kit, w->path);
    CHECK_OK(store_create(settings_of(w), true, &recovery, &e), &e);
    /* Of a full that somebody else signed, a catalogue would know nothing. */
    keys_private_free(TAKE(kit.controller));
    CHECK_OK(
        keys_read_file(KEYS_SIGNING, in(w, "state/keys/signing.key", path), &kit.controller, &e),
        &e);
    CHECK_OK(backup_kit_create(&kit, &e), &e);
    CHECK_OK(backup_kit_open(&kit, &v, &e), &e);
    CHECK_OK(backup_kit_run(&kit, v, &full, &e), &e);
    CHECK_OK(catalogue_open(in(w, "state/catalogue.db", path), &catalogue, &e), &e);
    catalogue_acts_prepare(catalogue);
    catalogue_close(TAKE(catalogue));
}

static enum rc
rebuild(struct sweep_world *w, struct error *e)
{
    return rebuild_run(settings_of(w), e);
}

struct search {
    const struct settings *s;
    unsigned found;
};

/* Does this catalogue still know the agent that was invited? */
static enum rc
look_for_old(void *ctx, const char *name, struct error *e)
{
    struct search *search = ctx;
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    char path[2 * PATH], text[CATALOGUE_ACTS_TEXT];
    bool exists;
    bool aside = strncmp(name, "catalogue-until-", strlen("catalogue-until-")) == 0;
    if (!aside && strcmp(name, "catalogue.db") != 0)
        return RC_OK;
    (void)snprintf(path, sizeof path, "%s/%s%s", search->s->state, name,
                   aside ? "/catalogue.db" : "");
    TRY(file_exists(AT_FDCWD, path, &exists, e));
    if (!exists)
        return RC_OK;
    TRY(catalogue_open(path, &c, e));
    catalogue_acts_describe(c, text);
    search->found += strstr(text, "'imap1'") != NULL;
    return RC_OK;
}

static void
check_rebuild(struct sweep_world *w)
{
    CLEANUP(catalogue_closep) struct catalogue *c = NULL;
    const struct settings *s = settings_of(w);
    struct search search = {.s = s};
    struct error e = ERROR_INIT;
    char path[PATH];
    bool has = false;
    CHECK_OK(file_list(AT_FDCWD, s->state, look_for_old, &search, &e), &e);
    assert_int_equal(search.found, 1); /* moved aside, never deleted */
    if (!w->ended || w->rc != RC_OK)
        CHECK_OK(rebuild_run(s, &e), &e);
    CHECK_OK(catalogue_open(in(w, "state/catalogue.db", path), &c, &e), &e);
    CHECK_OK(catalogue_full_has(c, 1, &has, &e), &e);
    assert_true(has);
}

static const struct sweep_life acting = {
    .name = "catalogue", .prepare = prepare_catalogue, .live = act, .check = check_catalogue};
static const struct sweep_life rebuilding = {
    .name = "rebuild", .prepare = prepare_rebuild, .live = rebuild, .check = check_rebuild};
static const struct sweep_life making = {.name = "controller's state",
                                         .prepare = prepare_nothing,
                                         .live = make_state,
                                         .check = check_state};
static const struct sweep_life typing = {
    .name = "sheet typed back", .prepare = prepare_sheet, .live = type_back, .check = check_sheet};
const struct sweep_life *const lives[] = {&acting, &rebuilding, &making, &typing};
const size_t lives_count = sizeof lives / sizeof *lives;
