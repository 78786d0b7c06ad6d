/*
 * vault_parts.h -- what the files vault_*.c share.  Not for anyone else: they include vault.h.
 *
 * Layer: controller/vault.
 */
#ifndef CONTROLLER_VAULT_VAULT_PARTS_H
#define CONTROLLER_VAULT_VAULT_PARTS_H

#include <pthread.h>
#include <sys/types.h>

#include "common/sys/file.h"
#include "controller/vault/pack_format.h"
#include "controller/vault/vault.h"
#include "controller/vault/vault_files.h"
#include "controller/vault/vault_index.h"
#include "controller/vault/vault_lease.h"
#include "controller/vault/vault_lock.h"

#define VAULT_FORMAT_NAME "format"
#define VAULT_FORMAT_LINE "koffer-vault 1"
/* Beside the reserve: what writers have buffered, tables of packs, the index's growth. */
#define VAULT_SPACE_SLACK (UINT64_C(8) << 20)

/* Beside all that, before a cycle begins: what it writes at once must not end it at once. */
#define VAULT_SPACE_CYCLE (2 * (uint64_t)LIMIT_PACK)
/* A file of nothing that is given up when a start finds no room: for LMDB's files, and an index built anew. */
#define VAULT_RESERVE_NAME "reserve"
#define VAULT_RESERVE_SIZE (UINT64_C(64) << 20)
#define VAULT_DEGRADED_NAME "degraded"

enum {
    VAULT_RECENT_MAX = 1024, /* packs remembered for the case that a sync fails: 32 GiB */
    VAULT_RECHECK = 8, /* newest packs that are read again at every start: 2 s on a slow disk */
    VAULT_RECHECK_REBUILT = 64, /* the same when the index was lost, as it is after a failed sync */
};
enum { VAULT_FORMAT_SIZE = 256, VAULT_FULL_NAME_SIZE = 10 + 1 + 2 * ID_SIZE + sizeof ".full" };

struct vault_lender {          /* a blob_source that knows its vault */
    struct blob_source source; /* first */
    struct vault *vault;
};

/* The packs that became visible since the vault was opened, the newest of them. */
struct vault_recent {
    pthread_mutex_t lock;
    struct id packs[VAULT_RECENT_MAX]; /* a ring */
    size_t count;                      /* all there were */
};

struct vault {
    char *path;
    int dir, lock; /* lock: -1 when read-only */
    dev_t device;  /* of `dir`: its path may come to name another */
    ino_t inode;
    bool networked;
    struct vault_recent recent;
    struct record_vault_id id;
    struct vault_options options;
    struct vault_index *index;
    struct vault_files *files;
    struct vault_leases *leases; /* NULL when read-only */
    struct vault_lender lender;
    _Atomic(bool) broken;
    _Atomic(uint64_t) doubts; /* noted since it was opened */
    /* Shared from a pack's appearance until the index knows it; exclusive to see both agree. */
    pthread_rwlock_t publishing;
    pthread_mutex_t commit; /* one full at a time */
    /* Shared by whoever goes over all packs; exclusive while repair takes one away. */
    pthread_rwlock_t survey;
};

/* vault_state.c.  RC_DENIED when read-only, RC_IO when broken or when the path names another directory by now. */
enum rc vault_check_writable(const struct vault *v, struct error *e);
/*
 * A sync failed: refuse writes from now on, note it durably if the disk lets us, and drop the index, whose pages may be
 * lost without a word (D5); the next start builds it anew from the packs, and reads the newest of them again.
 */
void vault_break(struct vault *v, const struct error *why);
/* RC_NO_SPACE unless `bytes` can be written without touching the reserve. */
enum rc vault_check_space(const struct vault *v, uint64_t bytes, struct error *e);
/* The pack became visible. */
void vault_note_pack(struct vault *v, const struct id *name);
/* Before LMDB is opened: its lock file is written through a map, where a full disk is a SIGBUS and no error. */
void vault_reserve_use(const struct vault *v);
/* Make the reserve when there is room and none is there; never for those who keep no bytes free (options.reserve 0). */
void vault_reserve_keep(const struct vault *v);

/* vault_probe.c: RC_UNSUPPORTED, with what it lacks, unless the file system does what the vault relies on (D8). */
enum rc vault_probe(const struct vault *v, struct error *e);

