/*
 * campaign_operations.c -- random sequences of operations on a vault, against a model of what it should answer.
 *
 * A case is a sequence of STEPS operations, drawn from seed and case: sessions that begin, put, flush and end, side by
 * side; questions; fulls; verification; damage on the disk and what heals it; the vault closed and opened, opened
 * from a copy of what a killed process leaves, and opened without its index.  When an answer is not the model's, the
 * sequence is made shorter as long as it still shows that, and printed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "controller/vault/vault_parts.h"
#include "tests/support/campaign.h"
#include "tests/support/vault_kit.h"

enum {
    STEPS = 50,
    SESSIONS = 3,
    LEAVES = 14,
    NODES = 8,
    BLOBS = LEAVES + NODES,
    PATH = 128,
    WHY = 512,
};

enum kind {
    BEGIN,
    PUT,
    FLUSH,
    END,
    HAS,
    GET,
    COMMIT,
    VERIFY,
    DAMAGE,
    REOPEN,
    KILL,
    REINDEX,
    KINDS
};

static const char *const names[KINDS] = {
    "begin",  "put",    "flush",  "end",    "has",  "get",
    "commit", "verify", "damage", "reopen", "kill", "open without index",
};
/* How often each is drawn. */
static const unsigned weights[KINDS] = {8, 40, 14, 3, 8, 10, 8, 2, 3, 3, 2, 1};

struct step {
    enum kind kind;
    unsigned session, blob;
    uint64_t chance;
};

/* What may be stored: leaves, and nodes above some of them or above earlier nodes. */
struct pool {
    struct buffer bytes[BLOBS];
    struct id ids[BLOBS];
    uint32_t reach[BLOBS]; /* itself and all below, a bit each */
};

struct order {
    unsigned blobs[BLOBS], count;
};

/* What one file holds: the same blobs in the same order are the same file again. */
struct packed {
    struct order order;
    struct id name;
    bool damaged[BLOBS],
        known[BLOBS]; /* known: the index has it as the place of the blob, or as a copy */
};

struct model {
    bool durable[BLOBS], doubted[BLOBS];
    bool unsure[BLOBS];    /* damaged, and an opening may have found out */
    unsigned place[BLOBS]; /* a pack */
    struct packed packs[STEPS];
    unsigned pack_count;
    bool open[SESSIONS];
    struct order pending[SESSIONS];
    uint64_t fulls;
};

struct life {
    const struct pool *pool;
    char directory[VAULT_KIT_PATH_SIZE], path[PATH];
    unsigned copy;
    struct vault *vault;
    struct vault_session *sessions[SESSIONS];
    struct vault_kit kit;
    struct id last_full;
    struct buffer bytes;
    struct model m;
    char *why; /* WHY */
};

/* ---- the pool */

static void
make_pool(struct pool *p)
{
    for (unsigned i = 0; i < BLOBS; i++) {
        struct id children[4];
        size_t count = 0;
        p->bytes[i] = BUFFER_INIT(LIMIT_BLOB);
        p->reach[i] = 1u << i;
        for (unsigned k = 0; i >= LEAVES && k < 3; k++) {
            unsigned child = (i * 5 + k * 7) % i;
            bool twice = false;
            for (size_t c = 0; c < count; c++)
                twice = twice || id_equal(&children[c], &p->ids[child]);
            if (twice)
                continue;
            children[count++] = p->ids[child];
            p->reach[i] |= p->reach[child];
        }
        vault_kit_blob(&p->bytes[i], &p->ids[i], 1000 + i, 60 + i * i * 10, children, count);
    }
}

/* ---- steps: each returns false, and says why, when the answer is not the model's */

static bool
differs(struct life *l, const struct error *e, const char *what, bool is, bool should)
{
    (void)snprintf(l->why, WHY, "%s: %s, and should be %s (%s)", what, is ? "yes" : "no",
                   should ? "yes" : "no", e->text);
    return false;
}

static bool
agree(struct life *l, const struct error *e, const char *what, bool is, bool should)
{
    return is == should || differs(l, e, what, is, should);
}

static bool
must(struct life *l, const struct error *e, const char *what, enum rc rc)
{
    if (rc == RC_OK)
        return true;
    (void)snprintf(l->why, WHY, "%s: %s: %s", what, rc_name(rc), e->text);
    return false;
}

/* ---- what the model knows of packs */

static bool
holds(const struct order *o, unsigned blob)
{
    for (unsigned i = 0; i < o->count; i++) {
        if (o->blobs[i] == blob)
            return true;
    }
    return false;
}

