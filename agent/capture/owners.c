/* owners.c -- an open hash over getpwuid_r and getgrgid_r.  See owners.h. */
#include "agent/capture/owners.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

enum { SLOTS = 4096, SLOTS_USED_MAX = SLOTS / 2, ANSWER_MAX = 64 * 1024 };

struct owner {
    bool known;
    uint32_t number;
    char *name; /* NULL: none */
};

struct owner_table {
    struct owner slots[SLOTS];
    size_t used;
};

struct owners {
    struct owner_table users, groups;
    char answer[ANSWER_MAX]; /* of the name service; groups bring their members along */
};

enum rc
owners_new(struct owners **out, struct error *e)
{
    struct owners *o = calloc(1, sizeof *o);
    if (o == NULL)
        return error_set(e, RC_NO_MEMORY, "names of owners");
    *out = o;
    return RC_OK;
}

static void
forget(struct owner_table *t)
{
    for (size_t i = 0; i < SLOTS; i++)
        free(t->slots[i].name);
    memset(t, 0, sizeof *t);
}

void
owners_free(struct owners *o)
{
    if (o == NULL)
        return;
    forget(&o->users);
    forget(&o->groups);
    free(o);
}

static char *
kept_name(const char *name)
{
    return name != NULL && strlen(name) <= LIMIT_NAME ? strdup(name) : NULL;
}

/* *out: NULL when there is none.  An errno, 0 when the question was answered. */
typedef int ask(struct owners *o, uint32_t number, char **out);

static int
ask_user(struct owners *o, uint32_t uid, char **out)
{
    struct passwd entry, *found = NULL;
    int failure = getpwuid_r(uid, &entry, o->answer, sizeof o->answer, &found);
    *out = found != NULL ? kept_name(found->pw_name) : NULL;
    return failure;
}

static int
ask_group(struct owners *o, uint32_t gid, char **out)
{
    struct group entry, *found = NULL;
    int failure = getgrgid_r(gid, &entry, o->answer, sizeof o->answer, &found);
    *out = found != NULL ? kept_name(found->gr_name) : NULL;
    return failure;
}

static enum rc
look_up(struct owners *o, struct owner_table *t, uint32_t number, ask *question, struct span *out,
        struct error *e)
{
    size_t at = number % SLOTS;
    while (t->slots[at].known && t->slots[at].number != number)
        at = (at + 1) % SLOTS;
    if (!t->slots[at].known) {
        char *answer;
        errno = question(o, number, &answer);
        if (answer == NULL && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
            return error_errno(e, "ask for the name of owner %u", number);
        if (t->used == SLOTS_USED_MAX) {
            forget(t);
            at = number % SLOTS;
        }
        t->slots[at] = (struct owner){.known = true, .number = number, .name = answer};
        t->used++;
    }
    const char *name = t->slots[at].name;
    *out = span_of(name, name != NULL ? strlen(name) : 0);
    return RC_OK;
}

enum rc
owners_user(struct owners *o, uint32_t uid, struct span *out, struct error *e)
{
    return look_up(o, &o->users, uid, ask_user, out, e);
}

enum rc
owners_group(struct owners *o, uint32_t gid, struct span *out, struct error *e)
{
    return look_up(o, &o->groups, gid, ask_group, out, e);
}
