/*
 * unpack_job.h -- the inside of a restore: what its steps share.
 *
 * unpack.c walks, unpack_file.c makes one item, unpack_meta.c gives it its owner, attributes and
 * times, unpack_links.c remembers hard links, unpack_owners.c turns names into numbers.
 * Layer: common/tree (not for other folders).
 */
#ifndef COMMON_TREE_UNPACK_JOB_H
#define COMMON_TREE_UNPACK_JOB_H

#include <sys/stat.h>

#include "common/tree/unpack.h"

struct unpack_links;
struct unpack_owners;

struct unpack_job {
    struct tree_reader *reader;
    const struct unpack_options *options;
    struct unpack_links *links;
    struct unpack_owners *owners;
    int target;
    bool is_root;
    bool source_failed; /* the store does not answer: going on would only repeat that */
    bool ended;         /* a failure that ends the restore is on its way up */
    bool complained;    /* the item at hand is counted as failed already */
    bool starved;       /* one of the complaints was for want of memory */
    unsigned complaints;
    unsigned depth;
    struct buffer path; /* of the item at hand, relative to the target, NUL behind it */
};

struct unpack_item {
    struct unpack_job *job;
    int dirfd; /* -1: a dry run below a directory that is not there */
    const struct node_entry *entry;
    char name[LIMIT_NAME + 1];
};

#define UNPACK_COUNT(job, field, n)                                                                \
    (void)atomic_fetch_add_explicit(&(job)->options->counts->field, (n), memory_order_relaxed)

/* ---- unpack.c ---- */

const char *unpack_path(const struct unpack_job *job);
enum rc unpack_check_cancel(const struct unpack_job *job, struct error *e);
/* A failure of the reader: remember whether the store itself is to blame; returns `rc`. */
enum rc unpack_blame_source(struct unpack_job *job, enum rc rc);
/* Tell about the item at hand. */
void unpack_mention(const struct unpack_job *job, const struct error *e);
/* The same, and the item counts as failed, once. */
void unpack_complain(struct unpack_job *job, const struct error *e);

/* ---- unpack_file.c: everything but directories ---- */

enum rc unpack_file(struct unpack_item *item, struct error *e);

/* ---- unpack_meta.c ---- */

/* Owner, attributes, mode and times, in the order in which none undoes another.  `fd` may be O_PATH
 * (`by_path`) for what cannot be opened.  What cannot be set is complained about. */
void unpack_meta(struct unpack_item *item, int fd, bool by_path);

/* ---- unpack_links.c ---- */

struct unpack_link {
    uint64_t link;
    dev_t dev;
    ino_t ino;
    char *path; /* relative to the target */
};

struct unpack_links *unpack_links_new(void); /* NULL when out of memory */
void unpack_links_free(struct unpack_links *l);
/* NULL: the first time that this link id is seen. */
const struct unpack_link *unpack_links_find(const struct unpack_links *l, uint64_t link);
enum rc unpack_links_add(struct unpack_links *l, uint64_t link, const char *path,
                         const struct stat *about, struct error *e);

/* ---- unpack_owners.c ---- */

struct unpack_owners *unpack_owners_new(void);
void unpack_owners_free(struct unpack_owners *o);
/* The number here of the user (or group) that had `number` and `name` there. */
enum rc unpack_owners_user(struct unpack_owners *o, uint32_t number, struct span name, uid_t *out,
                           struct error *e);
enum rc unpack_owners_group(struct unpack_owners *o, uint32_t number, struct span name, gid_t *out,
                            struct error *e);

#endif
