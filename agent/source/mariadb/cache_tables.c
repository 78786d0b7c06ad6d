/* cache_tables.c -- see cache_tables.h.  Roundcube, libkolab, chwala and pykolab made these tables. */
#include "agent/source/mariadb/cache_tables.h"

#include "common/base/text.h"

static const struct family {
    const char *marks[4];   /* all must be there, NULL at the end */
    const char *caches[28]; /* NULL at the end */
} families[] = {
    {
        .marks = {"identities", "contactgroupmembers", "cache_index", NULL},
        .caches = {"cache",
                   "cache_shared",
                   "cache_index",
                   "cache_thread",
                   "cache_messages",
                   "session",
                   "kolab_folders",
                   "kolab_cache_contact",
                   "kolab_cache_event",
                   "kolab_cache_task",
                   "kolab_cache_journal",
                   "kolab_cache_note",
                   "kolab_cache_file",
                   "kolab_cache_configuration",
                   "kolab_cache_freebusy",
                   "kolab_cache_dav_contact",
                   "kolab_cache_dav_event",
                   "kolab_cache_dav_task",
                   "chwala_locks",
                   NULL},
    },
    {
        .marks = {"policy_result", NULL},
        .caches = {"policy_result", "statistic", NULL},
    },
    {
        .marks = {"telemetry_command", "telemetry_session", "telemetry_server_response", NULL},
        .caches = {"telemetry_command", "telemetry_command_arg", "telemetry_command_issue",
                   "telemetry_file", "telemetry_server", "telemetry_server_response",
                   "telemetry_session", "telemetry_user", NULL},
    },
};

static bool
is_in(const char *const *list, const char *name)
{
    for (; *list != NULL; list++)
        if (text_equal(*list, name))
            return true;
    return false;
}

static bool
is_here(const char *const *tables, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(tables[i], name))
            return true;
    return false;
}

static bool
has_marks(const struct family *family, const char *const *tables, size_t count)
{
    for (size_t i = 0; family->marks[i] != NULL; i++)
        if (!is_here(tables, count, family->marks[i]))
            return false;
    return true;
}

bool
cache_tables_has(const char *const *tables, size_t count, const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (is_in(families[i].caches, name) && has_marks(&families[i], tables, count))
            return true;
    return false;
}
