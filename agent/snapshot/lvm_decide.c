/* lvm_decide.c -- see lvm_decide.h. */
#include "agent/snapshot/lvm_decide.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

enum {
    PERMILLE = 1000,
    RESERVE = 50,    /* of the group, for growth */
    SHARE = 150,     /* of the origin, when nothing was measured */
    SHARE_MIN = 100, /* of the origin, whatever was measured */
    NUMBER_TEXT = 21,
};

/* Digits without a leading zero up to `end`; moves on behind it. */
static bool
take_number(const char **text, char end, uint64_t *out)
{
    char digits[NUMBER_TEXT];
    struct error ignored = ERROR_INIT;
    size_t len = strspn(*text, "0123456789");
    if (len == 0 || len >= sizeof digits || (*text)[len] != end || (len > 1 && (*text)[0] == '0'))
        return false;
    memcpy(digits, *text, len);
    digits[len] = '\0';
    if (text_parse_u64(digits, 0, UINT64_MAX, out, &ignored) != RC_OK)
        return false;
    *text += len + (end == '\0' ? 0 : 1);
    return true;
}

bool
lvm_decide_name(const char *name, uint64_t *cycle, uint64_t *serial)
{
    static const char front[] = "koffer_";
    if (strncmp(name, front, sizeof front - 1) != 0)
        return false;
    const char *rest = name + sizeof front - 1, *last = strrchr(name, '_');
    if (!take_number(&rest, '_', cycle) || last <= rest)
        return false;
    last++;
    return take_number(&last, '\0', serial);
}

static bool
has_our_tags(const struct lvm_volume *v, uint64_t cycle, const char *mark)
{
    char of_cycle[48], of_agent[48];
    (void)snprintf(of_cycle, sizeof of_cycle, "koffer_cycle_%" PRIu64, cycle);
    (void)snprintf(of_agent, sizeof of_agent, "koffer_agent_%s", mark);
    return lvm_report_has_tag(v, "koffer") && lvm_report_has_tag(v, of_cycle) &&
           lvm_report_has_tag(v, of_agent);
}

/* Does anything in its group rest on it? */
static bool
is_needed(const struct lvm_report *report, const struct lvm_volume *v)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct lvm_volume *other = &report->at[i];
        if (other != v && text_equal(other->group, v->group) &&
            (text_equal(other->origin, v->name) || text_equal(other->pool, v->name)))
            return true;
    }
    return false;
}

/* By the first letter of its attributes: s and S snapshots, V thin, - plain. */
static bool
is_snapshot(const struct lvm_volume *v)
{
    return (v->attr[0] == 's' || v->attr[0] == 'S' || v->attr[0] == 'V') && v->origin[0] != '\0' &&
           !text_equal(v->origin, v->name);
}

static bool
is_plain(const struct lvm_volume *v)
{
    return v->attr[0] == '-' && v->origin[0] == '\0' && v->pool[0] == '\0';
}

enum rc
lvm_decide_removal(const struct lvm_report *report, const struct lvm_volume *v,
                   const struct lvm_claim *claim, struct error *e)
{
    uint64_t cycle, serial;
    const char *why = NULL;
    if (!lvm_decide_name(v->name, &cycle, &serial))
        why = "its name is not ours";
    else if (!has_our_tags(v, cycle, claim->mark))
        why = "it does not have the tags of this agent and cycle";
    else if (is_needed(report, v))
        why = "another volume rests on it";
    else if (!is_snapshot(v) && !is_plain(v))
        why = "it is neither a snapshot nor a plain volume";
    else if (is_snapshot(v) && claim->origin != NULL && !text_equal(v->origin, claim->origin))
        why = "it is a snapshot of another volume than the ledger says";
    else if (claim->mounted)
        why = "it is mounted";
    if (why != NULL)
        return error_set(e, RC_DENIED, "'%s/%s' is left alone: %s", v->group, v->name, why);
    if (v->open)
        return error_set(e, RC_AGAIN, "'%s/%s' is in use still", v->group, v->name);
    return RC_OK;
}

/* `permille` of `size` without overflow. */
static uint64_t
share_of(uint64_t size, uint64_t permille)
{
    return size / PERMILLE * permille + size % PERMILLE * permille / PERMILLE;
}

static uint64_t
round_up(uint64_t size, uint64_t extent)
{
    return extent == 0 || size % extent == 0 ? size : size + (extent - size % extent);
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static enum rc
refuse_size(const struct lvm_room *room, uint64_t needed, uint64_t available, struct error *e)
{
    char wanted[TEXT_SIZE_MAX], has[TEXT_SIZE_MAX];
    return error_set(
        e, RC_NO_SPACE,
        "a snapshot of '%s/%s' needs %s, and the volume group '%s' has %s to give; enlarge the group "
        "(vgextend), or free some of it",
        room->group, room->name, text_size(needed, wanted), room->group, text_size(available, has));
}

enum rc
lvm_decide_size(const struct lvm_room *room, uint64_t *out, struct error *e)
{
    /* The exceptions' own table: 16 bytes for each chunk of 4 KiB, and a little. */
    uint64_t whole =
        round_up(room->origin + share_of(room->origin, 5) + room->extent, room->extent);
    uint64_t reserve = share_of(room->total, RESERVE);
    uint64_t available = room->free > reserve ? room->free - reserve : 0;
    if (room->wanted != 0) {
        uint64_t size = round_up(room->wanted, room->extent);
        if (size > available)
            return refuse_size(room, size, available, e);
        *out = size;
        return RC_OK;
    }
    uint64_t twice = room->churned > room->origin / 2 ? room->origin : 2 * room->churned;
    uint64_t least = round_up(larger(share_of(room->origin, SHARE_MIN), twice), room->extent);
    uint64_t good = round_up(larger(share_of(room->origin, SHARE), twice), room->extent);
    if (least > available || available < room->extent)
        return refuse_size(room, least, available, e);
    *out = whole <= available ? whole : good <= available ? good : least;
    return RC_OK;
}

enum rc
lvm_decide_pool(const struct lvm_volume *pool, struct error *e)
{
    int fullest = pool->data > pool->metadata ? pool->data : pool->metadata;
    if (fullest < 0 || pool->health[0] != '\0') {
        return error_set(e, RC_IO, "the thin pool '%s/%s' is not well (%s)", pool->group,
                         pool->name, pool->health[0] == '\0' ? "it tells no use" : pool->health);
    }
    if (fullest > LVM_POOL_START_MAX) {
        return error_set(
            e, RC_NO_SPACE,
            "the thin pool '%s/%s' is %d %% full, and above %d %% no snapshot is made: a full pool hangs "
            "all its volumes; enlarge it (lvextend %s/%s)",
            pool->group, pool->name, fullest / 10, LVM_POOL_START_MAX / 10, pool->group,
            pool->name);
    }
    return RC_OK;
}

uint64_t
lvm_decide_growth(const struct lvm_status *status, uint64_t extent)
{
    if (!status->valid || status->used < share_of(status->total, LVM_GROW_AT))
        return 0;
    return round_up(larger(status->total / 2, extent), extent);
}
