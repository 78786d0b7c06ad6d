/* imap_source.c -- the steps of the kind `imap`.  See imap_source.h. */
#include "agent/source/imap/imap_source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/source/imap/imap_paths.h"
#include "agent/source/imap/mailbox_cut.h"
#include "agent/source/imap/mailbox_list.h"
#include "common/base/text.h"
#include "common/sys/process.h"

static const struct config_key imap_keys[] = {IMAP_SOURCE_KEYS, {0}};

static void
imap_describe(const struct config_section *s, char *out, size_t size)
{
    (void)snprintf(out, size, "Cyrus IMAP: %s", config_text(s, "imapd-conf"));
}

struct layout {
    struct arena *arena;
    const struct imap_conf *conf;
    const struct imap_paths *paths;
};

static void
layout_free(struct layout *l)
{
    arena_free(l->arena);
    *l = (struct layout){0};
}

static enum rc
layout_read(const struct source_step *step, struct layout *out, struct error *e)
{
    out->arena = arena_new(IMAP_CONF_ARENA);
    if (out->arena == NULL)
        return error_set(e, RC_NO_MEMORY, "imapd.conf");
    TRY(imap_conf_read(config_text(step->config, "imapd-conf"), out->arena, &out->conf, e));
    return imap_paths_of(out->conf, config_text(step->config, "cyrus-conf"), out->arena,
                         &out->paths, e);
}

static enum rc
find_tool(const struct source_step *step, const char *tool, const char **out, struct error *e)
{
    const char *own = config_text(step->config, "tools-directory");
    const char *places[] = {"/usr/lib/cyrus/bin", "/usr/lib/cyrus-imapd", "/usr/sbin"};
    const char *candidates[4] = {0};
    size_t count = own == NULL ? sizeof places / sizeof *places : 1;
    for (size_t i = 0; i < count; i++)
        candidates[i] =
            arena_printf(step->report->arena, "%s/%s", own == NULL ? places[i] : own, tool);
    return process_find_tool(candidates, "cyrus-imapd", out, e);
}

static bool
must_exist(enum imap_path_role role)
{
    return role == IMAP_PATH_PARTITION || role == IMAP_PATH_META || role == IMAP_PATH_CONFIG;
}

static enum rc
check_path(struct source_step *step, const struct imap_path *p, struct error *e)
{
    struct stat about;
    bool there = stat(p->path, &about) == 0;
    if (!there && errno != ENOENT && errno != ENOTDIR)
        return error_errno(e, "'%s' ('%s' of imapd.conf)", p->path, p->option);
    if (must_exist(p->role) && (!there || !S_ISDIR(about.st_mode)))
        return error_set(e, RC_NOT_FOUND,
                         "'%s', the %s of imapd.conf, %s; mount it, or correct imapd.conf", p->path,
                         p->option, there ? "is not a directory" : "does not exist");
    if (p->role == IMAP_PATH_FILE && !there)
        source_report_warn(step->report, "'%s' (%s) does not exist", p->path, p->option);
    return RC_OK;
}

static void
report_layout(struct source_step *step, const struct layout *l)
{
    for (size_t i = 0; i < l->paths->warning_count; i++)
        source_report_warn(step->report, "%s", l->paths->warnings[i]);
    for (size_t i = 0; i < l->paths->count; i++)
        if (l->paths->paths[i].role == IMAP_PATH_PARTITION ||
            l->paths->paths[i].role == IMAP_PATH_META)
            source_report_fact(step->report, l->paths->paths[i].option, "%s",
                               l->paths->paths[i].path);
}

/* "cyrus-imapd 3.6.1-Debian-3.6.1-4"; only worth a fact, so its absence is not a failure. */
static void
report_version(struct source_step *step)
{
    enum { VERSION_MAX = 4096 };
    struct error nothing = ERROR_INIT;
    const char *tool;
    if (find_tool(step, "cyr_info", &tool, &nothing) != RC_OK)
        return;
    const char *const argv[] = {tool, "-C", config_text(step->config, "imapd-conf"), "version",
                                NULL};
    const struct process_options options = {.argv = argv,
                                            .user = config_text(step->config, "cyrus-user"),
                                            .deadline = step->deadline,
                                            .cancel = step->cancel};
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(VERSION_MAX);
    if (process_run(&options, &text, NULL, &nothing) != RC_OK || text.len == 0)
        return;
    const uint8_t *end = memchr(text.data, '\n', text.len);
    size_t len = end == NULL ? text.len : (size_t)(end - text.data);
    source_report_fact(step->report, "version", "%.*s", (int)len, (const char *)text.data);
}

static enum rc
imap_check(struct source_step *step, struct error *e)
{
    CLEANUP(layout_free) struct layout layout = {0};
    const char *tool;
    TRY(layout_read(step, &layout, e));
    TRY(find_tool(step, "ctl_mboxlist", &tool, e));
    uid_t uid;
    gid_t gid;
    TRY_IN(source_find_user(config_text(step->config, "cyrus-user"), &uid, &gid, e), e,
           "'cyrus-user'");
    for (size_t i = 0; i < layout.paths->count; i++)
        TRY(check_path(step, &layout.paths->paths[i], e));
    report_layout(step, &layout);
    report_version(step);
    return RC_OK;
}

