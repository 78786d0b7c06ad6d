/*
 * recover.h -- koffer-recover: everything back from the vault directory and the recovery sheet alone.
 *
 * No controller, catalogue, configuration or network is used, and nothing in the vault is changed.  The parts:
 *
 *     recover_parse(&r, argc, argv, e)       words and options           recover_parse.c
 *     recover_open(&r, e)                    the vault                   recover_full.c
 *     recover_load(&r, arena, &set, e)       a full, and who signed it   recover_full.c
 *     recover_root(&r, archive, &root, e)    the key, asked for once     recover_full.c
 *     recover_list ... recover_verify        the commands                recover_<verb>.c
 *
 * Without a controller's word nobody says which controller key is the right one: it stands on the sheet, and with
 * --controller-key a full that is signed by another one is refused.
 *
 * Threads: one.  Layer: controller/recover.
 */
#ifndef CONTROLLER_RECOVER_RECOVER_H
#define CONTROLLER_RECOVER_RECOVER_H

#include <stdio.h>

#include "common/tree/tree.h"
#include "controller/restore/archive.h"

/* Those of koffer(1). */
enum recover_exit {
    RECOVER_OK = 0,
    RECOVER_FAILED = 1,
    RECOVER_USAGE = 2,
    RECOVER_NOT_FOUND = 4,
    RECOVER_DENIED = 5,
    RECOVER_INCOMPLETE = 6,
};

struct recover_place { /* "FULL[:SOURCE[/PATH]]" */
    uint64_t full;     /* 0: the newest good one ("latest") */
    char source[2 * LIMIT_LABEL + 2];
    const char *path; /* without slashes in front; "" when not given */
};

struct recover {
    const char *directory, *verb;
    struct recover_place place;
    const char *key_file, *to;
    bool has_controller_key, json, dry_run, replace, help, version;
    struct keys_public controller_key;
    struct vault *vault;
    struct keys_private *key; /* NULL until it was needed */
    enum recover_exit exit;   /* of an outcome that the code of an error cannot tell */
};

/* The whole program; returns the exit status. */
int recover_main(int argc, char *argv[]);

/* RC_INVALID with r->exit = RECOVER_USAGE when the words make no command. */
enum rc recover_parse(struct recover *r, int argc, char *argv[], struct error *e);
void recover_print_usage(FILE *out);

enum rc recover_open(struct recover *r, struct error *e);
/* One full with its archives; RC_CORRUPT also for the record of another vault. */
enum rc recover_load_number(struct recover *r, uint64_t number, struct arena *arena,
                            struct archive_set *out, struct error *e);
/* The full of r->place; RC_DENIED when another controller than the expected one signed it. */
enum rc
recover_load(struct recover *r, struct arena *arena, struct archive_set *out, struct error *e);
/* Was it signed by the expected controller, if one was named? */
bool recover_is_expected(const struct recover *r, const struct record_full *full);
enum rc recover_root(struct recover *r, const struct archive_set *set,
                     const struct record_archive *archive, struct blob_ref *out, struct error *e);
/* The archive and entry of r->place, which names a source. */
enum rc recover_entry(struct recover *r, struct tree_reader *reader, struct arena *arena,
                      struct node_entry *out, struct error *e);
/* "AGENT.SOURCE".  Returns `out`. */
const char *recover_name(const struct record_archive *a, char out[static 2 * LIMIT_LABEL + 2]);

enum rc recover_list(struct recover *r, struct error *e);
enum rc recover_show(struct recover *r, struct error *e);
enum rc recover_ls(struct recover *r, struct error *e);
enum rc recover_cat(struct recover *r, struct error *e);
enum rc recover_restore(struct recover *r, struct error *e);
enum rc recover_verify(struct recover *r, struct error *e);

/* One line on the standard error, behind the program's name. */
void recover_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
