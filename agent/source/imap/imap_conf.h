/*
 * imap_conf.h -- parse Cyrus's imapd.conf as Cyrus does.
 *
 *     TRY(imap_conf_read("/etc/imapd.conf", arena, &conf, e));
 *     const char *dir = imap_conf_value(conf, "configdirectory");
 *
 * One `name: value` a line; a backslash at the end continues it; '#' begins a comment line; names are letters,
 * digits, '-' and '_', without regard to case; "@include: file" reads another file.  What Cyrus refuses
 * is refused here with file and line: a name given twice (exit status 78, tried with 3.6.1), an empty
 * value, something that is not an option.  Names that Cyrus 3.6 does not know are only marked: it ignores them,
 * but a misspelt partition would be mail that no backup sees.
 *
 * Total over any bytes.  Ownership: everything lives in the arena.  Layer: agent/source.
 */
#ifndef AGENT_SOURCE_IMAP_IMAP_CONF_H
#define AGENT_SOURCE_IMAP_IMAP_CONF_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/span.h"

enum {
    IMAP_CONF_FILE_MAX = 1024 * 1024,
    IMAP_CONF_OPTIONS_MAX = 4096,
    IMAP_CONF_FILES_MAX = 32,
    IMAP_CONF_ARENA = 64 * 1024 * 1024,
};

struct imap_conf_option {
    const char *name, *value; /* name in lower case */
    const char *file;
    unsigned line;
    bool known; /* to Cyrus 3.6 */
};

struct imap_conf {
    struct imap_conf_option *options; /* in the order read */
    size_t count;
    const char **files; /* the file and what it includes */
    size_t file_count;
};

/* Gives the bytes of a file; `include` may be NULL when there are none to include. */
struct imap_conf_files {
    enum rc (*read)(void *ctx, const char *path, struct arena *a, struct span *out,
                    struct error *e);
    void *ctx;
};

enum rc
imap_conf_read(const char *path, struct arena *a, const struct imap_conf **out, struct error *e);
/* The same with the bytes from anywhere. */
enum rc imap_conf_parse(const struct imap_conf_files *files, const char *path, struct arena *a,
                        const struct imap_conf **out, struct error *e);

/* NULL when not given. */
const char *imap_conf_value(const struct imap_conf *conf, const char *name);

#endif