static enum rc
imap_paths_to_cut(struct source_step *step, struct source_places *p, struct error *e)
{
    CLEANUP(layout_free) struct layout layout = {0};
    struct stat about;
    TRY(layout_read(step, &layout, e));
    for (size_t i = 0; i < layout.paths->count; i++) {
        const struct imap_path *path = &layout.paths->paths[i];
        /* /etc is rarely on a volume of its own, and what lies there changes by an administrator's hand only. */
        if (must_exist(path->role) || stat(path->path, &about) == 0)
            TRY(p->path(p, path->path, true, must_exist(path->role), e));
    }
    return RC_OK;
}

struct listing {
    struct process *process;
    struct mailbox_list *list;
    struct mailbox_list_summary summary;
};

static void
listing_free(struct listing *l)
{
    process_free(l->process);
    mailbox_list_free(l->list);
}

static enum rc
read_listing(void *ctx, void *out, size_t size, size_t *got, struct error *e)
{
    struct listing *l = ctx;
    TRY_IN(process_read(l->process, out, size, got, e), e, "ctl_mboxlist");
    if (*got > 0)
        return mailbox_list_feed(l->list, span_of(out, *got), e);
    TRY_IN(process_finish(l->process, NULL, e), e, "ctl_mboxlist");
    TRY_IN(mailbox_list_end(l->list, &l->summary, e), e, "ctl_mboxlist");
    return RC_OK;
}

static void
report_twins(void *ctx, const char *one, const char *other, const char *uniqueid)
{
    source_report_warn(ctx,
                       "mailboxes '%s' and '%s' have the same uniqueid %s and share a directory: "
                       "each shows the other's mail; rename or recreate one",
                       one, other, uniqueid);
}

static enum rc
capture_listing(struct source_step *step, struct source_collector *c, const struct imap_conf *conf,
                struct error *e)
{
    const char *tool, *conf_path = config_text(step->config, "imapd-conf");
    TRY(find_tool(step, "ctl_mboxlist", &tool, e));
    if (step->snapshotted)
        TRY(mailbox_cut_prepare(step, conf, &conf_path, e));
    const char *const argv[] = {tool, "-C", conf_path, "-d", NULL};
    const struct process_options options = {.argv = argv,
                                            .user = config_text(step->config, "cyrus-user"),
                                            .deadline = step->deadline,
                                            .cancel = step->cancel};
    CLEANUP(listing_free) struct listing listing = {0};
    uint64_t size;
    source_phase(step, c, "list mailboxes");
    TRY(mailbox_list_new(&listing.list, e));
    TRY_IN(process_start(&options, &listing.process, e), e, "ctl_mboxlist");
    TRY(c->made(c, "imap/mailboxes.json", read_listing, &listing, &size, e));

    mailbox_list_find_twins(listing.list, report_twins, step->report);
    source_report_fact(step->report, "mailboxes", "%llu",
                       (unsigned long long)listing.summary.mailboxes);
    source_report_fact(step->report, "mailboxes.tombstones", "%llu",
                       (unsigned long long)listing.summary.tombstones);
    return RC_OK;
}

static enum rc
capture_path(struct source_step *step, struct source_collector *c, const struct layout *l,
             const struct imap_path *p, struct error *e)
{
    void *rules; /* asked until the capture is finished: kept until the release */
    memcpy(&rules, &l->paths, sizeof rules);
    struct error missing = ERROR_INIT;
    TRY(source_go_on(step, e));
    source_phase(step, c, "read %s", p->path);
    enum rc rc = c->path(c, p->path, true, imap_paths_exclude, rules, &missing);
    if (rc != RC_NOT_FOUND) {
        if (rc != RC_OK)
            *e = missing;
        return rc;
    }
    if (must_exist(p->role))
        return error_set(e, RC_NOT_FOUND, "'%s', the %s of imapd.conf, does not exist", p->path,
                         p->option);
    if (p->role == IMAP_PATH_FILE)
        source_report_warn(step->report, "'%s' (%s) does not exist", p->path, p->option);
    return RC_OK;
}

static enum rc
imap_capture(struct source_step *step, struct source_collector *c, struct error *e)
{
    struct layout *layout = step->memory == NULL ? calloc(1, sizeof *layout) : step->memory;
    if (layout == NULL)
        return error_set(e, RC_NO_MEMORY, "imapd.conf");
    step->memory = layout;
    layout_free(layout); /* of a capture that is repeated */
    TRY(layout_read(step, layout, e));
    TRY(capture_listing(step, c, layout->conf, e));
    for (size_t i = 0; i < layout->paths->count; i++)
        TRY(capture_path(step, c, layout, &layout->paths->paths[i], e));
    return RC_OK;
}

static enum rc
imap_release(struct source_step *step, struct error *e)
{
    struct layout *layout = step->memory;
    (void)e;
    if (layout != NULL)
        layout_free(layout);
    free(layout);
    step->memory = NULL;
    return RC_OK;
}

const struct source_kind imap_source_kind = {
    .name = "imap",
    .keys = imap_keys,
    .describe = imap_describe,
    .check = imap_check,
    .paths = imap_paths_to_cut,
    .capture = imap_capture,
    .release = imap_release,
};
