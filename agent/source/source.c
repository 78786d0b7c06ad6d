/* source.c -- what all kinds share: reports, the end of a step, names, made text.  See source.h. */
#include "agent/source/source.h"

#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

enum { REPORT_TEXT_MAX = 1024 };

static const char *
keep_text(struct source_report *r, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* NULL when the arena is full: one remark less, never a failed step. */
static const char *
keep_text(struct source_report *r, const char *fmt, va_list args)
{
    char text[REPORT_TEXT_MAX], safe[REPORT_TEXT_MAX];
    (void)vsnprintf(text, sizeof text, fmt, args);
    return arena_printf(r->arena, "%s",
                        text_escape(span_of(text, strlen(text)), safe, sizeof safe));
}

static void
add_warning(struct source_report *r, const char *text)
{
    if (text == NULL || r->warning_count == SOURCE_WARNINGS_MAX)
        r->warnings_dropped++;
    else
        r->warnings[r->warning_count++] = text;
}

void
source_report_warn(struct source_report *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_warning(r, keep_text(r, fmt, args));
    va_end(args);
}

void
source_report_incomplete(struct source_report *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_warning(r, keep_text(r, fmt, args));
    va_end(args);
    r->incomplete = true;
}

static void
add_fact(struct source_report *r, const char *name, const char *value, bool kept)
{
    const char *own = arena_printf(r->arena, "%s", name);
    if (value != NULL && own != NULL && r->fact_count < SOURCE_FACTS_MAX)
        r->facts[r->fact_count++] = (struct source_fact){own, value, kept};
}

void
source_report_fact(struct source_report *r, const char *name, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *value = keep_text(r, fmt, args);
    va_end(args);
    add_fact(r, name, value, false);
}

void
source_report_keep(struct source_report *r, const char *name, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *value = keep_text(r, fmt, args);
    va_end(args);
    add_fact(r, name, value, true);
}

enum rc
source_go_on(const struct source_step *step, struct error *e)
{
    if (step->cancel != NULL && atomic_load(step->cancel))
        return error_set(e, RC_CANCELLED, "source '%s': cancelled", step->name);
    if (step->deadline.ns != 0 && clock_mono().ns >= step->deadline.ns)
        return error_set(e, RC_TIMEOUT, "source '%s': the step's deadline passed", step->name);
    return RC_OK;
}

enum rc
source_pause(const struct source_step *step, unsigned ms, struct error *e)
{
    enum { SLICE_MS = 50 };
    struct mono end = clock_after_ms(clock_mono(), ms);
    for (;;) {
        TRY(source_go_on(step, e));
        int64_t left = clock_ms_until(end, clock_mono());
        if (left <= 0)
            return RC_OK;
        (void)poll(NULL, 0, left < SLICE_MS ? (int)left : SLICE_MS);
    }
}

void
source_phase(struct source_step *step, struct source_collector *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *text = keep_text(step->report, fmt, args);
    va_end(args);
    if (text != NULL)
        c->phase(c, text);
}

static enum rc
read_text(void *ctx, void *out, size_t size, size_t *got, struct error *e)
{
    (void)e;
    struct span *left = ctx;
    *got = left->len < size ? left->len : size;
    if (*got == 0)
        return RC_OK;
    memcpy(out, left->data, *got);
    *left = span_of(left->data + *got, left->len - *got);
    return RC_OK;
}

enum rc
source_made_text(struct source_collector *c, const char *name, struct span text, struct error *e)
{
    uint64_t size;
    return c->made(c, name, read_text, &text, &size, e);
}

enum rc
source_find_user(const char *name, uid_t *uid, gid_t *gid, struct error *e)
{
    enum { ENTRY_MAX = 8192 };
    char text[ENTRY_MAX];
    struct passwd entry, *found = NULL;
    int code = getpwnam_r(name, &entry, text, sizeof text, &found);
    if (found == NULL)
        return error_set(e, RC_NOT_FOUND, "no user '%s' on this host%s%s", name,
                         code == 0 ? "" : ": ", code == 0 ? "" : strerror(code));
    *uid = found->pw_uid;
    *gid = found->pw_gid;
    return RC_OK;
}

static bool
is_plain(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '_' ||
           b == '-';
}

bool
source_component(struct span name, char out[static SOURCE_COMPONENT_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        bool keep = is_plain(name.data[i]) || (name.data[i] == '.' && i > 0);
        if (len + 4 > SOURCE_COMPONENT_MAX)
            return false;
        if (keep)
            out[len++] = (char)name.data[i];
        else
            len += (size_t)snprintf(out + len, 4, "%%%02X", name.data[i]);
    }
    out[len] = '\0';
    return len > 0;
}