static bool
is_damaged(const struct model *m, unsigned blob)
{
    return m->durable[blob] && m->packs[m->place[blob]].damaged[blob];
}

/* The first other pack in which the index would find the blob whole; pack_count: none. */
static unsigned
good_copy(const struct model *m, unsigned blob)
{
    for (unsigned i = 0; i < m->pack_count; i++) {
        const struct packed *p = &m->packs[i];
        if (i != m->place[blob] && p->known[blob] && !p->damaged[blob])
            return i;
    }
    return m->pack_count;
}

static bool
is_lost(const struct model *m, unsigned blob)
{
    return is_damaged(m, blob) && good_copy(m, blob) == m->pack_count;
}

static void
move(struct model *m, unsigned blob, unsigned to)
{
    if (m->durable[blob] && m->place[blob] != to)
        m->packs[m->place[blob]].known[blob] = false;
    m->place[blob] = to;
    m->packs[to].known[blob] = true;
    m->doubted[blob] = m->unsure[blob] = false;
}

struct search {
    const struct model *m;
    struct id name; /* the newest that the model has not */
    uint32_t number;
};

static enum rc
newest_unknown(void *ctx, const struct id *name, uint32_t number, struct error *e)
{
    struct search *s = ctx;
    (void)e;
    for (unsigned i = 0; i < s->m->pack_count; i++) {
        if (id_equal(&s->m->packs[i].name, name))
            return RC_OK;
    }
    if (number >= s->number)
        *s = (struct search){.m = s->m, .name = *name, .number = number};
    return RC_OK;
}

/* Which copy a reader met and moved to depends on what it read: ask where blobs are now. */
static bool
learn_places(struct life *l)
{
    struct error e = ERROR_INIT;
    struct model *m = &l->m;
    for (unsigned i = 0; i < BLOBS; i++) {
        struct pack_place place;
        struct id name;
        uint32_t number;
        bool found, doubted = m->doubted[i], unsure = m->unsure[i];
        if (!m->durable[i])
            continue;
        if (!must(l, &e, "find",
                  vault_index_find(l->vault->index, &l->pool->ids[i], &found, &place, &number, &e)))
            return false;
        if (!found)
            continue;
        if (!must(l, &e, "pack", vault_index_pack(l->vault->index, number, &name, &e)))
            return false;
        for (unsigned k = 0; k < m->pack_count; k++) {
            if (id_equal(&m->packs[k].name, &name) && k != m->place[i])
                move(m, i, k);
        }
        m->doubted[i] = doubted;
        m->unsure[i] = unsure;
    }
    return true;
}

/* ---- sessions */

static bool
begin(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    if (l->m.open[s->session])
        return true;
    l->m.open[s->session] = true;
    l->m.pending[s->session].count = 0;
    return must(l, &e, "begin", vault_session_begin(l->vault, &l->sessions[s->session], &e));
}

static bool
put(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    struct model *m = &l->m;
    struct order *pending = &m->pending[s->session];
    bool known = false;
    if (!m->open[s->session])
        return true;
    bool should = (m->durable[s->blob] && !m->doubted[s->blob]) || holds(pending, s->blob);
    if (!must(l, &e, "put",
              vault_session_put(l->sessions[s->session], &l->pool->ids[s->blob],
                                buffer_span(&l->pool->bytes[s->blob]), &known, &e)))
        return false;
    if (!should)
        pending->blobs[pending->count++] = s->blob;
    return agree(l, &e, "put: known", known, should);
}

/* The pack of these blobs, new or written again. */
static unsigned
pack_of(struct model *m, const struct order *o)
{
    unsigned k = 0;
    while (k < m->pack_count &&
           (m->packs[k].order.count != o->count ||
            memcmp(m->packs[k].order.blobs, o->blobs, o->count * sizeof *o->blobs) != 0))
        k++;
    if (k == m->pack_count)
        m->packs[m->pack_count++] = (struct packed){.order = *o};
    memset(m->packs[k].damaged, 0, sizeof m->packs[k].damaged);
    return k;
}

