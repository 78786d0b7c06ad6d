/* verify_gap.c -- gaps in the chains: told, unless somebody accepted them.  See verify_parts.h, vault.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/sys/file.h"
#include "controller/vault/verify_parts.h"

#define GAPS_NAME "gaps"
enum { GAPS_SIZE = 4 << 20, LINE_SIZE = 512 };
static const char head[] = "koffer-gaps 1\n";
static const char word[] = "gap ";

/* ---- VAULT/gaps */

/* Lines that are none of ours are stepped over: what is not read as accepted is complained of. */
static enum rc
take_lines(struct id_map *accepted, const char *text, struct error *e)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char digits[2 * ID_SIZE + 1];
        struct id key;
        bool added;
        if (len >= sizeof word - 1 + 2 * ID_SIZE && strncmp(text, word, sizeof word - 1) == 0) {
            (void)snprintf(digits, sizeof digits, "%.*s", 2 * ID_SIZE, text + sizeof word - 1);
            if (text_unhex(digits, key.bytes, ID_SIZE))
                TRY(id_map_add(accepted, &key, 1, &added, e));
        }
        text += len + (text[len] == '\n' ? 1 : 0);
    }
    return RC_OK;
}

static enum rc
read_gaps(int dir, struct buffer *out, struct error *e)
{
    bool there;

    TRY(file_exists(dir, GAPS_NAME, &there, e));
    buffer_clear(out);
    return there ? file_read(dir, GAPS_NAME, out, e)
                 : buffer_append(out, span_of(head, sizeof head - 1), e);
}

enum rc
verify_gap_load(struct verify *y, struct error *e)
{
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(GAPS_SIZE);

    TRY(id_map_new(&y->accepted, e));
    TRY(read_gaps(y->vault->dir, &text, e));
    TRY(buffer_append(&text, span_of("", 1), e));
    return take_lines(y->accepted, (const char *)text.data, e);
}

/* ---- telling */

static void
collect(struct verify *y, const struct id *key, uint64_t full)
{
    struct error ignored = ERROR_INIT;
    bool added;

    if (full == y->accepting && id_map_add(y->gaps, key, 1, &added, &ignored) != RC_OK)
        y->gaps_failed = true;
}

void
verify_gap(struct verify *y, const struct verify_gap *gap, const char *fmt, ...)
{
    char text[VERIFY_TEXT_SIZE];
    va_list args;

    if (id_map_find(y->accepted, &gap->follows) != NULL)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (y->gaps != NULL)
        collect(y, &gap->follows, gap->full);
    else
        verify_find(y, VAULT_BROKEN_CHAIN, gap->hit,
                    "%s (if it was removed on purpose: koffer vault accept-gap %" PRIu64 ")%s",
                    text, gap->full, gap->hits);
}

/* ---- accepting */

struct lines {
    struct buffer *text;
    uint64_t full;
    const char *who;
    struct wall now;
};

static enum rc
add_line(void *ctx, const struct id *key, struct error *e)
{
    struct lines *l = ctx;
    char line[LINE_SIZE], id[ID_TEXT_SIZE], when[CLOCK_TEXT_SIZE], by[LIMIT_LABEL + 1];

    int len = snprintf(line, sizeof line, "%s%s full %" PRIu64 " accepted %s by %s\n", word,
                       id_text(key, id), l->full, clock_text(l->now, when),
                       text_escape(span_of(l->who, strlen(l->who)), by, sizeof by));
    return buffer_append(l->text, span_of(line, (size_t)len), e);
}

static enum rc
find_gaps(struct verify *y, struct error *e)
{
    TRY(id_map_new(&y->gaps, e));
    TRY(verify_gap_load(y, e));
    TRY(verify_fulls_list(y, e));
    TRY(verify_fulls_read(y, e));
    if (y->gaps_failed)
        return error_set(e, RC_NO_MEMORY, "list of gaps");
    if (id_map_count(y->gaps) == 0)
        return error_set(e, RC_NOT_FOUND, "no gap before full %" PRIu64 " is to be accepted",
                         y->accepting);
    return RC_OK;
}

static void
release(struct verify *y)
{
    verify_fulls_release(y);
    id_map_free(y->accepted);
    id_map_free(y->gaps);
}

static enum rc
accept(struct vault *v, uint64_t full, const char *who, struct wall now, size_t *gaps,
       struct error *e)
{
    static const struct vault_verify_options everything = {0};
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(GAPS_SIZE);
    CLEANUP(release) struct verify y = {.vault = v, .options = &everything, .accepting = full};
    struct lines lines = {.text = &text, .full = full, .who = who, .now = now};

    TRY(vault_check_writable(v, e));
    TRY(find_gaps(&y, e));
    TRY(read_gaps(v->dir, &text, e));
    TRY(id_map_each(y.gaps, add_line, &lines, e));
    TRY(file_replace(v->dir, GAPS_NAME, buffer_span(&text), 0600, e));
    *gaps = id_map_count(y.gaps);
    return RC_OK;
}

enum rc
vault_accept_gap(struct vault *v, uint64_t full, const char *who, struct wall now, size_t *gaps,
                 struct error *e)
{
    (void)pthread_mutex_lock(&v->commit); /* one writer of the file, and no full comes meanwhile */
    enum rc rc = accept(v, full, who, now, gaps, e);
    (void)pthread_mutex_unlock(&v->commit);
    return rc == RC_OK ? RC_OK : error_context(e, "vault '%s'", v->path);
}