/*
 * vault_recheck.c: read again, from the disk, the newest packs and those that a failed sync put in doubt; of one that is
 * damaged only what is whole stays in the index.  Then the mark of the failed sync goes.
 */
enum rc vault_recheck(struct vault *v, bool rebuilt, struct error *e);

/* vault_format.c */
enum rc vault_format_write(int dir, const struct record_vault_id *id, struct error *e);
enum rc vault_format_read(int dir, const char *path, struct record_vault_id *id, struct error *e);

/* vault_recover.c: tmp/ emptied, all synced, index and packs in agreement; sets v->index. */
enum rc vault_recover(struct vault *v, struct error *e);
/* For reading only: an index of its own, built from the packs in a temporary place: below TMPDIR, or /tmp. */
enum rc vault_recover_aside(struct vault *v, struct error *e);
/*
 * Put a pack into the index: from its table, or what can be saved of it when it is damaged or not read in part; left
 * out, with a warning, when it is not read at all or no regular file.  `check`: hash it first.
 */
enum rc vault_add_pack(const struct vault *v, struct vault_index *index, const struct id *name,
                       bool check, struct error *e);
/* Every file in packs/ whose name is that of a pack. */
typedef enum rc vault_visit_pack(void *ctx, const struct id *name, struct error *e);
enum rc vault_each_pack(int dir, vault_visit_pack *visit, void *ctx, struct error *e);

/* vault_read.c: this blob was found damaged or missing; "have" says no until it has been stored again. */
void vault_doubt(struct vault *v, const struct id *id);
/* The blob at a place the index gave. */
enum rc vault_peek(struct vault *v, const struct pack_place *place, uint32_t pack,
                   struct buffer *out, struct error *e);
/* The same, doubted when it is not there: not from a visitor of the index, which that may have to grow. */
enum rc vault_fetch(struct vault *v, const struct pack_place *place, uint32_t pack,
                    struct buffer *out, struct error *e);

/* vault_reach.c: one walk, in pieces, for those who want to look at every blob. */
struct vault_walk;
struct vault_walk_step {
    struct id id;
    bool found; /* in the index; then: */
    uint32_t len, children;
    bool doubted; /* some reader found it damaged, and it was not stored again since */
    bool damaged; /* its index entry or, of a node, its bytes: nothing below it was visited */
};
typedef enum rc vault_visit_blob(void *ctx, const struct vault_walk_step *step, struct error *e);
enum rc vault_walk_new(struct vault *v, struct vault_walk **out, struct error *e);
void vault_walk_free(struct vault_walk *walk);
DEFINE_FREEP(vault_walk)
/* Visit what is reachable from `root` and was not visited by this walk before; a node before its children. */
enum rc vault_walk_from(struct vault_walk *walk, const struct id *root, vault_visit_blob *visit,
                        void *ctx, struct error *e);

/* vault_full.c */
enum { VAULT_FULL_ARENA = 64 << 20 }; /* a record decoded: 4 MiB of bytes, structures and strings */
/* What is wrong with bytes that are offered is the offerer's: RC_CORRUPT becomes RC_INVALID. */
enum rc vault_as_invalid(enum rc rc, struct error *e);
bool vault_full_parse_name(const char *name, struct vault_full *out);
const char *vault_full_name(const struct vault_full *full, char out[static VAULT_FULL_NAME_SIZE]);

/* vault_envelope.c */
enum {
    VAULT_ENVELOPE_NAME_SIZE = 10 + 1 + 2 * ID_SIZE + sizeof ".envelope",
    VAULT_ENVELOPE_ARENA = 2 << 20, /* one decoded: 4096 roots of 112 bytes */
};
/* `full` holds the number of the full and the name of the envelope. */
bool vault_envelope_parse_name(const char *name, struct vault_full *out);
const char *
vault_envelope_name(const struct vault_full *envelope, char out[static VAULT_ENVELOPE_NAME_SIZE]);
/* Names in envelopes/, sorted; none when there is no such folder. */
enum rc vault_envelope_list(struct vault *v, file_visit *visit, void *ctx, struct error *e);
/* Checked against its name, decoded, of this vault and about the full of its name's number. */
enum rc vault_envelope_read(struct vault *v, const struct vault_full *name, struct arena *arena,
                            struct envelope *out, struct error *e);

/* vault_open.c: is f_type of statfs(2) that of a file system over the network or in user space? */
bool vault_is_network(long f_type);

#endif
