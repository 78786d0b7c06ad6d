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

struct model {
    bool durable[BLOBS], doubted[BLOBS];
    bool damaged[BLOBS];                 /* at the place that the index knows */
    bool unsure[BLOBS];                  /* damaged, and an opening may have found out */
    unsigned copies[BLOBS], good[BLOBS]; /* in packs */
    bool open[SESSIONS];
    uint32_t pending[SESSIONS]; /* a bit each */
    bool any_damage;
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

static bool
begin(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    if (l->m.open[s->session])
        return true;
    l->m.open[s->session] = true;
    l->m.pending[s->session] = 0;
    return must(l, &e, "begin", vault_session_begin(l->vault, &l->sessions[s->session], &e));
}

static bool
put(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    struct model *m = &l->m;
    const uint32_t bit = 1u << s->blob;
    bool known = false;
    if (!m->open[s->session])
        return true;
    bool should = (m->durable[s->blob] && !m->doubted[s->blob]) || (m->pending[s->session] & bit);
    if (!must(l, &e, "put",
              vault_session_put(l->sessions[s->session], &l->pool->ids[s->blob],
                                buffer_span(&l->pool->bytes[s->blob]), &known, &e)))
        return false;
    if (!should)
        m->pending[s->session] |= bit;
    return agree(l, &e, "put: known", known, should);
}

static void
become_durable(struct model *m, unsigned blob)
{
    if (!m->durable[blob] || m->doubted[blob])
        m->damaged[blob] = m->unsure[blob] = false; /* the new place counts */
    m->durable[blob] = true;
    m->doubted[blob] = false;
    m->copies[blob]++;
    m->good[blob]++;
}

static bool
flush(struct life *l, const struct step *s)
{
    struct error e = ERROR_INIT;
    if (!l->m.open[s->session])
        return true;
    for (unsigned i = 0; i < BLOBS; i++) {
        if (l->m.pending[s->session] & 1u << i)
            become_durable(&l->m, i);
    }
    l->m.pending[s->session] = 0;
    return must(l, &e, "flush", vault_session_flush(l->sessions[s->session], &e));
}

static bool
end(struct life *l, const struct step *s)
{
    vault_session_free(TAKE(l->sessions[s->session]));
    l->m.open[s->session] = false;
    l->m.pending[s->session] = 0;
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
    enum rc should = !m->durable[s->blob] ? RC_NOT_FOUND : m->damaged[s->blob] ? RC_CORRUPT : RC_OK;
    if (should == RC_CORRUPT)
        m->doubted[s->blob] = true;
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
        if (!m->durable[i] || m->doubted[i] || (i >= LEAVES && m->damaged[i]))
            complete = false;
    }
    return complete;
}

/* Which damaged nodes a walk met depends on its order; ask instead. */
static bool
learn_doubts(struct life *l)
{
    struct error e = ERROR_INIT;
    for (unsigned i = LEAVES; i < BLOBS; i++) {
        bool known = true;
        if (!l->m.durable[i] || !l->m.damaged[i] || l->m.doubted[i])
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
    return agree(l, &e, "commit", rc == RC_OK, should) && learn_doubts(l);
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
        if (l->m.durable[i] && l->m.good[i] == 0)
            l->m.doubted[i] = true;
    }
    return agree(l, &e, "verify: damage", counts.damaged > 0, l->m.any_damage) &&
           agree(l, &e, "verify: all fulls", counts.fulls == l->m.fulls, true) && learn_doubts(l);
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
    if (!l->m.durable[s->blob] || l->m.damaged[s->blob])
        return true;
    if (!must(l, &e, "find",
              vault_index_find(l->vault->index, &l->pool->ids[s->blob], &found, &place, &number,
                               &e)) ||
        !agree(l, &e, "found", found, true) ||
        !must(l, &e, "pack", vault_index_pack(l->vault->index, number, &pack, &e)))
        return false;
    (void)snprintf(path, sizeof path, "%s/%s", l->path, pack_format_path(&pack, name));
    vault_kit_flip(path, place.offset + s->chance % place.len, (uint8_t)(1u << (s->chance >> 61)));
    l->m.damaged[s->blob] = l->m.any_damage = true;
    l->m.good[s->blob]--;
    return true;
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
        if (!m->durable[i] || !m->damaged[i])
            continue;
        if (!must(l, &e, "has", vault_has(l->vault, &l->pool->ids[i], &known, &e)))
            return false;
        m->unsure[i] = true;
        m->doubted[i] = !known;
    }
    return true;
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
        if (l->m.copies[i] > 1)
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
