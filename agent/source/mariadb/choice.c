/* choice.c -- see choice.h. */
#include "agent/source/mariadb/choice.h"

#include "agent/source/mariadb/lock.h"
#include "agent/source/mariadb/mariadb_source.h"
#include "agent/source/mariadb/replica.h"
#include "common/base/text.h"

unsigned
choice_index(const struct config_section *config, const char *key, const char *const *names)
{
    const char *text = config_text(config, key);
    for (unsigned i = 0; text != NULL && names[i] != NULL; i++)
        if (text_equal(names[i], text))
            return i;
    return 0;
}

struct choosing {
    const struct config_section *config;
    struct database *db;
    const struct rights *rights;
    struct arena *arena;
    struct choice *out;
};

static unsigned
lock_rights(const struct choosing *c)
{
    bool read_lock = choice_index(c->config, "lock", mariadb_source_locks) == LOCK_READ_LOCK;
    return RIGHTS_LOCK | (read_lock ? RIGHTS_READ_LOCK : 0);
}

/* May it be locked, and are its files here? */
static enum rc
look_for_files(const struct choosing *c, struct datadir **out, struct error *e)
{
    TRY(rights_need(c->rights, lock_rights(c), e));
    return datadir_ask(c->db, c->arena, out, e);
}

static enum rc
look_at_replica(const struct choosing *c, struct error *e)
{
    struct replica_state state;
    TRY(rights_need(c->rights, RIGHTS_REPLICA, e));
    TRY(replica_look(c->db, c->arena, &state, e));
    return replica_need(&state, config_number(c->config, "replica-lag"), e);
}

static enum rc
settle(const struct choosing *c, enum choice_method method, const char *why, struct error *e)
{
    c->out->method = method;
    if (why == NULL)
        return RC_OK;
    c->out->why = arena_printf(c->arena, "%s", why);
    return c->out->why == NULL ? error_set(e, RC_NO_MEMORY, "choice of the method") : RC_OK;
}

/* Files are welcome, and not needed: a replica that stands still can be dumped. */
static enum rc
choose_replica(const struct choosing *c, struct error *e)
{
    struct error why = ERROR_INIT;
    TRY(look_at_replica(c, e));
    enum rc rc = look_for_files(c, &c->out->files, &why);
    return settle(c, CHOICE_REPLICA, rc == RC_OK ? NULL : why.text, e);
}

/* A server that can be written to and replicates from another is a source of its own. */
static enum rc
is_replica(const struct choosing *c, bool *out, struct error *e)
{
    struct replica_state state = {0};
    *out = false;
    if (!rights_has(c->rights, RIGHTS_REPLICA)) {
        const char *read_only;
        TRY(database_value(c->db, "SELECT @@GLOBAL.read_only", c->arena, &read_only, e));
        if (read_only != NULL && text_equal(read_only, "1"))
            return rights_need(c->rights, RIGHTS_REPLICA, e);
        return RC_OK;
    }
    TRY(replica_look(c->db, c->arena, &state, e));
    *out = state.count > 0 && state.read_only;
    return RC_OK;
}

static enum rc
choose_by_itself(const struct choosing *c, struct error *e)
{
    struct error why = ERROR_INIT;
    bool replica;
    TRY(is_replica(c, &replica, e));
    if (replica)
        return choose_replica(c, e);
    enum rc rc = look_for_files(c, &c->out->files, &why);
    return rc == RC_OK ? settle(c, CHOICE_SNAPSHOT, NULL, e) : settle(c, CHOICE_DUMP, why.text, e);
}

enum rc
choice_make(const struct config_section *config, struct database *db, const struct rights *rights,
            struct arena *a, struct choice *out, struct error *e)
{
    *out = (struct choice){0};
    const struct choosing c = {config, db, rights, a, out};
    switch ((enum choice_method)choice_index(config, "method", mariadb_source_methods)) {
    case CHOICE_SNAPSHOT:
        TRY_IN(look_for_files(&c, &out->files, e), e, "method = snapshot");
        return settle(&c, CHOICE_SNAPSHOT, NULL, e);
    case CHOICE_REPLICA:
        TRY_IN(choose_replica(&c, e), e, "method = replica");
        return RC_OK;
    case CHOICE_DUMP:
        return settle(&c, CHOICE_DUMP, NULL, e);
    case CHOICE_AUTO:
        break;
    }
    out->automatic = true;
    return choose_by_itself(&c, e);
}
