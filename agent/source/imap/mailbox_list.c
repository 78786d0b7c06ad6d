/* mailbox_list.c -- split the object into members without understanding them.  See mailbox_list.h. */
#include "agent/source/imap/mailbox_list.h"

#include <jansson.h>
#include <string.h>

#include "common/base/buffer.h"

enum state { BEFORE, INSIDE, AFTER };

struct mailbox_list {
    enum state state;
    bool in_string, escaped;
    unsigned depth;        /* of brackets inside the member */
    struct buffer member;  /* the text of the current one, in braces of its own */
    struct buffer names;   /* "name\0uniqueid\0" of each live mailbox */
    struct buffer offsets; /* size_t each, into names */
    struct mailbox_list_summary summary;
};

enum { DEPTH_MAX = 64 };

enum rc
mailbox_list_new(struct mailbox_list **out, struct error *e)
{
    struct mailbox_list *l = calloc(1, sizeof *l);
    if (l == NULL)
        return error_set(e, RC_NO_MEMORY, "list of mailboxes");
    l->member = BUFFER_INIT(MAILBOX_LIST_ENTRY_MAX);
    l->names = BUFFER_INIT(MAILBOX_LIST_NAMES_MAX);
    l->offsets = BUFFER_INIT(MAILBOX_LIST_NAMES_MAX);
    *out = l;
    return RC_OK;
}

void
mailbox_list_free(struct mailbox_list *l)
{
    if (l == NULL)
        return;
    buffer_free(&l->member);
    buffer_free(&l->names);
    buffer_free(&l->offsets);
    free(l);
}

static enum rc
damaged(const struct mailbox_list *l, const char *what, struct error *e)
{
    return error_set(e, RC_CORRUPT, "list of mailboxes, after %llu: %s",
                     (unsigned long long)(l->summary.mailboxes + l->summary.tombstones), what);
}

static enum rc
remember(struct mailbox_list *l, const char *name, const char *uniqueid, struct error *e)
{
    size_t at = l->names.len;
    TRY(buffer_append(&l->names, span_of(name, strlen(name) + 1), e));
    TRY(buffer_append(&l->names, span_of(uniqueid, strlen(uniqueid) + 1), e));
    return buffer_append(&l->offsets, span_of(&at, sizeof at), e);
}

static enum rc
take_mailbox(struct mailbox_list *l, const char *name, json_t *mailbox, struct error *e)
{
    const char *type = json_string_value(json_object_get(mailbox, "mbtype"));
    const char *uniqueid = json_string_value(json_object_get(mailbox, "uniqueid"));
    if (!json_is_object(mailbox))
        return damaged(l, "a mailbox is not an object", e);
    if (type != NULL && strchr(type, 'd') != NULL) {
        l->summary.tombstones++;
        return RC_OK;
    }
    l->summary.mailboxes++;
    return uniqueid == NULL || *uniqueid == '\0' ? RC_OK : remember(l, name, uniqueid, e);
}

/* The member's text is complete. */
static enum rc
end_member(struct mailbox_list *l, struct error *e)
{
    TRY(buffer_append(&l->member, span_of("}", 1), e));
    json_error_t why;
    json_t *object =
        json_loadb((const char *)l->member.data, l->member.len, JSON_REJECT_DUPLICATES, &why);
    buffer_clear(&l->member);
    void *member = json_object_iter(object);
    enum rc rc = RC_OK;
    if (member == NULL || json_object_size(object) != 1)
        rc = damaged(l, object == NULL ? why.text : "an empty entry", e);
    else
        rc = take_mailbox(l, json_object_iter_key(member), json_object_iter_value(member), e);
    json_decref(object);
    return rc;
}

static bool
is_blank(uint8_t b)
{
    return b == ' ' || b == '\t' || b == '\n' || b == '\r';
}

static enum rc
close_object(struct mailbox_list *l, struct error *e)
{
    if (l->member.len > 1)
        TRY(end_member(l, e));
    else if (l->summary.mailboxes + l->summary.tombstones > 0)
        return damaged(l, "a comma before the end", e);
    l->state = AFTER;
    return RC_OK;
}

static enum rc
feed_inside(struct mailbox_list *l, uint8_t b, struct error *e)
{
    if (l->member.len == 0)
        TRY(buffer_append(&l->member, span_of("{", 1), e));
    if (!l->in_string && l->depth == 0) {
        if (is_blank(b) && l->member.len == 1)
            return RC_OK;
        if (b == '}')
            return close_object(l, e);
        if (b == ',')
            return end_member(l, e);
    }
    if (l->in_string) {
        if (l->escaped)
            l->escaped = false;
        else if (b == '\\')
            l->escaped = true;
        else if (b == '"')
            l->in_string = false;
    } else if (b == '"') {
        l->in_string = true;
    } else if (b == '{' || b == '[') {
        if (++l->depth > DEPTH_MAX)
            return damaged(l, "nested too deep", e);
    } else if ((b == '}' || b == ']') && l->depth > 0) {
        l->depth--;
    }
    return buffer_append(&l->member, span_of(&b, 1), e);
}

enum rc
mailbox_list_feed(struct mailbox_list *l, struct span bytes, struct error *e)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t b = bytes.data[i];
        if (l->state == INSIDE) {
            TRY(feed_inside(l, b, e));
        } else if (!is_blank(b)) {
            if (l->state == AFTER || b != '{')
                return damaged(l, "not a JSON object", e);
            l->state = INSIDE;
        }
    }
    return RC_OK;
}

enum rc
mailbox_list_end(struct mailbox_list *l, struct mailbox_list_summary *out, struct error *e)
{
    if (l->state != AFTER)
        return damaged(l, "it is cut off", e);
    *out = l->summary;
    return RC_OK;
}

/* The uniqueid follows the name. */
static const char *
id_at(const struct mailbox_list *l, size_t offset)
{
    const char *name = (const char *)l->names.data + offset;
    return name + strlen(name) + 1;
}

static int
by_id(const void *a, const void *b, void *ctx)
{
    size_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return strcmp(id_at(ctx, x), id_at(ctx, y));
}

void
mailbox_list_find_twins(struct mailbox_list *l, mailbox_list_twins *found, void *ctx)
{
    size_t count = l->offsets.len / sizeof(size_t), before = 0;
    if (count == 0)
        return;
    qsort_r(l->offsets.data, count, sizeof(size_t), by_id, l);
    for (size_t i = 0; i < count; i++) {
        size_t at;
        memcpy(&at, l->offsets.data + i * sizeof at, sizeof at);
        if (i > 0 && strcmp(id_at(l, before), id_at(l, at)) == 0)
            found(ctx, (const char *)l->names.data + before, (const char *)l->names.data + at,
                  id_at(l, at));
        before = at;
    }
}
