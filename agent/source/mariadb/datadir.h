/*
 * datadir.h -- where a server keeps its data, as files of this host.
 *
 *     TRY(datadir_ask(db, arena, &dir, e));            // RC_UNSUPPORTED: not on this host, or not as files we understand
 *     for (i < dir->count) dir->roots[i].path
 *     TRY(datadir_check_scan(dir, "/snapshot/of/it", e));   // RC_IO: a table was put elsewhere meanwhile
 *     datadir_excludes(dir, path, name, mode)           // a source_exclude
 *
 * The roots are the data directory; InnoDB's, Aria's and the binary logs' directories, if elsewhere; and tables and databases that lie
 * elsewhere (DATA DIRECTORY, links).  The server must be on this host: its socket's peer is the process of its pid file.
 *
 * Left out: the volume's own directories (lost+found, and .koffer of its snapshots), sockets, pid files, InnoDB's temporary tablespace, and what is below `tmpdir`.  Rows of cache tables
 * are not: InnoDB does not start, or not cleanly, without a file that its log or dictionary knows.
 * Layer: agent/source.
 */
#ifndef AGENT_SOURCE_MARIADB_DATADIR_H
#define AGENT_SOURCE_MARIADB_DATADIR_H

#include <sys/stat.h>

#include "agent/source/mariadb/database.h"

enum { DATADIR_ROOTS_MAX = 256 };

struct datadir {
    struct arena *arena;
    const char *data; /* without trailing slash and links, as all of these */
    struct datadir_root {
        const char *path;
        const char *prefix; /* only regular files whose names begin so; NULL: all */
    } roots[DATADIR_ROOTS_MAX];
    size_t count;
    const char *pid_file, *tmpdir, *temp_space; /* NULL: none */
    const char *index;                          /* of binary logs; NULL: no binary log */
};

enum rc datadir_ask(struct database *db, struct arena *a, struct datadir **out, struct error *e);
/* `seen`: the data directory as it was cut. */
enum rc datadir_check_scan(const struct datadir *dir, const char *seen, struct error *e);
/* ctx: a struct datadir. */
bool datadir_excludes(void *ctx, const char *path, const char *name, mode_t mode);

#endif