static bool
flush(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    struct model *m = &l->m;
    struct order *pending = &m->pending[s->session];
    if (!m->open[s->session])
        return true;
    if (!must(l, &e, "flush", vault_session_flush(l->sessions[s->session], &e)))
        return false;
    if (pending->count == 0)
        return true;
    struct search search = {.m = m};
    if (!must(l, &e, "packs", vault_index_each_pack(l->vault->index, newest_unknown, &search, &e)))
        return false;
    const unsigned before = m->pack_count, pack = pack_of(m, pending);
    if (pack == before)
        m->packs[pack].name = search.name;
    for (unsigned i = 0; i < pending->count; i++) {
        const unsigned blob = pending->blobs[i];
        if (!m->durable[blob] || m->doubted[blob])
            move(m, blob, pack);
        m->durable[blob] = m->packs[pack].known[blob] = true;
    }
    pending->count = 0;
    return agree(l, &e, "flush: a new pack", search.number != 0, pack == before);
}

static bool
end(struct life *l, const struct step *s)
{
    vault_session_free(TAKE(l->sessions[s->session]));
    l->m.open[s->session] = false;
    l->m.pending[s->session].count = 0;
    return true;
}

static bool
has(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    bool is = false;
    return must(l, &e, "has", vault_has(l->vault, &l->pool->ids[s->blob], &is, &e)) &&
           agree(l, &e, "has", is, l->m.durable[s->blob] && !l->m.doubted[s->blob]);
}

static bool
get(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    struct model *m = &l->m;
    const struct buffer *right = &l->pool->bytes[s->blob];
    enum rc rc = vault_get(l->vault, &l->pool->ids[s->blob], &l->bytes, &e);
    const bool damaged = is_damaged(m, s->blob), lost = is_lost(m, s->blob);
    enum rc should = !m->durable[s->blob] ? RC_NOT_FOUND : lost ? RC_CORRUPT : RC_OK;
    if (lost)
        m->doubted[s->blob] = true;
    else if (damaged)
        move(m, s->blob, good_copy(m, s->blob));
    if (rc == RC_NOT_FOUND && m->unsure[s->blob] && should == RC_CORRUPT)
        return true; /* no longer in the index: it is to be stored again */
    if (rc == should && (rc != RC_OK || (l->bytes.len == right->len &&
                                         memcmp(l->bytes.data, right->data, right->len) == 0)))
        return true;
    (void)snprintf(l->why, WHY, "get: %s, and should be %s (%s)", rc_name(rc), rc_name(should),
                   e.text);
    return false;
}

/* Is everything below there, as far as one can know without reading leaves?  A node that is read and found damaged is
 * doubted from then on, and hides what is below it. */
static bool
is_complete(struct model *m, const struct pool *p, unsigned root)
{
    bool complete = true;
    for (unsigned i = 0; i < BLOBS; i++) {
        if ((p->reach[root] & 1u << i) == 0)
            continue;
        if (!m->durable[i] || m->doubted[i] || (i >= LEAVES && is_lost(m, i)))
            complete = false;
    }
    return complete;
}

/* Which damaged blobs, `from` one on, a walk met depends on its order; ask instead. */
static bool
learn_doubts(struct life *l, unsigned from)
{
    struct error e = ERROR_INIT;
    for (unsigned i = from; i < BLOBS; i++) {
        bool known = true;
        if (!is_damaged(&l->m, i) || l->m.doubted[i])
            continue;
        if (!must(l, &e, "has", vault_has(l->vault, &l->pool->ids[i], &known, &e)))
            return false;
        l->m.doubted[i] = !known;
    }
    return true;
}

static bool
commit(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    struct id name;
    const uint64_t sequence = l->kit.sequence;
    const struct id archive = l->kit.last_archive;
    bool should = is_complete(&l->m, l->pool, s->blob);
    vault_kit_record(&l->kit, vault_id(l->vault), l->m.fulls + 1, &l->last_full,
                     &l->pool->ids[s->blob], &l->bytes);
    enum rc rc = vault_commit_full(l->vault, buffer_span(&l->bytes), &name, &e);
    if (rc == RC_OK) {
        l->m.fulls++;
        l->last_full = name;
    } else {
        l->kit.sequence = sequence;
        l->kit.last_archive = archive;
    }
    return agree(l, &e, "commit", rc == RC_OK, should) && learn_doubts(l, LEAVES) &&
           learn_places(l);
}

static bool
any_damage(const struct model *m)
{
    bool any = false;
    for (unsigned i = 0; i < m->pack_count * BLOBS; i++)
        any = any || m->packs[i / BLOBS].damaged[i % BLOBS];
    return any;
}

