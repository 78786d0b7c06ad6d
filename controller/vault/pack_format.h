/*
 * pack_format.h -- the sizes, magics and names of docs/formats/pack.md, for writer and reader alike.
 *
 * Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_PACK_FORMAT_H
#define CONTROLLER_VAULT_PACK_FORMAT_H

#include "common/base/id.h"

enum {
    PACK_HEADER_SIZE = 24,      /* magic, zero, vault id */
    PACK_ENTRY_SIZE = 36,       /* length, id; the blob follows */
    PACK_TABLE_ENTRY_SIZE = 48, /* id, offset, length, plain length, children */
    PACK_TAIL_SIZE = 48,        /* count, hash of the table, zero, magic */
    PACK_MAGIC_SIZE = 4,
    PACK_TAIL_MAGIC_SIZE = 8,
};

#define PACK_MAGIC "KFP1"
#define PACK_TAIL_MAGIC "KFPTABLE"

/* One blob in a pack: a row of the table. */
struct pack_place {
    struct id id;
    uint32_t offset, len; /* of the blob's bytes within the file */
    uint32_t plain_len, children;
};

enum {
    PACK_PATH_SIZE = sizeof "packs/ab/.pack" + 2 * ID_SIZE,
    PACK_FOLDER_SIZE = sizeof "packs/ab"
};

/* "packs/ab/<64 digits>.pack", relative to the vault.  Returns `out`. */
const char *pack_format_path(const struct id *name, char out[static PACK_PATH_SIZE]);
/* "packs/ab".  Returns `out`. */
const char *pack_format_folder(const struct id *name, char out[static PACK_FOLDER_SIZE]);
/* Is `name` "<64 digits>.pack", and which? */
bool pack_format_parse_name(const char *name, struct id *out);

#endif
