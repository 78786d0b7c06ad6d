/* fuzz_imapdconf.c -- any bytes are options, each once, and paths; and no message is ever left out. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/source/imap/imap_paths.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum rc
give(void *ctx, const char *path, struct arena *a, struct span *out, struct error *e)
{
    (void)path;
    (void)a;
    (void)e;
    struct span *text = ctx;
    *out = *text;
    return RC_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct error e = ERROR_INIT;
    struct span text = span_of(data, len);
    struct imap_conf_files files = {.read = give, .ctx = &text};
    const struct imap_conf *conf;
    const struct imap_paths *paths;
    CLEANUP(arena_freep) struct arena *a = arena_new(IMAP_CONF_ARENA);
    if (a == NULL || imap_conf_parse(&files, "/etc/imapd.conf", a, &conf, &e) != RC_OK)
        return 0;
    for (size_t i = 0; i < conf->count; i++)
        if (imap_conf_value(conf, conf->options[i].name) != conf->options[i].value)
            abort();
    if (imap_paths_of(conf, "/etc/cyrus.conf", a, &paths, &e) != RC_OK)
        return 0;
    struct imap_paths rules = *paths;
    for (size_t i = 0; i < paths->count; i++) {
        const char *path = paths->paths[i].path, *name = strrchr(path, '/');
        if (imap_paths_exclude(&rules, path, "1.", S_IFREG) ||
            (i + 4 < paths->count && paths->paths[i].role == IMAP_PATH_PARTITION &&
             imap_paths_exclude(&rules, path, name, S_IFDIR)))
            abort();
    }
    return 0;
}