static bool
verify(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    const struct vault_verify_options o = {.only_full = 0};
    struct vault_verify_counts counts;
    (void)s;
    if (!must(l, &e, "verify", vault_verify(l->vault, &o, &counts, &e)))
        return false;
    for (unsigned i = 0; i < BLOBS; i++) {
        if (is_lost(&l->m, i))
            l->m.doubted[i] = true;
    }
    return agree(l, &e, "verify: damage", counts.damaged > 0, any_damage(&l->m)) &&
           agree(l, &e, "verify: all fulls", counts.fulls == l->m.fulls, true) &&
           learn_doubts(l, 0) && learn_places(l);
}

/* One bit, where the index says that the blob lies. */
static bool
damage(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    struct pack_place place;
    uint32_t number;
    struct id pack;
    char name[PACK_PATH_SIZE], path[PATH + PACK_PATH_SIZE];
    bool found = false;
    if (!l->m.durable[s->blob] || is_damaged(&l->m, s->blob))
        return true;
    if (!must(l, &e, "find",
              vault_index_find(l->vault->index, &l->pool->ids[s->blob], &found, &place, &number,
                               &e)) ||
        !agree(l, &e, "found", found, true) ||
        !must(l, &e, "pack", vault_index_pack(l->vault->index, number, &pack, &e)))
        return false;
    (void)snprintf(path, sizeof path, "%s/%s", l->path, pack_format_path(&pack, name));
    vault_kit_flip(path, place.offset + s->chance % place.len, (uint8_t)(1u << (s->chance >> 61)));
    l->m.packs[l->m.place[s->blob]].damaged[s->blob] = true;
    return agree(l, &e, "place", id_equal(&pack, &l->m.packs[l->m.place[s->blob]].name), true);
}

static void
close_all(struct life *l)
{
    const struct step none = {.session = 0};
    struct step s = none;
    for (s.session = 0; s.session < SESSIONS; s.session++)
        (void)end(l, &s);
    vault_close(TAKE(l->vault));
}

/* An opening may read what was written last, and a new index leaves out what it finds damaged: ask for those. */
static bool
open_again(struct life *l)
{
    struct error e = ERROR_INIT;
    struct model *m = &l->m;
    if (!must(l, &e, "open", vault_open(l->path, &(struct vault_options){0}, &l->vault, &e)))
        return false;
    for (unsigned i = 0; i < BLOBS; i++) {
        bool known = true;
        if (!is_damaged(m, i))
            continue;
        if (!must(l, &e, "has", vault_has(l->vault, &l->pool->ids[i], &known, &e)))
            return false;
        m->unsure[i] = true;
        m->doubted[i] = !known;
    }
    return learn_places(l);
}

static bool
reopen(struct life *l, const struct step *s)
{
    (void)s;
    close_all(l);
    return open_again(l);
}

/* ---- a copy, as a killed process leaves it */

struct copying {
    const char *from, *to;
};

static enum rc copy_tree(const char *from, const char *to, struct error *e);

static enum rc
copy_name(void *ctx, const char *name, struct error *e)
{
    const struct copying *c = ctx;
    CLEANUP(buffer_free) struct buffer bytes = BUFFER_INIT(64 << 20);
    char from[2 * PATH], to[2 * PATH];
    struct stat about;
    (void)snprintf(from, sizeof from, "%s/%s", c->from, name);
    (void)snprintf(to, sizeof to, "%s/%s", c->to, name);
    if (stat(from, &about) != 0)
        return error_errno(e, "'%s'", from);
    if (S_ISDIR(about.st_mode))
        return copy_tree(from, to, e);
    TRY(file_read(AT_FDCWD, from, &bytes, e));
    return file_write_new(AT_FDCWD, to, buffer_span(&bytes), 0600, e);
}

static enum rc
copy_tree(const char *from, const char *to, struct error *e)
{
    struct copying c = {from, to};
    TRY(file_make_directory(AT_FDCWD, to, 0700, e));
    return file_list(AT_FDCWD, from, copy_name, &c, e);
}

static bool
kill_it(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    char to[PATH];
    (void)s;
    (void)snprintf(to, sizeof to, "%s/vault-%u", l->directory, ++l->copy);
    if (!must(l, &e, "copy", copy_tree(l->path, to, &e)))
        return false;
    close_all(l);
    (void)snprintf(l->path, sizeof l->path, "%s", to);
    return open_again(l);
}

static bool
reindex(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    char index[PATH + 8];
    (void)s;
    for (unsigned i = 0; i < BLOBS; i++) {
        unsigned copies = 0;
        for (unsigned k = 0; k < l->m.pack_count; k++)
            copies += holds(&l->m.packs[k].order, i);
        if (copies > 1)
            return true; /* which of them counts is not defined */
    }
    close_all(l);
    (void)snprintf(index, sizeof index, "%s/index", l->path);
    for (unsigned i = 0; i < BLOBS; i++)
        l->m.doubted[i] = false; /* whoever reads it will find out again */
    return must(l, &e, "remove the index", file_remove_tree(AT_FDCWD, index, &e)) && open_again(l);
}

/* ---- sequences */

typedef bool run_step(struct life *l, const struct step *s);
static run_step *const runs[KINDS] = {begin,  put,    flush,  end,    has,     get,
                                      commit, verify, damage, reopen, kill_it, reindex};

static struct step
draw(struct campaign *c)
{
    unsigned sum = 0;
    struct step s = {.kind = BEGIN};
    for (unsigned i = 0; i < KINDS; i++)
        sum += weights[i];
    unsigned at = (unsigned)campaign_below(c, sum);
    for (; at >= weights[s.kind]; s.kind++)
        at -= weights[s.kind];
    s.session = (unsigned)campaign_below(c, SESSIONS);
    s.blob = (unsigned)campaign_below(c, BLOBS);
    if (s.kind == COMMIT)
        s.blob = LEAVES + s.blob % NODES;
    s.chance = campaign_random(c);
    return s;
}

static bool
run_all(struct life *l, const struct step *steps, size_t count)
{
    struct error e = ERROR_INIT;
    struct record_vault_id id;
    if (!must(l, &e, "create", vault_create(l->path, false, &id, &e)) || !open_again(l))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!runs[steps[i].kind](l, &steps[i]))
            return false;
    }
    /* In the end: what is there can be read, and nothing else is. */
    for (struct step s = {.blob = 0}; s.blob < BLOBS; s.blob++) {
        if (!get(l, &s))
            return false;
    }
    return true;
}

static bool
run_sequence(const struct pool *pool, struct vault_kit *kit, const struct step *steps, size_t count,
             char why[static WHY])
{
    struct life l = {.pool = pool, .kit = *kit, .bytes = BUFFER_INIT(LIMIT_BLOB), .why = why};
    why[0] = '\0';
    vault_kit_fast_directory(l.directory);
    (void)snprintf(l.path, sizeof l.path, "%s/vault", l.directory);
    bool good = run_all(&l, steps, count);
    close_all(&l);
    buffer_free(&l.bytes);
    vault_kit_remove(l.directory);
    return good;
}

/* Leaves out every step that the failure does not need.  Returns how many are left. */
static size_t
shrink(const struct pool *pool, struct vault_kit *kit, struct step *steps, size_t count)
{
    char why[WHY];
    for (size_t i = 0; i < count;) {
        struct step fewer[STEPS];
        memcpy(fewer, steps, i * sizeof *steps);
        memcpy(fewer + i, steps + i + 1, (count - i - 1) * sizeof *steps);
        if (run_sequence(pool, kit, fewer, count - 1, why)) {
            i++;
            continue;
        }
        memcpy(steps, fewer, --count * sizeof *steps);
        i = 0;
    }
    return count;
}

static void
report(struct campaign *c, const struct pool *pool, struct vault_kit *kit, struct step *steps)
{
    char why[WHY];
    size_t count = shrink(pool, kit, steps, STEPS);
    for (size_t i = 0; i < count; i++)
        (void)printf("%zu: %s, session %u, blob %u, chance %" PRIu64 "\n", i, names[steps[i].kind],
                     steps[i].session, steps[i].blob, steps[i].chance);
    (void)run_sequence(pool, kit, steps, count, why);
    campaign_violation(c, "after %zu steps, printed above: %s", count, why);
}

int
main(int argc, char *argv[])
{
    static struct pool pool;
    struct campaign c;
    struct vault_kit kit;
    char why[WHY];
    uint64_t steps_run = 0;
    if (!campaign_begin(&c, argc, argv, 0))
        return 2;
    make_pool(&pool);
    vault_kit_begin(&kit);
    for (uint64_t n; campaign_next(&c, &n);) {
        struct step steps[STEPS];
        for (size_t i = 0; i < STEPS; i++)
            steps[i] = draw(&c);
        if (!run_sequence(&pool, &kit, steps, STEPS, why))
            report(&c, &pool, &kit, steps);
        steps_run += STEPS;
    }
    campaign_figure(&c, "operations", "%" PRIu64, steps_run);
    vault_kit_end(&kit);
    for (unsigned i = 0; i < BLOBS; i++)
        buffer_free(&pool.bytes[i]);
    return campaign_end(&c);
}
